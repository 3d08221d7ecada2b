#pragma once

// A few threads and a short queue in front of them. What does not fit is refused at once, so that
// whoever asks can go elsewhere instead of waiting for a model that is busy for minutes.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace ait::miner_process {

/// Any thread.
class WorkQueue {
  public:
    struct Options {
        std::size_t threads = 2;
        std::size_t waiting_max = 16;
    };
    /// Must not throw. The token stops when the queue is closed.
    using Work = std::function<void(const std::stop_token&)>;

    explicit WorkQueue(Options options);
    /// Stops what runs, forgets what waits, joins.
    ~WorkQueue();
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;

    /// False when the queue is full.
    [[nodiscard]] bool try_add(Work work);

  private:
    void serve(const std::stop_token& stop);

    const Options options_;
    std::mutex mutex_{};
    std::condition_variable_any changed_{};
    std::deque<Work> waiting_{};
    std::size_t running_ = 0;
    std::vector<std::jthread> threads_{};
};

}  // namespace ait::miner_process
