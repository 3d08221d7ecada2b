#include "actors/coordinator/patience.hpp"

#include <algorithm>

namespace ait::coordinator {
namespace {

constexpr std::int64_t pauses_a_lease = 16;
constexpr std::uint64_t doublings_max = 4;  // then the pause is a lease
static_assert(pauses_a_lease == 1LL << doublings_max);

bool is_failure(AttemptEnd end) {
    return end == AttemptEnd::failed || end == AttemptEnd::lease_expired;
}

}  // namespace

std::int64_t pause_ms(std::int64_t lease_ms, std::uint64_t failures) {
    AIT_ASSERT(lease_ms > 0);
    if (failures == 0) return 0;
    const std::int64_t first = std::max<std::int64_t>(lease_ms / pauses_a_lease, 1);
    return std::min(first << std::min(failures - 1, doublings_max), lease_ms);
}

std::int64_t retry_at_ms(const Job& job, const Address& miner, std::int64_t lease_ms) {
    std::uint64_t failures = 0;
    std::int64_t last_ms = 0;
    for (const PastAttempt& attempt : job.past_attempts) {
        if (attempt.miner != miner || !is_failure(attempt.end)) continue;
        ++failures;
        last_ms = attempt.ended_at_ms;
    }
    return failures == 0 ? 0 : last_ms + pause_ms(lease_ms, failures);
}

void note_end(miner::MinerRecord& miner, AttemptEnd end, Fault fault,
              const consensus::Context& context) {
    if (end == AttemptEnd::completed) {
        miner.failures_in_row = 0;
        miner.rests_until_ms = 0;
    }
    if (!is_failure(end)) return;
    const std::uint64_t before = miner.failures_in_row;
    ++miner.failures_in_row;
    const std::int64_t rest =
        pause_ms(static_cast<std::int64_t>(context.genesis.parameters.lease_ms),
                 fault == Fault::of_job ? std::min<std::uint64_t>(before, 1) : before);
    if (rest == 0) return;
    miner.rests_until_ms = std::max(miner.rests_until_ms, context.block_time_unix_ms + rest);
}

}  // namespace ait::coordinator
