#include <algorithm>

#include "actors/coordinator/deliveries.hpp"
#include "actors/coordinator/matching.hpp"
#include "actors/coordinator/queue.hpp"
#include "actors/coordinator/state.hpp"
#include "actors/coordinator/transitions.hpp"
#include "runtime/base/crypto/bech32m.hpp"

namespace ait::coordinator {
namespace {

using consensus::Context;
using consensus::Outcome;
using miner::MinerRecord;
using storage::StateView;

Error no_lease(ErrorCode code, std::string why, std::string next) {
    return Error{code, "No job was leased.", std::move(why), std::move(next)};
}

/// The miner may only be asked for by itself, and must be one.
Result<MinerRecord> asking_miner(const StateView& view, const Address& address,
                                 const Context& context) {
    if (address != context.principal) {
        return Error{ErrorCode::forbidden, "A miner's leases are its own.",
                     "The caller is not " + miner::miner_id_of(address) + ".",
                     "Sign in with the miner's wallet."};
    }
    auto miner = miner::find_miner(view, address);
    if (!miner) {
        return Error{ErrorCode::not_found, "This account is not a miner.",
                     crypto::to_text(address) + " is not registered.",
                     "Register first: aitbc miner register."};
    }
    return std::move(*miner);
}

MatchMoment moment_of(const Context& context) {
    const auto& parameters = context.genesis.parameters;
    return {.now_ms = context.block_time_unix_ms,
            .miner_lost_ms = static_cast<std::int64_t>(parameters.miner_lost_ms),
            .lease_ms = static_cast<std::int64_t>(parameters.lease_ms),
            .last_heard_ms = context.block_time_unix_ms};  // it is asking right now
}

/// The jobs whose turn it is at this miner. Reads only.
std::vector<Job> pick_jobs(const StateView& view, const MinerRecord& miner, std::size_t count_max,
                           const Context& context) {
    if (miner.rests_until_ms > context.block_time_unix_ms) return {};
    const MatchMoment moment = moment_of(context);
    return next_in_turn(
        view, {// Miners begin in different places, lest all serve the same owners first.
               .after = miner.served_owner.is_zero() ? miner.address : miner.served_owner,
               .count_max = count_max,
               .height = context.height,
               .takes_class = [&](const Job& job) { return is_match_of_class(job, miner, moment); },
               .takes_job =
                   [&](const Job& job) {
                       // More may be due than one block works off: such a job is left for its due
                       // entry.
                       return job.expires_at_ms > moment.now_ms && is_match(job, miner, moment);
                   }});
}

LeasedJob leased_view(const Job& job) {
    AIT_ASSERT(job.lease.has_value());
    return LeasedJob{.job_id = job.id,
                     .attempt = job.lease->attempt,
                     .type = job.type,
                     .model = job.model,
                     .payload = job.payload,
                     .payload_bytes = job.payload_bytes,
                     .constraints = job.constraints,
                     .payment_state = job.payment.state,
                     .price_per_hour = job.lease->price_per_hour,
                     .leased_at = UnixMs{job.lease->leased_at_ms},
                     .lease_expires_at = UnixMs{job.lease->expires_at_ms},
                     .expires_at = UnixMs{job.expires_at_ms}};
}

}  // namespace

Result<Outcome> apply(StateView& view, const LeaseJobs& tx, const Context& context) {
    auto found = asking_miner(view, tx.miner, context);
    if (!found.ok()) return found.error();
    MinerRecord& miner = found.value();
    if (tx.count_max == 0 || tx.count_max > limits::lease_jobs_max) {
        return no_lease(ErrorCode::invalid_argument,
                        std::to_string(tx.count_max) + " jobs were asked for.",
                        "Ask for 1 to " + std::to_string(limits::lease_jobs_max) + ".");
    }
    if (miner.status != miner::MinerStatus::active) {
        return no_lease(ErrorCode::conflict,
                        "The miner is " + std::string(name_of(miner.status)) + ".",
                        "Register it again: aitbc miner register.");
    }
    if (miner.jobs_running >= miner.offer.concurrency) {
        return no_lease(ErrorCode::limit_reached,
                        "It runs " + std::to_string(miner.jobs_running) + " of " +
                            std::to_string(miner.offer.concurrency) + " jobs.",
                        "Finish one first, or register with a higher concurrency.");
    }
    const std::uint32_t free = miner.offer.concurrency - miner.jobs_running;
    Outcome outcome;
    LeaseAnswer answer;
    for (Job& job : pick_jobs(view, miner, std::min(tx.count_max, free), context)) {
        start_lease(view, job, miner, context, outcome.events);
        miner.served_owner = job.owner;
        answer.jobs.push_back(leased_view(job));
    }
    if (!answer.jobs.empty()) {
        miner.last_active_ms = context.block_time_unix_ms;
        miner::store_miner(view, miner);
    }
    outcome.response = encode(answer);
    return outcome;
}

Result<Outcome> apply(StateView& view, const RenewLeases& tx, const Context& context) {
    auto found = asking_miner(view, tx.miner, context);
    if (!found.ok()) return found.error();
    RenewAnswer answer{.lease_expires_at =
                           UnixMs{context.block_time_unix_ms +
                                  static_cast<std::int64_t>(context.genesis.parameters.lease_ms)}};
    const auto held = held_by(view, tx.miner);
    for (const std::string& job_id : tx.job_ids.empty() ? held : tx.job_ids) {
        if (!std::binary_search(held.begin(), held.end(), job_id)) {
            answer.lost.push_back(job_id);
            continue;
        }
        auto job = find_job(view, job_id);
        AIT_ASSERT(job.has_value());
        renew_lease(view, *job, answer.lease_expires_at.ms);
        answer.renewed.push_back(job_id);
    }
    found.value().last_active_ms = context.block_time_unix_ms;
    miner::store_miner(view, found.value());
    return Outcome{.response = encode(answer)};
}

Result<Outcome> apply(StateView& view, const ReleaseLeases& tx, const Context& context) {
    const auto found = asking_miner(view, tx.miner, context);
    if (!found.ok()) return found.error();
    Outcome outcome;
    ReleaseAnswer answer;
    for (const ReleasedLease& released : tx.jobs) {
        auto job = held_job(view, released.job_id, released.attempt, context);
        if (!job.ok()) continue;  // it went elsewhere meanwhile
        withdraw_lease(view, job.value(), context, outcome.events);
        answer.released.push_back(released.job_id);
    }
    outcome.response = encode(answer);
    return outcome;
}

}  // namespace ait::coordinator
