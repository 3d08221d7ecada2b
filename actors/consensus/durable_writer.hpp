#pragma once

// The one thread of a node that waits for the disk: whatever came while it synced is written
// together and shares the next sync, over all logs and chains. A failed write or sync ends the node
// through on_fatal: what is on disk is unknown from then on, and nothing may be acknowledged.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::consensus {

class DurableWriter {
  public:
    struct Job {
        /// Writes, without syncing. limit_reached (no space, nothing was written) is tried again;
        /// other errors are fatal. Writer's thread.
        std::function<Status()> append{};
        /// Syncs what append() wrote to; jobs of one log give the same `log` and share one call.
        std::function<Status()> sync{};
        const void* log = nullptr;
        /// Durable: called in the order of the jobs. Must not block.
        std::function<void()> done{};
    };

    explicit DurableWriter(std::function<void(const Error&)> on_fatal);
    /// Finishes what was given.
    ~DurableWriter();
    DurableWriter(const DurableWriter&) = delete;
    DurableWriter& operator=(const DurableWriter&) = delete;

    /// Any thread. Bounded by those who give jobs: a chain has few blocks and votes under way.
    void put(Job job);

  private:
    void run();
    void write(std::vector<Job>& jobs);

    std::function<void(const Error&)> on_fatal_;
    std::mutex mutex_{};
    std::condition_variable changed_{};
    std::vector<Job> waiting_{};
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace ait::consensus
