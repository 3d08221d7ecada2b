// `cluster matrix` (who reaches whom) and `explain node`: what nodes say of each other.

#include "runtime/cli/cluster_matrix.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "runtime/cli/node_commands.hpp"
#include "runtime/config/peers.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t peers_max = 256;

std::optional<std::int64_t> optional_integer(const Json& object, std::string_view name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<std::int64_t>();
}

std::vector<SeenPeer> read_peers(const Json& answer) {
    std::vector<SeenPeer> peers;
    for (const auto& item : items_of(answer)) {
        if (!item.is_object() || peers.size() == peers_max) break;
        if (!fixed_from_hex<PublicKey>(text_in(item, "public_key")).ok()) continue;
        peers.push_back({.name = text_in(item, "name"),
                         .public_key = text_in(item, "public_key"),
                         .is_connected = flag_in(item, "is_connected"),
                         .why = text_in(item, "why"),
                         .rtt_us = optional_integer(item, "rtt_us"),
                         .clock_skew_us = optional_integer(item, "clock_skew_us"),
                         .version = text_in(item, "version"),
                         .height = optional_integer(item, "height")});
    }
    return peers;
}

/// "850 us", "1.2 ms".
std::string round_trip_text(std::optional<std::int64_t> rtt_us) {
    if (!rtt_us || *rtt_us < 0) return "up";
    if (*rtt_us < 1'000) return std::to_string(*rtt_us) + " us";
    return std::to_string(*rtt_us / 1'000) + "." + std::to_string(*rtt_us % 1'000 / 100) + " ms";
}

const SeenPeer* find_peer(const ClusterMember& from, const std::string& public_key) {
    const auto found = std::find_if(from.peers.begin(), from.peers.end(), [&](const SeenPeer& one) {
        return one.public_key == public_key;
    });
    return found == from.peers.end() ? nullptr : &*found;
}

const ClusterMember* find_member(const std::vector<ClusterMember>& members,
                                 const std::string& public_key) {
    const auto found = std::find_if(members.begin(), members.end(), [&](const ClusterMember& one) {
        return one.public_key == public_key;
    });
    return found == members.end() ? nullptr : &*found;
}

/// A node that has a column.
struct Column {
    std::string public_key{};
    std::string label{};  ///< its name, where that is fit and nobody else has it
};

/// Every node that anyone names, ordered by name.
std::vector<Column> columns_for(const std::vector<ClusterMember>& members) {
    std::map<std::string, std::string> by_key;
    for (const auto& member : members) {
        if (!member.public_key.empty()) by_key.emplace(member.public_key, member.name);
    }
    for (const auto& member : members) {
        for (const auto& peer : member.peers) by_key.emplace(peer.public_key, peer.name);
    }
    // Names come from outside: they may not take the place of what the row says beside them.
    std::set<std::string> taken{"from", "links", "why", "version"};
    std::vector<Column> columns;
    for (const auto& [key, name] : by_key) {
        const bool is_good = config::is_peer_name(name) && taken.insert(name).second;
        columns.push_back(
            {.public_key = key, .label = is_good ? name : "key/" + key.substr(0, 16)});
    }
    std::sort(columns.begin(), columns.end(),
              [](const Column& a, const Column& b) { return a.label < b.label; });
    return columns;
}

std::string cell_of(const ClusterMember& from, const std::string& key) {
    if (from.public_key == key) return "self";
    if (!from.problem.empty()) return "?";
    const SeenPeer* peer = find_peer(from, key);
    if (peer == nullptr) return "-";
    if (peer->is_connected) return round_trip_text(peer->rtt_us);
    return "down" + (peer->why.empty() ? "" : ": " + peer->why);
}

Json link_json(const SeenPeer& peer) {
    return Json{{"to", peer.name},
                {"is_connected", peer.is_connected},
                {"rtt_us", peer.rtt_us ? Json(*peer.rtt_us) : Json(nullptr)},
                {"clock_skew_us", peer.clock_skew_us ? Json(*peer.clock_skew_us) : Json(nullptr)},
                {"version", peer.version},
                {"height", peer.height ? Json(*peer.height) : Json(nullptr)},
                {"why", peer.why.empty() ? Json(nullptr) : Json(peer.why)}};
}

Json row_of(const ClusterMember& member, const std::vector<Column>& columns) {
    Json row{{"from", member.name}};
    for (const auto& column : columns) row[column.label] = cell_of(member, column.public_key);
    row["version"] = member.version.empty() ? Json(nullptr) : Json(member.version);
    row["why"] = member.problem.empty() ? Json(nullptr) : Json(member.problem);
    Json links = Json::array();
    for (const auto& peer : member.peers) links.push_back(link_json(peer));
    row["links"] = std::move(links);
    return row;
}

ClusterMember ask_member(NodeClient& client, ClusterMember member, std::uint32_t timeout_ms) {
    auto peers = client.get("/api/v1/peers", CallOptions{.timeout_ms = timeout_ms});
    if (peers.ok())
        member.peers = read_peers(peers.value());
    else
        member.problem = peers.error().what + " " + peers.error().why;
    return member;
}

ClusterMember member_of(Session& session, const LookedAt& node) {
    ClusterMember member{.name = node.entry.name};
    const bool is_ours = node.probe.condition == NodeCondition::healthy ||
                         node.probe.condition == NodeCondition::degraded;
    if (node.probe.identity) {
        member.name = node.probe.identity->name;
        member.public_key = node.probe.identity->public_key;
        member.version = node.probe.identity->version;
    }
    if (!is_ours) {
        member.problem = std::string(name_of(node.probe.condition)) + ": " + node.probe.why;
        return member;
    }
    auto client = client_of(session, node.entry);
    if (!client.ok()) {
        member.problem = client.error().what + " " + client.error().why;
        return member;
    }
    return ask_member(client.value(), std::move(member), node.entry.timeout_ms);
}

/// The node that the command line works with, where none is kept.
Result<ClusterMember> own_member(Session& session) {
    auto node = session.node();
    if (!node.ok()) return node.error();
    const CallOptions call{.timeout_ms = node_timeout_ms_default};
    auto identity = node.value()->get("/api/v1/node", call);
    if (!identity.ok()) return identity.error();
    ClusterMember member{.name = text_in(identity.value(), "name"),
                         .public_key = text_in(identity.value(), "public_key"),
                         .version = text_in(identity.value(), "version")};
    return ask_member(*node.value(), std::move(member), node_timeout_ms_default);
}

Result<Answer> matrix(Session& session, const Request& /*request*/) {
    auto looked = look_at(session, "", 1);
    if (!looked.ok()) return looked.error();
    std::vector<ClusterMember> members;
    for (const auto& node : looked.value()) members.push_back(member_of(session, node));
    if (members.empty()) {
        session.note("no node is kept here, so only this machine's is asked; see aitbc node add");
        auto own = own_member(session);
        if (!own.ok()) return own.error();
        members.push_back(std::move(own).value());
    }
    ClusterMatrix result = cluster_matrix(members);
    Answer answer{.value = Json{{"items", std::move(result.items)},
                                {"alerts", result.alerts},
                                {"next_cursor", nullptr}},
                  .columns = std::move(result.columns)};
    if (result.alerts.empty()) return answer;
    std::string why;
    for (const auto& alert : result.alerts) why += (why.empty() ? "" : " ") + alert;
    answer.verdict = Error{ErrorCode::check_failed, "Not every node reaches every other.",
                           std::move(why), "`aitbc explain node NAME` says more of one node."};
    return answer;
}

// ---- explain node ---------------------------------------------------------------------------

std::string chains_story(const NodeProbe& probe) {
    std::string story;
    for (const auto& chain : probe.identity->chains) {
        const std::string state = sync_text(chain.height, chain.height_known);
        story += " On " + chain.name + " it is at height " + std::to_string(chain.height) + ", " +
                 state + ".";
    }
    return story;
}

std::string story_of(const NodeProbe& probe) {
    if (!probe.identity) return probe.why;
    const auto& identity = *probe.identity;
    std::string story = identity.name + " is a " + identity.role + " of version " +
                        identity.version + (identity.ready ? " and serves." : " and is not ready.");
    if (const auto latency = latency_of(probe))
        story += " It answers in " + round_trip_text(latency->min_us) + ".";
    story += chains_story(probe);
    if (identity.peers_known == 0)
        story += " It is alone: it knows no other node.";
    else
        story += " It is linked to " + std::to_string(identity.peers_connected) + " of " +
                 std::to_string(identity.peers_known) + " other nodes.";
    if (!probe.why.empty()) story += " " + probe.why;
    return story;
}

/// Whom it misses and why; empty where nobody may ask it.
Json missing_of(const ClusterMember& member) {
    Json missing = Json::array();
    for (const auto& peer : member.peers) {
        if (peer.is_connected) continue;
        missing.push_back(Json{{"node", peer.name}, {"why", peer.why}});
    }
    return missing;
}

struct ExplainedNode {
    NodeProbe probe{};
    ClusterMember member{};
};

Result<ExplainedNode> kept_node(Session& session, const std::string& name) {
    auto looked = look_at(session, name, 3);
    if (!looked.ok()) return looked.error();
    AIT_ASSERT(looked.value().size() == 1);
    auto member = member_of(session, looked.value().front());
    return ExplainedNode{.probe = std::move(looked.value().front().probe),
                         .member = std::move(member)};
}

/// The node that the command line works with.
Result<ExplainedNode> own_node(Session& session) {
    auto node = session.node();
    if (!node.ok()) return node.error();
    ProbeJob job{.endpoint = node.value()->endpoint(),
                 .probes = 3,
                 .challenge = session.console.random->bytes(32)};
    NodeProbe probe = probe_node(job, *session.console.clock, session.console.stop);
    if (!probe.identity) return ExplainedNode{.probe = std::move(probe), .member = {}};
    ClusterMember member{.name = probe.identity->name, .public_key = probe.identity->public_key};
    member = ask_member(*node.value(), std::move(member), node_timeout_ms_default);
    return ExplainedNode{.probe = std::move(probe), .member = std::move(member)};
}

Result<Answer> explain_node(Session& session, const Request& request) {
    const std::string name = text_in(request.local, "node");
    auto explained = name.empty() ? own_node(session) : kept_node(session, name);
    if (!explained.ok()) return explained.error();
    const auto& [probe, member] = explained.value();
    Json missing = missing_of(member);
    std::string next = probe.next;
    if (next.empty() && !missing.empty())
        next = "`aitbc cluster matrix` shows whether the other side sees the same.";
    Json view{{"node", name.empty() ? member.name : name},
              {"summary", story_of(probe)},
              {"next", next.empty() ? Json(nullptr) : Json(next)},
              {"not_linked_to", std::move(missing)},
              {"peers_problem", member.problem.empty() ? Json(nullptr) : Json(member.problem)}};
    view.update(to_json(probe));
    return Answer{.value = std::move(view), .next = next};
}

constexpr std::array rows{
    CommandRow{"cluster.matrix", &matrix},
    CommandRow{"explain.node", &explain_node},
};

}  // namespace

ClusterMatrix cluster_matrix(const std::vector<ClusterMember>& members) {
    const auto columns = columns_for(members);
    ClusterMatrix matrix{.columns = "from"};
    for (const auto& column : columns) matrix.columns += "," + column.label;
    if (columns.empty()) matrix.columns += ",why";
    for (const auto& member : members) {
        matrix.items.push_back(row_of(member, columns));
        if (!member.problem.empty()) {
            matrix.alerts.push_back(member.name + " was not asked: " + member.problem);
            continue;
        }
        for (const auto& peer : member.peers) {
            if (peer.is_connected) continue;
            const auto* other = find_member(members, peer.public_key);
            const auto* back = other == nullptr ? nullptr : find_peer(*other, member.public_key);
            const bool is_one_way = back != nullptr && back->is_connected;
            matrix.alerts.push_back(
                member.name + " does not reach " + peer.name +
                (is_one_way ? ", which says that it reaches " + member.name : std::string()) +
                (peer.why.empty() ? "." : ": " + peer.why));
        }
    }
    return matrix;
}

std::span<const CommandRow> cluster_matrix_commands() {
    return rows;
}

}  // namespace ait::cli
