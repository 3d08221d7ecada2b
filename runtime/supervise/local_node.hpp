#pragma once

// `aitbc up` and `aitbc down`: from nothing to a running development node with a funded wallet and
// a miner, and back. Both may be repeated at any time.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/base/codec/json.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/config.hpp"

namespace ait::supervise {

/// Called with one line for each phase, such as "Starting the node."
using Progress = std::function<void(std::string_view line)>;

/// The absolute path of `aitbcd` beside the running program. Error: not_found.
Result<std::string> find_node_program();

struct UpOptions {
    config::Sources sources{};   ///< flags are handed to the processes through the environment
    std::string node_program{};  ///< absolute
    bool with_miner = true;
    std::uint32_t deadline_ms = 60'000;
    Progress progress{};
};

/// Makes what is missing, starts what does not run, waits until the node is ready and the miner has
/// registered, and gives an empty active wallet 1000 AIT where the chain has a faucet. Answers
/// {already_running, data_dir, config_file, socket, url, chain, height, pid, version, wallet,
/// wallet_made, address, balance, funded, inference_url, miner{state, log, why}, logs}. Errors:
/// invalid_argument (configuration), conflict (another `up` runs), unavailable (the node ended;
/// `why` holds its last lines), deadline_exceeded, storage_failed.
Result<Json> up(const UpOptions& options);

struct DownOptions {
    config::Sources sources{};
    std::uint32_t deadline_ms = 60'000;
    bool force = false;  ///< SIGKILL what has not ended by the deadline
    Progress progress{};
};

/// Stops miner and node: they finish or hand back what they hold. Answers {was_running, pid,
/// forced, took_ms}. Errors: deadline_exceeded without `force`, storage_failed.
Result<Json> down(const DownOptions& options);

/// Sends SIGHUP to the supervisor of this machine's node, which reads the configuration again and
/// restarts the miner where that concerns it. False: none runs here. Error: storage_failed.
Result<bool> hang_up(const config::Sources& sources);

struct MinerStartOptions {
    config::Sources sources{};
    std::string node_program{};
};

/// Starts a miner process beside a node that runs without one. Answers {already_running, pid, log}.
/// Errors: unavailable.
Result<Json> start_miner(const MinerStartOptions& options);
/// Stops a miner that start_miner started; one of the supervisor is refused with conflict. Answers
/// as down().
Result<Json> stop_miner(const DownOptions& options);

}  // namespace ait::supervise
