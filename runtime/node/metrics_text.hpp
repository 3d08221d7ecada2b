#pragma once

// The node's figures in the Prometheus text format (version 0.0.4). Labels come from closed
// sets, and the names of chains from the few that the node hosts.

#include <optional>
#include <span>
#include <string>

#include "actors/consensus/chain_actor.hpp"
#include "actors/consensus/replicated_chain.hpp"
#include "net/http_server.hpp"
#include "runtime/node/gateway.hpp"
#include "runtime/node/scrubber.hpp"

namespace ait::node {

/// Of one chain that the node hosts.
struct ChainMetrics {
    std::string chain{};
    bool is_default = true;  ///< its samples have no label `chain`
    const consensus::ChainFigures& figures;
    std::uint64_t miners_alive = 0;
    std::uint64_t jobs_open = 0;
    Scrubber::Figures scrub{};
    std::optional<consensus::ReplicationState> replication{};  ///< where several keep the chain
};

struct MetricsInput {
    std::span<const ChainMetrics> chains{};
    const GatewayFigures& gateway;
    net::HttpCounters http{};
    double uptime_seconds = 0;
};
std::string metrics_text(const MetricsInput& input);

}  // namespace ait::node
