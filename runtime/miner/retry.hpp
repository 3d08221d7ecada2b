#pragma once

// Waiting between attempts, in a form that tests can replace: nothing in this room sleeps by
// itself, and every wait ends at once when its stop token says so.

#include <cstdint>
#include <stop_token>

#include "runtime/base/clock.hpp"

namespace ait::miner_process {

class Pause {
  public:
    virtual ~Pause() = default;
    /// Waits; false when stopped before the time was over. Any thread.
    virtual bool wait_ms(std::int64_t ms, const std::stop_token& stop) = 0;
};

/// Real time; one object for the whole process.
Pause& system_pause();

/// Growing delays between attempts: each is drawn from the upper half of a bound that doubles, so
/// that miners which lost the same node do not come back all at once. One thread.
class Backoff {
  public:
    struct Options {
        std::int64_t first_ms = 250;
        std::int64_t max_ms = 10'000;
    };
    Backoff(Random& random, Options options) : random_(&random), options_(options) {}

    std::int64_t next_ms();
    void reset() noexcept { attempts_ = 0; }

  private:
    Random* random_;
    Options options_;
    std::uint32_t attempts_ = 0;
};

}  // namespace ait::miner_process
