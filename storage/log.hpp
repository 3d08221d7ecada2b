#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/base/result.hpp"
#include "storage/file_system.hpp"

// Durability of a chain is one record in this log and one fdatasync. Everything else that a node
// stores can be rebuilt from it. Format: storage/README.md, "log record".
//
// Invariants
//  1. Heights are dense: record h+1 follows record h, over segment borders too.
//  2. After sync() returned well, no crash and no power cut loses what was appended before.
//  3. A damaged record that is known to have been synced is corrupt_data. Only records of which
//     nothing on disk says that they were synced are cut off, and opening() tells what was cut.
//  4. After a failed write or sync nothing succeeds any more: what is on disk is then unknown, and
//     the kernel may report a second sync of lost pages as a success.

namespace ait::storage {

inline constexpr std::uint64_t log_segment_bytes_default = 64ULL * 1024 * 1024;
inline constexpr std::uint64_t log_segment_bytes_max = 1024ULL * 1024 * 1024;
inline constexpr std::uint32_t log_payload_bytes_max = 128U * 1024 * 1024;

struct LogOptions {
    std::uint64_t segment_bytes = log_segment_bytes_default;  ///< a larger record gets a larger one
    Random* random = &system_random();  ///< names a new log, so that files of two logs never mix
};

/// What open() found, for the node's log.
struct LogOpening {
    std::size_t segment_count = 0;
    std::size_t record_count = 0;
    std::uint64_t bytes_cut = 0;  ///< of unsynced, torn records at the tail
    std::string cut_segment{};    ///< its file name, where bytes_cut > 0
    std::uint64_t cut_offset = 0;
};

/// One thread at a time: the log writer's. The file system must outlive it.
class BlockLog {
  public:
    using Visit = std::function<Status(std::uint64_t height, std::string_view payload)>;

    /// Creates the directory where needed, scans and verifies every record. Errors: corrupt_data
    /// (names segment, offset and height), storage_failed, limit_reached (disk full).
    static Result<std::unique_ptr<BlockLog>> open(FileSystem& files, std::string directory,
                                                  LogOptions options = {});
    /// Deletes all blocks of a log that nobody has open: what they did came otherwise. After a
    /// crash it may have to be called again.
    static Status destroy(FileSystem& files, const std::string& directory);
    BlockLog(const BlockLog&) = delete;
    BlockLog& operator=(const BlockLog&) = delete;
    ~BlockLog() = default;

    /// Writes one record, its payload being the parts one after the other; not durable before
    /// sync(). The first height of an empty log is free, then last+1. Errors: conflict (height),
    /// too_large, limit_reached (no space for a new segment: the log is as before, try again when
    /// there is space), storage_failed (for ever).
    Status append(std::uint64_t height, std::span<const std::string_view> payload_parts);
    Status append(std::uint64_t height, std::string_view payload);
    /// One fdatasync for everything appended. Error: storage_failed (for ever).
    Status sync();

    /// Errors: not_found, corrupt_data, storage_failed.
    [[nodiscard]] Result<std::string> read(std::uint64_t height) const;
    /// Visits all records from a height on; stops at the first error, also the visitor's. Asking
    /// for last+1 or anything of a log without files visits none. Errors: not_found where the log
    /// begins later, corrupt_data where it ends earlier (the caller's own state is ahead of its
    /// log).
    Status for_each(std::uint64_t from_height, const Visit& visit) const;
    /// Removes segments whose records all lie below `height`; never the newest segment.
    Status prune_below(std::uint64_t height);

    [[nodiscard]] std::optional<std::uint64_t> first_height() const noexcept;
    [[nodiscard]] std::optional<std::uint64_t> last_height() const noexcept;
    [[nodiscard]] std::uint64_t bytes_on_disk() const noexcept;
    [[nodiscard]] const LogOpening& opening() const noexcept { return opening_; }

  private:
    struct Segment {
        std::string name;
        std::uint64_t first_height = 0;
        std::uint64_t capacity_bytes = 0;
        std::unique_ptr<File> file;
        std::vector<std::uint64_t> offsets;  ///< of record first_height + index
    };

    BlockLog(FileSystem& files, std::string directory, LogOptions options);

    // log_open.cpp: what is there
    Status load();
    Status load_segment(const std::string& name, bool is_newest);
    Status drop_interrupted_segment(const std::string& name, std::unique_ptr<File> file);
    Status scan_records(Segment& segment, bool is_newest);
    [[nodiscard]] Result<bool> take_record(Segment& segment, std::uint64_t& offset);
    Status settle_tail(Segment& segment, std::uint64_t offset, bool is_newest);
    [[nodiscard]] Result<bool> rest_was_synced(const Segment& segment, std::uint64_t offset) const;

    // log.cpp: what is added, read and removed
    Status make_room(std::uint64_t height, std::uint64_t record_bytes);
    Status create_segment(std::uint64_t height, std::uint64_t capacity_bytes);
    Status fill_new_segment(Segment& segment);
    Status zero_ahead(Segment& segment, std::uint64_t offset);
    Status poison(const Error& cause);
    [[nodiscard]] const Segment& segment_of(std::uint64_t height) const;
    [[nodiscard]] Result<std::string> read_record(std::uint64_t height) const;
    [[nodiscard]] std::string path_of(const std::string& name) const;

    FileSystem* files_;
    std::string directory_;
    LogOptions options_;
    LogOpening opening_;
    std::optional<Error> poison_;
    std::deque<Segment> segments_;
    std::uint64_t log_id_ = 0;       ///< drawn when the first segment was made
    std::uint64_t next_height_ = 0;  ///< means nothing while there is no segment
    std::uint64_t tail_offset_ = 0;  ///< in the newest segment: where the next record goes
    std::uint64_t zeroed_until_ =
        0;  ///< in the newest segment: blocks below are allocated and written
    std::uint64_t synced_below_ = 0;  ///< heights below are durable
    bool is_dirty_ = false;
};

/// The Error for damage, naming the place; `segment` is a file name.
[[nodiscard]] Error log_damaged(const std::string& segment, std::uint64_t offset,
                                std::uint64_t height, const std::string& why);

}  // namespace ait::storage
