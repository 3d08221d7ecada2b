#include "actors/coordinator/deliveries.hpp"

#include <algorithm>

#include "actors/coordinator/events.hpp"
#include "actors/coordinator/settlement.hpp"
#include "actors/coordinator/state.hpp"
#include "actors/coordinator/transitions.hpp"

// What miners bring back: results, alone or many at a time, and failures.

namespace ait::coordinator {

using consensus::Authority;
using consensus::Context;
using consensus::Outcome;
using storage::StateView;

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

namespace {

Error not_taken(std::string why, std::string next) {
    return Error{ErrorCode::invalid_argument, "The result was not taken.", std::move(why),
                 std::move(next)};
}

/// What the signed bytes say must be what was leased.
Status check_signed(const CompleteJob& tx, const Job& job) {
    if (tx.payload != job.payload) {
        return not_taken("It is for another payload than the job's.", "Repeat the leased hash.");
    }
    if (tx.price_per_hour != job.lease->price_per_hour) {
        return not_taken("It names " + to_text(tx.price_per_hour) +
                             " AIT an hour; the lease says " + to_text(job.lease->price_per_hour) +
                             ".",
                         "Repeat the leased price.");
    }
    if (tx.ended_at < tx.started_at) return not_taken("It ended before it started.", "");
    return {};
}

/// Money moves only on the miner's own signature.
Status check_unsigned(const Job& job, const Context& context) {
    if (context.authority == Authority::account || job.payment.state == PaymentState::unfunded)
        return {};
    return Error{ErrorCode::forbidden, "The result was not taken.",
                 "The job is " + std::string(name_of(job.payment.state)) +
                     ": its result needs the miner's own signature.",
                 "Send a signed result: job.complete."};
}

Status check_delivery(const DeliveredResult& result, const Context& context) {
    if (result.result.is_zero() || result.result_bytes == 0) return not_taken("It is empty.", "");
    if (!consensus::brings_blob(context, result.result)) {
        return not_taken("Its content did not come along.", "Send the result with it.");
    }
    if (result.result_bytes > limits::blob_bytes_max) {
        return not_taken("It has " + std::to_string(result.result_bytes) + " bytes.",
                         "Use at most " + std::to_string(limits::blob_bytes_max) + ".");
    }
    if (result.model_ran.empty()) return not_taken("It does not say which model ran.", "Name it.");
    return {};
}

DeliveredResult result_in(const CompleteJob& tx) {
    return {.job_id = tx.job_id,
            .attempt = tx.attempt,
            .result = tx.result,
            .result_bytes = tx.result_bytes,
            .model_ran = tx.model_ran,
            .prompt_tokens = tx.prompt_tokens,
            .completion_tokens = tx.completion_tokens,
            .duration_ms = tx.duration_ms};
}

/// `item`: which of the operation's results this is.
void complete(StateView& view, Job& job, const DeliveredResult& result, std::uint32_t item,
              const Context& context, Events& events) {
    const std::uint64_t counted_ms =
        measured_ms(result.duration_ms, job.lease->leased_at_ms, context.block_time_unix_ms);
    job.delivery = Delivery{.miner = context.principal,
                            .miner_key = context.signer,
                            .price_per_hour = job.lease->price_per_hour,
                            .result = result.result,
                            .result_bytes = result.result_bytes,
                            .model_ran = result.model_ran,
                            .prompt_tokens = result.prompt_tokens,
                            .completion_tokens = result.completion_tokens,
                            .duration_ms = result.duration_ms,
                            .paid_duration_ms = counted_ms,
                            .transaction = context.operation,
                            .item = item};
    end_lease(view, job, {.end = AttemptEnd::completed, .busy_ms = counted_ms}, context);
    finish(view, job, JobState::completed, context, events);
}

ResultAnswer taken(const Job& job) {
    return {.job_id = job.id,
            .taken = true,
            .status = job.state,
            .payment_state = job.payment.state,
            .paid_duration_ms = job.delivery->paid_duration_ms,
            .paid_to_miner = job.payment.paid_to_miner,
            .fee = job.payment.fee,
            .refunded = job.payment.refunded};
}

DeliveredResult result_in(const DeliveredResult& result) {
    return result;
}

Status check_own(const CompleteJob& tx, const Job& job, const Context&) {
    return check_signed(tx, job);
}
Status check_own(const DeliveredResult&, const Job& job, const Context& context) {
    return check_unsigned(job, context);
}

/// Each result stands for itself; an operation of which nothing is taken is refused.
template <class Brought>
Result<Outcome> take_all(StateView& view, const std::vector<Brought>& results,
                         const Context& context) {
    Outcome outcome;
    ResultsAnswer answer;
    std::optional<Error> first;
    for (std::uint32_t i = 0; i < results.size(); ++i) {
        const DeliveredResult result = result_in(results[i]);
        auto held = held_job(view, result.job_id, result.attempt, context);
        Status valid =
            held.ok() ? check_own(results[i], held.value(), context) : Status(held.error());
        if (valid.ok()) valid = check_delivery(result, context);
        if (valid.ok()) {
            complete(view, held.value(), result, i, context, outcome.events);
            answer.results.push_back(taken(held.value()));
            continue;
        }
        const Error& error = valid.error();
        if (!first) first = error;
        answer.results.push_back({.job_id = result.job_id,
                                  .error = std::string(error_code_row(error.code).name),
                                  .why = error.why.substr(0, limits::error_text_bytes_max)});
    }
    if (std::none_of(answer.results.begin(), answer.results.end(),
                     [](const ResultAnswer& each) { return each.taken; })) {
        return first.value_or(not_taken("There is none.", "Send some."));
    }
    outcome.response = encode(answer);
    return outcome;
}

}  // namespace

Result<Outcome> apply(StateView& view, const CompleteJob& tx, const Context& context) {
    auto held = held_job(view, tx.job_id, tx.attempt, context);
    if (!held.ok()) return held.error();
    Job& job = held.value();
    const DeliveredResult result = result_in(tx);
    Status valid = check_signed(tx, job);
    if (valid.ok()) valid = check_delivery(result, context);
    if (!valid.ok()) return valid.error();
    Outcome outcome;
    complete(view, job, result, 0, context, outcome.events);
    outcome.response = encode(CompleteAnswer{.job_id = job.id,
                                             .status = job.state,
                                             .payment_state = job.payment.state,
                                             .paid_duration_ms = job.delivery->paid_duration_ms,
                                             .paid_to_miner = job.payment.paid_to_miner,
                                             .fee = job.payment.fee,
                                             .refunded = job.payment.refunded});
    return outcome;
}

Result<Outcome> apply(StateView& view, const CompleteJobs& tx, const Context& context) {
    return take_all(view, tx.results, context);
}

Result<Outcome> apply(StateView& view, const DeliverResults& tx, const Context& context) {
    return take_all(view, tx.results, context);
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
    end_lease(view, job,
              {.end = AttemptEnd::failed, .fault = tx.retryable ? Fault::of_miner : Fault::of_job},
              context);
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
