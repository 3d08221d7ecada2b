#include <algorithm>

#include "actors/coordinator/events.hpp"
#include "actors/coordinator/matching.hpp"
#include "actors/coordinator/queue.hpp"
#include "actors/coordinator/settlement.hpp"
#include "actors/coordinator/state.hpp"
#include "actors/coordinator/transitions.hpp"

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

/// The job, if the principal holds exactly this attempt of it.
Result<Job> held_job(const StateView& view, std::string_view job_id, std::uint32_t attempt,
                     const Context& context) {
    auto job = find_job(view, job_id);
    if (!job) {
        return Error{ErrorCode::not_found, "The result was not taken.",
                     "There is no job \"" + std::string(job_id) + "\".", ""};
    }
    const auto lost = [](std::string why) {
        return Error{ErrorCode::lease_lost, "The result was not taken.", std::move(why),
                     "Drop the work on it and poll for another job."};
    };
    if (!job->lease) return lost("The job is " + std::string(name_of(job->state)) + ".");
    if (job->lease->miner != context.principal) {
        return lost(miner::miner_id_of(job->lease->miner) + " holds the job.");
    }
    if (job->lease->attempt != attempt) {
        return lost("This was attempt " + std::to_string(attempt) + "; attempt " +
                    std::to_string(job->lease->attempt) + " is running.");
    }
    return std::move(*job);
}

Status check_delivery(const CompleteJob& tx, const Job& job, const Context& context) {
    const auto refuse = [](std::string why, std::string next) {
        return Error{ErrorCode::invalid_argument, "The result was not taken.", std::move(why),
                     std::move(next)};
    };
    if (tx.payload != job.payload) {
        return refuse("It is for another payload than the job's.", "Repeat the leased hash.");
    }
    if (tx.price_per_hour != job.lease->price_per_hour) {
        return refuse("It names " + to_text(tx.price_per_hour) + " AIT an hour; the lease says " +
                          to_text(job.lease->price_per_hour) + ".",
                      "Repeat the leased price.");
    }
    if (tx.result.is_zero() || tx.result_bytes == 0) return refuse("It is empty.", "");
    if (!consensus::brings_blob(context, tx.result)) {
        return refuse("Its content did not come along.", "Send the result with it.");
    }
    if (tx.result_bytes > limits::blob_bytes_max) {
        return refuse("It has " + std::to_string(tx.result_bytes) + " bytes.",
                      "Use at most " + std::to_string(limits::blob_bytes_max) + ".");
    }
    if (tx.model_ran.empty()) return refuse("It does not say which model ran.", "Name it.");
    if (tx.ended_at < tx.started_at) return refuse("It ended before it started.", "");
    return {};
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
    miner.last_active_ms = context.block_time_unix_ms;
    miner::store_miner(view, miner);
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

Result<Outcome> apply(StateView& view, const CompleteJob& tx, const Context& context) {
    auto held = held_job(view, tx.job_id, tx.attempt, context);
    if (!held.ok()) return held.error();
    Job& job = held.value();
    const Status valid = check_delivery(tx, job, context);
    if (!valid.ok()) return valid.error();
    const std::uint64_t counted_ms =
        measured_ms(tx.duration_ms, job.lease->leased_at_ms, context.block_time_unix_ms);
    job.delivery = Delivery{.miner = context.principal,
                            .miner_key = context.signer,
                            .price_per_hour = job.lease->price_per_hour,
                            .result = tx.result,
                            .result_bytes = tx.result_bytes,
                            .model_ran = tx.model_ran,
                            .prompt_tokens = tx.prompt_tokens,
                            .completion_tokens = tx.completion_tokens,
                            .duration_ms = tx.duration_ms,
                            .paid_duration_ms = counted_ms,
                            .transaction = context.operation};
    Outcome outcome;
    end_lease(view, job, AttemptEnd::completed, context);
    auto miner = miner::find_miner(view, context.principal);
    AIT_ASSERT(miner.has_value());
    miner->busy_ms += counted_ms;
    miner::store_miner(view, *miner);
    finish(view, job, JobState::completed, context, outcome.events);
    outcome.response = encode(CompleteAnswer{.job_id = job.id,
                                             .status = job.state,
                                             .payment_state = job.payment.state,
                                             .paid_duration_ms = counted_ms,
                                             .paid_to_miner = job.payment.paid_to_miner,
                                             .fee = job.payment.fee,
                                             .refunded = job.payment.refunded});
    return outcome;
}

Result<Outcome> apply(StateView& view, const FailJob& tx, const Context& context) {
    auto held = held_job(view, tx.job_id, tx.attempt, context);
    if (!held.ok()) return held.error();
    Job& job = held.value();
    if (tx.error_code.empty()) {
        return Error{ErrorCode::invalid_argument, "The failure was not recorded.",
                     "It has no error code.", "Use a word such as engine_failed."};
    }
    const JobError error{.code = tx.error_code, .message = tx.message};
    Outcome outcome;
    end_lease(view, job, AttemptEnd::failed, context,
              tx.retryable ? Fault::of_miner : Fault::of_job);
    bool requeued = false;
    if (tx.retryable) {
        requeued = retry_or_fail(view, job, error, context, outcome.events);
    } else {
        job.past_attempts.back().error_code = error.code;
        job.error = error;
        finish(view, job, JobState::failed, context, outcome.events);
    }
    outcome.response = encode(FailAnswer{.job_id = job.id,
                                         .status = job.state,
                                         .payment_state = job.payment.state,
                                         .requeued = requeued,
                                         .attempts = job.attempts,
                                         .refunded = job.payment.refunded});
    return outcome;
}

}  // namespace ait::coordinator
