#include "net/http_request_parser.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <utility>

#include "net/http_target.hpp"

namespace ait::net {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastText = boost::beast::string_view;

namespace {

constexpr std::size_t chunk_extension_bytes_max = 256;
/// Wire bytes a body may take for each byte of the limit: a chunk of one byte takes six.
constexpr std::size_t wire_factor_max = 8;
constexpr std::size_t headers_max = 256;
constexpr std::size_t headers_usual = 8;

/// A line that goes on in the next one, which begins with a space or a tab (RFC 9112, 5.2).
bool has_folded_line(std::string_view bytes) noexcept {
    const std::string_view head = bytes.substr(0, bytes.find("\r\n\r\n"));
    return head.find("\n ") != std::string_view::npos ||
           head.find("\n\t") != std::string_view::npos;
}

std::string_view text_of(BeastText text) noexcept {
    return {text.data(), text.size()};
}

}  // namespace

/// Beast finds lines, fields and chunks; what makes framing unambiguous is decided here, because
/// Beast accepts repeated equal lengths and ignores codings it does not know.
class HttpRequestParser::Machine {
  public:
    Machine(std::uint32_t header_bytes_max, std::uint32_t body_bytes_max)
        : header_bytes_max_(header_bytes_max), body_bytes_max_(body_bytes_max) {
        reset();
    }

    void reset() {
        request_ = HttpRequest{};
        request_.headers.reserve(headers_usual);
        framing_ = HttpFraming{};
        refusal_.reset();
        refusal_text_ = {};
        host_count_ = length_count_ = coding_count_ = 0;
        expects_continue_ = head_done_ = false;
        body_wire_bytes_ = 0;
        beast_.emplace(*this);
        beast_->header_limit(header_bytes_max_);
        beast_->body_limit(body_bytes_max_);
        beast_->eager(true);
    }

    ParseStep feed(std::string_view bytes, std::size_t& consumed);
    HttpRequest take() { return std::move(request_); }

    HttpFraming framing_{};
    std::optional<HttpRefusal> refusal_{};
    std::string_view refusal_text_{};
    HttpRequest request_{};
    bool expects_continue_ = false;
    bool head_done_ = false;

  private:
    class Beast;
    friend class Beast;

    void refuse(HttpRefusal refusal, std::string_view text) noexcept {
        if (refusal_) return;
        refusal_ = refusal;
        refusal_text_ = text;
    }
    void take_request_line(std::string_view method, std::string_view target, int version);
    void take_field(std::string_view name, std::string_view value);
    void finish_head(bool keep_alive);
    void refuse_for(const error_code& code);

    class Beast final : public http::basic_parser<true> {
      public:
        explicit Beast(Machine& machine) : machine_(machine) {}

      private:
        void stop_if_refused(error_code& code) const {
            if (machine_.refusal_) code = http::error::bad_value;
        }
        void on_request_impl(http::verb, BeastText method, BeastText target, int version,
                             error_code& code) override {
            machine_.take_request_line(text_of(method), text_of(target), version);
            stop_if_refused(code);
        }
        void on_response_impl(int, BeastText, int, error_code&) override {}
        void on_field_impl(http::field, BeastText name, BeastText value,
                           error_code& code) override {
            // Trailers may not change what was decided from the head; nobody here needs them.
            if (machine_.head_done_) return;
            machine_.take_field(text_of(name), text_of(value));
            stop_if_refused(code);
        }
        void on_header_impl(error_code& code) override {
            machine_.finish_head(keep_alive());
            stop_if_refused(code);
        }
        void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
        std::size_t on_body_impl(BeastText bytes, error_code&) override {
            machine_.request_.body.append(bytes.data(), bytes.size());
            return bytes.size();
        }
        void on_chunk_header_impl(std::uint64_t, BeastText extension, error_code& code) override {
            if (extension.size() > chunk_extension_bytes_max)
                code = http::error::bad_chunk_extension;
        }
        std::size_t on_chunk_body_impl(std::uint64_t, BeastText bytes, error_code&) override {
            machine_.request_.body.append(bytes.data(), bytes.size());
            return bytes.size();
        }
        void on_finish_impl(error_code&) override {}

        Machine& machine_;
    };

