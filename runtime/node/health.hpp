#pragma once

// The figures by which a node's health is judged, gathered from its parts.

#include "actors/consensus/chain_data.hpp"
#include "actors/services.hpp"
#include "runtime/node/gateway.hpp"
#include "runtime/node/live_config.hpp"
#include "runtime/node/probe.hpp"

namespace ait::node {

inline constexpr std::size_t heard_miners_shown_max = 100;

/// Bytes that the files below a folder occupy; files that come and go meanwhile are no error.
std::uint64_t bytes_below(const std::string& folder);

struct HealthInput {
    const NodeServices& services;
    const consensus::ChainFigures& figures;
    const consensus::Recovery& recovery;
    const GatewayFigures& gateway;
    const LiveConfig& config;
    const Probe& probe;
    const miner::Liveness& liveness;
    std::string data_dir{};
    std::string problem{};  ///< why /readyz says no; empty when it says yes
    std::uint64_t height_at_start = 0;
    std::uint64_t data_bytes_at_start = 0;
    std::int64_t started_us = 0;  ///< monotonic
};
/// Looks at files below the data directory and at /proc; any thread.
HealthView health_of(const HealthInput& input);

}  // namespace ait::node
