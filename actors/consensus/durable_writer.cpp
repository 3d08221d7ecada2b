#include "actors/consensus/durable_writer.hpp"

#include <chrono>
#include <condition_variable>
#include <thread>
#include <utility>
#include <vector>

namespace ait::consensus {
namespace {

constexpr std::chrono::milliseconds space_retry{200};

}  // namespace

/// One log's thread and what waits for it.
class DurableWriter::Lane {
  public:
    explicit Lane(const std::function<void(const Error&)>& on_fatal)
        : on_fatal_(on_fatal), thread_([this] { run(); }) {}
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;
    /// Finishes what was given.
    ~Lane() {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

    void put(Job job) {
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(std::move(job));
            if (waiting_.size() > 1) return;
        }
        changed_.notify_one();
    }

  private:
    void run() {
        for (;;) {
            std::vector<Job> jobs;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
                if (waiting_.empty()) return;
                jobs = std::exchange(waiting_, {});
            }
            write(jobs);
        }
    }

    void write(std::vector<Job>& jobs) {
        for (auto& job : jobs) {
            Status appended = job.append();
            while (!appended.ok() && appended.error().code == ErrorCode::limit_reached) {
                std::unique_lock lock(mutex_);
                if (is_stopping_) return;  // the node ends without having promised it
                changed_.wait_for(lock, space_retry, [this] { return is_stopping_; });
                lock.unlock();
                appended = job.append();
            }
            if (!appended.ok()) return on_fatal_(appended.error());
        }
        const Status synced = jobs.front().sync();
        if (!synced.ok()) return on_fatal_(synced.error());
        for (auto& job : jobs) job.done();
    }

    const std::function<void(const Error&)>& on_fatal_;
    std::mutex mutex_{};
    std::condition_variable changed_{};
    std::vector<Job> waiting_{};
    bool is_stopping_ = false;
    std::thread thread_;
};

DurableWriter::DurableWriter(std::function<void(const Error&)> on_fatal)
    : on_fatal_(std::move(on_fatal)) {}

DurableWriter::~DurableWriter() {
    stop();
}

void DurableWriter::stop() {
    std::map<const void*, std::unique_ptr<Lane>> lanes;
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    lanes.swap(lanes_);
}

void DurableWriter::put(Job job) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    auto& lane = lanes_[job.log];
    if (!lane) lane = std::make_unique<Lane>(on_fatal_);
    lane->put(std::move(job));
}

}  // namespace ait::consensus
