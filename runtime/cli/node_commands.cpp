// Commands on the node itself: starting, stopping, waiting for it, and what happens on the chain.

#include <algorithm>
#include <array>

#include "net/http_target.hpp"
#include "runtime/cli/commands.hpp"
#include "runtime/cli/ids.hpp"
#include "runtime/cli/job_wait.hpp"
#include "runtime/registry/registry.hpp"
#include "runtime/supervise/local_node.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t look_interval_ms = 250;
constexpr std::uint32_t stream_idle_ms = 60'000;
constexpr std::uint32_t reconnect_ms_max = 10'000;
constexpr std::uint32_t wait_ms_default = 60'000;

supervise::Progress progress_of(Session& session) {
    return [&session](std::string_view line) { session.note(line); };
}

Result<Answer> up(Session& session, const Request& request) {
    auto program = supervise::find_node_program();
    if (!program.ok()) return program.error();
    supervise::UpOptions options;
    options.sources = session.sources();
    const std::string model = text_in(request.local, "model");
    if (!model.empty()) options.sources.flags.emplace_back("miner.model", model);
    options.node_program = std::move(program).value();
    options.with_miner = !flag_in(request.local, "no_miner");
    if (session.options.timeout_ms) options.deadline_ms = *session.options.timeout_ms;
    options.progress = progress_of(session);
    auto started = supervise::up(options);
    if (!started.ok()) return started.error();
    return Answer{.value = std::move(started).value(),
                  .next = "aitbc client submit --prompt \"Hello AITBC\" --wait"};
}

Result<Answer> down(Session& session, const Request& request) {
    supervise::DownOptions options;
    options.sources = session.sources();
    options.force = flag_in(request.local, "force");
    if (session.options.timeout_ms) options.deadline_ms = *session.options.timeout_ms;
    options.progress = progress_of(session);
    auto stopped = supervise::down(options);
    if (!stopped.ok()) return stopped.error();
    return Answer{.value = std::move(stopped).value()};
}

/// Asks for the status until `is_good`, the deadline or the user.
template <class IsGood>
Result<Answer> wait_for_status(Session& session, std::string_view what, IsGood&& is_good) {
    const std::int64_t began_us = session.console.clock->monotonic_us();
    const std::int64_t timeout_us =
        std::int64_t{session.options.timeout_ms.value_or(wait_ms_default)} * 1'000;
    session.options.timeout_ms.reset();  // it is the wait's, not each request's
    std::string last = "The node has not answered.";
    for (;;) {
        auto status = call_node(session, "node.status", Json::object());
        if (status.ok() && is_good(status.value())) {
            return Answer{.value = std::move(status).value(),
                          .shape = registry::find_operation("node.status")};
        }
        if (!status.ok() && status.error().code != ErrorCode::unavailable &&
            status.error().code != ErrorCode::not_ready)
            return status.error();
        last = status.ok() ? "It is at height " +
                                 dump_json(status.value().value("height", Json(nullptr))) + "."
                           : status.error().what + " " + status.error().why;
        if (session.console.clock->monotonic_us() - began_us >= timeout_us) {
            return Error{ErrorCode::deadline_exceeded, std::string(what) + " did not come in time.",
                         last, "aitbc up"};
        }
        if (wait_or_stop(session.console.stop, look_interval_ms)) {
            return Error{ErrorCode::cancelled, "Stopped waiting.", last, "Wait again: aitbc wait"};
        }
    }
}

Result<Answer> wait_height(Session& session, const std::string& id) {
    const auto height = parse_json(id);
    if (!height.ok() || !height.value().is_number_unsigned()) {
        return Error{ErrorCode::usage, "`aitbc wait height` needs a height.", "",
                     "aitbc wait height 100"};
    }
    const auto wanted = height.value().get<std::uint64_t>();
    return wait_for_status(session, "Height " + id, [wanted](const Json& status) {
        const Json* at = find_path(status, "height");
        return at != nullptr && at->is_number_unsigned() && at->get<std::uint64_t>() >= wanted;
    });
}

Result<Answer> wait_job(Session& session, const Request& request) {
    const Operation* get = registry::find_operation("job.get");
    Json input = Json::object();
    if (request.local.contains("id")) input["job_id"] = request.local["id"];
    if (auto resolved = resolve_ids(session, *get, input); !resolved.ok()) return resolved.error();
    JobWait wait;
    wait.job_id = input["job_id"].get<std::string>();
    wait.state = text_in(request.local, "state", session.options.wait.value_or(""));
    wait.timeout_ms = session.options.timeout_ms.value_or(wait_ms_default);
    session.options.timeout_ms.reset();
    auto job = wait_for_job(session, wait);
    if (!job.ok()) return job.error();
    return Answer{.value = std::move(job).value(), .shape = get};
}

