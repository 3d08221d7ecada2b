#pragma once

// SIGTERM and SIGINT as stop tokens: the first asks for an orderly end, the second for a quick one.

#include <stop_token>
#include <thread>

#include "runtime/base/result.hpp"

namespace ait::miner_process {

/// Blocks both signals for the calling thread and all that it starts later, so it is made before
/// any other thread.
class StopSignals {
  public:
    /// Error: unavailable (no descriptors left).
    static Result<StopSignals> open();
    StopSignals(StopSignals&&) noexcept = default;
    StopSignals& operator=(StopSignals&&) = delete;
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    ~StopSignals() = default;

    /// Stopped by the first signal.
    [[nodiscard]] std::stop_token drain() const noexcept { return drain_.get_token(); }
    /// Stopped by the second.
    [[nodiscard]] std::stop_token cancel() const noexcept { return cancel_.get_token(); }

  private:
    StopSignals(int signals, int wake);

    std::stop_source drain_{};
    std::stop_source cancel_{};
    std::jthread watcher_{};
};

}  // namespace ait::miner_process
