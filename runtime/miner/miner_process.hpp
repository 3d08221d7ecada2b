#pragma once

// `aitbcd --role miner`: the process that holds an engine, serves its inference port and mines.

#include <optional>
#include <string>

#include "net/http_client.hpp"
#include "runtime/config/node_config.hpp"
#include "runtime/miner/engine_host.hpp"
#include "runtime/miner/node_session.hpp"
#include "runtime/miner/stop_signal.hpp"

namespace ait::miner_process {

struct MinerProcessOptions {
    config::NodeConfig config{};
    net::HttpEndpoint node{};
    std::string chain{};  ///< of the node; empty: its default one
    std::int64_t drain_ms = 10'000;
};

/// Opens the engine, waits for the node, registers, mines, drains. Logs to standard error; answers
/// the exit status. Blocks.
int run_miner(const MinerProcessOptions& options, crypto::SecretKey key,
              const StopSignals& signals);

/// What the process says of itself on the chain. Pure.
miner::RegisterMiner offer_of(const config::MinerSection& config, const EngineHost& host,
                              std::vector<miner::GpuSpec> gpus);

}  // namespace ait::miner_process
