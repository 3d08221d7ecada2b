#include "runtime/miner/retry.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "runtime/base/assert.hpp"
#include "runtime/base/bytes.hpp"

namespace ait::miner_process {
namespace {

class SystemPause final : public Pause {
  public:
    bool wait_ms(std::int64_t ms, const std::stop_token& stop) override {
        std::mutex mutex;
        std::condition_variable_any woken;
        std::unique_lock lock(mutex);
        woken.wait_for(lock, stop, std::chrono::milliseconds(std::max<std::int64_t>(ms, 0)),
                       [] { return false; });
        return !stop.stop_requested();
    }
};

constexpr std::uint32_t doublings_max = 20;

}  // namespace

Pause& system_pause() {
    static SystemPause pause;
    return pause;
}

std::int64_t Backoff::next_ms() {
    AIT_ASSERT(options_.first_ms > 0);
    AIT_ASSERT(options_.first_ms <= options_.max_ms);
    const std::int64_t bound =
        std::min(options_.max_ms, options_.first_ms << std::min(attempts_, doublings_max));
    if (attempts_ < doublings_max) ++attempts_;
    const std::uint64_t draw = from_big_endian(random_->bytes(8));
    const auto half = static_cast<std::uint64_t>(bound / 2);
    return bound - static_cast<std::int64_t>(draw % (half + 1));
}

}  // namespace ait::miner_process
