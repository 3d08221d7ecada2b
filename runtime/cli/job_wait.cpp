#include "runtime/cli/job_wait.hpp"

#include <algorithm>

#include "net/http_target.hpp"
#include "runtime/cli/commands.hpp"

namespace ait::cli {
namespace {

std::string field_of(const Json& job, std::string_view name) {
    const Json* found = find_path(job, name);
    return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

bool is_reached(const Json& job, const std::string& state) {
    if (state.empty()) return has_ended(job);
    return field_of(job, "status") == state || field_of(job, "payment_state") == state;
}

Error goes_on(const JobWait& wait, ErrorCode code, std::string what, const Json& job) {
    const std::string status = field_of(job, "status");
    return {code, std::move(what),
            "The job goes on" + (status.empty() ? std::string(".") : "; it is " + status + " now."),
            "Resume: aitbc client result " + wait.job_id + " --wait"};
}

Error missed(const JobWait& wait, const Json& job) {
    return {ErrorCode::conflict, "The job will not become " + wait.state + ".",
            "It has ended: " + field_of(job, "status") + ".", "aitbc explain job " + wait.job_id};
}

/// Whether a view of the job says what the last one did not. Its height changes with every block.
bool is_news(const net::SseEvent& event, const Json& last) {
    auto view = parse_json(event.data);
    if (!view.ok() || !view.value().is_object()) return false;  // a comment or a keep-alive
    for (const char* field : {"status", "payment_state", "attempts", "queue_position"}) {
        if (view.value().value(field, Json()) != last.value(field, Json())) return true;
    }
    return false;
}

/// Keeps one stream open until it tells something new, or for a while. The node begins each stream
/// with the job as it is: what is known already must not end it, or waiting would be a busy loop.
void wait_for_event(Session& session, NodeClient& stream, const JobWait& wait, const Json& last,
                    std::string& last_event_id, std::uint32_t ms) {
    CallOptions call;
    call.timeout_ms = ms;
    const std::string target = "/api/v1/jobs/" + net::percent_encode(wait.job_id) + "/events";
    const std::int64_t began_us = session.console.clock->monotonic_us();
    const auto ended =
        stream.events(target, last_event_id, ms, call, [&](const net::SseEvent& event) {
            last_event_id = event.id;
            return !is_news(event, last);
        });
    // A stream that ends at once (refused, or none left to tell) must not turn into a busy loop.
    const std::int64_t took_ms = (session.console.clock->monotonic_us() - began_us) / 1'000;
    const bool early = !ended.ok() && took_ms < static_cast<std::int64_t>(ms);
    if (early)
        wait_or_stop(session.console.stop,
                     static_cast<std::uint32_t>(static_cast<std::int64_t>(ms) - took_ms));
}

}  // namespace

bool has_ended(const Json& job) {
    const std::string status = field_of(job, "status");
    return status == "completed" || status == "failed" || status == "cancelled" ||
           status == "expired";
}

Result<Json> wait_for_job(Session& session, const JobWait& wait) {
    auto stream = session.new_node_client();
    if (!stream.ok()) return stream.error();
    const std::int64_t deadline_us =
        session.console.clock->monotonic_us() + std::int64_t{wait.timeout_ms} * 1'000;
    Json last;
    std::string last_event_id;
    for (;;) {
        auto job = call_node(session, "job.get", Json{{"job_id", wait.job_id}});
        const bool stopped = session.console.stop.stop_requested();
        if (stopped) return goes_on(wait, ErrorCode::cancelled, "Stopped waiting.", last);
        if (!job.ok()) return job.error();
        if (job.value() != last && wait.on_change) wait.on_change(job.value());
        last = std::move(job).value();
        if (is_reached(last, wait.state)) return last;
        if (has_ended(last)) return missed(wait, last);
        const std::int64_t left_ms = (deadline_us - session.console.clock->monotonic_us()) / 1'000;
        if (left_ms <= 0)
            return goes_on(wait, ErrorCode::deadline_exceeded, "The job has not ended in time.",
                           last);
        const auto ms = static_cast<std::uint32_t>(std::min<std::int64_t>(left_ms, wait.look_ms));
        wait_for_event(session, stream.value(), wait, last, last_event_id, ms);
        if (session.console.stop.stop_requested())
            return goes_on(wait, ErrorCode::cancelled, "Stopped waiting.", last);
    }
}

}  // namespace ait::cli
