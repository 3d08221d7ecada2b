// The matrix of `node chains`. Pure.

#include <algorithm>
#include <map>

#include "runtime/cli/node_commands.hpp"

namespace ait::cli {
namespace {

/// What the nodes together say of one chain.
struct SeenChain {
    std::string genesis{};  ///< that of most of its nodes; on a tie of the first
    std::uint64_t height = 0;
};

bool is_ours(const LookedAt& node) {
    return node.probe.identity.has_value() && node.probe.condition != NodeCondition::other_cluster;
}

std::string usual_genesis(const std::vector<LookedAt>& nodes, const std::string& chain) {
    std::vector<std::pair<std::string, std::size_t>> votes;
    const auto count = [&](const ProbedChain& one) {
        const auto found = std::find_if(votes.begin(), votes.end(), [&](const auto& vote) {
            return vote.first == one.genesis;
        });
        if (found == votes.end())
            votes.emplace_back(one.genesis, 1);
        else
            ++found->second;
    };
    for (const bool ours : {true, false}) {
        for (const auto& node : nodes) {
            if (!node.probe.identity || is_ours(node) != ours) continue;
            for (const auto& one : node.probe.identity->chains) {
                if (one.name == chain && !one.genesis.empty()) count(one);
            }
        }
        // Those that are known to be strangers have a say only where nobody else is there.
        if (!votes.empty()) break;
    }
    const auto most =
        std::max_element(votes.begin(), votes.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == votes.end() ? std::string() : most->first;
}

std::map<std::string, SeenChain> seen_chains(const std::vector<LookedAt>& nodes) {
    std::map<std::string, SeenChain> seen;
    for (const auto& node : nodes) {
        if (!node.probe.identity) continue;
        for (const auto& chain : node.probe.identity->chains) seen[chain.name];
    }
    for (auto& [name, chain] : seen) {
        chain.genesis = usual_genesis(nodes, name);
        for (const auto& node : nodes) {
            if (!node.probe.identity) continue;
            for (const auto& one : node.probe.identity->chains) {
                if (one.name == name && one.genesis == chain.genesis)
                    chain.height = std::max({chain.height, one.height, one.height_known});
            }
        }
    }
    return seen;
}

/// Why a node tells nothing of any chain, in a word or two.
std::string short_reason(const NodeProbe& probe) {
    return "error: " + std::string(name_of(probe.condition));
}

/// A chain's column must not take the place of what the row says of the node.
std::string column_of(const std::string& chain) {
    static constexpr std::array reserved{"node", "address", "type",    "state",
                                         "why",  "chains",  "version", "peers_connected"};
    const bool is_taken = std::find(reserved.begin(), reserved.end(), chain) != reserved.end();
    return is_taken ? "chain/" + chain : chain;
}

struct Cell {
    std::string text = "-";
    Json facts = nullptr;
};

Cell cell_of(const LookedAt& node, const std::string& name, const SeenChain& seen) {
    if (!node.probe.identity) return {.text = short_reason(node.probe)};
    const auto& chains = node.probe.identity->chains;
    const auto found = std::find_if(chains.begin(), chains.end(),
                                    [&](const ProbedChain& one) { return one.name == name; });
    if (found == chains.end()) return {};
    Json facts{{"chain", name}, {"height", found->height}, {"genesis", found->genesis}};
    if (found->genesis.empty()) {
        facts["lag"] = nullptr;
        facts["status"] = "error";
        return {.text = "error: not open", .facts = std::move(facts)};
    }
    if (found->genesis != seen.genesis) {
        facts["lag"] = nullptr;
        facts["status"] = "error";
        return {.text = "error: another genesis", .facts = std::move(facts)};
    }
    if (found->sync == "cut_off" || found->sync == "joining") {
        facts["lag"] = seen.height - std::min(seen.height, found->height);
        facts["status"] = found->sync;
        const std::string word = found->sync == "joining" ? "joining at " : "cut off at ";
        return {.text = word + std::to_string(found->height), .facts = std::move(facts)};
    }
    const std::string state = sync_text(found->height, seen.height);
    const bool is_synced = found->height >= seen.height;
    facts["lag"] = seen.height - std::min(seen.height, found->height);
    facts["status"] = is_synced ? "synced" : "behind";
    return {.text = is_synced ? state + " " + std::to_string(found->height) : state,
            .facts = std::move(facts)};
}

}  // namespace

ChainMatrix chain_matrix(const std::vector<LookedAt>& nodes) {
    const auto seen = seen_chains(nodes);
    ChainMatrix matrix{.columns = "node"};
    for (const auto& [name, chain] : seen) matrix.columns += "," + column_of(name);
    if (seen.empty()) matrix.columns += ",state,why";
    for (const auto& node : nodes) {
        const auto& probe = node.probe;
        Json row{{"node", node.entry.name},
                 {"address", address_of(node.entry)},
                 {"type", node.entry.type},
                 {"state", std::string(name_of(probe.condition))},
                 {"why", probe.why.empty() ? Json(nullptr) : Json(probe.why)}};
        Json chains = Json::array();
        for (const auto& [name, chain] : seen) {
            Cell cell = cell_of(node, name, chain);
            row[column_of(name)] = std::move(cell.text);
            if (!cell.facts.is_null()) chains.push_back(std::move(cell.facts));
        }
        row["chains"] = std::move(chains);
        matrix.items.push_back(std::move(row));
    }
    return matrix;
}

}  // namespace ait::cli
