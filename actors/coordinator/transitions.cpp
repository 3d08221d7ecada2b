#include "actors/coordinator/transitions.hpp"

#include <algorithm>

#include "actors/coordinator/events.hpp"
#include "actors/coordinator/queue.hpp"
#include "actors/coordinator/settlement.hpp"

namespace ait::coordinator {
namespace {

using consensus::Context;
using storage::StateView;

bool queues_unfunded(const Context& context) {
    return context.genesis.parameters.jobs_unfunded == UnfundedJobs::accept;
}

bool is_in_queue(const Job& job) {
    return !is_terminal(job.state) && job.state != JobState::processing && job.queued_at_ms != 0;
}

/// Answers when the miner's rest ends.
std::int64_t count_ended_lease(StateView& view, const Address& address, const LeaseEnd& lease_end,
                               const Context& context) {
    const AttemptEnd end = lease_end.end;
    auto miner = miner::find_miner(view, address);
    AIT_ASSERT(miner.has_value());
    AIT_ASSERT(miner->jobs_running > 0);
    --miner->jobs_running;
    if (end == AttemptEnd::failed) ++miner->jobs_failed;
    if (end == AttemptEnd::lease_expired) ++miner->jobs_expired;
    if (end == AttemptEnd::completed) ++miner->jobs_completed;
    // A lease that ran out is silence, not a sign of life.
    if (end == AttemptEnd::completed || end == AttemptEnd::failed) {
        miner->last_active_ms = context.block_time_unix_ms;
    }
    miner->busy_ms += lease_end.busy_ms;
    note_end(*miner, end, lease_end.fault, context);
    miner::store_miner(view, *miner);
    return miner->rests_until_ms;
}

}  // namespace

JobState waiting_state(const Job& job) {
    return job.payment.state == PaymentState::funded ? JobState::queued : JobState::pending;
}

void enqueue(StateView& view, Job& job, const Context& context, Events& events) {
    AIT_ASSERT(!is_terminal(job.state));
    AIT_ASSERT(!job.lease.has_value());
    job.state = waiting_state(job);
    AIT_ASSERT(job.state == JobState::queued || queues_unfunded(context));
    job.queued_at_ms = context.block_time_unix_ms;
    put_in_queue(view, job);
    store_job(view, job);
    events.push_back(job_event(job, "job.queued", {{"type", job.type}, {"model", job.model}}));
}

void admit(StateView& view, Job& job, const Context& context, Events& events) {
    AIT_ASSERT(job.payment.state == PaymentState::unfunded);
    job.state = JobState::pending;
    insert_job(view, job);
    consensus::schedule_due(view, job.expires_at_ms, expiry_due, job.id);
    events.push_back(job_event(job, "job.submitted", {{"type", job.type}, {"model", job.model}}));
    if (queues_unfunded(context)) {
        enqueue(view, job, context, events);
    } else {
        store_job(view, job);
    }
}

void fund(StateView& view, Job& job, const Context& context, Events& events) {
    AIT_ASSERT(job.payment.state == PaymentState::funded);
    if (job.state == JobState::completed) {
        settle(view, job, context, events);
        store_job(view, job);
    } else if (job.state == JobState::processing) {
        store_job(view, job);
    } else if (is_in_queue(job)) {
        job.state = waiting_state(job);
        store_job(view, job);
    } else {
        enqueue(view, job, context, events);
    }
}

void start_lease(StateView& view, Job& job, miner::MinerRecord& miner, const Context& context,
                 Events& events) {
    AIT_ASSERT(is_in_queue(job));
    AIT_ASSERT(miner.jobs_running < miner.offer.concurrency);
    take_from_queue(view, job);
    const std::int64_t now = context.block_time_unix_ms;
    ++job.attempts;
    job.state = JobState::processing;
    job.started_at_ms = now;
    job.lease =
        Lease{.miner = miner.address,
              .attempt = job.attempts,
              .leased_at_ms = now,
              .expires_at_ms = now + static_cast<std::int64_t>(context.genesis.parameters.lease_ms),
              .price_per_hour = miner.offer.price_per_hour};
    consensus::schedule_due(view, job.lease->expires_at_ms, lease_due, job.id);
    add_held(view, miner.address, job.id);
    ++miner.jobs_running;
    store_job(view, job);
    events.push_back(job_event(job, "job.leased",
                               {{"miner_id", miner::miner_id_of(miner.address)},
                                {"attempt", std::to_string(job.attempts)}}));
}

void renew_lease(StateView& view, Job& job, std::int64_t expires_at_ms) {
    AIT_ASSERT(job.lease.has_value());
    if (job.lease->expires_at_ms == expires_at_ms) return;
    consensus::cancel_due(view, job.lease->expires_at_ms, lease_due, job.id);
    consensus::schedule_due(view, expires_at_ms, lease_due, job.id);
    job.lease->expires_at_ms = expires_at_ms;
    store_job(view, job);
}

void end_lease(StateView& view, Job& job, const LeaseEnd& lease_end, const Context& context) {
    const AttemptEnd end = lease_end.end;
    AIT_ASSERT(job.state == JobState::processing);
    AIT_ASSERT(job.lease.has_value());
    AIT_ASSERT(end != AttemptEnd::running);
    const Lease lease = *job.lease;
    consensus::cancel_due(view, lease.expires_at_ms, lease_due, job.id);
    remove_held(view, lease.miner, job.id);
    const std::int64_t rests_until_ms = count_ended_lease(view, lease.miner, lease_end, context);
    AIT_ASSERT(job.past_attempts.size() < attempts_kept_max);  // genesis bounds attempts_max
    job.past_attempts.push_back({.miner = lease.miner,
                                 .leased_at_ms = lease.leased_at_ms,
                                 .ended_at_ms = context.block_time_unix_ms,
                                 .end = end});
    job.lease.reset();
    const auto lease_ms = static_cast<std::int64_t>(context.genesis.parameters.lease_ms);
    const std::int64_t again_ms = std::max(rests_until_ms, retry_at_ms(job, lease.miner, lease_ms));
    if (again_ms > context.block_time_unix_ms) {
        consensus::schedule_due(view, again_ms, retry_due, job.id);
    }
}

void withdraw_lease(StateView& view, Job& job, const Context& context, Events& events) {
    AIT_ASSERT(job.state == JobState::processing);
    AIT_ASSERT(job.lease.has_value());
    const Lease lease = *job.lease;
    consensus::cancel_due(view, lease.expires_at_ms, lease_due, job.id);
    remove_held(view, lease.miner, job.id);
    auto miner = miner::find_miner(view, lease.miner);
    AIT_ASSERT(miner.has_value());
    AIT_ASSERT(miner->jobs_running > 0);
    --miner->jobs_running;
    miner::store_miner(view, *miner);
    job.lease.reset();
    events.push_back(job_event(job, "job.lease_withdrawn",
                               {{"miner_id", miner::miner_id_of(lease.miner)},
                                {"attempt", std::to_string(lease.attempt)}}));
    enqueue(view, job, context, events);
}

bool retry_or_fail(StateView& view, Job& job, const JobError& error, const Context& context,
                   Events& events) {
    AIT_ASSERT(!job.lease.has_value());
    AIT_ASSERT(!job.past_attempts.empty());
    job.past_attempts.back().error_code = error.code;
    // Attempts that were withdrawn are not among the past ones.
    if (job.past_attempts.size() < context.genesis.parameters.attempts_max) {
        enqueue(view, job, context, events);
        return true;
    }
    job.error = error;
    finish(view, job, JobState::failed, context, events);
    return false;
}

void finish(StateView& view, Job& job, JobState state, const Context& context, Events& events) {
    AIT_ASSERT(is_terminal(state));
    AIT_ASSERT(!is_terminal(job.state));
    AIT_ASSERT(!job.lease.has_value());
    if (is_in_queue(job)) take_from_queue(view, job);
    job.state = state;
    job.completed_at_ms = context.block_time_unix_ms;
    consensus::cancel_due(view, job.expires_at_ms, expiry_due, job.id);
    // One entry a day for all jobs of the day, not one a job for a month.
    const std::int64_t day = (job.completed_at_ms + job_kept_ms) / forget_interval_ms + 1;
    consensus::schedule_due(view, day * forget_interval_ms, forget_due, "");
    Counters counters = load_counters(view);
    AIT_ASSERT(counters.open > 0);
    --counters.open;
    store_counters(view, counters);
    events.push_back(job_event(
        job, "job." + std::string(name_of(state)),
        job.error ? std::vector<consensus::EventAttribute>{{"error_code", job.error->code}}
                  : std::vector<consensus::EventAttribute>{}));
    if (job.payment.state == PaymentState::funded) {
        settle(view, job, context, events);
    } else if (state != JobState::completed) {
        remove_unpaid(view, job);  // nothing is owed for it
    }
    store_job(view, job);
}

std::vector<std::string> release_leases_of(StateView& view, const Address& miner,
                                           const Context& context, Events& events) {
    std::vector<std::string> ids = held_by(view, miner);
    for (const std::string& id : ids) {
        auto job = find_job(view, id);
        AIT_ASSERT(job.has_value());
        end_lease(view, *job, {AttemptEnd::released}, context);
        retry_or_fail(view, *job, {"miner_left", "The miner left the chain."}, context, events);
    }
    return ids;
}

Events lease_expired(StateView& view, std::string_view job_id, const Context& context) {
    auto job = find_job(view, job_id);
    AIT_ASSERT(job.has_value());
    AIT_ASSERT(job->lease.has_value());  // invariant 2
    AIT_ASSERT(job->lease->expires_at_ms <= context.block_time_unix_ms);
    Events events{job_event(*job, "job.lease_expired",
                            {{"miner_id", miner::miner_id_of(job->lease->miner)},
                             {"attempt", std::to_string(job->lease->attempt)}})};
    end_lease(view, *job, {AttemptEnd::lease_expired}, context);
    const JobError error{"lease_expired",
                         "No miner held the job to its end: the last one went silent."};
    retry_or_fail(view, *job, error, context, events);
    return events;
}

Events job_expired(StateView& view, std::string_view job_id, const Context& context) {
    auto job = find_job(view, job_id);
    AIT_ASSERT(job.has_value());
    AIT_ASSERT(!is_terminal(job->state));  // invariant 3
    Events events;
    if (job->lease) end_lease(view, *job, {AttemptEnd::job_expired}, context);
    job->error = JobError{"expired", "The job's time ran out before there was a result."};
    finish(view, *job, JobState::expired, context, events);
    return events;
}

Events forget_jobs(StateView& view, std::string_view after, const Context& context) {
    const std::int64_t until_ms = context.block_time_unix_ms - job_kept_ms;
    std::vector<Job> over;
    std::string last(after);
    std::size_t looked_at = 0;
    walk_records(view, after, [&](const Job& job) {
        if (job.created_at_ms > until_ms) {
            last.clear();  // ids sort by age: all further ones are younger
            return false;
        }
        last = job.id;
        if (is_terminal(job.state) && job.completed_at_ms <= until_ms) over.push_back(job);
        return ++looked_at < forget_records_max;
    });
    for (const Job& job : over) {
        if (job.state == JobState::completed && job.payment.state == PaymentState::unfunded) {
            remove_unpaid(view, job);
        }
        erase_job(view, job);
    }
    if (looked_at == forget_records_max && !last.empty()) {
        consensus::schedule_due(view, context.block_time_unix_ms + 1, forget_due, last);
    }
    return {};
}

Events look_again(StateView&, std::string_view, const Context&) {
    return {};
}

}  // namespace ait::coordinator
