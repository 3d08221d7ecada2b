#include "runtime/miner/mining_loop.hpp"

#include <algorithm>
#include <chrono>

#include "runtime/base/crypto/hash.hpp"

namespace ait::miner_process {
namespace {

constexpr std::int64_t empty_poll_pause_ms = 250;

/// Waiting mends these: a node that is away or busy, a miner that drains or is at its limit.
bool is_passing(ErrorCode code) {
    return error_code_row(code).retryable || code == ErrorCode::internal ||
           code == ErrorCode::malformed || code == ErrorCode::unauthenticated;
}

std::string clipped(const std::string& text, std::size_t bytes_max) {
    std::size_t end = std::min(text.size(), bytes_max);
    while (end > 0 && end < text.size() && (text[end] & 0xC0) == 0x80) --end;  // whole characters
    return text.substr(0, end);
}

}  // namespace

MiningLoop::MiningLoop(const Parts& parts, Options options)
    : parts_(parts),
      options_(std::move(options)),
      poll_backoff_(*parts.random, {.first_ms = 250, .max_ms = 10'000}),
      executor_backoff_(*parts.random, {.first_ms = 1'000, .max_ms = 60'000}) {
    AIT_ASSERT(options_.concurrency > 0);
    AIT_ASSERT(parts_.session != nullptr);
    AIT_ASSERT(parts_.executor != nullptr);
    AIT_ASSERT(parts_.observer != nullptr);
}

MiningLoop::~MiningLoop() {
    AIT_ASSERT(held_.empty());
}

Status MiningLoop::run(const std::stop_token& drain, const std::stop_token& cancel) {
    Status outcome;
    {
        const std::jthread heart([this](const std::stop_token& stop) { keep_beating(stop); });
        while (!drain.stop_requested() && !(options_.jobs_max && taken_ >= *options_.jobs_max)) {
            const auto turn = take_turn(drain);
            if (!turn.ok()) outcome = turn.error();
            if (!turn.ok() || turn.value() == Turn::leave) break;
        }
        // The heart beats on: the leases of what is being finished must not run out. A loop that
        // leaves after its number of jobs finishes them whatever time it takes.
        if (outcome.ok() && !drain.stop_requested()) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, drain, [this] {
                return std::all_of(held_.begin(), held_.end(),
                                   [](const Held& held) { return held.is_done; });
            });
        }
        finish(cancel);
    }
    reap();
    AIT_ASSERT(held_.empty());
    return outcome;
}

/// Room, a poll, and threads for what came.
Result<MiningLoop::Turn> MiningLoop::take_turn(const std::stop_token& drain) {
    std::uint32_t room = wait_for_room(drain);
    if (room == 0) return Turn::leave;
    if (options_.jobs_max) {
        room =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(room, *options_.jobs_max - taken_));
    }
    if (is_drained_by_node_) {
        parts_.observer->waiting("the network drains this miner");
        return parts_.pause->wait_ms(options_.heartbeat_ms, drain) ? Turn::go_on : Turn::leave;
    }
    if (!wait_for_health(drain)) return Turn::leave;
    return poll_once(room, drain);
}

/// A job that is given back comes round again: without a pause, one sick server would use up the
/// attempts of many. After the pause what does the work is asked, so that only one that answers is
/// given a job to try.
bool MiningLoop::wait_for_health(const std::stop_token& drain) {
    if (!is_executor_ill_) {
        executor_backoff_.reset();
        return true;
    }
    parts_.observer->waiting("the last job could not be done here");
    while (parts_.pause->wait_ms(executor_backoff_.next_ms(), drain)) {
        const Status probed = parts_.executor->probe(drain);
        if (probed.ok()) return true;
        if (drain.stop_requested()) return false;
        parts_.observer->waiting("what does the work does not answer: " + probed.error().what);
    }
    return false;
}

Result<MiningLoop::Turn> MiningLoop::poll_once(std::uint32_t room, const std::stop_token& drain) {
    parts_.observer->polling();
    auto jobs = parts_.session->poll(room, options_.wait_s, drain);
    if (!jobs.ok()) return on_poll_error(jobs.error(), drain);
    poll_backoff_.reset();
    if (jobs.value().empty()) {
        parts_.observer->waiting("no job matches");
        return parts_.pause->wait_ms(empty_poll_pause_ms, drain) ? Turn::go_on : Turn::leave;
    }
    for (auto& job : jobs.value()) start(std::move(job));
    return Turn::go_on;
}

