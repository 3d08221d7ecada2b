#include "actors/coordinator/state.hpp"

#include <algorithm>

#include "actors/coordinator/events.hpp"
#include "actors/coordinator/transitions.hpp"
#include "actors/ledger/book.hpp"

namespace ait::coordinator {
namespace {

using consensus::Authority;
using consensus::Context;
using consensus::Outcome;
using storage::StateView;

constexpr std::uint64_t ttl_ms_min = 1'000;
constexpr std::uint32_t min_vram_gb_max = miner::gpu_memory_mb_max / 1'024;

Error not_submitted(ErrorCode code, std::string why, std::string next) {
    return Error{code, "The job was not submitted.", std::move(why), std::move(next)};
}

/// Words such as inference or image-generation: they are typed, compared and shown.
bool is_type_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7F;
    });
}

Status check_constraints(const Constraints& wants) {
    const bool printable =
        is_printable(wants.gpu) && is_printable(wants.region) &&
        std::all_of(wants.models.begin(), wants.models.end(), [](const std::string& model) {
            return !model.empty() && is_printable(model) &&
                   model.size() <= limits::model_name_bytes_max;
        });
    if (!printable) {
        return not_submitted(ErrorCode::invalid_argument, "A constraint has no readable text.",
                             "Use printable names of at most 128 bytes.");
    }
    if (wants.min_vram_gb > min_vram_gb_max) {
        return not_submitted(ErrorCode::invalid_argument,
                             "No GPU has " + std::to_string(wants.min_vram_gb) + " GB.",
                             "Lower min_vram_gb.");
    }
    return {};
}

