#pragma once

// Reads one request after the other from the bytes of a connection and refuses whatever two
// programs could frame in two ways. Wraps Beast's parser so that no other file compiles it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "net/http_serialise.hpp"
#include "net/http_server.hpp"

namespace ait::net {

enum class ParseStep : std::uint8_t { need_more, done, refused };

/// Invariants:
///  1. After done or refused no more bytes are taken until reset().
///  2. A request given by take() has one framing, one host, a decoded target.
class HttpRequestParser {
  public:
    HttpRequestParser(std::uint32_t header_bytes_max, std::uint32_t body_bytes_max);
    ~HttpRequestParser();
    HttpRequestParser(const HttpRequestParser&) = delete;
    HttpRequestParser& operator=(const HttpRequestParser&) = delete;

    /// Takes bytes from the front; bytes not consumed must come again with more behind them.
    ParseStep feed(std::string_view bytes, std::size_t& consumed);
    [[nodiscard]] bool is_head_done() const noexcept;
    /// The head is read, a body is awaited, and the client waits for "100 Continue".
    [[nodiscard]] bool expects_continue() const noexcept;
    [[nodiscard]] std::size_t body_bytes() const noexcept;
    [[nodiscard]] HttpFraming framing() const noexcept;
    /// After refused: why; the text is constant and safe in JSON.
    [[nodiscard]] HttpRefusal refusal() const noexcept;
    [[nodiscard]] std::string_view refusal_text() const noexcept;
    /// After done.
    HttpRequest take();
    void reset();

  private:
    class Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace ait::net
