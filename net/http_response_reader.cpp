#include "net/http_response_reader.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <utility>

namespace ait::net {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastText = boost::beast::string_view;

namespace {

constexpr std::size_t headers_max = 256;
constexpr int interim_answers_max = 16;
constexpr std::size_t last_chunk_bytes = 5;  ///< "0", CRLF, CRLF

Error bad_answer(std::string why) {
    return Error{ErrorCode::malformed, "The server's answer cannot be read.", std::move(why),
                 "Check that the address is that of an HTTP server."};
}

}  // namespace

class HttpResponseReader::Machine {
  public:
    Machine(bool is_answer_to_head, Limits limits)
        : is_answer_to_head_(is_answer_to_head), limits_(limits) {
        restart();
    }

    void restart() {
        head_ = HttpResponse{};
        head_.content_type.clear();
        is_head_done_ = false;
        beast_.emplace(*this);
        beast_->header_limit(limits_.header_bytes_max);
        beast_->body_limit(limits_.body_bytes_max);
        beast_->skip(is_answer_to_head_);
        beast_->eager(true);
    }
    Result<std::size_t> feed(std::string_view bytes);
    Status end_of_input();
    [[nodiscard]] bool is_done() const noexcept { return is_head_done_ && beast_->is_done(); }
    [[nodiscard]] bool keeps_alive() const { return is_done() && beast_->keep_alive(); }

    HttpResponse head_{};
    std::string body_{};
    bool is_head_done_ = false;

  private:
    class Beast final : public http::basic_parser<false> {
      public:
        explicit Beast(Machine& machine) : machine_(machine) {}

      private:
        void on_request_impl(http::verb, BeastText, BeastText, int, error_code&) override {}
        void on_response_impl(int status, BeastText, int, error_code&) override {
            machine_.head_.status = status;
        }
        void on_field_impl(http::field field, BeastText name, BeastText value,
                           error_code& code) override {
            if (machine_.is_head_done_) return;  // trailers
            auto& headers = machine_.head_.headers;
            if (headers.size() == headers_max) code = http::error::header_limit;
            std::string text(value.data(), value.size());
            // A coding that is not undone would end up in the body.
            if (field == http::field::transfer_encoding && to_lower_ascii(text) != "chunked") {
                code = http::error::bad_transfer_encoding;
            }
            if (field == http::field::content_type) machine_.head_.content_type = text;
            if (!code) {
                headers.push_back({to_lower_ascii({name.data(), name.size()}), std::move(text)});
            }
        }
        void on_header_impl(error_code&) override { machine_.is_head_done_ = true; }
        void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
        std::size_t on_body_impl(BeastText bytes, error_code& code) override {
            return machine_.take(bytes, code);
        }
        void on_chunk_header_impl(std::uint64_t, BeastText, error_code&) override {}
        std::size_t on_chunk_body_impl(std::uint64_t, BeastText bytes, error_code& code) override {
            return machine_.take(bytes, code);
        }
        void on_finish_impl(error_code&) override {}

        Machine& machine_;
    };

    std::size_t take(BeastText bytes, error_code& code) {
        body_bytes_ += bytes.size();
        if (body_bytes_ > limits_.body_bytes_max) {
            code = http::error::body_limit;
        } else {
            body_.append(bytes.data(), bytes.size());
        }
        return bytes.size();
    }

    std::optional<Beast> beast_{};
    bool is_answer_to_head_;
    Limits limits_;
    std::uint64_t body_bytes_ = 0;
    int interim_answers_ = 0;
};

Result<std::size_t> HttpResponseReader::Machine::feed(std::string_view bytes) {
    std::size_t consumed = 0;
    while (consumed < bytes.size() && !is_done()) {
        error_code code;
        const std::string_view rest = bytes.substr(consumed);
        // Beast 1.74 asserts when it sees the last chunk again with fewer bytes than it has.
        if (is_head_done_ && beast_->chunked() && rest.size() < last_chunk_bytes) break;
        consumed += beast_->put(boost::asio::const_buffer(rest.data(), rest.size()), code);
        if (code == http::error::need_more) break;
        if (code == http::error::body_limit) {
            return Error{ErrorCode::too_large, "The server's answer is too large.",
                         "More than " + std::to_string(limits_.body_bytes_max) + " bytes.",
                         "Ask for less, or in pages."};
        }
        if (code) return bad_answer(code.message() + ".");
        const bool is_interim = is_done() && head_.status < 200 && head_.status != 101;
        if (!is_interim) continue;
        if (++interim_answers_ > interim_answers_max)
            return bad_answer("It never gets to a result.");
        restart();
    }
    return consumed;
}

Status HttpResponseReader::Machine::end_of_input() {
    const Error cut{ErrorCode::unavailable, "The server closed the connection too early.",
                    is_head_done_ ? "The answer was cut after " + std::to_string(body_bytes_) +
                                        " bytes of its body."
                                  : "There was no whole answer yet.",
                    "Ask for the state of what was begun before doing it again."};
    if (!beast_->got_some() || !is_head_done_) return cut;
    error_code code;
    if (!beast_->is_done()) beast_->put_eof(code);
    if (code) return cut;
    return {};
}

HttpResponseReader::HttpResponseReader(bool is_answer_to_head, Limits limits)
    : machine_(std::make_unique<Machine>(is_answer_to_head, limits)) {}
HttpResponseReader::~HttpResponseReader() = default;

Result<std::size_t> HttpResponseReader::feed(std::string_view bytes) {
    return machine_->feed(bytes);
}
Status HttpResponseReader::end_of_input() {
    return machine_->end_of_input();
}
bool HttpResponseReader::is_head_done() const noexcept {
    return machine_->is_head_done_;
}
bool HttpResponseReader::is_done() const noexcept {
    return machine_->is_done();
}
bool HttpResponseReader::keeps_alive() const {
    return machine_->keeps_alive();
}
const HttpResponse& HttpResponseReader::head() const noexcept {
    return machine_->head_;
}
std::string HttpResponseReader::take_body() {
    return std::exchange(machine_->body_, std::string());
}

}  // namespace ait::net
