#pragma once

// Weights, caches and scratch memory are large, are sized once, and may not fit: taking them from
// the kernel directly makes that an error with a text, and pages that are never touched cost
// nothing (a cache for 8192 tokens that holds 50).

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::gpu {

/// Zeroed, page-aligned memory of one owner.
class PageBuffer {
  public:
    /// `dense` asks for huge pages: for memory that is read from end to end. `purpose` goes into
    /// the error ("the KV cache"). Error: unavailable. Any thread.
    static Result<PageBuffer> allocate(std::size_t bytes, bool dense, std::string_view purpose);

    PageBuffer() = default;
    PageBuffer(PageBuffer&& other) noexcept;
    PageBuffer& operator=(PageBuffer&& other) noexcept;
    ~PageBuffer();

    [[nodiscard]] std::uint8_t* bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    std::uint8_t* bytes_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace ait::gpu
