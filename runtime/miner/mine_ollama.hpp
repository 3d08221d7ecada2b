#pragma once

// `aitbc miner mine-ollama`: mine with an Ollama server beside the node.

#include <cstdint>
#include <string>

#include "net/http_client.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/miner/mining_loop.hpp"
#include "runtime/miner/node_session.hpp"
#include "runtime/miner/ollama_executor.hpp"
#include "runtime/miner/stop_signal.hpp"

namespace ait::miner_process {

struct MineOllamaOptions {
    std::string model{};
    bool continuous = false;
    std::uint64_t jobs = 1;  ///< unless continuous
    std::string ollama_url = ollama_url_default;
    OllamaDeadlines deadlines{};
    net::HttpEndpoint node{};
    std::string chain{};  ///< of the node; empty: its default one
    std::uint32_t wait_s = 15;
    std::int64_t drain_ms = 10'000;
};

/// Prints the stages on standard output, errors on standard error, and answers the exit status: 0
/// after a drain or the wanted jobs, job_failed's when none of those was done. Blocks.
int run_mine_ollama(const MineOllamaOptions& options, crypto::SecretKey key,
                    const StopSignals& signals);

/// Makes sure that the miner's record offers the model. Errors: those of the node. Blocking.
Status ensure_offered(NodeSession& session, const std::string& model, const SubmitLimits& limits);

/// Opens the session, however long the node is away. Errors: cancelled; what no waiting mends.
Status wait_for_node(NodeSession& session, MiningObserver& observer, const std::stop_token& stop,
                     Pause& pause, Random& random);

}  // namespace ait::miner_process
