#include "gpu/cpu/threads.hpp"

#include <algorithm>
#include <system_error>

#include "runtime/base/assert.hpp"

// Invariants
// 1. The loop's fields change only while the state is closed and nobody is inside.
// 2. A worker reads them only between entering (which an open state alone allows) and leaving.
// 3. The caller returns only when every index is done: all chunks are taken, and all who took one
//    have left.

namespace ait::gpu {
namespace {

// state = loop number x 512 + open x 256 + workers inside
constexpr std::uint32_t inside_mask = 255;
constexpr std::uint32_t open_bit = 256;
constexpr std::uint32_t loop_unit = 512;
static_assert(team_threads_max <= inside_mask);

constexpr unsigned spins_max = 4'000;  // some 50 microseconds: the gap between two loops of a step
constexpr std::uint32_t chunks_per_thread = 4;

void pause_briefly() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

unsigned threads_wanted(unsigned threads) noexcept {
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
    return std::min(threads, team_threads_max);
}

}  // namespace

ThreadTeam::ThreadTeam(unsigned threads) {
    const unsigned wanted = threads_wanted(threads);
    workers_.reserve(wanted - 1);
    for (unsigned thread = 1; thread < wanted; ++thread) {
        try {
            workers_.emplace_back([this, thread] { work(thread); });
        } catch (const std::system_error&) {
            break;  // the machine gives no more threads: the work is done by those that exist
        }
    }
}

ThreadTeam::~ThreadTeam() {
    AIT_ASSERT((state_.load() & (open_bit | inside_mask)) == 0);
    stopping_.store(true);
    state_.fetch_add(loop_unit);
    state_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::run(std::uint32_t count, std::uint32_t grain, Loop loop) {
    AIT_ASSERT(grain > 0);
    if (workers_.empty() || count <= grain) {
        if (count > 0) loop.call(loop.context, 0, count, 0);
        return;
    }
    const std::uint32_t before = state_.load(std::memory_order_relaxed);
    AIT_ASSERT((before & (open_bit | inside_mask)) == 0);  // Invariant 1
    loop_ = loop;
    count_ = count;
    chunk_ = std::max(grain, count / (size() * chunks_per_thread));
    next_.store(0, std::memory_order_relaxed);
    state_.store(before + loop_unit + open_bit);
    state_.notify_all();
    take_chunks(0);
    std::uint32_t now = state_.fetch_and(~open_bit) & ~open_bit;
    for (unsigned spins = 0; (now & inside_mask) != 0; ++spins) {  // Invariant 3
        if (spins < spins_max) {
            pause_briefly();
        } else {
            state_.wait(now);
        }
        now = state_.load();
    }
}

void ThreadTeam::take_chunks(unsigned thread) {
    // A sum that passes count_ cannot wrap: each thread adds at most once after the end, and
    // chunks are a fraction of it.
    for (;;) {
        const std::uint32_t begin = next_.fetch_add(chunk_, std::memory_order_relaxed);
        if (begin >= count_) return;
        loop_.call(loop_.context, begin, std::min(begin + chunk_, count_), thread);
    }
}

/// Returns a state whose loop number differs from that of `seen`.
std::uint32_t ThreadTeam::wait_for_change(std::uint32_t seen) {
    unsigned spins = 0;
    for (;;) {
        const std::uint32_t now = state_.load();
        if (now / loop_unit != seen / loop_unit) return now;
        if (spins < spins_max) {
            ++spins;
            pause_briefly();
        } else {
            state_.wait(now);
        }
    }
}

void ThreadTeam::work(unsigned thread) {
    std::uint32_t seen = 0;
    while (!stopping_.load()) {
        seen = wait_for_change(seen);
        std::uint32_t expected = seen;
        while ((expected & open_bit) != 0) {
            if (!state_.compare_exchange_weak(expected, expected + 1)) continue;
            seen = expected;  // perhaps a later loop than the one that woke this thread
            take_chunks(thread);
            const std::uint32_t left = state_.fetch_sub(1) - 1;
            if ((left & (open_bit | inside_mask)) == 0) state_.notify_all();
            break;
        }
    }
}

}  // namespace ait::gpu
