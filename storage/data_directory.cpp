#include "storage/data_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "storage/file_system.hpp"

namespace ait::storage {
namespace {

constexpr std::string_view lock_name = "node.lock";
constexpr std::size_t pid_file_bytes_max = 32;
constexpr std::size_t command_bytes_shown_max = 200;

/// Closes at the end of its scope; for files whose content was synced or only read.
class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] int release() { return std::exchange(number_, -1); }

  private:
    int number_;
};

Result<std::string> read_descriptor(int descriptor, const std::string& path,
                                    std::size_t bytes_max) {
    std::string bytes;
    std::size_t filled = 0;
    while (filled <= bytes_max) {
        bytes.resize(std::min(bytes_max + 1, filled + 64 * 1024));
        const auto count = ::read(descriptor, bytes.data() + filled, bytes.size() - filled);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return from_errno(errno, "read", path);
        filled += static_cast<std::size_t>(count);
        if (count == 0) {
            bytes.resize(filled);
            return bytes;
        }
    }
    return Error{ErrorCode::too_large, "The file " + path + " is too large.",
                 "It has more than " + std::to_string(bytes_max) + " bytes.", ""};
}

Status write_descriptor(int descriptor, const std::string& path, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return from_errno(errno, "write to", path);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

/// The command line of a running process, on one line; empty where it cannot be read.
std::string command_of(::pid_t pid) {
    const auto path = "/proc/" + std::to_string(pid) + "/cmdline";
    auto arguments = read_file(path, 64 * 1024);
    if (!arguments.ok()) return "";
    std::string command = std::move(arguments).value();
    while (!command.empty() && command.back() == '\0') command.pop_back();
    for (char& c : command) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    if (command.size() > command_bytes_shown_max) command.resize(command_bytes_shown_max);
    return command;
}

Error directory_taken(const std::string& path, int lock_descriptor) {
    const auto content = read_descriptor(lock_descriptor, path, pid_file_bytes_max);
    ::pid_t pid = 0;
    if (content.ok()) {
        const auto& text = content.value();
        std::from_chars(text.data(), text.data() + text.size(), pid);
    }
    const std::string what = "The data directory " + path + " is in use.";
    if (pid <= 0) {
        return Error{ErrorCode::conflict, what, "Another process holds its lock.",
                     "Stop that node, or choose another directory with --data-dir."};
    }
    const auto command = command_of(pid);
    return Error{ErrorCode::conflict, what,
                 "Process " + std::to_string(pid) +
                     (command.empty() ? std::string() : " (" + command + ")") + " holds its lock.",
                 "Stop it with: kill " + std::to_string(pid) +
                     "; or choose another directory with --data-dir."};
}

Status make_private_directory(const std::string& path) {
    std::error_code code;
    const auto parent = std::filesystem::path(path).parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, code);
    if (code) return from_errno(code.value(), "create the directory", parent.string());
    auto made = posix_file_system().create_directory(path);
    if (!made.ok()) return made;
    struct ::stat facts{};
    if (::stat(path.c_str(), &facts) != 0) return from_errno(errno, "inspect", path);
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Error{ErrorCode::forbidden, "The data directory " + path + " is not safe.",
                     "Users other than its owner may write to it.", "Run: chmod 700 " + path};
    }
    return {};
}

std::string without_trailing_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

std::string directory_of(const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

Status write_and_sync(const std::string& path, std::string_view bytes, ::mode_t mode) {
    const Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) return from_errno(errno, "open", path);
    // Explicit: the umask and an older temporary file have no say in it.
    if (::fchmod(file.get(), mode) != 0) return from_errno(errno, "set the mode of", path);
    auto written = write_descriptor(file.get(), path, bytes);
    if (!written.ok()) return written;
    if (::fsync(file.get()) != 0) return from_errno(errno, "sync", path);
    return {};
}

}  // namespace

DataDirectory::DataDirectory(std::string path, int lock_descriptor)
    : path_(std::move(path)), lock_descriptor_(lock_descriptor) {}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_descriptor_(std::exchange(other.lock_descriptor_, -1)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lock_descriptor_, other.lock_descriptor_);
    return *this;
}

DataDirectory::~DataDirectory() {
    // The lock ends with the descriptor; the file stays, for removing it would race with an opener.
    if (lock_descriptor_ >= 0) ::close(lock_descriptor_);
}

Result<DataDirectory> DataDirectory::open(const std::string& given_path) {
    const auto path = without_trailing_slashes(given_path);
    if (path.empty()) {
        return Error{ErrorCode::invalid_argument, "The data directory has no name.",
                     "The path is empty.", "Name one with --data-dir."};
    }
    auto made = make_private_directory(path);
    if (!made.ok()) return made.error();
    const auto lock_path = path + "/" + std::string(lock_name);
    Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (lock.get() < 0) return from_errno(errno, "open", lock_path);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return directory_taken(path, lock.get());
        return from_errno(errno, "lock", lock_path);
    }
    if (::ftruncate(lock.get(), 0) != 0) return from_errno(errno, "write to", lock_path);
    auto written = write_descriptor(lock.get(), lock_path, std::to_string(::getpid()) + "\n");
    if (!written.ok()) return written.error();
    return DataDirectory(path, lock.release());
}

std::string DataDirectory::subpath(std::string_view name) const {
    return path_ + "/" + std::string(name);
}

bool DiskSpace::is_low() const noexcept {
    if (bytes_free < disk_free_bytes_floor) return true;
    if (bytes_free >= disk_free_bytes_ample) return false;
    return bytes_free < bytes_total / 100 * disk_free_percent_min;
}

Result<DiskSpace> disk_space(const std::string& path) {
    struct ::statvfs facts{};
    if (::statvfs(path.c_str(), &facts) != 0)
        return from_errno(errno, "ask for the free space of", path);
    return DiskSpace{.bytes_free = std::uint64_t{facts.f_bavail} * facts.f_frsize,
                     .bytes_total = std::uint64_t{facts.f_blocks} * facts.f_frsize};
}

Status write_file_durably(const std::string& path, std::string_view bytes, ::mode_t mode) {
    const auto temporary = path + ".tmp";
    auto written = write_and_sync(temporary, bytes, mode);
    if (!written.ok()) {
        ::unlink(temporary.c_str());  // the failure before it is what counts
        return written;
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        auto failure = from_errno(errno, "replace", path);
        ::unlink(temporary.c_str());  // the failure before it is what counts
        return failure;
    }
    return posix_file_system().sync_directory(directory_of(path));
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return from_errno(errno, "open", path);
    return read_descriptor(file.get(), path, bytes_max);
}

}  // namespace ait::storage
