#pragma once

// When a child that ended is started again, and when that has happened too often to go on. Pure:
// the time is an input.

#include <cstdint>
#include <deque>
#include <optional>

namespace ait::supervise {

struct RestartLimits {
    std::uint32_t restarts_max = 5;  ///< within the window; the next end gives up
    std::int64_t window_ms = 60'000;
    std::int64_t backoff_first_ms = 100;  ///< doubles with each restart inside the window
    std::int64_t backoff_max_ms = 5'000;
};

class RestartPolicy {
  public:
    explicit RestartPolicy(RestartLimits limits) : limits_(limits) {}

    /// A child ended at `now_ms` (monotonic): how long to wait before the next start, or nothing
    /// when the limit is reached.
    std::optional<std::int64_t> delay_after_exit(std::int64_t now_ms);
    [[nodiscard]] std::uint64_t restarts_total() const noexcept { return restarts_total_; }

  private:
    RestartLimits limits_;
    std::deque<std::int64_t> recent_{};  ///< at most restarts_max times, oldest first
    std::uint64_t restarts_total_ = 0;
};

}  // namespace ait::supervise
