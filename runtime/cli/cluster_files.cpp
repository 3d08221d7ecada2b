#include "runtime/cli/cluster_files.hpp"

#include <algorithm>
#include <set>

#include "actors/consensus/genesis.hpp"
#include "runtime/cli/console.hpp"
#include "runtime/config/config.hpp"
#include "runtime/config/peers.hpp"
#include "runtime/supervise/home.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t file_bytes_max = 1024 * 1024;

std::string toml_of(const PlannedNode& node) {
    return node.folder + "/node.toml";
}
std::string genesis_of(const PlannedNode& node) {
    return node.folder + "/genesis.json";
}
/// Read and removed by the node, see runtime/node/identity.hpp.
std::string fresh_key_note_of(const PlannedNode& node) {
    return node.folder + "/fresh-key";
}
std::string manifest_of(const std::string& folder) {
    return folder + "/cluster.json";
}

/// The file's text, or nothing where there is none.
Result<std::optional<std::string>> read_if_there(const std::string& path) {
    auto text = read_file(path, file_bytes_max);
    if (text.ok()) return std::optional(std::move(text).value());
    if (text.error().code == ErrorCode::not_found) return std::optional<std::string>();
    return text.error();
}

Error conflict(const ClusterPlan& plan, std::string why, std::string next) {
    return {ErrorCode::conflict, "There is another cluster in " + plan.folder + ".", std::move(why),
            std::move(next)};
}

/// A genesis that is there must be that of exactly these nodes: it is what their chain is.
Status check_genesis(const ClusterPlan& plan, const std::string& text) {
    const auto genesis = consensus::parse_genesis(text);
    if (!genesis.ok()) return genesis.error();
    const std::string other = "Use another folder, or plan the cluster that is there.";
    if (genesis.value().chain != plan.chain)
        return conflict(plan, "Its chain is " + genesis.value().chain + ", not " + plan.chain + ".",
                        other);
    if (genesis.value().validators.size() != plan.nodes.size()) {
        return conflict(plan,
                        "It has " + std::to_string(genesis.value().validators.size()) +
                            " validators, not " + std::to_string(plan.nodes.size()) + ".",
                        other);
    }
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        const auto& node = plan.nodes[i];
        const auto& validator = genesis.value().validators[i];
        if (node.public_key.empty()) {
            return conflict(
                plan,
                "The key of " + node.name + " is gone, and the genesis names it as a validator.",
                "Restore " + node.folder + "/node.key from a backup.");
        }
        if (to_hex(validator.public_key.view()) != node.public_key)
            return conflict(plan, "Its genesis names another key for " + node.name + ".", other);
    }
    return {};
}

Status write_toml(const ClusterPlan& plan, const PlannedNode& node, bool may_replace) {
    return write_file(toml_of(node), node_toml(plan, node), 0600, may_replace);
}

std::string toml_outcome(const ClusterPlan& plan, const PlannedNode& node, const NodeFiles& files,
                         bool rewrites_toml) {
    if (!files.toml) return "made";
    const bool keys_known = std::none_of(plan.nodes.begin(), plan.nodes.end(),
                                         [](const auto& one) { return one.public_key.empty(); });
    if (keys_known && *files.toml == node_toml(plan, node)) return "kept";
    return rewrites_toml ? "written again" : "kept, differs";
}

// ---- checks ---------------------------------------------------------------------------------

struct LoadedNode {
    const PlannedNode* node = nullptr;
    config::PeerSection peer{};
    std::vector<config::Peer> others{};
};

/// The file alone, without this user's variables, which are not those of the node's machine.
std::optional<LoadedNode> load_node(const PlannedNode& node, std::vector<ClusterCheck>& checks) {
    auto report = config::inspect_config({.environment = {{"HOME", "/"}}, .file = toml_of(node)});
    for (const auto& issue : report.issues) {
        checks.push_back({.is_good = false, .node = node.name, .what = config::render(issue)});
    }
    if (!report.issues.empty()) return std::nullopt;
    LoadedNode loaded{.node = &node, .peer = report.config.values.peer};
    auto others = config::peers_of(loaded.peer);
    AIT_ASSERT(others.ok());  // the loader has judged them
    loaded.others = std::move(others).value();
    return loaded;
}

void check_one(const LoadedNode& from, const LoadedNode& to, std::vector<ClusterCheck>& checks) {
    const auto complain = [&](std::string what) {
        checks.push_back({.is_good = false, .node = from.node->name, .what = std::move(what)});
    };
    const auto found =
        std::find_if(from.others.begin(), from.others.end(),
                     [&](const config::Peer& peer) { return peer.name == to.peer.name; });
    if (found == from.others.end()) {
        complain("It does not list " + to.peer.name + ", so no link comes about.");
        return;
    }
    if (to_hex(found->public_key.view()) != to.node->public_key)
        complain("It lists another key for " + to.peer.name + " than that of its node.key.");
    if (to.peer.listen_port != 0 && found->port != to.peer.listen_port) {
        complain("It dials " + to.peer.name + " at port " + std::to_string(found->port) +
                 ", which listens at " + std::to_string(to.peer.listen_port) + ".");
    }
}

}  // namespace

