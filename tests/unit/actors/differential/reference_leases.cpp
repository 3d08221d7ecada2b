// Leases and what comes of them: actors/coordinator/README.md, its parts Turns and Patience.

#include <algorithm>

#include "runtime/base/codec/msgpack.hpp"
#include "tests/unit/actors/differential/reference.hpp"

namespace ait::differential {
namespace {

using coordinator::AttemptEnd;
using coordinator::JobState;
using coordinator::PaymentState;

constexpr std::size_t queue_looked_at = 1'024;
constexpr std::size_t passed_over = 16;

std::int64_t signed_ms(std::uint64_t ms) {
    return static_cast<std::int64_t>(ms);
}

}  // namespace

/// In which order waiting jobs go to a miner: the one place that knows. Owners have turns in a
/// circle that begins behind the one who was served last; a turn gives the owner's first job.
std::vector<std::string> Reference::lease_order(const Address& miner, std::size_t wanted) const {
    const ReferenceMiner& record = books_.miners.at(miner);
    if (record.rests_until_ms > books_.now_ms) return {};
    std::map<Address, std::deque<const ReferenceJob*>> lines;
    for (const auto& [place, id] : books_.queue) {
        const ReferenceJob& job = books_.jobs.at(id);
        if (matches(job, record)) lines[job.owner].push_back(&job);
    }
    const Address& after = record.served_owner.is_zero() ? miner : record.served_owner;
    std::vector<std::deque<const ReferenceJob*>*> circle;
    for (const bool is_behind : {true, false}) {
        for (auto& [owner, line] : lines) {
            if ((owner > after) == is_behind) circle.push_back(&line);
        }
    }
    std::vector<std::string> taken;
    std::size_t looked_at = 0;
    const auto has_room = [&] { return taken.size() < wanted && looked_at < queue_looked_at; };
    const auto turn = [&](std::deque<const ReferenceJob*>& line) {
        for (std::size_t i = 0; i < passed_over && has_room() && !line.empty(); ++i) {
            const ReferenceJob& job = *line.front();
            line.pop_front();
            ++looked_at;
            // More may be due than one block works off.
            if (job.expires_at_ms <= books_.now_ms) continue;
            if (retry_at_ms(job, miner) > books_.now_ms) continue;
            taken.push_back(job.id);
            return true;
        }
        return false;
    };
    bool has_taken = true;
    for (int round = 0; has_taken && has_room(); ++round) {
        has_taken = round == 0;
        for (auto* line : circle) has_taken = turn(*line) || has_taken;
    }
    return taken;
}

std::string Reference::apply(const coordinator::LeaseJobs& tx, const Caller& caller) {
    refuse_if(tx.miner != caller.who, ErrorCode::forbidden);
    refuse_if(!books_.miners.contains(tx.miner), ErrorCode::not_found);
    refuse_if(tx.count_max == 0 || tx.count_max > limits::lease_jobs_max,
              ErrorCode::invalid_argument);
    ReferenceMiner& miner = books_.miners.at(tx.miner);
    refuse_if(miner.status != miner::MinerStatus::active, ErrorCode::conflict);
    const std::size_t running = held_by(tx.miner).size();
    refuse_if(running >= miner.offer.concurrency, ErrorCode::limit_reached);
    const std::size_t wanted =
        std::min<std::size_t>(tx.count_max, miner.offer.concurrency - running);
    coordinator::LeaseAnswer answer;
    for (const std::string& id : lease_order(tx.miner, wanted)) {
        answer.jobs.push_back(lease(edit(id), tx.miner));
        miner.served_owner = books_.jobs.at(id).owner;
    }
    // To have asked in vain leaves no trace.
    is_in_vain_ = answer.jobs.empty();
    if (!is_in_vain_) miner.last_active_ms = books_.now_ms;
    return encode(answer);
}

coordinator::LeasedJob Reference::lease(ReferenceJob& job, const Address& miner) {
    books_.queue.erase(job.place);
    ++job.attempts;
    job.state = JobState::processing;
    job.started_at_ms = books_.now_ms;
    job.lease = JobLease{.miner = miner,
                         .attempt = job.attempts,
                         .from_ms = books_.now_ms,
                         .until_ms = books_.now_ms + signed_ms(genesis_.parameters.lease_ms),
                         .price = books_.miners.at(miner).offer.price_per_hour};
    books_.due.insert({job.lease->until_ms, "job.lease_expired/" + job.id});
    return {.job_id = job.id,
            .attempt = job.attempts,
            .type = job.asked.type,
            .model = job.asked.model,
            .payload = job.asked.payload,
            .payload_bytes = job.asked.payload_bytes,
            .constraints = job.asked.constraints,
            .payment_state = job.money.state,
            .price_per_hour = job.lease->price,
            .leased_at = UnixMs{job.lease->from_ms},
            .lease_expires_at = UnixMs{job.lease->until_ms},
            .expires_at = UnixMs{job.expires_at_ms}};
}

std::string Reference::apply(const coordinator::RenewLeases& tx, const Caller& caller) {
    refuse_if(tx.miner != caller.who, ErrorCode::forbidden);
    refuse_if(!books_.miners.contains(tx.miner), ErrorCode::not_found);
    const std::int64_t until_ms = books_.now_ms + signed_ms(genesis_.parameters.lease_ms);
    coordinator::RenewAnswer answer{.lease_expires_at = UnixMs{until_ms}};
    for (const std::string& id : tx.job_ids.empty() ? held_by(tx.miner) : tx.job_ids) {
        const ReferenceJob* found = find_job(id);
        if (found == nullptr || !found->lease || found->lease->miner != tx.miner) {
            answer.lost.push_back(id);
            continue;
        }
        ReferenceJob& job = edit(id);
        books_.due.erase({job.lease->until_ms, "job.lease_expired/" + id});
        books_.due.insert({until_ms, "job.lease_expired/" + id});
        job.lease->until_ms = until_ms;
        answer.renewed.push_back(id);
    }
    books_.miners.at(tx.miner).last_active_ms = books_.now_ms;
    return encode(answer);
}

/// The attempt number is a fencing token: only the holder of exactly this attempt may speak.
bool Reference::holds(const Address& who, const std::string& id, std::uint32_t attempt) const {
    const ReferenceJob* job = find_job(id);
    return job != nullptr && job->lease && job->lease->miner == who &&
           job->lease->attempt == attempt;
}

ReferenceJob& Reference::held(const std::string& id, std::uint32_t attempt, const Caller& caller) {
    refuse_if(find_job(id) == nullptr, ErrorCode::not_found);
    refuse_if(!holds(caller.who, id, attempt), ErrorCode::lease_lost);
    return books_.jobs.at(id);
}

/// Leases that never reached their miner: as if nobody had had them, but for the number.
std::string Reference::apply(const coordinator::ReleaseLeases& tx, const Caller& caller) {
    refuse_if(tx.miner != caller.who, ErrorCode::forbidden);
    refuse_if(!books_.miners.contains(tx.miner), ErrorCode::not_found);
    coordinator::ReleaseAnswer answer;
    for (const auto& released : tx.jobs) {
        if (!holds(tx.miner, released.job_id, released.attempt)) continue;
        ReferenceJob& job = edit(released.job_id);
        books_.due.erase({job.lease->until_ms, "job.lease_expired/" + job.id});
        job.lease.reset();
        wait(job);
        answer.released.push_back(job.id);
    }
    is_in_vain_ = answer.released.empty();
    return encode(answer);
}

/// `is_repeated`: the signed form, which names payload and price of the lease once more.
void Reference::check_result(const coordinator::CompleteJob& said, bool is_repeated,
                             const Caller& caller) {
    const ReferenceJob& job = held(said.job_id, said.attempt, caller);
    if (is_repeated) {
        refuse_if(said.payload != job.asked.payload, ErrorCode::invalid_argument);
        refuse_if(said.price_per_hour != job.lease->price, ErrorCode::invalid_argument);
        refuse_if(said.ended_at < said.started_at, ErrorCode::invalid_argument);
    } else {
        const bool is_signed = !caller.key.is_zero();
        refuse_if(!is_signed && job.money.state != PaymentState::unfunded, ErrorCode::forbidden);
    }
    const bool has_result = !said.result.is_zero() && said.result_bytes > 0 &&
                            said.result_bytes <= limits::blob_bytes_max &&
                            std::count(caller.blobs.begin(), caller.blobs.end(), said.result) != 0;
    refuse_if(!has_result || said.model_ran.empty(), ErrorCode::invalid_argument);
}

ReferenceJob& Reference::complete(const coordinator::CompleteJob& said, std::uint32_t item,
                                  const Caller& caller) {
    ReferenceJob& job = edit(said.job_id);
    const auto held_ms = static_cast<std::uint64_t>(books_.now_ms - job.lease->from_ms);
    const std::uint64_t counted_ms = std::min(said.duration_ms, held_ms);
    job.delivery = JobDelivery{.said = said,
                               .miner = caller.who,
                               .key = caller.key,
                               .counted_ms = counted_ms,
                               .operation = caller.operation,
                               .item = item};
    job.delivery->said.price_per_hour = job.lease->price;
    end_lease(job, AttemptEnd::completed);
    books_.miners.at(caller.who).busy_ms += counted_ms;
    finish(job, JobState::completed, caller.operation);
    return job;
}

std::string Reference::apply(const coordinator::CompleteJob& tx, const Caller& caller) {
    refuse_unreadable(tx.price_per_hour);
    check_result(tx, true, caller);
    const ReferenceJob& job = complete(tx, 0, caller);
    return encode(coordinator::CompleteAnswer{.job_id = job.id,
                                              .status = job.state,
                                              .payment_state = job.money.state,
                                              .paid_duration_ms = job.delivery->counted_ms,
                                              .paid_to_miner = job.money.to_miner,
                                              .fee = job.money.fee,
                                              .refunded = job.money.refunded});
}

/// Each result stands for itself; an operation of which nothing is taken is refused.
std::string Reference::complete_each(const std::vector<coordinator::CompleteJob>& results,
                                     bool is_repeated, const Caller& caller) {
    coordinator::ResultsAnswer answer;
    std::optional<ErrorCode> first;
    bool any = false;
    for (std::uint32_t i = 0; i < results.size(); ++i) {
        try {
            check_result(results[i], is_repeated, caller);
        } catch (const Refused& refused) {
            if (!first) first = refused.code;
            answer.results.push_back({.job_id = results[i].job_id,
                                      .error = std::string(error_code_row(refused.code).name)});
            continue;
        }
        any = true;
        const ReferenceJob& job = complete(results[i], i, caller);
        answer.results.push_back({.job_id = job.id,
                                  .taken = true,
                                  .status = job.state,
                                  .payment_state = job.money.state,
                                  .paid_duration_ms = job.delivery->counted_ms,
                                  .paid_to_miner = job.money.to_miner,
                                  .fee = job.money.fee,
                                  .refunded = job.money.refunded});
    }
    refuse_if(!any, first.value_or(ErrorCode::invalid_argument));
    return encode(answer);
}

std::string Reference::apply(const coordinator::CompleteJobs& tx, const Caller& caller) {
    for (const auto& result : tx.results) refuse_unreadable(result.price_per_hour);
    return complete_each(tx.results, true, caller);
}

std::string Reference::apply(const coordinator::DeliverResults& tx, const Caller& caller) {
    std::vector<coordinator::CompleteJob> results;
    for (const auto& result : tx.results) {
        results.push_back({.job_id = result.job_id,
                           .attempt = result.attempt,
                           .result = result.result,
                           .result_bytes = result.result_bytes,
                           .model_ran = result.model_ran,
                           .prompt_tokens = result.prompt_tokens,
                           .completion_tokens = result.completion_tokens,
                           .duration_ms = result.duration_ms});
    }
    return complete_each(results, false, caller);
}

std::string Reference::apply(const coordinator::FailJob& tx, const Caller& caller) {
    ReferenceJob& job = held(tx.job_id, tx.attempt, caller);
    refuse_if(tx.error_code.empty(), ErrorCode::invalid_argument);
    edit(tx.job_id);
    end_lease(job, AttemptEnd::failed, !tx.retryable);
    bool requeued = false;
    if (tx.retryable) {
        requeued = retry(job, tx.error_code, caller.operation);
    } else {
        job.past.back().error_code = tx.error_code;
        job.error_code = tx.error_code;
        finish(job, JobState::failed, caller.operation);
    }
    return encode(coordinator::FailAnswer{.job_id = job.id,
                                          .status = job.state,
                                          .payment_state = job.money.state,
                                          .requeued = requeued,
                                          .attempts = job.attempts,
                                          .refunded = job.money.refunded});
}

}  // namespace ait::differential
