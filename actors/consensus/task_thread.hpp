#pragma once

// A thread for what takes long, one thing after the other: actors never wait. Bounded.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace ait::consensus {

class TaskThread {
  public:
    using Task = std::function<void()>;

    explicit TaskThread(std::size_t waiting_max);
    /// Ends the task that runs (which should look at a flag of its own); the others are dropped.
    ~TaskThread();
    TaskThread(const TaskThread&) = delete;
    TaskThread& operator=(const TaskThread&) = delete;

    /// False: too many wait; the task is dropped. Any thread.
    [[nodiscard]] bool put(Task task);

  private:
    void run();

    const std::size_t waiting_max_;
    std::mutex mutex_{};
    std::condition_variable changed_{};
    std::deque<Task> waiting_{};
    bool is_stopping_ = false;
    std::thread thread_;
};

}  // namespace ait::consensus