Status check_job(const SubmitJob& tx, const Context& context) {
    if (!is_type_name(tx.type)) {
        return not_submitted(ErrorCode::invalid_argument, "\"" + tx.type + "\" is no kind of work.",
                             "Use inference, or another word of a-z, 0-9, '-', '_' and '.'.");
    }
    if (!is_printable(tx.model)) {
        return not_submitted(ErrorCode::invalid_argument, "The model's name is not readable.",
                             "Use a name that a miner offers: aitbc miner list.");
    }
    if (tx.payload.is_zero() || tx.payload_bytes == 0) {
        return not_submitted(ErrorCode::invalid_argument, "It has no payload.", "Give --data.");
    }
    if (tx.payload_bytes > limits::prompt_bytes_max) {
        return not_submitted(ErrorCode::too_large,
                             "Its payload has " + std::to_string(tx.payload_bytes) + " bytes.",
                             "Use at most " + std::to_string(limits::prompt_bytes_max) + ".");
    }
    if (!consensus::brings_blob(context, tx.payload)) {
        return not_submitted(ErrorCode::invalid_argument, "Its payload did not come along.",
                             "Send the payload with the submission.");
    }
    const std::uint64_t ttl_ms_max = context.genesis.parameters.job_ttl_ms_max;
    if (tx.ttl_ms != 0 && (tx.ttl_ms < ttl_ms_min || tx.ttl_ms > ttl_ms_max)) {
        return not_submitted(ErrorCode::invalid_argument,
                             "A life of " + std::to_string(tx.ttl_ms) + " ms is not possible.",
                             "Use " + std::to_string(ttl_ms_min / 1'000) + " to " +
                                 std::to_string(ttl_ms_max / 1'000) + " seconds.");
    }
    return check_constraints(tx.constraints);
}

/// What new jobs are counted in, read and written once an operation.
struct Intake {
    Counters counters{};
    std::uint64_t unpaid = 0;

    void store(StateView& view, const Context& context) const {
        store_counters(view, counters);
        store_unpaid_count(view, context.principal, unpaid);
    }
};

/// Room for `count` more jobs of the principal.
Result<Intake> open_intake(const StateView& view, std::uint64_t count, const Context& context) {
    if (context.principal.is_zero()) {
        return not_submitted(ErrorCode::unauthenticated, "Nobody owns it.",
                             "Sign in with a wallet: jobs belong to an account.");
    }
    const auto& parameters = context.genesis.parameters;
    const Intake intake{.counters = load_counters(view),
                        .unpaid = unpaid_count(view, context.principal)};
    if (intake.counters.open + count > parameters.jobs_open_max) {
        return not_submitted(ErrorCode::limit_reached,
                             std::to_string(intake.counters.open) +
                                 " jobs are open on the chain; it takes " +
                                 std::to_string(parameters.jobs_open_max) + ".",
                             "Try again when some have ended.");
    }
    if (intake.unpaid + count > parameters.jobs_unfunded_per_account_max) {
        return not_submitted(ErrorCode::limit_reached,
                             "The account has " + std::to_string(intake.unpaid) +
                                 " unpaid jobs; the chain allows " +
                                 std::to_string(parameters.jobs_unfunded_per_account_max) + ".",
                             "Pay for some: aitbc client list --unpaid, aitbc client pay.");
    }
    return intake;
}

SubmitAnswer submit(StateView& view, const SubmitJob& tx, std::string job_id, Intake& intake,
                    const Context& context, Events& events) {
    const std::uint64_t ttl_ms =
        tx.ttl_ms != 0 ? tx.ttl_ms : context.genesis.parameters.job_ttl_ms_default;
    Job job{.id = std::move(job_id),
            .owner = context.principal,
            .type = tx.type,
            .model = tx.model,
            .payload = tx.payload,
            .payload_bytes = tx.payload_bytes,
            .constraints = tx.constraints,
            .sequence = ++intake.counters.sequence_last,
            .created_at_ms = context.block_time_unix_ms,
            .expires_at_ms = context.block_time_unix_ms + static_cast<std::int64_t>(ttl_ms)};
    ++intake.counters.open;
    ++intake.unpaid;
    admit(view, job, context, events);
    return SubmitAnswer{.job_id = job.id,
                        .status = job.state,
                        .payment_state = job.payment.state,
                        .type = job.type,
                        .model = job.model,
                        .expires_at = UnixMs{job.expires_at_ms}};
}

/// Two equal requests without an idempotency key in one block are one operation: the second is
/// refused, not made twice.
Error submitted_already(const std::string& job_id) {
    return not_submitted(ErrorCode::already_exists,
                         "Job " + job_id + " came from the same request.",
                         "Use its id, or another idempotency key for another job.");
}

Error no_such_job(std::string_view job_id, std::string_view what) {
    return Error{ErrorCode::not_found, std::string(what),
                 "There is no job \"" + std::string(job_id) + "\".",
                 "List your jobs: aitbc client list."};
}

}  // namespace

Result<Outcome> apply(StateView& view, const SubmitJob& tx, const Context& context) {
    const Status valid = check_job(tx, context);
    if (!valid.ok()) return valid.error();
    auto intake = open_intake(view, 1, context);
    if (!intake.ok()) return intake.error();
    std::string job_id = consensus::make_id("job-", context);
    if (has_job(view, job_id)) return submitted_already(job_id);
    Outcome outcome;
    const auto answer =
        submit(view, tx, std::move(job_id), intake.value(), context, outcome.events);
    intake.value().store(view, context);
    outcome.response = encode(answer);
    return outcome;
}

Result<Outcome> apply(StateView& view, const SubmitBatch& tx, const Context& context) {
    if (tx.jobs.empty()) {
        return not_submitted(ErrorCode::invalid_argument, "The batch is empty.", "Give some jobs.");
    }
    for (std::size_t i = 0; i < tx.jobs.size(); ++i) {
        const Status valid = check_job(tx.jobs[i], context);
        if (valid.ok()) continue;
        Error error = valid.error();
        error.what = "None of the batch was submitted.";
        error.why = "Job " + std::to_string(i) + ": " + error.why;
        return error;
    }
    auto intake = open_intake(view, tx.jobs.size(), context);
    if (!intake.ok()) return intake.error();
    const std::string first = consensus::make_id("job-", context);
    if (has_job(view, first)) return submitted_already(first);
    Outcome outcome;
    SubmitBatchAnswer answer;
    for (std::uint32_t i = 0; i < tx.jobs.size(); ++i) {
        answer.jobs.push_back(submit(view, tx.jobs[i], consensus::make_id("job-", context, i),
                                     intake.value(), context, outcome.events));
    }
    intake.value().store(view, context);
    outcome.response = encode(answer);
    return outcome;
}

Result<Outcome> apply(StateView& view, const CancelJob& tx, const Context& context) {
    auto job = find_job(view, tx.job_id);
    if (!job) return no_such_job(tx.job_id, "Nothing was cancelled.");
    if (job->owner != context.principal) {
        return Error{ErrorCode::forbidden, "The job was not cancelled.",
                     "It belongs to " + crypto::to_text(job->owner) + ".",
                     "Use the wallet that submitted it: --wallet NAME."};
    }
    if (is_terminal(job->state)) {
        return Error{ErrorCode::conflict, "The job was not cancelled.",
                     "It is " + std::string(name_of(job->state)) + " already.", ""};
    }
    Outcome outcome;
    if (job->lease) end_lease(view, *job, {AttemptEnd::cancelled}, context);
    finish(view, *job, JobState::cancelled, context, outcome.events);
    outcome.response = encode(CancelAnswer{.job_id = job->id,
                                           .status = job->state,
                                           .payment_state = job->payment.state,
                                           .refunded = job->payment.refunded});
    return outcome;
}

Result<Outcome> apply(StateView& view, const PayJob& tx, const Context& context) {
    auto job = find_job(view, tx.job_id);
    if (!job) return no_such_job(tx.job_id, "Nothing was paid.");
    const auto refuse = [](ErrorCode code, std::string why, std::string next) {
        return Error{code, "Nothing was paid.", std::move(why), std::move(next)};
    };
    if (job->owner != context.principal) {
        return refuse(ErrorCode::forbidden,
                      "The job belongs to " + crypto::to_text(job->owner) + ".",
                      "Use the wallet that submitted it: --wallet NAME.");
    }
    if (job->payment.state != PaymentState::unfunded) {
        return refuse(ErrorCode::conflict,
                      "The job is " + std::string(name_of(job->payment.state)) + " already, with " +
                          to_text(job->payment.amount) + " AIT.",
                      "See aitbc client status " + job->id + ".");
    }
    if (is_terminal(job->state) && job->state != JobState::completed) {
        return refuse(
            ErrorCode::conflict,
            "The job is " + std::string(name_of(job->state)) + ": there is no result to pay for.",
            "Submit it again: aitbc client submit.");
    }
    const Status locked = ledger::lock(
        view, {.escrow_id = job->id, .payer = job->owner, .amount = tx.amount},
        {.context = context, .kind = ledger::MovementKind::escrow_lock, .job_id = job->id});
    if (!locked.ok()) return locked.error();
    remove_unpaid(view, *job);
    job->payment.state = PaymentState::funded;
    job->payment.amount = tx.amount;
    job->payment.funded_at_ms = context.block_time_unix_ms;
    job->payment.transaction = context.operation;
    Outcome outcome;
    PayAnswer answer{.job_id = job->id, .payment_states = {PaymentState::funded}};
    outcome.events.push_back(job_event(*job, "job.funded", {{"amount", to_text(tx.amount)}}));
    fund(view, *job, context, outcome.events);
    if (job->payment.state != PaymentState::funded) {
        answer.payment_states.push_back(job->payment.state);
    }
    answer.status = job->state;
    answer.payment_state = job->payment.state;
    answer.payer = job->owner;
    answer.amount = tx.amount;
    answer.escrow = job->payment.state == PaymentState::funded ? tx.amount : Amount{};
    answer.paid_to_miner = job->payment.paid_to_miner;
    answer.fee = job->payment.fee;
    answer.refunded = job->payment.refunded;
    outcome.response = encode(answer);
    return outcome;
}

consensus::DomainRules domain_rules() {
    static constexpr std::array rules{
        consensus::rule<SubmitJob, &apply>("job.submit", Authority::node),
        consensus::rule<SubmitBatch, &apply>("job.batch_submit", Authority::node),
        consensus::rule<CancelJob, &apply>("job.cancel", Authority::node),
        consensus::rule<PayJob, &apply>("job.pay", Authority::account),
        consensus::rule<LeaseJobs, &apply>("job.lease", Authority::node),
        consensus::rule<RenewLeases, &apply>("job.renew", Authority::node),
        consensus::rule<ReleaseLeases, &apply>("job.release", Authority::node),
        consensus::rule<CompleteJob, &apply>("job.complete", Authority::account),
        consensus::rule<CompleteJobs, &apply>("job.complete_batch", Authority::account),
        consensus::rule<DeliverResults, &apply>("job.deliver", Authority::node),
        consensus::rule<FailJob, &apply>("job.fail", Authority::account),
    };
    static constexpr std::array due_rules{
        consensus::DueRule{lease_due, &lease_expired},
        consensus::DueRule{expiry_due, &job_expired},
        consensus::DueRule{forget_due, &forget_jobs},
        consensus::DueRule{retry_due, &look_again},
    };
    return {.rules = rules, .due_rules = due_rules, .resident_prefixes = resident_prefixes};
}

}  // namespace ait::coordinator
