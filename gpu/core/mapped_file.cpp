#include "gpu/core/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace ait::gpu {
namespace {

/// Closes on every way out; the mapping stays valid without the descriptor.
class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int number() const noexcept { return number_; }

  private:
    int number_;
};

Error refused_by_system(const std::filesystem::path& path, int cause) {
    const std::string reason = std::generic_category().message(cause);
    if (cause == ENOENT || cause == ENOTDIR) {
        return Error{ErrorCode::not_found, "The file " + path.string() + " does not exist.",
                     "The system says: " + reason + ".", "Check the path."};
    }
    return Error{ErrorCode::unavailable, "The file " + path.string() + " cannot be read.",
                 "The system says: " + reason + ".", "Check its permissions and the disk."};
}

}  // namespace

Result<MappedFile> map_file(const std::filesystem::path& path) {
    // O_NONBLOCK: opening a pipe that a stranger put in the folder must not wait for its writer.
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (descriptor.number() < 0) return refused_by_system(path, errno);
    return map_descriptor(descriptor.number(), path);
}

Result<MappedFile> map_descriptor(int descriptor, const std::filesystem::path& path) {
    struct stat status{};
    if (::fstat(descriptor, &status) != 0) return refused_by_system(path, errno);
    if (!S_ISREG(status.st_mode) || status.st_size <= 0) {
        return Error{ErrorCode::malformed, "The file " + path.string() + " cannot be mapped.",
                     S_ISREG(status.st_mode) ? "It is empty." : "It is not a regular file.",
                     "Name a complete model file."};
    }
    const auto length = static_cast<std::size_t>(status.st_size);
    void* const start = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, /*offset=*/0);
    if (start == MAP_FAILED) return refused_by_system(path, errno);
    MappedFile mapped;
    mapped.owner = std::shared_ptr<const void>(
        start, [length](const void* mapping) { ::munmap(const_cast<void*>(mapping), length); });
    mapped.bytes = {static_cast<const std::uint8_t*>(start), length};
    return mapped;
}

}  // namespace ait::gpu
