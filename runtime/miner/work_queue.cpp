#include "runtime/miner/work_queue.hpp"

#include "runtime/base/assert.hpp"

namespace ait::miner_process {

WorkQueue::WorkQueue(Options options) : options_(options) {
    AIT_ASSERT(options_.threads > 0);
    for (std::size_t i = 0; i < options_.threads; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
    }
}

WorkQueue::~WorkQueue() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();  // joins
}

bool WorkQueue::try_add(Work work) {
    {
        const std::scoped_lock lock(mutex_);
        if (running_ + waiting_.size() >= options_.threads + options_.waiting_max) return false;
        waiting_.push_back(std::move(work));
    }
    changed_.notify_one();
    return true;
}

void WorkQueue::serve(const std::stop_token& stop) {
    while (true) {
        Work work;
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
            if (stop.stop_requested()) return;
            work = std::move(waiting_.front());
            waiting_.pop_front();
            ++running_;
        }
        work(stop);
        work = nullptr;  // what it holds goes before its place is free
        const std::scoped_lock lock(mutex_);
        --running_;
    }
}

}  // namespace ait::miner_process
