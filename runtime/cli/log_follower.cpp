#include "runtime/cli/log_follower.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/cli/log_lines.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::size_t fingerprint_bytes = 64;

std::uint64_t size_of(int descriptor) {
    struct stat facts{};
    return ::fstat(descriptor, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

std::string read_at(int descriptor, std::uint64_t offset, std::size_t bytes) {
    std::string text(bytes, '\0');
    ssize_t count = 0;
    do {
        count = ::pread(descriptor, text.data(), bytes, static_cast<off_t>(offset));
    } while (count < 0 && errno == EINTR);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
}

}  // namespace

LogFollower::LogFollower(LogFollower&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      inode_(other.inode_),
      offset_(other.offset_),
      last_read_(std::move(other.last_read_)),
      partial_(std::move(other.partial_)),
      has_begun_(other.has_begun_) {}

LogFollower::~LogFollower() {
    close_current();
}

void LogFollower::close_current() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
}

void LogFollower::open_current() {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    offset_ = 0;
    last_read_.clear();
    struct stat facts{};
    if (descriptor_ >= 0 && ::fstat(descriptor_, &facts) == 0) inode_ = facts.st_ino;
}

void LogFollower::take(std::string_view bytes, const OnLine& on_line) {
    while (!bytes.empty()) {
        const std::size_t end = bytes.find('\n');
        const auto piece = bytes.substr(0, std::min(end, bytes.size()));
        partial_ +=
            piece.substr(0, log_line_bytes_max - std::min(partial_.size(), log_line_bytes_max));
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        if (!partial_.empty()) on_line(partial_);
        partial_.clear();
    }
}

void LogFollower::read_to_end(int descriptor, std::uint64_t& offset, const OnLine& on_line) {
    // What is written meanwhile is for the next call: a busy log must not hold the reader here.
    const std::uint64_t end = size_of(descriptor);
    while (offset < end) {
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, end - offset));
        const std::string bytes = read_at(descriptor, offset, wanted);
        if (bytes.empty()) return;
        offset += bytes.size();
        last_read_ += bytes;
        if (last_read_.size() > fingerprint_bytes)
            last_read_.erase(0, last_read_.size() - fingerprint_bytes);
        take(bytes, on_line);
    }
}

void LogFollower::begin(const OnLine& on_line) {
    has_begun_ = true;
    open_current();
    const std::uint64_t size = descriptor_ < 0 ? 0 : size_of(descriptor_);
    if (size < history_bytes) {
        const int older = ::open((path_ + ".1").c_str(), O_RDONLY | O_CLOEXEC);
        if (older >= 0) {
            const std::uint64_t older_size = size_of(older);
            std::uint64_t at = older_size - std::min(older_size, history_bytes - size);
            bool is_cut = at > 0;
            read_to_end(older, at, [&](std::string_view line) {
                if (!std::exchange(is_cut, false)) on_line(line);
            });
            ::close(older);
        }
        last_read_.clear();
        return;
    }
    offset_ = size - history_bytes;
    bool is_cut = true;
    read_to_end(descriptor_, offset_, [&](std::string_view line) {
        if (!std::exchange(is_cut, false)) on_line(line);
    });
}

bool LogFollower::was_emptied() const {
    if (size_of(descriptor_) < offset_) return true;
    return read_at(descriptor_, offset_ - last_read_.size(), last_read_.size()) != last_read_;
}

/// Before the file that is open now is left: what came at its end after the last look. It stands
/// in FILE.1, whether that is the copy of it or itself.
void LogFollower::follow_rotation(const OnLine& on_line) {
    struct stat facts{};
    const bool is_there = ::stat(path_.c_str(), &facts) == 0;
    if (is_there && facts.st_ino != inode_) {
        read_to_end(descriptor_, offset_, on_line);
        close_current();
        open_current();
        return;
    }
    if (!was_emptied()) return;
    const int older = ::open((path_ + ".1").c_str(), O_RDONLY | O_CLOEXEC);
    if (older >= 0) {
        std::uint64_t at = offset_;
        const bool is_copy =
            size_of(older) >= offset_ &&
            read_at(older, offset_ - last_read_.size(), last_read_.size()) == last_read_;
        if (is_copy) read_to_end(older, at, on_line);
        ::close(older);
    }
    offset_ = 0;
    last_read_.clear();
    partial_.clear();
}

void LogFollower::read_new(const OnLine& on_line) {
    if (!has_begun_) begin(on_line);
    if (descriptor_ < 0) open_current();
    if (descriptor_ < 0) return;
    follow_rotation(on_line);
    if (descriptor_ >= 0) read_to_end(descriptor_, offset_, on_line);
}

}  // namespace ait::cli
