#pragma once

// A small blocking HTTP/1.1 client for the command line, the miner's session and local engines:
// every wait has a deadline, every size a bound, one connection is kept and reused. Plain sockets
// only, so that a program that links it starts at once; https belongs to the heavier transport.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_types.hpp"
#include "runtime/base/result.hpp"

namespace ait::net {

/// Where a server listens.
struct HttpEndpoint {
    bool is_unix = false;
    std::string socket_path{};  ///< unix only
    std::string host{};         ///< TCP only; a name, an IPv4 or a bare IPv6 address
    std::uint16_t port = 0;
    std::string prefix{};  ///< put before every target; empty or "/x/y" without a final slash

    bool operator==(const HttpEndpoint&) const = default;
};

/// "unix:/path", "http://host[:port][/prefix]". Errors: invalid_argument; unsupported for https.
Result<HttpEndpoint> parse_http_endpoint(std::string_view text);
/// The text form, for messages.
std::string to_text(const HttpEndpoint& endpoint);

/// One request. A deadline of 0 means none of that kind.
struct HttpCall {
    std::string method = "GET";
    std::string target = "/";  ///< raw: already percent-encoded
    std::vector<HttpHeader> headers{};
    std::string body{};
    std::uint32_t deadline_ms = 30'000;  ///< for all of it
    std::uint32_t first_byte_ms = 0;     ///< from the sent request to the answer's first byte
    std::uint32_t idle_ms = 0;           ///< between two pieces of the answer
};

/// One blocking user at a time (one thread, or external locking). Movable.
class HttpClient {
  public:
    struct Options {
        std::uint32_t connect_ms = 3'000;
        std::uint32_t response_bytes_max = 64U * 1024 * 1024;  ///< body of request()
        std::uint32_t response_header_bytes_max = 64U * 1024;
        std::string user_agent = "aitbc";
        /// The "what to do next" of the error when nobody listens.
        std::string unavailable_next = "Check the address, and that the program there is running.";
    };
    using HeadCallback = std::function<bool(const HttpResponse& head)>;  ///< body is empty
    using ChunkCallback = std::function<bool(std::string_view bytes)>;   ///< false ends the stream

    /// Connects on first use.
    explicit HttpClient(HttpEndpoint endpoint);
    HttpClient(HttpEndpoint endpoint, Options options);
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;
    ~HttpClient();

    /// The whole answer, whatever its status. An idempotent request whose reused connection died
    /// before any byte of the answer is sent once more. Errors: unavailable (nobody listens, or
    /// the connection broke), deadline_exceeded, malformed, too_large, cancelled, invalid_argument.
    Result<HttpResponse> request(const HttpCall& call, std::stop_token stop = {});

    /// An answer of unbounded length, in pieces as they come. `on_head` may refuse the body. The
    /// result is the head; ending early by a callback is no error. Same errors as request().
    Result<HttpResponse> stream(const HttpCall& call, const HeadCallback& on_head,
                                const ChunkCallback& on_chunk, std::stop_token stop = {});

    [[nodiscard]] const HttpEndpoint& endpoint() const noexcept;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace ait::net
