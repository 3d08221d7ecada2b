#pragma once

// One connection of the server. Inner header: it brings in Asio.

#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_core.hpp"
#include "net/http_request_parser.hpp"

namespace ait::net {

struct ExchangeState;

struct HttpPeer {
    bool is_local_socket = false;
    std::uint32_t uid = 0;
    std::string address{};
};

/// Invariants:
///  1. One request is with the handler at a time; pipelined ones wait in the input buffer, so
///     answers leave in the order of requests.
///  2. At most one read and one write are outstanding; the buffer of either is not moved meanwhile.
///  3. After close() the session is out of the table and every later call does nothing.
/// All functions on the I/O thread but unsent_bytes().
class HttpSession : public std::enable_shared_from_this<HttpSession> {
  public:
    using Socket = boost::asio::generic::stream_protocol::socket;

    HttpSession(std::shared_ptr<HttpCore> core, Socket socket, HttpPeer peer);

    void start();
    /// Queues bytes of the answer under way; flush() sends them.
    void queue_output(std::string bytes);
    void flush();
    /// The answer under way is complete; the next request may come.
    void finish_answer(bool keep_alive);
    /// Ends the connection at once.
    void close();
    /// Cuts what is too slow. Called at every tick.
    void check_deadlines(std::int64_t now_ms);
    /// Ends it now if no request is under way or begun.
    void close_if_idle();
    /// Bytes queued here and not yet taken by the kernel. Any thread.
    [[nodiscard]] std::size_t unsent_bytes() const noexcept { return unsent_bytes_.load(); }
    [[nodiscard]] const HttpPeer& peer() const noexcept { return peer_; }

  private:
    enum class Phase : std::uint8_t { idle, head, body, in_flight, refused, lingering, closed };

    void read();
    bool make_room();
    void on_read(std::size_t count);
    void on_end_of_input();
    void pump();
    bool parse_some();
    void after_partial_request();
    void dispatch();
    void refuse(HttpRefusal refusal, std::string_view text);
    void write_some();
    void on_written(std::size_t count);
    void begin_linger();
    void begin_waiting();
    void end_waiting();
    [[nodiscard]] bool is_below_rate(std::int64_t since_ms, std::size_t bytes,
                                     std::int64_t now_ms) const;
    [[nodiscard]] std::string_view pending_input() const noexcept {
        return {input_.data() + input_begin_, input_end_ - input_begin_};
    }

    std::shared_ptr<HttpCore> core_;
    Socket socket_;
    HttpPeer peer_;
    HttpRequestParser parser_;
    BodyShare body_share_;
    std::shared_ptr<ExchangeState> exchange_{};                         ///< while in_flight
    std::optional<std::list<HttpSession*>::iterator> waiting_place_{};  ///< in core_->waiting

    Phase phase_ = Phase::head;
    std::int64_t deadline_ms_ = 0;  ///< of idle, head and lingering
    std::int64_t body_since_ms_ = 0;

    std::vector<char> input_;
    std::size_t input_begin_ = 0;
    std::size_t input_end_ = 0;
    std::size_t discarded_bytes_ = 0;
    bool is_reading_ = false;
    bool is_input_ended_ = false;
    bool is_pumping_ = false;
    bool is_continue_sent_ = false;

    std::string writing_{};
    std::string waiting_{};
    std::size_t written_ = 0;  ///< of writing_
    bool is_writing_ = false;
    bool close_after_write_ = false;
    std::int64_t write_since_ms_ = 0;
    std::size_t sent_since_ = 0;
    std::atomic<std::size_t> unsent_bytes_ = 0;
};

}  // namespace ait::net
