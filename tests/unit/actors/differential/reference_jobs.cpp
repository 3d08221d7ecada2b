// Jobs from submission to settlement: actors/coordinator/README.md, the table of states.

#include <algorithm>

#include "actors/consensus/rules.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "tests/unit/actors/differential/reference.hpp"

namespace ait::differential {
namespace {

using coordinator::AttemptEnd;
using coordinator::JobState;
using coordinator::PaymentState;

constexpr std::int64_t day_ms = 24LL * 3'600'000;
constexpr std::int64_t kept_ms = 30 * day_ms;
constexpr std::size_t forgotten_at_once = 2'048;

std::int64_t signed_ms(std::uint64_t ms) {
    return static_cast<std::int64_t>(ms);
}

bool is_word(const std::string& text) {
    return !text.empty() &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
}

}  // namespace

bool ReferenceJob::has_ended() const {
    return state != JobState::pending && state != JobState::queued && state != JobState::processing;
}

bool ReferenceJob::is_unpaid() const {
    return money.state == PaymentState::unfunded && (!has_ended() || state == JobState::completed);
}

const ReferenceJob* Reference::find_job(const std::string& id) const {
    const auto job = books_.jobs.find(id);
    return job == books_.jobs.end() ? nullptr : &job->second;
}

ReferenceJob& Reference::edit(const std::string& id) {
    books_.touched.insert(id);
    return books_.jobs.at(id);
}

/// How an id is spelt is no rule; which operation it comes from is.
std::string Reference::job_id(const Hash& operation, std::uint32_t index) const {
    const consensus::Context context{.genesis = genesis_,
                                     .height = books_.height,
                                     .block_time_unix_ms = books_.now_ms,
                                     .operation = operation};
    return consensus::make_id("job-", context, index);
}

std::uint64_t Reference::unpaid_of(const Address& owner) const {
    return static_cast<std::uint64_t>(
        std::count_if(books_.jobs.begin(), books_.jobs.end(), [&](const auto& entry) {
            return entry.second.owner == owner && entry.second.is_unpaid();
        }));
}

std::uint64_t Reference::open_jobs() const {
    return static_cast<std::uint64_t>(
        std::count_if(books_.jobs.begin(), books_.jobs.end(),
                      [](const auto& entry) { return !entry.second.has_ended(); }));
}

std::vector<std::string> Reference::held_by(const Address& miner) const {
    std::vector<std::string> ids;
    for (const auto& [id, job] : books_.jobs) {
        if (job.lease && job.lease->miner == miner) ids.push_back(id);
    }
    return ids;
}

// ---- by the owner ----------------------------------------------------------------------------

void Reference::check_submission(const coordinator::SubmitJob& tx, const Caller& caller) const {
    const auto& parameters = genesis_.parameters;
    refuse_if(!is_word(tx.type), ErrorCode::invalid_argument);
    refuse_if(tx.payload.is_zero() || tx.payload_bytes == 0, ErrorCode::invalid_argument);
    refuse_if(tx.payload_bytes > limits::prompt_bytes_max, ErrorCode::too_large);
    const bool has_payload = std::count(caller.blobs.begin(), caller.blobs.end(), tx.payload) != 0;
    refuse_if(!has_payload, ErrorCode::invalid_argument);
    const bool life_is_possible =
        tx.ttl_ms == 0 || (tx.ttl_ms >= 1'000 && tx.ttl_ms <= parameters.job_ttl_ms_max);
    refuse_if(!life_is_possible, ErrorCode::invalid_argument);
    refuse_if(tx.constraints.min_vram_gb > 16 * 1'024, ErrorCode::invalid_argument);
}

void Reference::check_room(std::uint64_t count, const Caller& caller) const {
    const auto& parameters = genesis_.parameters;
    refuse_if(caller.who.is_zero(), ErrorCode::unauthenticated);
    refuse_if(open_jobs() + count > parameters.jobs_open_max, ErrorCode::limit_reached);
    refuse_if(unpaid_of(caller.who) + count > parameters.jobs_unfunded_per_account_max,
              ErrorCode::limit_reached);
}

coordinator::SubmitAnswer Reference::submit(const coordinator::SubmitJob& tx, const Caller& caller,
                                            const std::string& id) {
    const std::int64_t life_ms =
        signed_ms(tx.ttl_ms != 0 ? tx.ttl_ms : genesis_.parameters.job_ttl_ms_default);
    books_.jobs[id] = ReferenceJob{.id = id,
                                   .owner = caller.who,
                                   .asked = tx,
                                   .place = ++books_.places,
                                   .created_at_ms = books_.now_ms,
                                   .expires_at_ms = books_.now_ms + life_ms};
    ReferenceJob& job = edit(id);
    books_.due.insert({job.expires_at_ms, "job.expired/" + id});
    if (genesis_.parameters.jobs_unfunded == UnfundedJobs::accept) wait(job);
    return {.job_id = id,
            .status = job.state,
            .payment_state = job.money.state,
            .type = tx.type,
            .model = tx.model,
            .expires_at = UnixMs{job.expires_at_ms}};
}

/// Into the queue, at the place of its submission.
void Reference::wait(ReferenceJob& job) {
    job.state = job.money.state == PaymentState::funded ? JobState::queued : JobState::pending;
    job.queued_at_ms = books_.now_ms;
    books_.queue[job.place] = job.id;
}

std::string Reference::apply(const coordinator::SubmitJob& tx, const Caller& caller) {
    if (tx.constraints.price_max_per_hour) refuse_unreadable(*tx.constraints.price_max_per_hour);
    check_submission(tx, caller);
    check_room(1, caller);
    const std::string id = job_id(caller.operation, 0);
    refuse_if(find_job(id) != nullptr, ErrorCode::already_exists);
    return encode(submit(tx, caller, id));
}

std::string Reference::apply(const coordinator::SubmitBatch& tx, const Caller& caller) {
    refuse_if(tx.jobs.size() > limits::batch_jobs_max, ErrorCode::malformed);
    for (const auto& job : tx.jobs) {
        if (job.constraints.price_max_per_hour) {
            refuse_unreadable(*job.constraints.price_max_per_hour);
        }
    }
    refuse_if(tx.jobs.empty(), ErrorCode::invalid_argument);
    for (const auto& job : tx.jobs) check_submission(job, caller);
    check_room(tx.jobs.size(), caller);
    refuse_if(find_job(job_id(caller.operation, 0)) != nullptr, ErrorCode::already_exists);
    coordinator::SubmitBatchAnswer answer;
    for (std::uint32_t i = 0; i < tx.jobs.size(); ++i) {
        answer.jobs.push_back(submit(tx.jobs[i], caller, job_id(caller.operation, i)));
    }
    return encode(answer);
}

std::string Reference::apply(const coordinator::CancelJob& tx, const Caller& caller) {
    const ReferenceJob* found = find_job(tx.job_id);
    refuse_if(found == nullptr, ErrorCode::not_found);
    refuse_if(found->owner != caller.who, ErrorCode::forbidden);
    refuse_if(found->has_ended(), ErrorCode::conflict);
    ReferenceJob& job = edit(tx.job_id);
    if (job.lease) end_lease(job, AttemptEnd::cancelled);
    finish(job, JobState::cancelled, caller.operation);
    return encode(coordinator::CancelAnswer{.job_id = job.id,
                                            .status = job.state,
                                            .payment_state = job.money.state,
                                            .refunded = job.money.refunded});
}

std::string Reference::apply(const coordinator::PayJob& tx, const Caller& caller) {
    refuse_unreadable(tx.amount);
    const ReferenceJob* found = find_job(tx.job_id);
    refuse_if(found == nullptr, ErrorCode::not_found);
    refuse_if(found->owner != caller.who, ErrorCode::forbidden);
    refuse_if(!found->is_unpaid(), ErrorCode::conflict);
    refuse_if(tx.amount.micro == 0, ErrorCode::invalid_argument);
    refuse_if(purse(caller.who).available < tx.amount.micro, ErrorCode::insufficient_funds);
    ReferenceJob& job = edit(tx.job_id);
    Purse& payer = books_.holders[caller.who].purses[0];
    payer.available -= tx.amount.micro;
    payer.locked += tx.amount.micro;
    books_.escrows[job.id] = Debt{caller.who, tx.amount.micro};
    note(caller.who, {.kind = ledger::MovementKind::escrow_lock,
                      .direction = ledger::Direction::out,
                      .amount = tx.amount,
                      .job_id = job.id,
                      .transaction = caller.operation});
    job.money.state = PaymentState::funded;
    job.money.amount = tx.amount;
    job.money.funded_at_ms = books_.now_ms;
    job.money.operation = caller.operation;
    coordinator::PayAnswer answer{.job_id = job.id, .payment_states = {PaymentState::funded}};
    if (job.state == JobState::completed) {
        settle(job, caller.operation);
        answer.payment_states.push_back(PaymentState::paid);
    } else if (job.state == JobState::pending && job.queued_at_ms != 0) {
        job.state = JobState::queued;  // it stays where it is
    } else if (job.state == JobState::pending) {
        wait(job);
    }
    answer.status = job.state;
    answer.payment_state = job.money.state;
    answer.payer = caller.who;
    answer.amount = tx.amount;
    answer.escrow = job.money.state == PaymentState::funded ? tx.amount : Amount{};
    answer.paid_to_miner = job.money.to_miner;
    answer.fee = job.money.fee;
    answer.refunded = job.money.refunded;
    return encode(answer);
}

// ---- moves -----------------------------------------------------------------------------------

void Reference::end_lease(ReferenceJob& job, AttemptEnd end, bool is_fault_of_job) {
    books_.due.erase({job.lease->until_ms, "job.lease_expired/" + job.id});
    const Address who = job.lease->miner;
    ReferenceMiner& miner = books_.miners.at(who);
    if (end == AttemptEnd::completed) {
        ++miner.completed;
        miner.failures_in_row = 0;
        miner.rests_until_ms = 0;
    }
    if (end == AttemptEnd::failed) ++miner.failed;
    if (end == AttemptEnd::lease_expired) ++miner.expired;
    if (end == AttemptEnd::completed || end == AttemptEnd::failed) {
        miner.last_active_ms = books_.now_ms;
    }
    if (end == AttemptEnd::failed || end == AttemptEnd::lease_expired) {
        std::uint64_t before = miner.failures_in_row++;
        if (is_fault_of_job) before = std::min<std::uint64_t>(before, 1);
        if (before > 0) {
            miner.rests_until_ms = std::max(miner.rests_until_ms, books_.now_ms + pause_ms(before));
        }
    }
    job.past.push_back(
        {.miner = who, .from_ms = job.lease->from_ms, .until_ms = books_.now_ms, .end = end});
    job.lease.reset();
    const std::int64_t again_ms = std::max(miner.rests_until_ms, retry_at_ms(job, who));
    if (again_ms > books_.now_ms) books_.due.insert({again_ms, "job.retry/" + job.id});
}

/// A sixteenth of a lease, doubled with each failure after the first, at most four times.
std::int64_t Reference::pause_ms(std::uint64_t failures) const {
    const std::int64_t lease_ms = signed_ms(genesis_.parameters.lease_ms);
    std::int64_t pause = std::max<std::int64_t>(lease_ms / 16, 1);
    for (std::uint64_t i = 1; i < std::min<std::uint64_t>(failures, 5); ++i) pause *= 2;
    return std::min(pause, lease_ms);
}

/// When the miner may have the job again that it did not bring to an end.
std::int64_t Reference::retry_at_ms(const ReferenceJob& job, const Address& miner) const {
    std::uint64_t failures = 0;
    std::int64_t at_ms = 0;
    for (const JobAttempt& attempt : job.past) {
        const bool is_failure =
            attempt.end == AttemptEnd::failed || attempt.end == AttemptEnd::lease_expired;
        if (attempt.miner == miner && is_failure) at_ms = attempt.until_ms + pause_ms(++failures);
    }
    return at_ms;
}

bool Reference::retry(ReferenceJob& job, const std::string& error_code, const Hash& operation) {
    job.past.back().error_code = error_code;
    if (job.past.size() < genesis_.parameters.attempts_max) {
        wait(job);
        return true;
    }
    job.error_code = error_code;
    finish(job, JobState::failed, operation);
    return false;
}

void Reference::finish(ReferenceJob& job, JobState state, const Hash& operation) {
    books_.queue.erase(job.place);
    job.state = state;
    job.ended_at_ms = books_.now_ms;
    books_.due.erase({job.expires_at_ms, "job.expired/" + job.id});
    books_.due.insert({((job.ended_at_ms + kept_ms) / day_ms + 1) * day_ms, "job.forgotten/"});
    if (job.money.state == PaymentState::funded) settle(job, operation);
}

void Reference::happen(const std::string& kind, const std::string& id) {
    if (kind == "ledger.unbond") return unbond(id);
    if (kind == "job.retry") return;  // only makes a block, for those who wait
    if (kind == "job.forgotten") return forget(id);
    ReferenceJob& job = edit(id);
    if (kind == "job.lease_expired") {
        end_lease(job, AttemptEnd::lease_expired);
        retry(job, "lease_expired", Hash{});
    } else {
        if (job.lease) end_lease(job, AttemptEnd::job_expired);
        job.error_code = "expired";
        finish(job, JobState::expired, Hash{});
    }
}

/// What ended thirty days ago goes at the end of the day; a crowd goes in parts.
void Reference::forget(const std::string& after) {
    const std::int64_t until_ms = books_.now_ms - kept_ms;
    std::size_t looked_at = 0;
    auto job = books_.jobs.upper_bound(after);
    while (job != books_.jobs.end() && job->second.created_at_ms <= until_ms) {
        const std::string id = job->first;
        const bool is_over = job->second.has_ended() && job->second.ended_at_ms <= until_ms;
        job = is_over ? books_.jobs.erase(job) : std::next(job);
        if (is_over) books_.touched.insert(id);
        if (++looked_at < forgotten_at_once) continue;
        books_.due.insert({books_.now_ms + 1, "job.forgotten/" + id});
        return;
    }
}

}  // namespace ait::differential
