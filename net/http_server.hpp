#pragma once

// HTTP/1.1 over loopback TCP and a unix socket, for programs in other threads: one I/O thread reads
// whole requests, checked and bounded, and hands each to one handler as an exchange that may be
// answered later, from any thread, at once or as a stream. Framing, limits, slow peers and closing
// are dealt with here; routes, authentication and error bodies of operations are the handler's.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/http_types.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/base/result.hpp"

namespace ait::net {

/// One request and the right to answer it once. Every function may be called from any thread and
/// never blocks. Whoever drops the last reference without an answer makes the server answer 500; a
/// stream that is dropped without end() is cut, so that the client sees that it is not whole.
class HttpExchange {
  public:
    virtual ~HttpExchange() = default;
    HttpExchange(const HttpExchange&) = delete;
    HttpExchange& operator=(const HttpExchange&) = delete;

    [[nodiscard]] virtual const HttpRequest& request() const noexcept = 0;
    /// Answers; the first answer counts, later ones are ignored. HEAD: the body is counted in
    /// content-length and not sent.
    virtual void respond(HttpResponse response) = 0;
    /// Sends the head of an answer of unknown length. False when nobody will read a body: the peer
    /// is gone, the exchange is answered already, or the method is HEAD (which is then answered).
    virtual bool begin_stream(int status, std::vector<HttpHeader> headers,
                              std::string content_type) = 0;
    /// Queues bytes of a stream. False, and nothing queued, when the peer is gone or a slow reader
    /// has left the bounded queue full; is_closed() tells which. An empty chunk only asks.
    virtual bool write(std::string chunk) = 0;
    /// Ends a stream; the connection may serve further requests.
    virtual void end() = 0;
    /// The peer has gone (or the server stopped) before the answer was complete.
    [[nodiscard]] virtual bool is_closed() const = 0;
    /// Runs `callback` once if that happens, on the I/O thread, or now if it has happened.
    /// Forgotten when the answer is complete. It must not block and must not own this exchange.
    virtual void on_close(std::function<void()> callback) = 0;

  protected:
    HttpExchange() = default;
};

/// Why a connection or request was turned away before the handler saw it.
enum class HttpRefusal : std::uint8_t {
    connections_full,  ///< 503
    address_full,      ///< 503: one address holds its share already
    header_timeout,    ///< closed without an answer
    header_too_large,  ///< 431
    body_too_slow,     ///< 408
    body_too_large,    ///< 413
    bodies_full,       ///< 503: all bodies together take what they may
    malformed,         ///< 400: bad syntax, framing, target or host
    expectation,       ///< 417
    reader_too_slow,   ///< an answer that was not fetched at the minimum rate; cut
    displaced,         ///< closed in favour of a newcomer, because all places were taken
};
inline constexpr std::size_t http_refusal_count = 11;
/// Label of a metric, e.g. "header_timeout".
std::string_view http_refusal_name(HttpRefusal refusal) noexcept;

struct HttpCounters {
    std::uint64_t connections_open = 0;
    std::uint64_t connections_total = 0;
    std::uint64_t requests_in_flight = 0;
    std::uint64_t requests_total = 0;
    std::uint64_t refused_total[http_refusal_count] = {};  ///< index: HttpRefusal
    std::uint64_t received_bytes_total = 0;
    std::uint64_t sent_bytes_total = 0;
};

class HttpServer {
  public:
    struct Options {
        std::string unix_socket_path{};  ///< empty: none; created with mode 0600
        std::string tcp_host = "127.0.0.1";
        std::uint16_t tcp_port = 0;  ///< 0: the system picks
        bool tcp_enabled = true;
        bool tcp_port_may_move = false;  ///< a taken port moves on to the next free one
        std::uint32_t connections_max = limits::http_connections_max;
        std::uint32_t connections_per_address_max = 100;  ///< TCP only
        std::uint32_t header_bytes_max = limits::http_header_bytes_max;
        std::uint32_t body_bytes_max = limits::http_body_bytes_max;
        std::uint64_t bodies_bytes_max = 256ULL * 1024 * 1024;  ///< of all requests together
        std::uint32_t header_timeout_ms = limits::http_header_timeout_ms;
        std::uint32_t idle_timeout_ms = limits::http_idle_timeout_ms;  ///< between two requests
        /// Least bytes per second of a request body, and of an answer that waits to be fetched,
        /// after the grace.
        std::uint32_t rate_bytes_per_second_min = 1'024;
        std::uint32_t rate_grace_ms = 10'000;
        std::uint32_t stream_queue_bytes_max = 256 * 1024;
    };
    /// Runs on the I/O thread and must not block; it must not throw either.
    using Handler = std::function<void(std::shared_ptr<HttpExchange>)>;

    /// Listens and starts the I/O thread. Errors: conflict (port taken, names its holder where
    /// /proc tells), already_exists (a live unix socket), invalid_argument, unavailable.
    static Result<std::unique_ptr<HttpServer>> open(Options options, Handler handler);

    /// Closes everything; exchanges still open see is_closed() and their on_close runs before this
    /// returns. Exchanges may outlive the server. Not from the handler.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// The port really bound; 0 when TCP is off.
    [[nodiscard]] std::uint16_t tcp_port() const noexcept;
    /// Stops listening; open connections live on.
    void stop_accepting();
    /// Stops accepting, lets answers under way finish, closes each connection after its answer.
    /// True when all are closed in time. Not from the handler.
    bool drain(std::chrono::milliseconds timeout);
    [[nodiscard]] HttpCounters counters() const;

  private:
    struct Parts;
    explicit HttpServer(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

/// The one error body of the REST surface with fixed, JSON-safe texts; for the server's own
/// refusals and for handlers that have no better one.
HttpResponse plain_error_response(int status, std::string_view code, std::string_view message,
                                  std::string_view hint, bool retryable);

}  // namespace ait::net
