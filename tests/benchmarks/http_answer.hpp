#pragma once

// The least reading of an HTTP/1.1 answer that is still right for a server of ours: status, length,
// body; and of JSON, the next value of a name. No allocation.

#include <cstdint>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::benchmarks {

struct HttpAnswer {
    int status = 0;
    std::string_view body{};
    std::size_t size = 0;  ///< head and body; 0 while it is not whole
};
/// The first answer in `bytes`, which must tell its length. Error: malformed.
Result<HttpAnswer> read_answer(std::string_view bytes);

/// Walks over a JSON text from name to name, in the order in which they come.
class JsonWalk {
  public:
    explicit JsonWalk(std::string_view text) : text_(text) {}

    /// Goes to the value of the next member of this name. False when there is none.
    bool find(std::string_view quoted_name_and_colon);
    /// The text found, without quotes; it must hold nothing that is escaped. Empty: no text there.
    [[nodiscard]] std::string_view text() const;
    /// The number found; 0 when there is none.
    [[nodiscard]] std::uint64_t number() const;

  private:
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace ait::benchmarks
