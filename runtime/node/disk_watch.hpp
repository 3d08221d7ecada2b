#pragma once

// Refuses new work before the disk is so full that work under way could not be finished, and takes
// it again by itself when there is space.

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "runtime/base/clock.hpp"
#include "runtime/base/result.hpp"
#include "storage/data_directory.hpp"

namespace ait::node {

/// Any thread; cheap enough to be asked by every request, since the system is asked now and then.
class DiskWatch {
  public:
    using Probe = std::function<Result<storage::DiskSpace>()>;
    DiskWatch(Probe probe, const Clock& clock);

    /// The answer to whoever wants to write; nullopt: go on. Code: limit_reached, or storage_failed
    /// where the disk does not even tell its space.
    [[nodiscard]] std::optional<Error> refusal();

  private:
    [[nodiscard]] std::optional<Error> look() const;

    const Probe probe_;
    const Clock& clock_;
    std::atomic<std::int64_t> look_again_us_{INT64_MIN};
    std::atomic<bool> is_refusing_{false};
    std::mutex mutex_;
    std::optional<Error> refusal_{};
};

}  // namespace ait::node
