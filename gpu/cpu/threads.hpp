#pragma once

// A transformer step is some hundred short parallel loops. Waking threads for each through the
// kernel would cost more than the work, spinning between requests would burn cores of a machine
// that does other things too. This team spins briefly and then parks.

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace ait::gpu {

inline constexpr unsigned team_threads_max = 128;

/// A fixed set of threads, the caller among them, for one caller at a time. Indexes are handed out
/// in chunks as threads come for them, so that a thread which the machine has put aside holds up at
/// most its own chunk: a worker that comes too late for a loop is not waited for.
class ThreadTeam {
  public:
    /// `threads` counts the caller; 0 takes as many as the machine has cores. Bounded by
    /// team_threads_max.
    explicit ThreadTeam(unsigned threads);
    /// Nobody may be inside parallel_for.
    ~ThreadTeam();
    ThreadTeam(const ThreadTeam&) = delete;
    ThreadTeam& operator=(const ThreadTeam&) = delete;

    [[nodiscard]] unsigned size() const noexcept {
        return static_cast<unsigned>(workers_.size()) + 1;
    }

    /// Calls body(begin, end, thread) for disjoint ranges that cover 0 .. count - 1, from several
    /// threads at once; `thread` < size() is different for calls that overlap. Ranges hold at least
    /// `grain` indexes but for the last. Returns when all are done. `body` must not throw.
    template <class Body>
    void parallel_for(std::uint32_t count, std::uint32_t grain, Body&& body) {
        using Plain = std::remove_reference_t<Body>;
        run(count, grain,
            Loop{[](void* context, std::uint32_t begin, std::uint32_t end, unsigned thread) {
                     (*static_cast<Plain*>(context))(begin, end, thread);
                 },
                 &body});
    }

  private:
    struct Loop {
        void (*call)(void* context, std::uint32_t begin, std::uint32_t end, unsigned thread);
        void* context;
    };

    void run(std::uint32_t count, std::uint32_t grain, Loop loop);
    void work(unsigned thread);
    void take_chunks(unsigned thread);
    std::uint32_t wait_for_change(std::uint32_t seen);

    // Written by the caller while no worker is inside, read by workers that are inside.
    Loop loop_{};
    std::uint32_t count_ = 0;
    std::uint32_t chunk_ = 1;
    std::atomic<std::uint32_t> next_{0};

    /// Loop number, whether it may be entered, how many workers are inside: see threads.cpp.
    alignas(64) std::atomic<std::uint32_t> state_{0};
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> workers_{};
};

}  // namespace ait::gpu
