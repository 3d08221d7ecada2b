// Commands on the configuration: its file, its keys, and a running node's reading of it.

#include <array>

#include "runtime/cli/commands.hpp"
#include "runtime/supervise/local_node.hpp"

namespace ait::cli {
namespace {

config::Sources sources_of(const Session& session, const Request& request) {
    config::Sources sources = session.sources();
    sources.file = text_in(request.local, "file");
    return sources;
}

Result<Answer> init(Session& session, const Request& request) {
    std::string file = text_in(request.local, "file");
    if (file.empty()) file = session.paths().config + "/node.toml";
    auto made = config::init_config(file, flag_in(request.local, "force"));
    if (!made.ok()) return made.error();
    return Answer{.value = std::move(made).value(), .next = "aitbc config validate"};
}

Result<Answer> validate(Session& session, const Request& request) {
    const auto sources = sources_of(session, request);
    Answer answer;
    answer.value = config::validate_config(sources);
    const auto report = config::inspect_config(sources);
    if (report.issues.empty()) return answer;
    std::string all;
    for (const auto& issue : report.issues) all += config::render(issue) + "\n";
    answer.plain = std::move(all);
    answer.verdict =
        Error{ErrorCode::invalid_argument,
              "The configuration has " + std::to_string(report.issues.size()) + " errors.", "",
              "Correct the places shown, then run `aitbc config validate` again."};
    return answer;
}

Result<Answer> show(Session& session, const Request& request) {
    auto loaded = config::load_config(sources_of(session, request));
    if (!loaded.ok()) return loaded.error();
    Answer answer{.value = config::show_config(loaded.value())};
    if (flag_in(request.local, "origin")) {
        answer.columns = "key,value,origin";
        return answer;
    }
    for (auto& item : answer.value["items"]) item.erase("origin");
    return answer;
}

Result<Answer> explain(Session& session, const Request& request) {
    return explain_key(session, text_in(request.local, "key"));
}

/// The node reads its files itself and says what applied; what concerns the miner process is its
/// supervisor's to do, which only a signal on this machine reaches.
Result<Answer> reload(Session& session, const Request& request) {
    auto report = call_node(session, *request.operation, Json::object());
    if (!report.ok()) return report.error();
    Answer answer{.value = std::move(report).value()};
    const Json* by_miner = find_path(answer.value, "by_miner");
    const bool concerns_miner = by_miner != nullptr && !by_miner->empty();
    if (concerns_miner && session.is_local()) {
        auto told = supervise::hang_up(session.sources());
        if (!told.ok()) return told.error();
        if (!told.value()) session.note("no supervisor runs here: restart the miner yourself");
    } else if (concerns_miner) {
        session.note("on the node's machine, send SIGHUP to the supervisor for the miner's keys");
    }
    const Json* waiting = find_path(answer.value, "needs_restart");
    if (waiting != nullptr && !waiting->empty()) answer.next = "aitbc down && aitbc up";
    return answer;
}

constexpr std::array rows{
    CommandRow{"config.init", &init},     CommandRow{"config.validate", &validate},
    CommandRow{"config.show", &show},     CommandRow{"config.explain", &explain},
    CommandRow{"config.reload", &reload},
};

}  // namespace

Result<Answer> explain_key(Session& session, const std::string& key) {
    auto config = session.configuration();
    if (!config.ok()) return config.error();
    auto explained = config::explain_key(*config.value(), key);
    if (!explained.ok()) return explained.error();
    return Answer{.value = std::move(explained).value()};
}

std::span<const CommandRow> config_commands() {
    return rows;
}

}  // namespace ait::cli
