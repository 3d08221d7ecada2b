// What the answers of a node mean. Pure.

#include <algorithm>

#include "runtime/cli/node_probe.hpp"
#include "runtime/cli/render.hpp"
#include "runtime/cli/request.hpp"
#include "runtime/config/peers.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t chains_max = 1'000;
constexpr std::int64_t clock_skew_us_max = 1'000'000;
/// A node that is at work may always be some blocks behind for a moment.
constexpr std::uint64_t lag_max = 10;

Error not_of_a_node(std::string why) {
    return Error{ErrorCode::malformed, "The answer is not that of a node.", std::move(why), ""};
}

std::uint64_t count_in(const Json& object, std::string_view name) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_in(object, name, 0)));
}

Result<ProbedChain> read_chain(const Json& json) {
    if (!json.is_object()) return not_of_a_node("It lists a chain that is not an object.");
    ProbedChain chain{.name = text_in(json, "chain"),
                      .genesis = text_in(json, "genesis"),
                      .height = count_in(json, "height"),
                      .height_known = count_in(json, "height_known"),
                      .sync = text_in(json, "sync")};
    // The name becomes a column, the genesis is compared: neither may be just any text.
    if (!config::is_peer_name(chain.name)) return not_of_a_node("It has a chain without a name.");
    const bool is_open = chain.sync != "error";
    if (!fixed_from_hex<Hash>(chain.genesis).ok() && (is_open || !chain.genesis.empty()))
        return not_of_a_node("Its chain " + chain.name + " has no genesis hash.");
    chain.height_known = std::max(chain.height, chain.height_known);
    return chain;
}

bool has_genesis(const std::vector<ProbedChain>& chains, const std::string& genesis) {
    return std::any_of(chains.begin(), chains.end(),
                       [&](const ProbedChain& chain) { return chain.genesis == genesis; });
}

std::string chains_text(const std::vector<ProbedChain>& chains) {
    std::string text;
    for (const auto& chain : chains) {
        text += (text.empty() ? "" : ", ") + chain.name + " (genesis " +
                chain.genesis.substr(0, 16) + "...)";
    }
    return text.empty() ? "no chain" : text;
}

/// Who it is. Empty: the one that was expected.
std::string stranger(const NodeProbe& probe, const NodeExpectation& expected) {
    const auto& identity = *probe.identity;
    if (!expected.public_key.empty() && identity.public_key != expected.public_key) {
        return "It is another node: its key is " + identity.public_key.substr(0, 16) +
               "..., expected " + expected.public_key.substr(0, 16) + "....";
    }
    if (!expected.public_key.empty() && !probe.is_key_proven)
        return "It names the expected key but does not prove to have it.";
    if (probe.genesis_matches.value_or(true)) return {};
    const std::string wanted =
        expected.genesis.empty()
            ? expected.local_chain + " (genesis " + expected.local_genesis.substr(0, 16) + "...)"
            : "genesis " + expected.genesis.substr(0, 16) + "...";
    return "It is a node of another cluster: it hosts " + chains_text(identity.chains) +
           ", expected " + wanted + ".";
}

std::optional<bool> compare_genesis(const std::vector<ProbedChain>& chains,
                                    const NodeExpectation& expected) {
    if (!expected.genesis.empty()) return has_genesis(chains, expected.genesis);
    if (expected.local_genesis.empty()) return std::nullopt;
    for (const auto& chain : chains) {
        if (chain.name == expected.local_chain) return chain.genesis == expected.local_genesis;
    }
    return std::nullopt;
}

struct Complaint {
    std::string why{};
    std::string next{};
};

/// What is not as it should be with a node that is the expected one; the gravest first.
Complaint complaint_about(const NodeProbe& probe) {
    const auto& identity = *probe.identity;
    const auto answered = static_cast<std::uint32_t>(probe.round_trips_us.size());
    if (answered < probe.probes_sent) {
        return {"Only " + std::to_string(answered) + " of " + std::to_string(probe.probes_sent) +
                    " probes were answered.",
                "Look at its load: `aitbc node info NAME`, or `aitbc doctor` on its machine."};
    }
    if (!identity.ready) {
        return {"It is not ready. " + probe.problem,
                "`aitbc doctor` on its machine says what holds it up."};
    }
    for (const auto& chain : identity.chains) {
        if (chain.sync == "error") {
            return {"Its chain " + chain.name + " is not open, or without its links.",
                    "`aitbc chain list` on its machine says why."};
        }
        if (chain.height_known <= chain.height + lag_max) continue;
        return {"It is " + std::to_string(chain.height_known - chain.height) +
                    " blocks behind on " + chain.name + ".",
                "It catches up by itself; `aitbc node monitor` shows how fast."};
    }
    if (!probe.clock_skew_us) return {};
    const std::int64_t skew_us = *probe.clock_skew_us;
    const std::int64_t size_us = skew_us < 0 ? -skew_us : skew_us;
    if (size_us <= clock_skew_us_max) return {};
    return {"Its clock is " + std::to_string(size_us / 1'000) + " ms " +
                (skew_us < 0 ? "behind" : "ahead of") + " the clock of this machine.",
            "Set both clocks by a time server, for example with chrony."};
}

Json chain_json(const ProbedChain& chain) {
    return Json{{"chain", chain.name},
                {"height", chain.height},
                {"lag", chain.height_known - chain.height},
                {"status", sync_text(chain.height, chain.height_known)},
                {"genesis", chain.genesis}};
}

}  // namespace

