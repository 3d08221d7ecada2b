#include "runtime/supervise/restart_policy.hpp"

#include <algorithm>

namespace ait::supervise {

std::optional<std::int64_t> RestartPolicy::delay_after_exit(std::int64_t now_ms) {
    while (!recent_.empty() && recent_.front() <= now_ms - limits_.window_ms) recent_.pop_front();
    if (recent_.size() >= limits_.restarts_max) return std::nullopt;
    std::int64_t delay_ms = limits_.backoff_first_ms;
    for (std::size_t i = 0; i < recent_.size() && delay_ms < limits_.backoff_max_ms; ++i)
        delay_ms *= 2;
    recent_.push_back(now_ms);
    ++restarts_total_;
    return std::min(delay_ms, limits_.backoff_max_ms);
}

}  // namespace ait::supervise
