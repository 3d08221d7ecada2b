#pragma once

// What attention remembers of one sequence: keys and values of every layer, one contiguous strip
// for each key/value head, so that a head's attention reads memory from front to back.

#include <cstdint>

#include "gpu/core/model.hpp"
#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/page_buffer.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

/// Holds `length` <= `capacity` positions. One writer at a time.
class KvCache {
  public:
    /// Error: unavailable (no memory).
    static Result<KvCache> create(const LlamaConfig& config, const Kernels& kernels,
                                  std::uint32_t capacity);

    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::uint32_t length() const noexcept { return length_; }
    /// Declares the first `length` positions valid: after they are written, or to forget later
    /// ones.
    void set_length(std::uint32_t length) noexcept;

    /// [capacity, head_dim] elements of the kernels' type.
    [[nodiscard]] std::uint8_t* keys(std::uint32_t layer, std::uint32_t head) const noexcept;
    [[nodiscard]] std::uint8_t* values(std::uint32_t layer, std::uint32_t head) const noexcept;
    /// Bytes from one position of a strip to the next.
    [[nodiscard]] std::size_t position_bytes() const noexcept { return position_bytes_; }

  private:
    KvCache() = default;

    PageBuffer memory_{};
    std::uint32_t capacity_ = 0;
    std::uint32_t length_ = 0;
    std::uint32_t layers_ = 0;
    std::uint32_t heads_ = 0;
    std::size_t position_bytes_ = 0;
};

}  // namespace ait::gpu
