#pragma once

// What a validator promised: the records that a Simplex core asks to be kept before its votes leave
// the node. A block log of its own: what shares a sync is one log record, and one that is marked as
// a restart replaces all before it, so that a crash leaves either in force. Log writer's thread,
// but for open().

#include <memory>
#include <string>
#include <vector>

#include "storage/log.hpp"

namespace ait::consensus {

class VoteJournal {
  public:
    struct Opened {
        std::unique_ptr<VoteJournal> journal{};
        std::vector<std::string> records{};  ///< oldest first, since the last restart
        bool is_new = false;                 ///< the directory held none
    };
    /// Errors: those of BlockLog::open; malformed (a record is none of ours).
    static Result<Opened> open(storage::FileSystem& files, const std::string& directory);

    /// Not durable before sync(). `restart`: these replace all that were written before. Errors:
    /// those of BlockLog::append; with limit_reached nothing was written.
    Status append(const std::vector<std::string>& records, bool restart);
    Status sync();
    /// Deletes what a restart replaced. Only when the blocks that were final before it are synced
    /// too: the old records hold their bodies.
    Status prune();

  private:
    explicit VoteJournal(std::unique_ptr<storage::BlockLog> log) : log_(std::move(log)) {}

    std::unique_ptr<storage::BlockLog> log_;
    std::uint64_t next_ = 1;
    std::uint64_t prune_below_ = 0;  ///< what a restart, once synced, makes needless
};

}  // namespace ait::consensus
