#pragma once

// The node's figures in the Prometheus text format (version 0.0.4). Labels come from closed sets.

#include <optional>
#include <string>

#include "actors/consensus/chain_actor.hpp"
#include "actors/consensus/replicated_chain.hpp"
#include "net/http_server.hpp"
#include "runtime/node/gateway.hpp"
#include "runtime/node/scrubber.hpp"

namespace ait::node {

struct MetricsInput {
    const consensus::ChainFigures& chain;
    const GatewayFigures& gateway;
    net::HttpCounters http{};
    std::uint64_t miners_alive = 0;
    std::uint64_t jobs_open = 0;
    Scrubber::Figures scrub{};
    std::optional<consensus::ReplicationState> replication{};  ///< where several keep the chain
    double uptime_seconds = 0;
};
std::string metrics_text(const MetricsInput& input);

}  // namespace ait::node
