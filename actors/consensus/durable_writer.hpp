#pragma once

// The threads of a node that wait for the disk, one a log: whatever came while it synced is written
// together and shares the next sync, and no log waits for the sync of another: a vote holds up all
// members, a final block only those who asked for it. A failed write or sync ends the node through
// on_fatal: what is on disk is unknown from then on, and nothing may be acknowledged.

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "runtime/base/result.hpp"

namespace ait::consensus {

class DurableWriter {
  public:
    struct Job {
        /// Writes, without syncing. limit_reached (no space, nothing was written) is tried again;
        /// other errors are fatal. The log's thread.
        std::function<Status()> append{};
        /// Syncs what append() wrote to; jobs of one log give the same `log` and share one call.
        std::function<Status()> sync{};
        const void* log = nullptr;
        /// Durable: called in the order of the log's jobs, on its thread. Must not block.
        std::function<void()> done{};
    };

    explicit DurableWriter(std::function<void(const Error&)> on_fatal);
    ~DurableWriter();
    DurableWriter(const DurableWriter&) = delete;
    DurableWriter& operator=(const DurableWriter&) = delete;

    /// Any thread. Bounded by those who give jobs: a chain has few blocks and votes under way.
    /// After stop() it is dropped: nobody was promised anything.
    void put(Job job);
    /// Finishes what was given. Any thread but a log's; those who still give jobs may run on.
    void stop();

  private:
    class Lane;

    std::function<void(const Error&)> on_fatal_;
    std::mutex mutex_{};  ///< of what follows
    bool is_stopped_ = false;
    std::map<const void*, std::unique_ptr<Lane>> lanes_;
};

}  // namespace ait::consensus
