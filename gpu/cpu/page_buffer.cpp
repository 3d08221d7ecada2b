#include "gpu/cpu/page_buffer.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace ait::gpu {

Result<PageBuffer> PageBuffer::allocate(std::size_t bytes, bool dense, std::string_view purpose) {
    PageBuffer buffer;
    if (bytes == 0) return buffer;
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        const std::string cause = std::generic_category().message(errno);
        return Error{ErrorCode::unavailable, "The model does not fit into memory.",
                     "The system refused " + std::to_string(bytes / (1024 * 1024)) + " MiB for " +
                         std::string(purpose) + ": " + cause + ".",
                     "Free memory, use a smaller context, or use a smaller model."};
    }
    // A wish only: without huge pages the memory works just as well, slower.
    if (dense) (void)madvise(memory, bytes, MADV_HUGEPAGE);
    buffer.bytes_ = static_cast<std::uint8_t*>(memory);
    buffer.size_ = bytes;
    return buffer;
}

PageBuffer::PageBuffer(PageBuffer&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PageBuffer& PageBuffer::operator=(PageBuffer&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
}

PageBuffer::~PageBuffer() {
    if (bytes_ != nullptr) munmap(bytes_, size_);
}

}  // namespace ait::gpu
