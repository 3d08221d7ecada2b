// Commands that make a cluster's files and show them. None of them talks to a node.

#include <array>
#include <filesystem>

#include "actors/consensus/genesis.hpp"
#include "runtime/cli/cluster_files.hpp"
#include "runtime/cli/node_commands.hpp"
#include "runtime/config/peers.hpp"
#include "runtime/supervise/local_node.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t genesis_bytes_max = 1024 * 1024;

Result<std::string> whole_folder(const std::string& path) {
    std::error_code failure;
    const auto whole = std::filesystem::absolute(path, failure);
    if (failure) {
        return Error{ErrorCode::invalid_argument, "The folder " + path + " cannot be named.",
                     failure.message() + ".", "Give its whole path."};
    }
    std::string text = whole.lexically_normal().string();
    while (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

std::vector<std::string> hosts_in(const Json& input) {
    std::vector<std::string> hosts;
    const auto found = input.find("hosts");
    if (found == input.end() || !found->is_array()) return hosts;
    for (const auto& host : *found)
        hosts.push_back(host.is_string() ? host.get<std::string>() : "");
    return hosts;
}

Result<ClusterPlan> plan_of(const Request& request) {
    auto folder = whole_folder(text_in(request.local, "dir", "cluster"));
    if (!folder.ok()) return folder.error();
    return plan_cluster({.folder = std::move(folder).value(),
                         .chain = text_in(request.local, "chain", "ait-devnet"),
                         .nodes = integer_in(request.local, "nodes", 0),
                         .is_dev = flag_in(request.local, "dev"),
                         .is_crash_tolerant = flag_in(request.local, "crash_tolerant"),
                         .stake = text_in(request.local, "stake"),
                         .hosts = hosts_in(request.local),
                         .peer_port = integer_in(request.local, "peer_port", 0),
                         .http_port = integer_in(request.local, "http_port", 0),
                         .remote_dir = text_in(request.local, "remote_dir")});
}

std::string address_of(const PlannedNode& node) {
    return config::to_text(config::HostPort{.host = node.host, .port = node.peer_port});
}

/// The whole line that starts a node where it is to run.
std::string start_line(const ClusterPlan& plan, const PlannedNode& node) {
    const auto program = plan.is_local ? supervise::find_node_program() : std::string("aitbcd");
    return shell_word(program.ok() ? program.value() : "aitbcd") + " --config " +
           shell_word(node.data_dir + "/node.toml");
}

Json node_json(const ClusterPlan& plan, const PlannedNode& node, const FileOutcome& outcome) {
    const config::HostPort rest{.host = node.host, .port = node.http_port};
    return Json{{"name", node.name},
                {"host", node.host},
                {"address", address_of(node)},
                {"url", "http://" + config::to_text(rest)},
                {"folder", node.folder},
                {"data_dir", node.data_dir},
                {"public_key", node.public_key.empty() ? Json(nullptr) : Json(node.public_key)},
                {"node_key", outcome.node_key},
                {"genesis", outcome.genesis},
                {"node_toml", outcome.node_toml},
                {"start", start_line(plan, node)}};
}

std::string genesis_id(const std::string& text) {
    const auto genesis = consensus::parse_genesis(text);
    return genesis.ok() ? to_hex(consensus::genesis_hash(genesis.value()).view()) : std::string();
}

Json cluster_json(const ClusterPlan& plan, const ClusterFiles& found,
                  const std::vector<FileOutcome>& outcomes) {
    const Tolerance tolerance = tolerance_of(plan);
    Json items = Json::array();
    for (std::size_t i = 0; i < plan.nodes.size(); ++i)
        items.push_back(node_json(plan, plan.nodes[i], outcomes[i]));
    return Json{
        {"folder", plan.folder},
        {"chain", plan.chain},
        {"genesis_hash", found.genesis.empty() ? Json(nullptr) : Json(genesis_id(found.genesis))},
        {"fault_model", plan.is_crash_tolerant ? "crash" : "byzantine"},
        {"validators", plan.nodes.size()},
        {"quorum", tolerance.quorum},
        {"may_stop", tolerance.may_stop},
        {"may_lie", tolerance.may_lie},
        {"stake", to_text(plan.stake)},
        {"items", std::move(items)},
        {"next_cursor", nullptr}};
}

/// What the numbers mean, said before somebody finds out by a stopped machine.
void note_tolerance(Session& session, const ClusterPlan& plan) {
    const Tolerance tolerance = tolerance_of(plan);
    session.note(std::to_string(tolerance.quorum) + " of " + std::to_string(plan.nodes.size()) +
                 " nodes decide: " + std::to_string(tolerance.may_stop) + " may stop, " +
                 std::to_string(tolerance.may_lie) + " may lie");
    if (tolerance.may_stop == 0 && plan.nodes.size() > 1) {
        session.note(
            "it stands still when any node stops; 4 nodes bear one, and so do 3 with "
            "--crash-tolerant");
    }
}

/// Nodes that are kept already and are the same stay as they are.
Status register_nodes(Session& session, const ClusterPlan& plan, const std::string& genesis_hash,
                      bool may_replace) {
    auto kept = read_nodes(nodes_file(session.paths()));
    if (!kept.ok()) return kept.error();
    std::vector<NodeEntry> entries;
    for (const auto& node : plan.nodes) {
        NodeEntry entry{.name = node.name,
                        .host = node.host,
                        .port = node.http_port,
                        .type = "validator",
                        .token_file = plan.is_local ? node.folder + "/api.token" : "",
                        .public_key = node.public_key,
                        .genesis = genesis_hash,
                        .added_unix_ms = session.now_unix_ms()};
        const NodeEntry* known = kept.value().find(node.name);
        if (known != nullptr) entry.added_unix_ms = known->added_unix_ms;
        if (known == nullptr || !(*known == entry)) entries.push_back(std::move(entry));
    }
    return keep_nodes(session, entries, may_replace);
}

Result<Answer> show_plan(Session& session, const ClusterPlan& plan, const ClusterFiles& found,
                         bool rewrites_toml) {
    note_tolerance(session, plan);
    Answer answer{.value = cluster_json(plan, found, foresee_files(plan, found, rewrites_toml)),
                  .columns = "name,address,url,node_key,genesis,node_toml",
                  .next = "aitbc cluster init " + shell_word(plan.folder)};
    const auto checks = check_files(plan, found);
    std::string failed;
    Json shown = Json::array();
    for (const auto& check : checks) {
        shown.push_back(Json{{"status", check.is_good ? "ok" : "fail"},
                             {"node", check.node.empty() ? Json(nullptr) : Json(check.node)},
                             {"what", check.what}});
        if (check.is_good)
            session.note(check.what);
        else
            failed += "\n" + check.node + ": " + check.what;
    }
    answer.value["checks"] = std::move(shown);
    if (!failed.empty()) {
        answer.verdict = Error{ErrorCode::check_failed, "The configurations do not fit together.",
                               failed, "Correct them, or write them again: cluster init --force"};
    }
    return answer;
}

Result<Answer> plan(Session& session, const Request& request) {
    auto wanted = plan_of(request);
    if (!wanted.ok()) return wanted.error();
    const auto found = find_files(wanted.value());
    if (!found.ok()) return found.error();
    return show_plan(session, wanted.value(), found.value(), flag_in(request.local, "force"));
}

Result<Answer> init(Session& session, const Request& request) {
    if (session.options.dry_run) return plan(session, request);
    auto wanted = plan_of(request);
    if (!wanted.ok()) return wanted.error();
    ClusterPlan& cluster = wanted.value();
    auto found = find_files(cluster);
    if (!found.ok()) return found.error();
    const bool is_forced = flag_in(request.local, "force");
    const auto outcomes = make_files(cluster, found.value(), is_forced, *session.console.random,
                                     session.now_unix_ms());
    if (!outcomes.ok()) return outcomes.error();
    note_tolerance(session, cluster);
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
        if (outcomes.value()[i].node_toml == "kept, differs")
            session.note(cluster.nodes[i].folder +
                         "/node.toml was kept although it differs; --force writes it again");
    }
    Answer answer{.value = cluster_json(cluster, found.value(), outcomes.value()),
                  .next = cluster.is_local
                              ? "start each node with its line, then: aitbc node chains"
                              : "aitbc cluster render " + shell_word(cluster.folder)};
    if (flag_in(request.local, "register")) {
        const auto kept =
            register_nodes(session, cluster, genesis_id(found.value().genesis), is_forced);
        if (!kept.ok()) return kept.error();
    }
    return answer;
}

// ---- render ---------------------------------------------------------------------------------

struct RenderedText {
    std::string kind{};  ///< config, systemd or commands
    std::string path{};
    std::string text{};
};

std::vector<RenderedText> texts_of(const ClusterPlan& plan, const PlannedNode& node) {
    std::vector<RenderedText> texts{
        {"config", node.data_dir + "/node.toml", node_toml(plan, node)}};
    if (plan.is_local) {
        texts.push_back({"commands", "", start_line(plan, node) + "\n"});
    } else {
        texts.push_back({"systemd", "/etc/systemd/system/aitbcd.service", service_text(node)});
        texts.push_back({"commands", "", moving_text(node)});
    }
    return texts;
}

Result<Answer> render_cluster(Session& session, const Request& request) {
    auto folder = whole_folder(text_in(request.local, "dir", "cluster"));
    if (!folder.ok()) return folder.error();
    auto cluster = read_cluster(folder.value());
    if (!cluster.ok()) return cluster.error();
    const auto hosts = hosts_in(request.local);
    if (!hosts.empty()) {
        const auto moved =
            move_to_hosts(cluster.value(), hosts, text_in(request.local, "remote_dir"));
        if (!moved.ok()) return moved.error();
    }
    const std::string only = text_in(request.local, "only", "all");
    Json items = Json::array();
    std::string plain;
    for (const auto& node : cluster.value().nodes) {
        for (const auto& each : texts_of(cluster.value(), node)) {
            if (only != "all" && only != each.kind) continue;
            const std::string what = each.path.empty() ? each.kind : each.path;
            items.push_back(Json{{"node", node.name},
                                 {"host", node.host},
                                 {"kind", each.kind},
                                 {"path", each.path.empty() ? Json(nullptr) : Json(each.path)},
                                 {"text", each.text}});
            plain +=
                "# ---- " + node.name + " on " + node.host + ": " + what + "\n" + each.text + "\n";
        }
    }
    Answer answer{.value = Json{{"items", std::move(items)}, {"next_cursor", nullptr}}};
    if (session.options.output == OutputFormat::table) answer.plain = std::move(plain);
    return answer;
}

constexpr std::array rows{
    CommandRow{"cluster.init", &init},
    CommandRow{"cluster.plan", &plan},
    CommandRow{"cluster.render", &render_cluster},
};

}  // namespace

std::span<const CommandRow> cluster_commands() {
    return rows;
}

}  // namespace ait::cli