Result<MiningLoop::Turn> MiningLoop::on_poll_error(const Error& error,
                                                   const std::stop_token& drain) {
    if (drain.stop_requested()) return Turn::leave;
    if (error.code == ErrorCode::conflict) {
        is_drained_by_node_ = true;  // the next heartbeat says when that is over
    } else if (!is_passing(error.code)) {
        return error;
    }
    const std::int64_t retry_ms = poll_backoff_.next_ms();
    parts_.observer->troubled("poll", error, retry_ms);
    return parts_.pause->wait_ms(retry_ms, drain) ? Turn::go_on : Turn::leave;
}

/// How many jobs may be taken on; 0 when drained.
std::uint32_t MiningLoop::wait_for_room(const std::stop_token& drain) {
    reap();
    std::unique_lock lock(mutex_);
    const auto running = [this] {
        return static_cast<std::uint32_t>(std::count_if(
            held_.begin(), held_.end(), [](const Held& held) { return !held.is_done; }));
    };
    const bool has_room =
        changed_.wait(lock, drain, [&] { return running() < options_.concurrency; });
    return has_room && !drain.stop_requested() ? options_.concurrency - running() : 0;
}

void MiningLoop::start(miner::PolledJobView job) {
    ++taken_;
    parts_.observer->received(job);
    const std::scoped_lock lock(mutex_);
    Held& held = held_.emplace_back();
    held.job = std::move(job);
    held.thread = std::jthread([this, &held] {
        work(held);
        const std::scoped_lock done(mutex_);
        held.is_done = true;
        changed_.notify_all();
    });
}

void MiningLoop::work(Held& held) {
    parts_.observer->executing(held.job);
    const std::int64_t started = parts_.clock->now_unix_ms();
    const auto execution =
        parts_.executor->run(held.job, [](std::uint64_t) {}, held.stop.get_token());
    const std::int64_t ended = std::max(started, parts_.clock->now_unix_ms());
    if (is_lost(held)) {
        parts_.observer->dropped(held.job, Error{ErrorCode::lease_lost, "The job was taken back.",
                                                 "The node does not list it as held here.", ""});
    } else if (!execution.ok()) {
        give_back(held, execution.error());
    } else if (execution.value().result.size() > limits::blob_bytes_max) {
        give_back(held, Error{ErrorCode::too_large, "The result is larger than a result may be.",
                              std::to_string(execution.value().result.size()) + " bytes; at most " +
                                  std::to_string(limits::blob_bytes_max) + ".",
                              "Ask for fewer tokens."});
    } else {
        deliver(held, execution.value(), started, ended);
    }
    parts_.observer->waiting("a place is free");
}

void MiningLoop::deliver(Held& held, const Execution& execution, std::int64_t started_unix_ms,
                         std::int64_t ended_unix_ms) {
    const miner::PolledJobView& job = held.job;
    const coordinator::CompleteJob done{
        .job_id = job.job_id,
        .attempt = job.attempt,
        .payload = job.payload_hash,
        .result = crypto::blake2b_256(execution.result),
        .result_bytes = static_cast<std::uint32_t>(execution.result.size()),
        .model_ran = execution.model_ran,
        .prompt_tokens = execution.prompt_tokens,
        .completion_tokens = execution.completion_tokens,
        .duration_ms = execution.duration_ms,
        .started_at = UnixMs{started_unix_ms},
        .ended_at = UnixMs{ended_unix_ms},
        .price_per_hour = job.price_per_hour};
    is_executor_ill_ = false;
    const auto answer = parts_.session->complete(done, execution.result, limits_for(held));
    if (answer.ok()) {
        ++completed_;
        return parts_.observer->submitted(job, execution, answer.value());
    }
    const ErrorCode code = answer.error().code;
    if (code == ErrorCode::too_large || code == ErrorCode::invalid_argument) {
        return give_back(held, answer.error());  // the node will never take this result
    }
    ++failed_;
    parts_.observer->dropped(job, answer.error());
}

