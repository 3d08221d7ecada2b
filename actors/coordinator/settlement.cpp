#include "actors/coordinator/settlement.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "actors/coordinator/events.hpp"
#include "actors/ledger/book.hpp"
#include "actors/miner/registry.hpp"

namespace ait::coordinator {
namespace {

constexpr std::uint64_t ms_per_hour = 3'600'000;
constexpr std::uint64_t ppm_whole = 1'000'000;
/// Ten years: longer than any job lives, short enough that price times time fits below.
constexpr std::uint64_t measured_ms_max = 10ULL * 366 * 24 * ms_per_hour;
static_assert(miner::price_per_hour_max.micro <=
                  std::numeric_limits<std::uint64_t>::max() / (measured_ms_max / ms_per_hour),
              "the highest price over the longest time fits in 64 bits");

}  // namespace

Settlement settle_completed(const SettlementTerms& terms) {
    AIT_ASSERT(terms.price_per_hour <= miner::price_per_hour_max);
    const std::uint64_t time_ms = std::min(terms.measured_ms, measured_ms_max);
    const Amount worth{multiply_divide_down(terms.price_per_hour.micro, time_ms, ms_per_hour)};
    const Amount pay = std::min(worth, terms.escrow);
    const Amount rest{terms.escrow.micro - pay.micro};
    const Amount share{
        multiply_divide_down(pay.micro, std::min(terms.fee_ppm, ppm_whole), ppm_whole)};
    const Amount fee = std::min(share, rest);
    const Settlement split{.miner = pay, .fee = fee, .refund = Amount{rest.micro - fee.micro}};
    AIT_ASSERT(split.miner.micro + split.fee.micro + split.refund.micro == terms.escrow.micro);
    return split;
}

Settlement settle_without_result(Amount escrow) {
    return Settlement{.refund = escrow};
}

std::uint64_t measured_ms(std::uint64_t reported_ms, std::int64_t leased_at_ms,
                          std::int64_t now_ms) {
    AIT_ASSERT(now_ms >= leased_at_ms);  // block time never runs backwards
    return std::min(reported_ms, static_cast<std::uint64_t>(now_ms - leased_at_ms));
}

void settle(storage::StateView& view, Job& job, const consensus::Context& context,
            std::vector<consensus::Event>& events) {
    AIT_ASSERT(is_terminal(job.state));
    AIT_ASSERT(job.payment.state == PaymentState::funded);
    Settlement split = settle_without_result(job.payment.amount);
    std::vector<ledger::Share> shares;
    if (job.state == JobState::completed) {
        split = settle_completed({.escrow = job.payment.amount,
                                  .measured_ms = job.delivery->paid_duration_ms,
                                  .price_per_hour = job.delivery->price_per_hour,
                                  .fee_ppm = context.genesis.parameters.job_fee_ppm});
        shares = {{job.delivery->miner, split.miner, ledger::MovementKind::job_pay},
                  {ledger::network_fee_address(), split.fee, ledger::MovementKind::network_fee}};
        auto miner = miner::find_miner(view, job.delivery->miner);
        AIT_ASSERT(miner.has_value());  // records of miners are never erased
        const auto earned = add(miner->earned, split.miner);
        // A counter for people: it may stop at the top, the money itself does not.
        miner->earned = earned.ok() ? earned.value() : amount_max;
        miner::store_miner(view, *miner);
    }
    const auto remainder = ledger::split_escrow(view, job.id, shares, job.owner, context);
    AIT_ASSERT(remainder.ok());
    AIT_ASSERT(remainder.value() == split.refund);
    job.payment.state =
        job.state == JobState::completed ? PaymentState::paid : PaymentState::refunded;
    job.payment.paid_to_miner = split.miner;
    job.payment.fee = split.fee;
    job.payment.refunded = split.refund;
    job.payment.settled_at_ms = context.block_time_unix_ms;
    events.push_back(job_event(job, job.state == JobState::completed ? "job.paid" : "job.refunded",
                               {{"paid_to_miner", to_text(split.miner)},
                                {"fee", to_text(split.fee)},
                                {"refunded", to_text(split.refund)}}));
}

}  // namespace ait::coordinator
