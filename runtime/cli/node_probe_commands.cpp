// Commands that look at kept nodes: test, info, chains, monitor.

#include <algorithm>
#include <array>

#include "actors/consensus/genesis.hpp"
#include "actors/node/messages.hpp"
#include "runtime/cli/node_commands.hpp"
#include "runtime/config/peers.hpp"

namespace ait::cli {
namespace {

constexpr std::int64_t probes_max = 100;
constexpr std::size_t genesis_bytes_max = 1024 * 1024;
constexpr std::size_t token_bytes_max = 4'096;

/// Fills in what this machine's own chain is, where it has one: then a node of the same chain's
/// name with another genesis is a stranger.
void expect_local(Session& session, NodeExpectation& expected) {
    const auto config = session.configuration();
    if (!config.ok()) return;
    const auto text = read_file(config.value()->values.node.genesis_file, genesis_bytes_max);
    if (!text.ok()) return;
    const auto genesis = consensus::parse_genesis(text.value());
    if (!genesis.ok()) return;
    expected.local_chain = genesis.value().chain;
    expected.local_genesis = to_hex(consensus::genesis_hash(genesis.value()).view());
}

Result<LookedAt> look_at_one(Session& session, const Request& request, std::uint32_t probes) {
    auto nodes = kept_nodes(session, text_in(request.local, "node"));
    if (!nodes.ok()) return nodes.error();
    auto jobs = probe_jobs(session, nodes.value(), probes, text_in(request.local, "genesis"));
    if (!jobs.ok()) return jobs.error();
    const auto& console = session.console;
    NodeProbe probe = probe_node(jobs.value().front(), *console.clock, console.stop);
    if (console.stop.stop_requested())
        return Error{ErrorCode::cancelled, "Stopped looking at the node.", "", "Run it again."};
    return LookedAt{.entry = nodes.value().front(), .probe = std::move(probe)};
}

Json view_of(const LookedAt& node) {
    Json view{
        {"node", node.entry.name}, {"address", address_of(node.entry)}, {"type", node.entry.type}};
    view.update(to_json(node.probe));
    return view;
}

Result<Answer> test(Session& session, const Request& request) {
    const std::int64_t probes = integer_in(request.local, "probes", 5);
    if (probes < 1 || probes > probes_max) {
        return Error{ErrorCode::invalid_argument, "The number of probes is not fit.",
                     "It is 1 to " + std::to_string(probes_max) + ".", ""};
    }
    auto node = look_at_one(session, request, static_cast<std::uint32_t>(probes));
    if (!node.ok()) return node.error();
    Answer answer{.value = view_of(node.value()), .next = "aitbc node chains"};
    answer.verdict = verdict_of(node.value().entry.name, node.value().probe);
    return answer;
}

/// A token is for the node that was meant and for nobody else who listens there.
bool may_have_token(const LookedAt& node) {
    const bool is_meant = node.probe.condition == NodeCondition::healthy ||
                          node.probe.condition == NodeCondition::degraded;
    return is_meant && !node.entry.token_file.empty();
}

Result<Answer> info(Session& session, const Request& request) {
    auto looked = look_at_one(session, request, 1);
    if (!looked.ok()) return looked.error();
    const LookedAt& node = looked.value();
    Json view = to_json(node.entry);
    Json seen = to_json(node.probe);
    if (!node.entry.public_key.empty()) seen.erase("public_key");  // the pin stays
    view.update(seen);
    view["status"] = nullptr;
    if (may_have_token(node)) {
        auto client = client_of(session, node.entry);
        if (!client.ok()) return client.error();
        auto status =
            client.value().get("/api/v1/status", CallOptions{.timeout_ms = node.entry.timeout_ms});
        if (status.ok())
            view["status"] = std::move(status).value();
        else
            session.note("its status is not shown: " + status.error().what);
    }
    Answer answer{.value = std::move(view), .next = "aitbc explain node " + node.entry.name};
    answer.verdict = verdict_of(node.entry.name, node.probe);
    return answer;
}

/// Part of the nodes did not tell, or told of another chain.
std::optional<Error> verdict_of_many(const std::vector<LookedAt>& nodes) {
    std::string failed;
    std::size_t count = 0;
    for (const auto& node : nodes) {
        const auto condition = node.probe.condition;
        if (condition == NodeCondition::healthy || condition == NodeCondition::degraded) continue;
        ++count;
        failed += (failed.empty() ? "" : ", ") + node.entry.name + " (" +
                  std::string(name_of(condition)) + ")";
    }
    if (count == 0) return std::nullopt;
    const bool none = count == nodes.size();
    return Error{none ? ErrorCode::unavailable : ErrorCode::partly_done,
                 none ? "No node told of its chains."
                      : std::to_string(count) + " of " + std::to_string(nodes.size()) +
                            " nodes did not tell.",
                 failed + ".", "`aitbc node test NAME` says what is wrong with one."};
}

Result<Answer> chains(Session& session, const Request& request) {
    auto nodes = look_at(session, text_in(request.local, "node"), 1);
    if (!nodes.ok()) return nodes.error();
    ChainMatrix matrix = chain_matrix(nodes.value());
    if (nodes.value().empty())
        session.note("no node is kept here: aitbc node add --name NAME --host HOST --port PORT");
    Answer answer{.value = Json{{"items", std::move(matrix.items)}, {"next_cursor", nullptr}},
                  .columns = std::move(matrix.columns)};
    answer.verdict = verdict_of_many(nodes.value());
    return answer;
}

// ---- monitor --------------------------------------------------------------------------------

Json monitor_row(Session& session, const LookedAt& node) {
    const auto& probe = node.probe;
    Json row{{"time", to_rfc3339(session.now_unix_ms())},
             {"node", node.entry.name},
             {"state", std::string(name_of(probe.condition))}};
    for (const auto* name : {"height", "lag", "rtt_us", "peers_connected", "version"})
        row[name] = nullptr;
    row["why"] = probe.why.empty() ? Json(nullptr) : Json(probe.why);
    if (const auto latency = latency_of(probe)) row["rtt_us"] = latency->min_us;
    if (!probe.identity) return row;
    row["version"] = probe.identity->version;
    row["peers_connected"] = probe.identity->peers_connected;
    Json heights = Json::array();
    Json lags = Json::array();
    for (const auto& chain : probe.identity->chains) {
        heights.push_back(chain.height);
        lags.push_back(chain.height_known - chain.height);
    }
    row["height"] = heights.size() == 1 ? heights[0] : heights;
    row["lag"] = lags.size() == 1 ? lags[0] : lags;
    return row;
}

Result<Json> monitor_frame(Session& session, const std::string& name) {
    auto nodes = look_at(session, name, 1);
    if (!nodes.ok()) return nodes.error();
    Json items = Json::array();
    for (const auto& node : nodes.value()) items.push_back(monitor_row(session, node));
    return Json{{"items", std::move(items)}, {"next_cursor", nullptr}};
}

Result<Answer> monitor(Session& session, const Request& request) {
    const std::int64_t interval_s = integer_in(request.local, "interval", 5);
    if (interval_s < 1 || interval_s > 3'600) {
        return Error{ErrorCode::invalid_argument, "The interval is not fit.",
                     "It is 1 to 3600 seconds.", ""};
    }
    const bool wished = flag_in(request.local, "realtime") || session.options.watch;
    const bool usual = session.console.out_is_terminal && !session.is_machine_output();
    const bool goes_on = (wished || usual) && !flag_in(request.local, "once");
    const std::string name = text_in(request.local, "node");
    bool is_first = true;
    for (;;) {
        auto frame = monitor_frame(session, name);
        if (!frame.ok()) return frame.error();
        if (!goes_on) return Answer{.value = std::move(frame).value()};
        if (session.is_machine_output()) {
            for (const auto& row : frame.value()["items"]) {
                if (auto shown = session.emit(row, request.operation); !shown.ok())
                    return shown.error();
            }
        } else {
            RenderStyle style = session.style_for(request.operation);
            style.header = style.header && is_first;
            auto text = render(frame.value(), style);
            if (!text.ok()) return text.error();
            session.console.out(text.value());
        }
        is_first = false;
        // Watching ends by the user: that is its good end.
        if (wait_or_stop(session.console.stop, static_cast<std::uint32_t>(interval_s) * 1'000))
            return Answer{};
    }
}

constexpr std::array rows{
    CommandRow{"node.test", &test},
    CommandRow{"node.info", &info},
    CommandRow{"node.chains", &chains},
    CommandRow{"node.monitor", &monitor},
};

}  // namespace

Result<std::vector<NodeEntry>> kept_nodes(Session& session, const std::string& name) {
    auto nodes = read_nodes(nodes_file(session.paths()));
    if (!nodes.ok()) return nodes.error();
    if (name.empty()) return std::move(nodes).value().all;
    const NodeEntry* entry = nodes.value().find(name);
    if (entry != nullptr) return std::vector{*entry};
    // Names hold no colon, so this is an address of a node that nobody kept.
    auto address = config::parse_host_port(name);
    if (!address.ok()) return no_such_node(name, nodes.value());
    return std::vector{NodeEntry{
        .name = name, .host = std::move(address.value().host), .port = address.value().port}};
}

Result<std::vector<ProbeJob>> probe_jobs(Session& session, const std::vector<NodeEntry>& nodes,
                                         std::uint32_t probes, const std::string& genesis) {
    auto wanted = genesis_wanted(genesis);
    if (!wanted.ok()) return wanted.error();
    NodeExpectation local;
    expect_local(session, local);
    std::vector<ProbeJob> jobs;
    for (const auto& entry : nodes) {
        ProbeJob job{.endpoint = endpoint_of(entry),
                     .expected = local,
                     .probes = probes,
                     .timeout_ms = session.options.timeout_ms.value_or(entry.timeout_ms),
                     .retries = entry.retries,
                     .challenge = session.console.random->bytes(node::identity_challenge_bytes)};
        job.expected.public_key = entry.public_key;
        job.expected.genesis = wanted.value().empty() ? entry.genesis : wanted.value();
        jobs.push_back(std::move(job));
    }
    return jobs;
}

Result<NodeClient> client_of(Session& session, const NodeEntry& entry) {
    NodeClient::Options settings;
    settings.stop = session.console.stop;
    if (!entry.token_file.empty()) {
        auto token = read_file(entry.token_file, token_bytes_max);
        if (!token.ok()) return token.error();
        settings.token = std::move(token).value();
        while (!settings.token.empty() &&
               (settings.token.back() == '\n' || settings.token.back() == '\r'))
            settings.token.pop_back();
    }
    if (session.options.verbosity > 1)
        settings.trace = [&session](const std::string& line) { session.detail(line); };
    settings.chain = session.chain();
    return NodeClient(endpoint_of(entry), std::move(settings));
}

Result<std::vector<LookedAt>> look_at(Session& session, const std::string& name,
                                      std::uint32_t probes) {
    auto nodes = kept_nodes(session, name);
    if (!nodes.ok()) return nodes.error();
    auto jobs = probe_jobs(session, nodes.value(), probes, "");
    if (!jobs.ok()) return jobs.error();
    auto seen = probe_nodes(jobs.value(), *session.console.clock, session.console.stop);
    if (session.console.stop.stop_requested())
        return Error{ErrorCode::cancelled, "Stopped looking at the nodes.", "", "Run it again."};
    std::vector<LookedAt> looked;
    for (std::size_t i = 0; i < seen.size(); ++i)
        looked.push_back({.entry = nodes.value()[i], .probe = std::move(seen[i])});
    return looked;
}

std::span<const CommandRow> node_probe_commands() {
    return rows;
}

}  // namespace ait::cli
