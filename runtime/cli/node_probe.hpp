#pragma once

// A look at a node from outside, without a token: is somebody there, is it a node, of which
// cluster, how far, how fast, and does its clock go right. What is looked at is network work; what
// it means (judge_node) is pure.

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "net/http_client.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/cli/node_store.hpp"

namespace ait::cli {

/// From well to worst. The names are those of the outputs.
enum class NodeCondition : std::uint8_t {
    healthy,
    degraded,       ///< a node of ours, but something about it is not as it should be
    other_cluster,  ///< a node with another genesis or another key than expected
    not_a_node,     ///< something answers, or hangs up, that is no AITBC node
    hung,           ///< connections are taken and never answered
    dead,           ///< nobody listens, or the machine is not reached
};

struct ProbedChain {
    std::string name{};
    std::string genesis{};
    std::uint64_t height = 0;
    std::uint64_t height_known = 0;
    std::string sync{};  ///< the node's own word: synced, behind, joining, cut_off, error
};

/// What a node says of itself; every text is checked and bounded.
struct ProbedIdentity {
    std::string name{};
    std::string public_key{};
    std::string version{};
    std::string role{};
    bool ready = false;
    std::uint64_t peers_known = 0;
    std::uint64_t peers_connected = 0;
    std::int64_t time_unix_ms = 0;
    std::vector<ProbedChain> chains{};
    std::string proof{};  ///< hexadecimal
};

struct NodeProbe {
    NodeCondition condition = NodeCondition::dead;
    std::string why{};   ///< empty when healthy
    std::string next{};  ///< empty when healthy
    std::int64_t connect_us = -1;
    std::uint32_t probes_sent = 0;
    std::vector<std::int64_t> round_trips_us{};  ///< of the probes that were answered
    std::optional<ProbedIdentity> identity{};
    std::optional<std::int64_t> clock_skew_us{};
    bool is_key_proven = false;
    std::optional<bool> genesis_matches{};  ///< nothing: there was nothing to compare with
    std::string problem{};                  ///< why it is not ready, in its words
};

/// What is known beforehand of the node that should be there.
struct NodeExpectation {
    std::string public_key{};     ///< hexadecimal; empty: any
    std::string genesis{};        ///< one of its chains must have it; empty: any
    std::string local_chain{};    ///< a chain of this name must be the local one
    std::string local_genesis{};  ///< empty: no chain here
};

struct ProbeJob {
    net::HttpEndpoint endpoint{};
    NodeExpectation expected{};
    std::uint32_t probes = 1;
    std::uint32_t timeout_ms = node_timeout_ms_default;  ///< of each wait
    std::uint32_t retries = 0;  ///< how often a dead or hung node is looked at again
    std::string challenge{};    ///< identity_challenge_bytes random bytes
};

NodeProbe probe_node(const ProbeJob& job, const Clock& clock, const std::stop_token& stop);
/// All of them, several at once; the answers in the order of the jobs.
std::vector<NodeProbe> probe_nodes(std::span<const ProbeJob> jobs, const Clock& clock,
                                   const std::stop_token& stop);

/// Reads GET /api/v1/node. Error: malformed, for whatever a node would not say.
Result<ProbedIdentity> read_identity(std::string_view body);
/// Sets condition, why, next and genesis_matches of a probe that has an identity.
void judge_node(NodeProbe& probe, const NodeExpectation& expected);

struct LatencyFigures {
    std::int64_t min_us = 0;
    std::int64_t avg_us = 0;
    std::int64_t max_us = 0;
    std::int64_t p95_us = 0;
};
/// Nothing without a round trip.
std::optional<LatencyFigures> latency_of(const NodeProbe& probe);

std::string_view name_of(NodeCondition condition);
/// "synced", "3 behind".
std::string sync_text(std::uint64_t height, std::uint64_t height_known);
/// The facts as the outputs show them.
Json to_json(const NodeProbe& probe);
/// What a condition means for the exit status; nothing when healthy.
std::optional<Error> verdict_of(const std::string& name, const NodeProbe& probe);

}  // namespace ait::cli
