#pragma once

// One log file, read on as it grows. Files are rotated by copying them to FILE.1 and emptying them
// in place (runtime/supervise), or by renaming, and processes restart: neither loses a line that
// was written whole before the rotation, and none is read twice.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace ait::cli {

class LogFollower {
  public:
    explicit LogFollower(std::string path) : path_(std::move(path)) {}
    LogFollower(LogFollower&& other) noexcept;
    LogFollower& operator=(LogFollower&&) = delete;
    LogFollower(const LogFollower&) = delete;
    LogFollower& operator=(const LogFollower&) = delete;
    ~LogFollower();

    using OnLine = std::function<void(std::string_view line)>;
    /// Whole lines that have come since the last call. The first call begins with the last
    /// `history_bytes` of FILE.1 and FILE together. A file that is not there yet has no lines.
    void read_new(const OnLine& on_line);

    static constexpr std::uint64_t history_bytes = 8ULL * 1024 * 1024;

  private:
    void open_current();
    void close_current() noexcept;
    void begin(const OnLine& on_line);
    void follow_rotation(const OnLine& on_line);
    [[nodiscard]] bool was_emptied() const;
    void read_to_end(int descriptor, std::uint64_t& offset, const OnLine& on_line);
    void take(std::string_view bytes, const OnLine& on_line);

    std::string path_;
    int descriptor_ = -1;
    std::uint64_t inode_ = 0;
    std::uint64_t offset_ = 0;
    std::string last_read_{};  ///< bytes just before `offset_`: an emptied file has others there
    std::string partial_{};    ///< a line whose end has not come
    bool has_begun_ = false;
};

}  // namespace ait::cli