Result<Answer> wait(Session& session, const Request& request) {
    const std::string what = text_in(request.local, "what");
    if (what == "job") return wait_job(session, request);
    if (what == "height") return wait_height(session, text_in(request.local, "id"));
    return wait_for_status(session, "A ready node",
                           [](const Json& status) { return flag_in(status, "ready"); });
}

std::string stream_target(const Json& filter) {
    std::string query;
    for (const auto& [name, value] : filter.items()) {
        query += (query.empty() ? "?" : "&") + net::percent_encode(name) + "=" +
                 net::percent_encode(query_text(value));
    }
    return "/api/v1/events/stream" + query;
}

/// Shows events until the user stops; a lost connection resumes after the last event shown.
Result<Answer> follow(Session& session, const Request& request) {
    auto node = session.new_node_client();
    if (!node.ok()) return node.error();
    std::string last_event_id;
    std::uint32_t pause_ms = look_interval_ms;
    Status shown;
    for (bool was_connected = false;;) {
        const auto ended = node.value().events(
            stream_target(request.input), last_event_id, stream_idle_ms, CallOptions{},
            [&](const net::SseEvent& event) {
                was_connected = true;
                pause_ms = look_interval_ms;
                if (!event.id.empty()) last_event_id = event.id;
                auto json = parse_json(event.data);
                if (!json.ok() || !json.value().is_object())
                    return true;  // a comment or a keep-alive
                const Json one{{"items", Json::array({json.value()})}};
                RenderStyle style = session.style_for(registry::find_operation("events.list"));
                style.header = false;
                auto text = session.is_machine_output()
                                ? Result<std::string>(dump_json(json.value()) + "\n")
                                : render(one, style);
                if (text.ok())
                    session.console.out(text.value());
                else
                    shown = text.error();
                return shown.ok();
            });
        if (!shown.ok()) return shown.error();
        if (session.console.stop.stop_requested())
            return Answer{};  // following ends by the user: that is its good end
        const bool lost = ended.ok() || ended.error().code == ErrorCode::unavailable ||
                          ended.error().code == ErrorCode::deadline_exceeded;
        if (!lost || (!ended.ok() && !was_connected)) return ended.error();
        if (!ended.ok() && ended.error().code == ErrorCode::unavailable)
            session.note("connection lost; trying again");
        if (wait_or_stop(session.console.stop, pause_ms)) return Answer{};
        pause_ms = std::min(pause_ms * 2, reconnect_ms_max);
    }
}

/// The newest events that fit the filter, oldest of them first, among the last blocks.
Result<Json> latest_events(Session& session, Json input, std::int64_t count) {
    constexpr std::int64_t blocks_back = 1'000;
    constexpr int pages_max = 20;
    auto chain = call_node(session, "chain.info", Json::object());
    if (!chain.ok()) return chain.error();
    const std::int64_t height = integer_in(chain.value(), "height", 0);
    if (height > blocks_back) input["after"] = std::to_string(height - blocks_back) + ":0";
    input["limit"] = limits::list_rows_max;
    Json items = Json::array();
    for (int page = 0; page < pages_max; ++page) {
        auto rows = call_node(session, "events.list", input);
        if (!rows.ok()) return rows.error();
        for (auto& row : rows.value()["items"]) items.push_back(std::move(row));
        const Json& cursor = rows.value()["next_cursor"];
        if (!cursor.is_string()) break;
        input["cursor"] = cursor;
    }
    const auto extra = static_cast<std::int64_t>(items.size()) - std::max<std::int64_t>(count, 1);
    if (extra > 0) items.erase(items.begin(), items.begin() + extra);
    return items;
}

Result<Answer> events(Session& session, const Request& request) {
    if (flag_in(request.local, "follow") || session.options.watch) return follow(session, request);
    auto latest = latest_events(session, request.input, integer_in(request.local, "limit", 50));
    if (!latest.ok()) return latest.error();
    return Answer{.value = Json{{"items", std::move(latest).value()}, {"next_cursor", nullptr}},
                  .shape = registry::find_operation("events.list")};
}

Result<Answer> genesis(Session& session, const Request& request) {
    auto value = call_node(session, *request.operation, Json::object());
    if (!value.ok()) return value.error();
    const std::string file = text_in(request.local, "output_file");
    if (file.empty()) return Answer{.value = std::move(value).value()};
    auto written = write_file(file, dump_json_pretty(value.value()) + "\n", 0644, false);
    if (!written.ok()) return written.error();
    return Answer{.value = Json{{"chain", value.value().value("chain", Json(nullptr))},
                                {"output_file", file}}};
}

constexpr std::array rows{
    CommandRow{"node.up", &up},
    CommandRow{"node.down", &down},
    CommandRow{"node.wait", &wait},
    CommandRow{"events.stream", &events},
    CommandRow{"chain.genesis", &genesis},
};

}  // namespace

std::span<const CommandRow> node_commands() {
    return rows;
}

}  // namespace ait::cli
