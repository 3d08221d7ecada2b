#include "actors/consensus/durable_writer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ait::consensus {
namespace {

constexpr std::chrono::milliseconds space_retry{200};

}  // namespace

DurableWriter::DurableWriter(std::function<void(const Error&)> on_fatal)
    : on_fatal_(std::move(on_fatal)), thread_([this] { run(); }) {}

DurableWriter::~DurableWriter() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void DurableWriter::put(Job job) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(job));
        if (waiting_.size() > 1) return;
    }
    changed_.notify_one();
}

void DurableWriter::run() {
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

void DurableWriter::write(std::vector<Job>& jobs) {
    std::vector<const void*> synced;
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
    for (auto& job : jobs) {
        if (std::find(synced.begin(), synced.end(), job.log) != synced.end()) continue;
        synced.push_back(job.log);
        const Status status = job.sync();
        if (!status.ok()) return on_fatal_(status.error());
    }
    for (auto& job : jobs) job.done();
}

}  // namespace ait::consensus