Result<ClusterFiles> find_files(ClusterPlan& plan) {
    ClusterFiles found;
    for (auto& node : plan.nodes) {
        NodeFiles files;
        const auto key = supervise::load_node_key(node.folder);
        if (!key.ok() && key.error().code != ErrorCode::not_found) return key.error();
        files.has_key = key.ok();
        if (key.ok()) node.public_key = to_hex(key.value().public_key().view());
        auto genesis = read_if_there(genesis_of(node));
        if (!genesis.ok()) return genesis.error();
        files.genesis = std::move(genesis).value();
        auto toml = read_if_there(toml_of(node));
        if (!toml.ok()) return toml.error();
        files.toml = std::move(toml).value();
        if (files.genesis && found.genesis.empty()) found.genesis = *files.genesis;
        if (files.genesis && *files.genesis != found.genesis) {
            return conflict(plan,
                            "Its nodes do not have one genesis: see " + genesis_of(node) + ".",
                            "Put the right one into each node's folder.");
        }
        found.nodes.push_back(std::move(files));
    }
    if (found.genesis.empty()) return found;
    if (auto fit = check_genesis(plan, found.genesis); !fit.ok()) return fit.error();
    return found;
}

std::vector<FileOutcome> foresee_files(const ClusterPlan& plan, const ClusterFiles& found,
                                       bool rewrites_toml) {
    std::vector<FileOutcome> outcomes;
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        const auto& files = found.nodes[i];
        outcomes.push_back({.node_key = files.has_key ? "kept" : "made",
                            .genesis = files.genesis ? "kept" : "made",
                            .node_toml = toml_outcome(plan, plan.nodes[i], files, rewrites_toml)});
    }
    return outcomes;
}

Result<std::vector<FileOutcome>> make_files(ClusterPlan& plan, ClusterFiles& found,
                                            bool rewrites_toml, Random& random,
                                            std::int64_t now_unix_ms) {
    for (auto& node : plan.nodes) {
        config::NodeConfig config;
        config.node.data_dir = node.folder;
        if (auto made = supervise::make_directories(config); !made.ok()) return made.error();
        const auto key = supervise::ensure_node_key(node.folder, random);
        if (!key.ok()) return key.error();
        node.public_key = to_hex(key.value().public_key().view());
    }
    // On a chain that is only made now nobody has voted. The note lets a node vote at once; one
    // without it, restored perhaps, first listens to what its key may have promised.
    for (const auto& node : plan.nodes) {
        if (!found.genesis.empty()) break;
        const std::string note = "The key beside this note has never voted on this chain.\n";
        if (auto written = write_file(fresh_key_note_of(node), note, 0600, true); !written.ok())
            return written.error();
    }
    if (found.genesis.empty()) {
        auto text = genesis_text(plan, now_unix_ms);
        if (!text.ok()) return text.error();
        found.genesis = std::move(text).value();
    }
    auto outcomes = foresee_files(plan, found, rewrites_toml);
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        const auto& node = plan.nodes[i];
        if (found.nodes[i].genesis) continue;
        if (auto written = write_file(genesis_of(node), found.genesis, 0600, false); !written.ok())
            return written.error();
    }
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        const bool is_new = outcomes[i].node_toml == "made";
        if (!is_new && outcomes[i].node_toml != "written again") continue;
        if (auto written = write_toml(plan, plan.nodes[i], !is_new); !written.ok())
            return written.error();
    }
    const std::string manifest = dump_json_pretty(plan_to_json(plan)) + "\n";
    if (auto written = write_file(manifest_of(plan.folder), manifest, 0644, true); !written.ok())
        return written.error();
    return outcomes;
}

std::vector<ClusterCheck> check_files(const ClusterPlan& plan, const ClusterFiles& found) {
    std::vector<ClusterCheck> checks;
    std::vector<LoadedNode> loaded;
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        if (!found.nodes[i].toml) continue;
        auto node = load_node(plan.nodes[i], checks);
        if (node) loaded.push_back(std::move(*node));
    }
    std::set<std::string> names;
    for (const auto& node : loaded) {
        if (names.insert(node.peer.name).second) continue;
        checks.push_back({.is_good = false,
                          .node = node.node->name,
                          .what = "Another node calls itself " + node.peer.name + " too."});
    }
    for (const auto& from : loaded) {
        for (const auto& to : loaded) {
            if (&from != &to) check_one(from, to, checks);
        }
    }
    if (checks.empty() && !loaded.empty()) {
        checks.push_back({.what = std::to_string(loaded.size()) +
                                  " configurations are valid and list each other."});
    }
    return checks;
}

Result<ClusterPlan> read_cluster(const std::string& folder) {
    auto text = read_file(manifest_of(folder), file_bytes_max);
    if (!text.ok()) {
        Error error = text.error();
        if (error.code == ErrorCode::not_found) {
            error.what = "There is no cluster in " + folder + ".";
            error.next = "Name its folder, or make one: aitbc cluster init";
        }
        return error;
    }
    auto json = parse_json(text.value());
    if (!json.ok()) {
        return Error{ErrorCode::corrupt_data, "The cluster in " + folder + " cannot be read.",
                     "cluster.json: " + json.error().why, "`aitbc cluster init` writes it again."};
    }
    return plan_from_json(json.value(), folder);
}

}  // namespace ait::cli
