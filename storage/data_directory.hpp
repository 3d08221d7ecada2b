#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

// A node owns one directory, alone. The lock tells a second node who holds it; the file functions
// write small files (keys, marks, configuration) so that a crash leaves the old or the new one.

namespace ait::storage {

/// Holds the lock of a data directory for its lifetime. Movable. One thread.
class DataDirectory {
  public:
    /// Creates the directory (mode 0700) and its parents, takes the lock file. Errors: conflict
    /// (names the holder's pid and command), forbidden (others may write to it), storage_failed.
    static Result<DataDirectory> open(const std::string& path);
    DataDirectory(DataDirectory&& other) noexcept;
    DataDirectory& operator=(DataDirectory&& other) noexcept;
    DataDirectory(const DataDirectory&) = delete;
    DataDirectory& operator=(const DataDirectory&) = delete;
    ~DataDirectory();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// A path inside, e.g. subpath("log").
    [[nodiscard]] std::string subpath(std::string_view name) const;

  private:
    DataDirectory(std::string path, int lock_descriptor);
    std::string path_;
    int lock_descriptor_ = -1;
};

inline constexpr std::uint64_t disk_free_percent_min = 5;
inline constexpr std::uint64_t disk_free_bytes_floor = 64ULL * 1024 * 1024;
inline constexpr std::uint64_t disk_free_bytes_ample = 10ULL * 1024 * 1024 * 1024;

struct DiskSpace {
    std::uint64_t bytes_free = 0;  ///< for this user
    std::uint64_t bytes_total = 0;
    /// Time to refuse new transactions: below 5 % free (10 GiB free are always enough) or below 64
    /// MiB.
    [[nodiscard]] bool is_low() const noexcept;
};

/// Of the file system that holds `path`. Error: storage_failed.
Result<DiskSpace> disk_space(const std::string& path);

/// Replaces or creates a file so that after a crash the old or the new bytes are there: temporary
/// file PATH.tmp, fsync, rename, fsync of the directory. One writer a path at a time. Errors:
/// limit_reached (disk full), storage_failed.
Status write_file_durably(const std::string& path, std::string_view bytes, ::mode_t mode);

/// Errors: not_found, too_large (more than bytes_max), storage_failed.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace ait::storage
