#include "runtime/node/drain_gate.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "runtime/base/assert.hpp"
#include "runtime/base/clock.hpp"

namespace ait::node {
namespace {

constexpr std::array<std::string_view, 10> finishing_kinds{
    "job.complete", "job.complete_batch", "job.deliver", "job.fail",    "job.renew",
    "job.release",  "job.cancel",         "job.pay",     "miner.drain", "miner.deregister"};

}  // namespace

void DrainGate::begin(std::int64_t now_unix_ms) noexcept {
    AIT_ASSERT(now_unix_ms > 0);
    std::int64_t none = 0;
    since_unix_ms_.compare_exchange_strong(none, now_unix_ms);
}

Status DrainGate::admit(std::string_view kind) const {
    const std::int64_t since = since_unix_ms_;
    if (since == 0) return {};
    if (std::find(finishing_kinds.begin(), finishing_kinds.end(), kind) != finishing_kinds.end()) {
        return {};
    }
    return Error{ErrorCode::unavailable, "The node takes nothing new.",
                 "It is being drained since " + to_rfc3339(since) + ".",
                 "Use another node, or end the drain: aitbc admin resume."};
}

}  // namespace ait::node
