#pragma once

// What a job pays, to whom, and when: all of it, in one place.
//   completed   the miner gets measured time x agreed price, rounded down, at most the escrow; the
//               network its fee on that, rounded down, at most what is left; the payer the rest
//   failed, cancelled, expired      everything goes back to the payer, whatever work was done
// Measured time is what the miner reports, but never more than block time from lease to result.

#include <vector>

#include "actors/coordinator/job.hpp"

namespace ait::coordinator {

struct SettlementTerms {
    Amount escrow{};
    std::uint64_t measured_ms = 0;
    Amount price_per_hour{};
    std::uint64_t fee_ppm = 0;
};

struct Settlement {
    Amount miner{};
    Amount fee{};
    Amount refund{};
    auto operator<=>(const Settlement&) const = default;
};

/// The split of a completed job's escrow; its parts add up to the escrow. Pure.
Settlement settle_completed(const SettlementTerms& terms);

/// The split of a job's escrow that ended without a result. Pure.
Settlement settle_without_result(Amount escrow);

/// Time that counts: min(reported, now - leased). Pure.
std::uint64_t measured_ms(std::uint64_t reported_ms, std::int64_t leased_at_ms,
                          std::int64_t now_ms);

/// Pays out the escrow of a funded job that has just become terminal, or of a completed one that
/// has just been funded; updates job.payment and the miner's earnings. The caller stores the job.
void settle(storage::StateView& view, Job& job, const consensus::Context& context,
            std::vector<consensus::Event>& events);

}  // namespace ait::coordinator
