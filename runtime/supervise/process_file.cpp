#include "runtime/supervise/process_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

namespace ait::supervise {
namespace {

/// A lock of the open file, not of the process: it survives fork and exec, and closing another
/// descriptor of the same file does not drop it.
struct ::flock whole_file() {
    struct ::flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

Error file_error(const std::string& path, int failure) {
    return {ErrorCode::storage_failed, "The process file " + path + " could not be used.",
            std::strerror(failure), "Check the folder and its permissions."};
}

/// "pid start_ticks"; nothing while the holder is still starting.
std::optional<ProcessId> read_holder(int descriptor) {
    std::array<char, 64> buffer{};
    const auto count = ::pread(descriptor, buffer.data(), buffer.size() - 1, 0);
    if (count <= 0) return std::nullopt;
    std::istringstream text(buffer.data());
    ProcessId id;
    if (!(text >> id.pid >> id.start_ticks)) return std::nullopt;
    return id;
}

}  // namespace

Result<ProcessFile> ProcessFile::claim(const std::string& path) {
    Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!descriptor.is_open()) return file_error(path, errno);
    auto lock = whole_file();
    if (::fcntl(descriptor.number(), F_OFD_SETLK, &lock) != 0) {
        if (errno != EACCES && errno != EAGAIN) return file_error(path, errno);
        const auto holder = read_holder(descriptor.number());
        return Error{ErrorCode::conflict, "Another process has this role already.",
                     holder ? "Process " + std::to_string(holder->pid) + " holds " + path + "."
                            : "The lock of " + path + " is held.",
                     "aitbc status shows what runs; aitbc down stops it."};
    }
    // What an earlier holder wrote says nothing any more.
    if (::ftruncate(descriptor.number(), 0) != 0) return file_error(path, errno);
    return ProcessFile(std::move(descriptor), path);
}

Status ProcessFile::write(const ProcessId& holder) const {
    const std::string text =
        std::to_string(holder.pid) + " " + std::to_string(holder.start_ticks) + "\n";
    const auto count = ::pwrite(descriptor_.number(), text.data(), text.size(), 0);
    if (count != static_cast<::ssize_t>(text.size())) return file_error(path_, errno);
    return {};
}

Result<std::optional<ProcessId>> holder_of(const std::string& path) {
    const Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!descriptor.is_open() && errno == ENOENT) return std::optional<ProcessId>{};
    if (!descriptor.is_open()) return file_error(path, errno);
    auto lock = whole_file();
    if (::fcntl(descriptor.number(), F_OFD_GETLK, &lock) != 0) return file_error(path, errno);
    if (lock.l_type == F_UNLCK) return std::optional<ProcessId>{};
    const auto holder = read_holder(descriptor.number());
    if (!holder) {
        return Error{ErrorCode::not_ready, "The holder of " + path + " is just starting.",
                     "It holds the lock and has not written its number yet.",
                     "Try again in a moment."};
    }
    return std::optional<ProcessId>(*holder);
}

}  // namespace ait::supervise
