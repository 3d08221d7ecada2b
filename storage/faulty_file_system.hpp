#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/file_system.hpp"

// A disk in memory that does to its user what real ones do: it forgets what was not synced, tears
// writes at any byte or loses single sectors of them, refuses, fills up, and rots. For tests and
// the simulator; the same seed gives the same faults.

namespace ait::storage {

/// Paths and contents of all files.
using DiskImage = std::map<std::string, std::string>;

enum class PowerCut {
    lose_unsynced,   ///< nothing that was not synced survives
    keep_all,        ///< the process died, the machine did not
    tear_last,       ///< earlier writes survive, of each file's last one a random part
    random_sectors,  ///< of each unsynced write each sector survives or not, in no order
};

/// Any thread, so that a database can work on it beside a log. Files opened before a power cut fail
/// from then on.
class FaultyFileSystem final : public FileSystem {
  public:
    explicit FaultyFileSystem(std::uint64_t seed = 0);
    FaultyFileSystem(const DiskImage& disk, std::uint64_t seed);
    ~FaultyFileSystem() override;

    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Status create_directory(const std::string& path) override;
    Status remove(const std::string& path) override;
    Status sync_directory(const std::string& path) override;

    // What a database needs beyond the log's interface.
    [[nodiscard]] bool is_file(const std::string& path) const;
    [[nodiscard]] bool is_directory(const std::string& path) const;
    Status remove_directory(const std::string& path);
    /// Takes the place of a file at `to`; moves a directory with all that lies in it. A power cut
    /// before the directory's sync leaves one of the two names, never none.
    Status rename(const std::string& from, const std::string& to);
    /// A second name of a file, which comes to the disk with its own directory.
    Status link(const std::string& from, const std::string& to);

    /// The count-th next write (1 = the next) fails with EIO after a random part of its bytes. Only
    /// it.
    void fail_write(std::uint64_t count) { write_fails_in_ = count; }
    /// The count-th next sync fails with EIO, and what it should have made durable is lost, while
    /// reads still show it and the next sync reports success: as Linux does.
    void fail_sync(std::uint64_t count) { sync_fails_in_ = count; }
    /// Space for all files together; what would pass it fails with ENOSPC.
    void set_space_bytes(std::uint64_t bytes) { space_bytes_ = bytes; }
    /// Flips one bit in what is stored and read. The file must be that long.
    void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
    /// From the count-th next write or sync on everything fails, until power_cut() tells what is
    /// left.
    void die_at(std::uint64_t count) { dies_in_ = count; }
    void die();
    void power_cut(PowerCut cut);

    /// What a reader sees now.
    [[nodiscard]] DiskImage image() const;
    [[nodiscard]] std::uint64_t write_count() const;
    [[nodiscard]] std::uint64_t sync_count() const;

  private:
    class OpenFile;
    struct Write {
        std::uint64_t offset = 0;
        std::string bytes;  ///< empty: the file becomes at least `offset` long
    };
    struct Inode {
        std::string current;
        std::string durable;
        std::vector<Write> unsynced;
    };
    using Names = std::map<std::string, std::shared_ptr<Inode>>;

    // All under mutex_.
    static void apply(std::string& content, const Write& write);
    static void move(Names& names, const std::string& from, const std::string& to);
    void survive(Inode& inode, PowerCut cut);
    void settle_names();
    [[nodiscard]] std::uint64_t space_used() const;
    [[nodiscard]] bool is_dead();
    Status change(Inode& inode, const std::string& path, Write write);
    Status sync(Inode& inode, const std::string& path);

    mutable std::mutex mutex_;
    std::mt19937_64 random_;
    std::map<std::string, bool> directories_;  ///< true: exists for good
    Names names_;
    Names durable_names_;
    std::vector<std::pair<std::string, std::string>> unsynced_renames_;
    std::uint64_t generation_ = 0;
    bool is_dead_ = false;
    std::atomic<std::uint64_t> dies_in_ = 0;
    std::atomic<std::uint64_t> write_fails_in_ = 0;
    std::atomic<std::uint64_t> sync_fails_in_ = 0;
    std::atomic<std::uint64_t> space_bytes_ = UINT64_MAX;
    std::uint64_t write_count_ = 0;
    std::uint64_t sync_count_ = 0;
};

}  // namespace ait::storage
