// `aitbc admin logs`: what the processes of this machine's node have written, read from their files
// and not from the node, because logs are wanted most when the node does not answer.

#include <algorithm>
#include <array>
#include <deque>

#include "runtime/cli/commands.hpp"
#include "runtime/cli/ids.hpp"
#include "runtime/cli/log_follower.hpp"
#include "runtime/cli/log_lines.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t look_interval_ms = 200;
constexpr std::int64_t lines_max = 10'000;
constexpr std::array<std::string_view, 3> processes{"supervisor", "node", "miner"};

/// One process's log on its way into lines.
struct Source {
    std::string process;
    LogFollower follower;
    LogLine last{};
};

std::vector<Source> sources_of(const std::string& folder, const std::string& service) {
    std::vector<Source> sources;
    for (const auto process : processes) {
        if (service != "all" && service != process) continue;
        sources.push_back({.process = std::string(process),
                           .follower = LogFollower(folder + "/" + std::string(process) + ".log"),
                           .last = {}});
    }
    return sources;
}

/// What has come in all logs since the last look and passes the filter, in the order of time.
std::vector<LogLine> new_lines(std::vector<Source>& sources, const LogFilter& filter,
                               std::size_t count_max) {
    std::deque<LogLine> lines;
    for (auto& source : sources) {
        std::deque<LogLine> own;
        source.follower.read_new([&](std::string_view text) {
            source.last = parse_log_line(text, source.process, source.last);
            if (!filter.takes(source.last)) return;
            own.push_back(source.last);
            if (own.size() > count_max) own.pop_front();
        });
        lines.insert(lines.end(), own.begin(), own.end());
    }
    std::stable_sort(lines.begin(), lines.end(),
                     [](const LogLine& a, const LogLine& b) { return a.unix_ms < b.unix_ms; });
    while (lines.size() > count_max) lines.pop_front();
    return {lines.begin(), lines.end()};
}

Result<LogFilter> filter_of(Session& session, const Request& request) {
    LogFilter filter{.level = log_level_of(text_in(request.local, "level", "trace"))};
    const std::string since = text_in(request.local, "since");
    if (!since.empty()) {
        auto time = parse_time(since, session.now_unix_ms());
        if (!time.ok()) return time.error();
        filter.since_unix_ms = time.value();
    }
    filter.trace = text_in(request.local, "trace");
    filter.job = text_in(request.local, "job");
    if (filter.job != "@last") return filter;
    Json input{{"job_id", filter.job}};
    if (auto resolved = resolve_ids(session, *registry::find_operation("job.get"), input);
        !resolved.ok())
        return resolved.error();
    filter.job = text_in(input, "job_id");
    return filter;
}

/// A line of a log is read from left to right and not in columns, so that none is cut or padded.
std::string text_of(const LogLine& line) {
    std::string level(name_of(line.level));
    level.resize(8, ' ');
    std::string process = line.process;
    process.resize(std::max<std::size_t>(process.size(), 10), ' ');
    const std::string time = line.unix_ms == 0 ? std::string(24, ' ') : to_rfc3339(line.unix_ms);
    return time + "  " + level + "  " + process + "  " + printable(line.message) + "\n";
}

Status show(Session& session, const std::vector<LogLine>& lines, const Operation& shape) {
    for (const auto& line : lines) {
        if (!session.is_machine_output() && session.options.fields.empty()) {
            session.console.out(text_of(line));
            continue;
        }
        if (session.options.output == OutputFormat::csv) {
            RenderStyle style = session.style_for(&shape);
            style.header = false;
            auto text = render(Json{{"items", Json::array({to_json(line)})}}, style);
            if (!text.ok()) return text.error();
            session.console.out(text.value());
            continue;
        }
        if (auto shown = session.emit(to_json(line), &shape); !shown.ok()) return shown;
    }
    return {};
}

Result<Answer> follow(Session& session, std::vector<Source>& sources, const LogFilter& filter,
                      std::size_t count, const Operation& shape) {
    std::size_t most = count;
    for (;;) {
        const auto lines = new_lines(sources, filter, most);
        if (auto shown = show(session, lines, shape); !shown.ok()) return shown.error();
        most = static_cast<std::size_t>(lines_max);
        // Following ends by the user: that is its good end.
        if (wait_or_stop(session.console.stop, look_interval_ms)) return Answer{};
    }
}

Result<Answer> logs(Session& session, const Request& request) {
    if (!session.is_local() && session.options.data_dir.empty()) {
        return Error{ErrorCode::unsupported, "Logs are read on the machine that writes them.",
                     "The node in use is somewhere else.",
                     "Run it there, or leave out --node and --context to read this machine's."};
    }
    const std::int64_t count = integer_in(request.local, "lines", 100);
    if (count < 1 || count > lines_max) {
        return Error{ErrorCode::usage, "`--lines` is out of its range.",
                     "It takes 1 to " + std::to_string(lines_max) + ".", ""};
    }
    auto filter = filter_of(session, request);
    if (!filter.ok()) return filter.error();
    auto config = session.configuration();
    if (!config.ok()) return config.error();
    const auto folder = config::layout_of(config.value()->values.node.data_dir).logs;
    auto sources = sources_of(folder, text_in(request.local, "service", "all"));
    const auto most = static_cast<std::size_t>(count);
    if (flag_in(request.local, "follow") || session.options.watch)
        return follow(session, sources, filter.value(), most, *request.operation);
    Answer answer;
    std::string text;
    Json items = Json::array();
    for (const auto& line : new_lines(sources, filter.value(), most)) {
        items.push_back(to_json(line));
        text += text_of(line);
    }
    if (items.empty()) session.note("no lines in " + folder + " pass");
    answer.value = Json{{"items", std::move(items)}, {"next_cursor", nullptr}};
    answer.plain = std::move(text);
    return answer;
}

constexpr std::array rows{CommandRow{"admin.logs", &logs}};

}  // namespace

std::span<const CommandRow> log_commands() {
    return rows;
}

}  // namespace ait::cli