    std::optional<Beast> beast_{};
    std::uint32_t header_bytes_max_;
    std::uint32_t body_bytes_max_;
    int host_count_ = 0;
    int length_count_ = 0;
    int coding_count_ = 0;
    std::size_t body_wire_bytes_ = 0;
};

void HttpRequestParser::Machine::take_request_line(std::string_view method, std::string_view target,
                                                   int version) {
    if (version != 10 && version != 11) {
        refuse(HttpRefusal::malformed, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
        return;
    }
    auto parsed = parse_http_target(target);
    if (!parsed.ok()) {
        refuse(HttpRefusal::malformed, "The request target is not valid.");
        return;
    }
    if (parsed.value().path == "*" && method != "OPTIONS") {
        refuse(HttpRefusal::malformed, "Only OPTIONS may ask for '*'.");
        return;
    }
    request_.method = method;
    request_.target = target;
    request_.path = std::move(parsed.value().path);
    request_.query = std::move(parsed.value().query);
    framing_.is_http_1_0 = version == 10;
    framing_.is_head = method == "HEAD";
}

void HttpRequestParser::Machine::take_field(std::string_view name, std::string_view value) {
    if (request_.headers.size() == headers_max) {
        refuse(HttpRefusal::header_too_large, "The request has too many header fields.");
        return;
    }
    request_.headers.push_back({to_lower_ascii(name), std::string(value)});
    const std::string& lower = request_.headers.back().name;
    if (lower == "host") {
        ++host_count_;
    } else if (lower == "content-length") {
        ++length_count_;
        if (value.find(',') != std::string_view::npos) ++length_count_;
    } else if (lower == "transfer-encoding") {
        ++coding_count_;
        if (to_lower_ascii(value) != "chunked") {
            refuse(HttpRefusal::malformed, "The only transfer coding understood is chunked.");
        }
    } else if (lower == "expect") {
        expects_continue_ = to_lower_ascii(value) == "100-continue";
        if (!expects_continue_) {
            refuse(HttpRefusal::expectation, "The only expectation understood is 100-continue.");
        }
    }
}

void HttpRequestParser::Machine::finish_head(bool keep_alive) {
    head_done_ = true;
    framing_.keep_alive = keep_alive;
    if (framing_.is_http_1_0) expects_continue_ = false;
    if (length_count_ + coding_count_ > 1) {
        refuse(HttpRefusal::malformed, "The length of the body is given more than once.");
    } else if (coding_count_ > 0 && framing_.is_http_1_0) {
        refuse(HttpRefusal::malformed, "HTTP/1.0 has no transfer codings.");
    } else if (host_count_ > 1 || (host_count_ == 0 && !framing_.is_http_1_0)) {
        refuse(HttpRefusal::malformed, "Exactly one Host header is needed.");
    }
}

void HttpRequestParser::Machine::refuse_for(const error_code& code) {
    if (code == http::error::header_limit) {
        refuse(HttpRefusal::header_too_large, "The request head is too large.");
    } else if (code == http::error::body_limit) {
        refuse(HttpRefusal::body_too_large, "The request body is too large.");
    } else if (code == http::error::bad_content_length ||
               code == http::error::bad_transfer_encoding) {
        refuse(HttpRefusal::malformed, "The length of the body is not clear.");
    } else {
        refuse(HttpRefusal::malformed, "The request is not valid HTTP/1.1.");
    }
}

ParseStep HttpRequestParser::Machine::feed(std::string_view bytes, std::size_t& consumed) {
    AIT_ASSERT(!refusal_);
    consumed = 0;
    // Beast 1.74 asserts when it sees the last chunk again with fewer bytes than "0 CRLF CRLF". An
    // unfinished chunked body always has at least those still to come, so waiting loses nothing.
    const bool is_in_chunks = head_done_ && coding_count_ > 0;
    if (is_in_chunks && bytes.size() < last_chunk.size()) return ParseStep::need_more;
    error_code code;
    const bool head_was_done = head_done_;
    consumed = beast_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
    if (code && code != http::error::need_more) {
        refuse_for(code);
        return ParseStep::refused;
    }
    // Beast unfolds such lines; whoever stands before us may not, and reads another request.
    if (!head_was_done && head_done_ && has_folded_line(bytes)) {
        refuse(HttpRefusal::malformed, "A header field is folded over two lines.");
        return ParseStep::refused;
    }
    if (head_was_done) body_wire_bytes_ += consumed;
    if (body_wire_bytes_ / wire_factor_max > body_bytes_max_) {
        refuse(HttpRefusal::body_too_large, "The chunks of the body are too small.");
        return ParseStep::refused;
    }
    AIT_ASSERT(request_.body.size() <= body_bytes_max_);
    if (beast_->is_done()) return ParseStep::done;
    if (!head_done_ && bytes.size() - consumed >= header_bytes_max_) {
        refuse(HttpRefusal::header_too_large, "The request head is too large.");
        return ParseStep::refused;
    }
    return ParseStep::need_more;
}

HttpRequestParser::HttpRequestParser(std::uint32_t header_bytes_max, std::uint32_t body_bytes_max)
    : machine_(std::make_unique<Machine>(header_bytes_max, body_bytes_max)) {}
HttpRequestParser::~HttpRequestParser() = default;

ParseStep HttpRequestParser::feed(std::string_view bytes, std::size_t& consumed) {
    return machine_->feed(bytes, consumed);
}
bool HttpRequestParser::is_head_done() const noexcept {
    return machine_->head_done_;
}
bool HttpRequestParser::expects_continue() const noexcept {
    return machine_->head_done_ && machine_->expects_continue_ && machine_->request_.body.empty();
}
std::size_t HttpRequestParser::body_bytes() const noexcept {
    return machine_->request_.body.size();
}
HttpFraming HttpRequestParser::framing() const noexcept {
    return machine_->framing_;
}
HttpRefusal HttpRequestParser::refusal() const noexcept {
    return machine_->refusal_.value_or(HttpRefusal::malformed);
}
std::string_view HttpRequestParser::refusal_text() const noexcept {
    return machine_->refusal_text_;
}
HttpRequest HttpRequestParser::take() {
    return machine_->take();
}
void HttpRequestParser::reset() {
    machine_->reset();
}

}  // namespace ait::net
