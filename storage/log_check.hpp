#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "storage/file_system.hpp"

// Reads a log that another thread writes, to find rot before a restart does. It has its own file
// handles and asks only for records that were durable when it began.

namespace ait::storage {

/// One pass over a log directory in small steps. One thread.
class LogCheck {
  public:
    /// Blocks up to `height_through` were synced before; those of pruned segments may be gone.
    LogCheck(FileSystem& files, std::string directory, std::uint64_t height_through);

    /// Checks records of about `bytes_max` bytes, at least one; answers the bytes read. Errors:
    /// corrupt_data (names segment, offset and height; the pass goes on with the next segment),
    /// storage_failed.
    Result<std::uint64_t> step(std::uint64_t bytes_max);
    [[nodiscard]] bool is_done() const noexcept { return is_listed_ && next_ == names_.size(); }

  private:
    Status list();
    Result<std::uint64_t> open_segment();
    Result<std::uint64_t> check_record();
    void close_segment();
    [[nodiscard]] Error damaged(const std::string& why) const;

    FileSystem* files_;
    std::string directory_;
    std::uint64_t height_through_;
    bool is_listed_ = false;
    std::vector<std::string> names_;  ///< of segments, oldest first
    std::size_t next_ = 0;            ///< in names_: the segment being read
    std::unique_ptr<File> file_;
    std::uint64_t log_id_ = 0;
    std::uint64_t height_ = 0;      ///< of the next block
    std::uint64_t height_end_ = 0;  ///< the segment's blocks lie below it, as far as they are asked
    std::uint64_t offset_ = 0;
};

}  // namespace ait::storage
