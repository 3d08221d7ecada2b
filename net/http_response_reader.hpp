#pragma once

// Reads one answer from the bytes of a connection. Wraps Beast's parser so that no other file of
// the client compiles it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_types.hpp"
#include "runtime/base/result.hpp"

namespace ait::net {

class HttpResponseReader {
  public:
    struct Limits {
        std::uint32_t header_bytes_max;
        std::uint64_t body_bytes_max;  ///< UINT64_MAX for a stream
    };
    HttpResponseReader(bool is_answer_to_head, Limits limits);
    ~HttpResponseReader();
    HttpResponseReader(const HttpResponseReader&) = delete;
    HttpResponseReader& operator=(const HttpResponseReader&) = delete;

    /// Takes bytes from the front and says how many; the others must come again with more behind
    /// them, unless is_done(). Interim answers (1xx) are skipped. Errors: malformed, too_large.
    Result<std::size_t> feed(std::string_view bytes);
    /// The peer ended the stream. Error unavailable when the answer is not whole.
    Status end_of_input();

    [[nodiscard]] bool is_head_done() const noexcept;
    [[nodiscard]] bool is_done() const noexcept;
    /// After is_done(): the connection may be used again.
    [[nodiscard]] bool keeps_alive() const;
    /// Status and headers; after is_head_done().
    [[nodiscard]] const HttpResponse& head() const noexcept;
    /// Body bytes since the last call.
    std::string take_body();

  private:
    class Machine;
    std::unique_ptr<Machine> machine_;
};

}  // namespace ait::net
