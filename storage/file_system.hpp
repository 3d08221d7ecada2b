#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

// The few file operations that the log needs, behind an interface, so that tests and the simulator
// can lose, tear, flip and refuse what a disk can (faulty_file_system.hpp).

namespace ait::storage {

/// One open file. One thread at a time. Errors everywhere: limit_reached when the disk or a quota
/// is full, storage_failed for all other refusals.
class File {
  public:
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    virtual ~File() = default;

    /// Writes all bytes or fails; after a failure any part of them may have been written.
    virtual Status write_at(std::uint64_t offset, std::string_view bytes) = 0;
    /// Fills `out` as far as the file reaches; the count is short only at the end of the file.
    virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) const = 0;
    /// Makes everything written durable. After a failure nobody knows what is durable: never retry.
    virtual Status sync() = 0;
    /// Makes the file `bytes` long and reserves the space; new bytes read as zeros.
    virtual Status reserve(std::uint64_t bytes) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
};

enum class OpenMode {
    existing,    ///< read and write; not_found where there is none
    create_new,  ///< read and write; already_exists where there is one
};

/// Paths are '/'-separated. Any thread.
class FileSystem {
  public:
    FileSystem() = default;
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;
    virtual ~FileSystem() = default;

    virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
    /// Names of the plain files in a directory, sorted by bytes. Error also: not_found.
    virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
    /// Creates one directory (mode 0700); an existing one is fine.
    virtual Status create_directory(const std::string& path) = 0;
    virtual Status remove(const std::string& path) = 0;
    /// Makes creations and removals in this directory durable.
    virtual Status sync_directory(const std::string& path) = 0;
};

/// The Error for a failed system call. `doing` completes "The storage could not ...".
[[nodiscard]] Error from_errno(int error_number, std::string_view doing, const std::string& path);

/// The machine's file system; one object for the whole process. Any thread.
FileSystem& posix_file_system();

}  // namespace ait::storage