void MiningLoop::give_back(Held& held, Error error) {
    ++failed_;
    const bool is_ours = error.code == ErrorCode::cancelled;
    if (is_ours) error.why = "The miner is leaving.";
    is_executor_ill_ = !is_ours && may_succeed_elsewhere(error);
    const coordinator::FailJob failure{
        .job_id = held.job.job_id,
        .attempt = held.job.attempt,
        .error_code = std::string(error_code_row(error.code).name),
        .message = clipped(error.what + (error.why.empty() ? "" : " " + error.why),
                           limits::error_text_bytes_max),
        .retryable = may_succeed_elsewhere(error)};
    const auto answer = parts_.session->fail(failure, limits_for(held));
    if (!answer.ok()) return parts_.observer->dropped(held.job, answer.error());
    parts_.observer->failed(held.job, error, answer.value().requeued);
}

bool MiningLoop::is_lost(const Held& held) const {
    const std::scoped_lock lock(mutex_);
    return held.is_lost;
}

SubmitLimits MiningLoop::limits_for(const Held& held) const {
    return {.deadline_unix_ms = held.job.expires_at.ms, .stop = leaving_.get_token()};
}

void MiningLoop::reap() {
    std::list<Held> done;
    {
        const std::scoped_lock lock(mutex_);
        for (auto at = held_.begin(); at != held_.end();) {
            const auto next = std::next(at);
            if (at->is_done) done.splice(done.end(), held_, at);
            at = next;
        }
    }
    // Their threads hold the lock for the last time while they end, so they are joined without it.
}

/// Time for what is held, then a stop for it, then a stop for telling the node about it.
void MiningLoop::finish(const std::stop_token& cancel) {
    using std::chrono::milliseconds;
    const auto all_done = [this] {
        return std::all_of(held_.begin(), held_.end(),
                           [](const Held& held) { return held.is_done; });
    };
    {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, cancel, milliseconds(options_.drain_ms), all_done)) {
            for (Held& held : held_) held.stop.request_stop();
            if (!changed_.wait_for(lock, milliseconds(options_.leave_ms), all_done)) {
                leaving_.request_stop();
                changed_.wait(lock, all_done);
            }
        }
    }
    reap();
}

// Heartbeats

void MiningLoop::keep_beating(const std::stop_token& stop) {
    Backoff backoff(*parts_.random, {.first_ms = std::min<std::int64_t>(500, options_.heartbeat_ms),
                                     .max_ms = options_.heartbeat_ms});
    while (!stop.stop_requested()) {
        std::int64_t pause_ms = options_.heartbeat_ms;
        const Status beaten = beat(stop);
        if (beaten.ok()) {
            backoff.reset();
        } else if (!stop.stop_requested()) {
            pause_ms = backoff.next_ms();
            parts_.observer->troubled("heartbeat", beaten.error(), pause_ms);
        }
        if (!parts_.pause->wait_ms(pause_ms, stop)) return;
    }
}

Status MiningLoop::beat(const std::stop_token& stop) {
    HeartbeatReport report{.models = options_.models, .inference_url = options_.inference_url};
    {
        const std::scoped_lock lock(mutex_);
        for (const Held& held : held_) {
            if (held.is_done || held.is_lost) continue;
            report.jobs.push_back({held.job.job_id, held.job.attempt});
        }
    }
    report.metrics = Json{{"jobs_running", report.jobs.size()},
                          {"jobs_completed", completed_.load()},
                          {"jobs_failed", failed_.load()}};
    const auto answer = parts_.session->heartbeat(report, stop);
    if (!answer.ok()) return answer.error();
    is_drained_by_node_ = answer.value().drain;
    const std::scoped_lock lock(mutex_);
    for (const std::string& job_id : answer.value().cancelled_jobs) {
        for (Held& held : held_) {
            // Only what was reported: a job that came since is not meant.
            const bool was_reported =
                held.job.job_id == job_id &&
                std::any_of(report.jobs.begin(), report.jobs.end(), [&](const HeldJob& job) {
                    return job.job_id == job_id && job.attempt == held.job.attempt;
                });
            if (!was_reported) continue;
            held.is_lost = true;
            held.stop.request_stop();
        }
    }
    return {};
}

}  // namespace ait::miner_process
