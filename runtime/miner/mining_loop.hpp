#pragma once

// The miner's loop: poll, run, deliver, wait, with as many jobs at a time as were agreed.
//
// 1. A job is delivered at most once and only while the node has not taken it away.
// 2. Whatever was leased ends in exactly one of: submitted, failed back, dropped.
// 3. After a drain no job is polled for; what is held is finished, or given back in time.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "runtime/miner/executor.hpp"
#include "runtime/miner/node_session.hpp"
#include "runtime/miner/retry.hpp"

namespace ait::miner_process {

/// Hears what happens, from several threads.
class MiningObserver {
  public:
    virtual ~MiningObserver() = default;
    virtual void polling() = 0;
    virtual void received(const miner::PolledJobView& job) = 0;
    virtual void executing(const miner::PolledJobView& job) = 0;
    virtual void submitted(const miner::PolledJobView& job, const Execution& execution,
                           const coordinator::CompleteAnswer& answer) = 0;
    /// The job was given back, or the network ended it.
    virtual void failed(const miner::PolledJobView& job, const Error& error, bool is_requeued) = 0;
    /// The work was for nothing: the job went elsewhere, or the node could not be told.
    virtual void dropped(const miner::PolledJobView& job, const Error& why) = 0;
    virtual void waiting(std::string_view reason) = 0;
    /// Something around the jobs does not work; it is tried again after `retry_ms`.
    virtual void troubled(std::string_view activity, const Error& error, std::int64_t retry_ms) = 0;
};

class MiningLoop {
  public:
    struct Parts {
        MinerSession* session = nullptr;
        Executor* executor = nullptr;
        MiningObserver* observer = nullptr;
        const Clock* clock = &system_clock();
        Random* random = &system_random();
        Pause* pause = &system_pause();
    };
    struct Options {
        std::uint32_t concurrency = 1;
        std::uint32_t wait_s = 15;                ///< of one poll
        std::optional<std::uint64_t> jobs_max{};  ///< leave after so many; none = go on
        std::int64_t heartbeat_ms = 10'000;
        std::int64_t drain_ms = 10'000;  ///< for what is held; then it is given back
        std::int64_t leave_ms = 5'000;   ///< for giving it back
        std::vector<std::string> models{};
        std::string inference_url{};
    };
    MiningLoop(const Parts& parts, Options options);
    ~MiningLoop();
    MiningLoop(const MiningLoop&) = delete;
    MiningLoop& operator=(const MiningLoop&) = delete;

    /// Mines until `drain`, until `jobs_max`, or until the node says something that no waiting
    /// mends (the error). `cancel` ends what is held at once. Blocks; once.
    Status run(const std::stop_token& drain, const std::stop_token& cancel);

    /// One heartbeat: what the thread of run() does again and again. Any thread.
    Status beat(const std::stop_token& stop);

    [[nodiscard]] std::uint64_t jobs_completed() const noexcept { return completed_; }
    [[nodiscard]] std::uint64_t jobs_failed() const noexcept { return failed_; }

  private:
    struct Held {
        miner::PolledJobView job{};
        std::stop_source stop{};
        bool is_lost = false;  ///< the node said so
        bool is_done = false;
        std::jthread thread{};
    };
    /// What a turn of the loop leads to.
    enum class Turn : std::uint8_t { go_on, leave };

    void keep_beating(const std::stop_token& stop);
    Result<Turn> take_turn(const std::stop_token& drain);
    Result<Turn> poll_once(std::uint32_t room, const std::stop_token& drain);
    Result<Turn> on_poll_error(const Error& error, const std::stop_token& drain);
    /// False when drained meanwhile.
    bool wait_for_health(const std::stop_token& drain);
    std::uint32_t wait_for_room(const std::stop_token& drain);
    void start(miner::PolledJobView job);
    void work(Held& held);
    void deliver(Held& held, const Execution& execution, std::int64_t started_unix_ms,
                 std::int64_t ended_unix_ms);
    void give_back(Held& held, Error error);
    void reap();
    void finish(const std::stop_token& cancel);
    [[nodiscard]] bool is_lost(const Held& held) const;
    [[nodiscard]] SubmitLimits limits_for(const Held& held) const;

    const Parts parts_;
    const Options options_;
    std::stop_source leaving_{};                ///< nothing is repeated any more
    std::atomic<bool> is_executor_ill_{false};  ///< the last job failed for a reason of ours
    std::atomic<bool> is_drained_by_node_{false};
    std::atomic<std::uint64_t> completed_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::uint64_t taken_ = 0;
    Backoff poll_backoff_;
    Backoff executor_backoff_;
    mutable std::mutex mutex_{};
    std::condition_variable_any changed_{};
    std::list<Held> held_{};  ///< addresses stay
};

}  // namespace ait::miner_process
