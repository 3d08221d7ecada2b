#pragma once

// Whether a node takes new work. While it drains, what is under way may come to its end here
// (results, failures, renewals, payments and cancellations of jobs), and everything that begins
// something is refused, so that an operator can empty a node before stopping it.

#include <atomic>
#include <cstdint>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::node {

/// Any thread.
class DrainGate {
  public:
    /// Begins or goes on; the first time counts.
    void begin(std::int64_t now_unix_ms) noexcept;
    void end() noexcept { since_unix_ms_ = 0; }
    /// 0 while it takes new work.
    [[nodiscard]] std::int64_t since_unix_ms() const noexcept { return since_unix_ms_; }
    /// Whether a transaction of this kind may come in now. Error: unavailable.
    [[nodiscard]] Status admit(std::string_view kind) const;

  private:
    std::atomic<std::int64_t> since_unix_ms_{0};
};

}  // namespace ait::node
