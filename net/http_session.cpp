#include "net/http_session.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <utility>

#include "net/http_exchange.hpp"

namespace ait::net {

namespace {

using boost::asio::buffer;
using ErrorCodeAsio = boost::system::error_code;

constexpr std::size_t input_bytes_start = 8 * 1024;
constexpr std::size_t input_bytes_keep_max = 32 * 1024;  ///< shrunk to this between requests
constexpr std::size_t output_bytes_high = 256 * 1024;    ///< no further request is read above this
constexpr std::size_t discarded_bytes_max = 8U * 1024 * 1024;
constexpr std::int64_t linger_ms = 2'000;

struct RefusalForm {
    int status;
    std::string_view code;
    std::string_view hint;
    bool is_retryable;
};

RefusalForm form_of(HttpRefusal refusal) noexcept {
    switch (refusal) {
        case HttpRefusal::header_too_large:
            return {431, "too_large", "Send fewer or shorter header fields.", false};
        case HttpRefusal::body_too_large:
            return {413, "too_large", "Send less, or upload it in parts.", false};
        case HttpRefusal::body_too_slow:
            return {408, "deadline_exceeded", "Send the body faster, or in parts.", true};
        case HttpRefusal::expectation:
            return {417, "unsupported", "Leave the Expect header out.", false};
        case HttpRefusal::connections_full:
        case HttpRefusal::address_full:
        case HttpRefusal::bodies_full:
        case HttpRefusal::displaced:
            return {503, "overloaded", "Try again in a moment.", true};
        case HttpRefusal::malformed:
        case HttpRefusal::header_timeout:
        case HttpRefusal::reader_too_slow:
            return {400, "malformed", "Check the client; the connection is closed.", false};
    }
    return {400, "malformed", "", false};
}

}  // namespace

HttpSession::HttpSession(std::shared_ptr<HttpCore> core, Socket socket, HttpPeer peer)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      parser_(core_->options.header_bytes_max, core_->options.body_bytes_max),
      body_share_(*core_),
      input_(input_bytes_start) {}

void HttpSession::start() {
    deadline_ms_ = HttpCore::now_ms() + core_->options.header_timeout_ms;
    begin_waiting();
    read();
}

void HttpSession::close() {
    if (phase_ == Phase::closed) return;
    if (phase_ == Phase::in_flight) --core_->requests_in_flight;
    phase_ = Phase::closed;
    end_waiting();
    ErrorCodeAsio ignored;  // a socket that cannot be closed is closed all the same
    socket_.close(ignored);
    const auto self = shared_from_this();  // the table may hold the last reference
    core_->forget(*this, peer_.address);
    if (const auto exchange = std::exchange(exchange_, nullptr)) exchange->peer_gone();
}

void HttpSession::close_if_idle() {
    const bool is_begun = input_begin_ < input_end_ || phase_ == Phase::body;
    const bool is_between = phase_ == Phase::idle || phase_ == Phase::head;
    if (is_between && !is_begun && !is_writing_ && waiting_.empty()) close();
}

// Input

/// Space at the end of the input buffer; false when it is as large as it may be and full.
bool HttpSession::make_room() {
    if (input_begin_ == input_end_) {
        input_begin_ = input_end_ = 0;
        if (input_.size() > input_bytes_keep_max) std::vector<char>(input_bytes_start).swap(input_);
    }
    if (input_end_ < input_.size()) return true;
    if (input_begin_ > 0) {
        std::move(input_.begin() + static_cast<std::ptrdiff_t>(input_begin_),
                  input_.begin() + static_cast<std::ptrdiff_t>(input_end_), input_.begin());
        input_end_ -= input_begin_;
        input_begin_ = 0;
        return true;
    }
    // While a request is with the handler the next ones may wait in the kernel.
    const std::size_t bytes_max = std::size_t{core_->options.header_bytes_max} + input_bytes_start;
    if (phase_ == Phase::in_flight || input_.size() >= bytes_max) return false;
    input_.resize(std::min(input_.size() * 2, bytes_max));
    return true;
}

void HttpSession::read() {
    if (is_reading_ || is_input_ended_ || phase_ == Phase::closed || !make_room()) return;
    is_reading_ = true;
    socket_.async_read_some(
        buffer(input_.data() + input_end_, input_.size() - input_end_),
        [self = shared_from_this()](const ErrorCodeAsio& error, std::size_t count) {
            self->is_reading_ = false;
            if (self->phase_ == Phase::closed) return;
            if (error == boost::asio::error::eof) {
                self->on_end_of_input();
            } else if (error) {
                self->close();
            } else {
                self->on_read(count);
            }
        });
}

void HttpSession::on_read(std::size_t count) {
    core_->received_bytes_total += count;
    if (phase_ == Phase::refused || phase_ == Phase::lingering) {
        // Read on, so that the peer sees the answer and not a reset.
        discarded_bytes_ += count;
        if (discarded_bytes_ > discarded_bytes_max) {
            close();
        } else {
            read();
        }
        return;
    }
    input_end_ += count;
    pump();
}

void HttpSession::on_end_of_input() {
    is_input_ended_ = true;
    if (phase_ == Phase::in_flight) {
        // Nobody is likely to wait any more, so work may stop; an answer is still tried. Requests
        // that wait behind this one show a client that only closed its own direction.
        if (input_begin_ == input_end_) exchange_->peer_gone();
        return;
    }
    if (phase_ == Phase::lingering) {
        close();
        return;
    }
    pump();  // answers under way and whole requests that wait still have their turn
}

/// Reads requests out of the input until one is with the handler or bytes are wanting.
void HttpSession::pump() {
    if (is_pumping_) return;
    is_pumping_ = true;
    while (parse_some()) {
    }
    is_pumping_ = false;
    if (phase_ == Phase::closed) return;
    const bool is_awaiting =
        phase_ == Phase::idle || phase_ == Phase::head || phase_ == Phase::body;
    if (is_input_ended_ && is_awaiting && unsent_bytes() <= output_bytes_high) {
        close_after_write_ = true;  // what is left of the input is no whole request
    }
    flush();
    read();
}

/// True when a request was taken and another may follow.
bool HttpSession::parse_some() {
    const bool is_awaiting =
        phase_ == Phase::idle || phase_ == Phase::head || phase_ == Phase::body;
    if (!is_awaiting || close_after_write_ || unsent_bytes() > output_bytes_high) return false;
    // Empty lines before a request are skipped (RFC 9112, 2.2).
    while (phase_ != Phase::body && input_begin_ < input_end_ && !parser_.is_head_done() &&
           (input_[input_begin_] == '\r' || input_[input_begin_] == '\n')) {
        ++input_begin_;
    }
    if (input_begin_ == input_end_) return false;
    if (phase_ == Phase::idle) {
        phase_ = Phase::head;
        deadline_ms_ = HttpCore::now_ms() + core_->options.header_timeout_ms;
    }
    std::size_t consumed = 0;
    const ParseStep step = parser_.feed(pending_input(), consumed);
    input_begin_ += consumed;
    AIT_ASSERT(input_begin_ <= input_end_);
    if (step != ParseStep::refused && !body_share_.grow_to(parser_.body_bytes())) {
        refuse(HttpRefusal::bodies_full, "The server holds as many request bodies as it may.");
        return false;
    }
    switch (step) {
        case ParseStep::done:
            dispatch();
            return true;
        case ParseStep::refused:
            refuse(parser_.refusal(), parser_.refusal_text());
            return false;
        case ParseStep::need_more:
            after_partial_request();
            return false;
    }
    return false;
}

void HttpSession::after_partial_request() {
    if (!parser_.is_head_done()) return;
    if (phase_ != Phase::body) {
        phase_ = Phase::body;
        body_since_ms_ = HttpCore::now_ms();
    }
    // The unread rest of a chunk's head is the only thing that may stay in the buffer now.
    if (input_end_ - input_begin_ >= input_bytes_start) {
        refuse(HttpRefusal::malformed, "A chunk of the body has a too long head.");
        return;
    }
    if (!is_continue_sent_ && parser_.expects_continue()) {
        is_continue_sent_ = true;
        queue_output("HTTP/1.1 100 Continue\r\n\r\n");
    }
}

void HttpSession::dispatch() {
    HttpRequest request = parser_.take();
    request.local_socket = peer_.is_local_socket;
    request.peer_uid = peer_.uid;
    request.peer_address = peer_.address;
    const HttpFraming framing = parser_.framing();
    parser_.reset();
    is_continue_sent_ = false;
    phase_ = Phase::in_flight;
    end_waiting();
    ++core_->requests_total;
    ++core_->requests_in_flight;
    exchange_ = std::make_shared<ExchangeState>();
    core_->handler(std::make_shared<SessionExchange>(
        core_, shared_from_this(), exchange_, std::move(request), framing, std::move(body_share_)));
}

void HttpSession::finish_answer(bool keep_alive) {
    if (phase_ != Phase::in_flight) return;
    --core_->requests_in_flight;
    exchange_.reset();
    phase_ = Phase::idle;
    deadline_ms_ = HttpCore::now_ms() + core_->options.idle_timeout_ms;
    begin_waiting();
    if (!keep_alive || core_->is_draining) close_after_write_ = true;
    pump();
}

void HttpSession::refuse(HttpRefusal refusal, std::string_view text) {
    core_->count(refusal);
    const RefusalForm form = form_of(refusal);
    phase_ = Phase::refused;
    close_after_write_ = true;
    input_begin_ = input_end_ = is_reading_ ? input_end_ : 0;
    queue_output(serialise_response(
        plain_error_response(form.status, form.code, text, form.hint, form.is_retryable),
        HttpFraming{.is_head = false, .is_http_1_0 = false, .keep_alive = false}));
    flush();
    read();
}

// Output

void HttpSession::queue_output(std::string bytes) {
    if (phase_ == Phase::closed) return;
    unsent_bytes_ += bytes.size();
    if (waiting_.empty()) {
        waiting_ = std::move(bytes);
    } else {
        waiting_ += bytes;
    }
}

void HttpSession::flush() {
    if (is_writing_ || phase_ == Phase::closed) return;
    if (waiting_.empty()) {
        if (close_after_write_) begin_linger();
        return;
    }
    writing_ = std::exchange(waiting_, std::string());
    written_ = 0;
    is_writing_ = true;
    if (write_since_ms_ == 0) {
        write_since_ms_ = HttpCore::now_ms();
        sent_since_ = 0;
    }
    write_some();
}

void HttpSession::write_some() {
    socket_.async_write_some(
        buffer(writing_.data() + written_, writing_.size() - written_),
        [self = shared_from_this()](const ErrorCodeAsio& error, std::size_t count) {
            if (self->phase_ == Phase::closed) return;
            if (error) {
                self->close();
            } else {
                self->on_written(count);
            }
        });
}

void HttpSession::on_written(std::size_t count) {
    core_->sent_bytes_total += count;
    written_ += count;
    sent_since_ += count;
    unsent_bytes_ -= count;
    if (written_ < writing_.size()) {
        write_some();
        return;
    }
    is_writing_ = false;
    writing_ = std::string();
    if (waiting_.empty()) write_since_ms_ = 0;
    pump();
}

/// All is sent: tells the peer so, and reads on for a while, since closing with unread input would
/// reset the connection and could destroy the answer on its way.
void HttpSession::begin_linger() {
    if (phase_ == Phase::lingering) return;
    if (is_input_ended_) {
        close();
        return;
    }
    phase_ = Phase::lingering;
    deadline_ms_ = HttpCore::now_ms() + linger_ms;
    input_begin_ = input_end_;
    ErrorCodeAsio error;
    socket_.shutdown(Socket::shutdown_send, error);
    if (error) {
        close();
        return;
    }
    read();
}

// Waiting

/// From here on a newcomer may have this place. The owner's own socket is never given away.
void HttpSession::begin_waiting() {
    AIT_ASSERT(!waiting_place_);
    if (peer_.is_local_socket) return;
    waiting_place_ = core_->waiting.insert(core_->waiting.end(), this);
}

void HttpSession::end_waiting() {
    if (!waiting_place_) return;
    core_->waiting.erase(*waiting_place_);
    waiting_place_.reset();
}

// Time

bool HttpSession::is_below_rate(std::int64_t since_ms, std::size_t bytes,
                                std::int64_t now_ms) const {
    const std::int64_t elapsed_ms = now_ms - since_ms;
    if (elapsed_ms <= core_->options.rate_grace_ms) return false;
    const auto needed =
        static_cast<std::uint64_t>(elapsed_ms) * core_->options.rate_bytes_per_second_min / 1'000;
    return bytes < needed;
}

void HttpSession::check_deadlines(std::int64_t now_ms) {
    if (is_writing_ && is_below_rate(write_since_ms_, sent_since_, now_ms)) {
        core_->count(HttpRefusal::reader_too_slow);
        close();
        return;
    }
    switch (phase_) {
        case Phase::head:
            if (now_ms < deadline_ms_) break;
            core_->count(HttpRefusal::header_timeout);
            close();
            break;
        case Phase::idle:
        case Phase::lingering:
            if (now_ms >= deadline_ms_ && !is_writing_) close();
            break;
        case Phase::body:
            if (is_below_rate(body_since_ms_, parser_.body_bytes(), now_ms)) {
                refuse(HttpRefusal::body_too_slow, "The request body comes too slowly.");
            }
            break;
        case Phase::in_flight:
        case Phase::refused:
        case Phase::closed:
            break;
    }
}

}  // namespace ait::net