std::string_view name_of(NodeCondition condition) {
    switch (condition) {
        case NodeCondition::healthy:
            return "healthy";
        case NodeCondition::degraded:
            return "degraded";
        case NodeCondition::other_cluster:
            return "other cluster";
        case NodeCondition::not_a_node:
            return "not a node";
        case NodeCondition::hung:
            return "hung";
        case NodeCondition::dead:
            return "dead";
    }
    return "";
}

std::string sync_text(std::uint64_t height, std::uint64_t height_known) {
    return height >= height_known ? "synced" : std::to_string(height_known - height) + " behind";
}

Result<ProbedIdentity> read_identity(std::string_view body) {
    auto json = parse_json(body);
    if (!json.ok() || !json.value().is_object())
        return not_of_a_node("Its answer is no JSON object.");
    const Json& object = json.value();
    ProbedIdentity identity{.name = text_in(object, "name"),
                            .public_key = text_in(object, "public_key"),
                            .version = text_in(object, "version"),
                            .role = text_in(object, "role"),
                            .ready = flag_in(object, "ready"),
                            .peers_known = count_in(object, "peers_known"),
                            .peers_connected = count_in(object, "peers_connected"),
                            .proof = text_in(object, "proof")};
    const auto fits = [](const std::string& text) {
        return !text.empty() && text.size() <= limits::name_bytes_max && printable(text) == text;
    };
    if (!fits(identity.name) || !fits(identity.version) || !fits(identity.role))
        return not_of_a_node("It does not say its name, version and role.");
    if (!fixed_from_hex<PublicKey>(identity.public_key).ok())
        return not_of_a_node("It does not say its public key.");
    const auto time = parse_rfc3339(text_in(object, "time"));
    if (!time.ok()) return not_of_a_node("It does not say its time.");
    identity.time_unix_ms = time.value();
    const auto chains = object.find("chains");
    if (chains == object.end() || !chains->is_array() || chains->size() > chains_max)
        return not_of_a_node("It does not list its chains.");
    for (const auto& each : *chains) {
        auto chain = read_chain(each);
        if (!chain.ok()) return chain.error();
        identity.chains.push_back(std::move(chain).value());
    }
    return identity;
}

void judge_node(NodeProbe& probe, const NodeExpectation& expected) {
    AIT_ASSERT(probe.identity.has_value());
    probe.genesis_matches = compare_genesis(probe.identity->chains, expected);
    if (std::string who = stranger(probe, expected); !who.empty()) {
        probe.condition = NodeCondition::other_cluster;
        probe.why = std::move(who);
        probe.next = "Check host and port, or what it was compared with: --genesis, --public-key.";
        return;
    }
    Complaint complaint = complaint_about(probe);
    probe.condition = complaint.why.empty() ? NodeCondition::healthy : NodeCondition::degraded;
    probe.why = std::move(complaint.why);
    probe.next = std::move(complaint.next);
}

std::optional<LatencyFigures> latency_of(const NodeProbe& probe) {
    auto sorted = probe.round_trips_us;
    if (sorted.empty()) return std::nullopt;
    std::sort(sorted.begin(), sorted.end());
    std::int64_t sum = 0;
    for (const auto each : sorted) sum += each;
    const auto count = static_cast<std::int64_t>(sorted.size());
    const std::size_t rank = (sorted.size() * 95 + 99) / 100;  // nearest rank
    return LatencyFigures{.min_us = sorted.front(),
                          .avg_us = sum / count,
                          .max_us = sorted.back(),
                          .p95_us = sorted[rank - 1]};
}

Json to_json(const NodeProbe& probe) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    Json json{{"state", std::string(name_of(probe.condition))},
              {"why", or_null(probe.why)},
              {"reachable", probe.identity.has_value()},
              {"connect_us", probe.connect_us < 0 ? Json(nullptr) : Json(probe.connect_us)},
              {"probes_sent", probe.probes_sent},
              {"probes_answered", probe.round_trips_us.size()}};
    const auto latency = latency_of(probe);
    json["latency"] = latency ? Json{{"min_us", latency->min_us},
                                     {"avg_us", latency->avg_us},
                                     {"max_us", latency->max_us},
                                     {"p95_us", latency->p95_us}}
                              : Json(nullptr);
    json["clock_skew_us"] = probe.clock_skew_us ? Json(*probe.clock_skew_us) : Json(nullptr);
    json["genesis_match"] = probe.genesis_matches ? Json(*probe.genesis_matches) : Json(nullptr);
    if (!probe.identity) return json;
    const auto& identity = *probe.identity;
    json["cluster_name"] = identity.name;
    json["version"] = identity.version;
    json["role"] = identity.role;
    json["ready"] = identity.ready;
    json["peers_connected"] = identity.peers_connected;
    json["peers_known"] = identity.peers_known;
    json["public_key"] = identity.public_key;
    json["key_proven"] = probe.is_key_proven;
    Json chains = Json::array();
    for (const auto& chain : identity.chains) chains.push_back(chain_json(chain));
    json["chains"] = std::move(chains);
    return json;
}

std::optional<Error> verdict_of(const std::string& name, const NodeProbe& probe) {
    if (probe.condition == NodeCondition::healthy) return std::nullopt;
    ErrorCode code = ErrorCode::check_failed;
    if (probe.condition == NodeCondition::dead) code = ErrorCode::unavailable;
    if (probe.condition == NodeCondition::hung) code = ErrorCode::deadline_exceeded;
    if (probe.condition == NodeCondition::degraded && !probe.identity->ready)
        code = ErrorCode::not_ready;
    return Error{code, "Node " + name + ": " + std::string(name_of(probe.condition)) + ".",
                 probe.why, probe.next};
}

}  // namespace ait::cli
