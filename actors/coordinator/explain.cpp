#include "actors/coordinator/explain.hpp"

#include <algorithm>

#include "actors/coordinator/matching.hpp"
#include "actors/coordinator/queue.hpp"
#include "runtime/base/clock.hpp"

namespace ait::coordinator {
namespace {

using storage::StateReader;

StageView stage(std::string name, std::int64_t from, std::int64_t until, std::int64_t now_ms,
                std::string note = {}) {
    const std::int64_t end = until == 0 ? now_ms : until;
    return StageView{.stage = std::move(name),
                     .from = UnixMs{from},
                     .until = UnixMs{until},
                     .ms = static_cast<std::uint64_t>(std::max<std::int64_t>(end - from, 0)),
                     .note = std::move(note)};
}

std::string attempt_note(const PastAttempt& attempt) {
    std::string note = miner::miner_id_of(attempt.miner) + ": " + std::string(name_of(attempt.end));
    if (!attempt.error_code.empty()) note += " (" + attempt.error_code + ")";
    return note;
}

/// Waiting and working in turn, from submission to the end or to now.
std::vector<StageView> stages_of(const Job& job, const ExplainMoment& moment) {
    std::vector<StageView> stages;
    const std::int64_t end = is_terminal(job.state) ? job.completed_at_ms : 0;
    std::int64_t at = job.created_at_ms;
    if (moment.parameters.jobs_unfunded == UnfundedJobs::hold) {
        const std::int64_t until = job.payment.funded_at_ms != 0 ? job.payment.funded_at_ms : end;
        stages.push_back(stage("waiting_for_funds", at, until, moment.now_ms));
        if (until == 0 || until == end) return stages;
        at = until;
    }
    for (const PastAttempt& attempt : job.past_attempts) {
        stages.push_back(stage("queued", at, attempt.leased_at_ms, moment.now_ms));
        stages.push_back(stage("processing", attempt.leased_at_ms, attempt.ended_at_ms,
                               moment.now_ms, attempt_note(attempt)));
        at = attempt.ended_at_ms;
    }
    if (job.lease) {
        stages.push_back(stage("queued", at, job.lease->leased_at_ms, moment.now_ms));
        stages.push_back(stage("processing", job.lease->leased_at_ms, 0, moment.now_ms,
                               miner::miner_id_of(job.lease->miner)));
    } else if (end == 0 || at < end) {
        stages.push_back(stage("queued", at, end, moment.now_ms));
    }
    return stages;
}

CandidateView candidate_of(const Job& job, const miner::MinerRecord& miner,
                           const ExplainMoment& moment) {
    MatchMoment match_moment{
        .now_ms = moment.now_ms,
        .miner_lost_ms = static_cast<std::int64_t>(moment.parameters.miner_lost_ms),
        .lease_ms = static_cast<std::int64_t>(moment.parameters.lease_ms)};
    // A recent transaction proves life; without one only the miner's own node knows.
    if (moment.now_ms - miner.last_active_ms <= match_moment.miner_lost_ms) {
        match_moment.last_heard_ms = miner.last_active_ms;
    }
    MatchReport report = match(job, miner, match_moment);
    CandidateView candidate{.miner_id = miner::miner_id_of(miner.address),
                            .eligible = report.is_match()};
    for (std::size_t i = 0; i < match_rule_count; ++i) {
        RuleVerdict& rule = report.rules[i];
        candidate.rules.push_back(
            {static_cast<MatchRule>(i), rule.verdict, std::move(rule.why), std::move(rule.remedy)});
    }
    return candidate;
}

/// Those that could take it first; the rest in the order of their accounts.
void add_miners(ExplainView& view, const StateReader& reader, const Job& job,
                const ExplainMoment& moment) {
    std::vector<CandidateView> others;
    miner::for_each_miner(reader, Address{}, [&](const miner::MinerRecord& miner) {
        if (view.miners_known == explain_miners_max) return false;
        ++view.miners_known;
        CandidateView candidate = candidate_of(job, miner, moment);
        if (candidate.eligible) ++view.miners_eligible;
        auto& list = candidate.eligible ? view.miners : others;
        if (list.size() < moment.miners_shown_max) list.push_back(std::move(candidate));
        return true;
    });
    for (auto& candidate : others) {
        if (view.miners.size() == moment.miners_shown_max) break;
        view.miners.push_back(std::move(candidate));
    }
}

void explain_waiting(ExplainView& view, const Job& job) {
    if (job.queued_at_ms == 0) {
        view.summary = "It waits for funds: this chain does not queue unpaid jobs.";
        view.next = "Pay for it: aitbc client pay " + job.id + " AMOUNT.";
        return;
    }
    const std::string place =
        view.queue_position ? "number " + std::to_string(*view.queue_position) : "far back";
    if (view.miners_known == 0) {
        view.summary = "It is " + place + " in the queue and there is no miner on the chain.";
        view.next = "Start one: aitbc miner start.";
    } else if (view.miners_eligible == 0) {
        view.summary = "It is " + place + " in the queue and none of " +
                       std::to_string(view.miners_known) + " miners may take it now.";
        view.next = "See below which rule each miner fails and what would change that.";
    } else {
        view.summary = "It is " + place + " in the queue; " + std::to_string(view.miners_eligible) +
                       " of " + std::to_string(view.miners_known) + " miners could take it.";
        view.next = "The next of them that polls gets it.";
    }
}

void explain_running(ExplainView& view, const Job& job, const ExplainMoment& moment) {
    const Lease& lease = *job.lease;
    view.held_by = miner::miner_id_of(lease.miner);
    const std::size_t attempt = job.past_attempts.size() + 1;
    view.summary = view.held_by + " works on it, attempt " + std::to_string(attempt) + " of " +
                   std::to_string(moment.parameters.attempts_max) + ".";
    view.next =
        "Unless the miner renews, its lease ends at " + to_rfc3339(lease.expires_at_ms) +
        (attempt < moment.parameters.attempts_max ? " and the job is queued again."
                                                  : " and the job fails: no attempt is left.");
    view.next_change_at = UnixMs{std::min(lease.expires_at_ms, job.expires_at_ms)};
}

void explain_end(ExplainView& view, const Job& job) {
    view.summary = "It is " + std::string(name_of(job.state)) + " since " +
                   to_rfc3339(job.completed_at_ms) + ".";
    if (job.delivery) {
        view.summary += " " + miner::miner_id_of(job.delivery->miner) + " did it at " +
                        to_text(job.delivery->price_per_hour) + " AIT an hour.";
    }
    if (job.error) view.summary += " " + job.error->code + ": " + job.error->message;
    if (job.state == JobState::completed && job.payment.state == PaymentState::unfunded) {
        view.next = "It is not paid: aitbc client pay " + job.id + " AMOUNT.";
    } else if (job.state == JobState::completed) {
        view.next = "Get the result: aitbc client result " + job.id + ".";
    } else {
        view.next = "Submit it again: aitbc client submit.";
    }
}

}  // namespace

ExplainView explain(const StateReader& reader, const Job& job, const ExplainMoment& moment) {
    ExplainView view{.job_id = job.id,
                     .status = job.state,
                     .payment_state = job.payment.state,
                     .stages = stages_of(job, moment),
                     .height = moment.height};
    // Also of a job that has ended: who could have taken it, and why the others could not, is what
    // people ask first.
    add_miners(view, reader, job, moment);
    if (is_terminal(job.state)) {
        explain_end(view, job);
        return view;
    }
    view.queue_position = queue_position(reader, job);
    view.next_change_at = UnixMs{job.expires_at_ms};
    if (job.lease) {
        explain_running(view, job, moment);
    } else {
        explain_waiting(view, job);
    }
    return view;
}

}  // namespace ait::coordinator
