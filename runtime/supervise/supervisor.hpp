#pragma once

// Keeps a node and its miner running: starts them in order, starts again what ended (with growing
// delays, and not for ever), passes on the wish to stop in reverse order, and writes down what it
// sees. It does nothing else, so that it has little reason to fail itself.
//
// Invariants:
// 1. A child never outlives the supervisor: the kernel sends it SIGTERM when the supervisor ends.
// 2. While stopping nothing is started, and a child is told to stop only after all that were
// started
//    later have ended.
// 3. The state file is rewritten at each change before the supervisor waits again.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/config/config.hpp"
#include "runtime/supervise/restart_policy.hpp"

namespace ait::supervise {

struct ChildSpec {
    std::string name{};
    std::vector<std::string> command{};  ///< absolute program first
    std::string log_file{};
    std::string wait_for_socket{};        ///< start once somebody accepts there; empty: at once
    bool is_essential = false;            ///< when it is given up, everything stops
    bool takes_hangup = false;            ///< SIGHUP is passed on
    std::uint32_t drain_ms_max = 20'000;  ///< from SIGTERM to SIGKILL
};

struct SupervisorOptions {
    std::string pid_file{};
    std::string state_file{};
    std::vector<ChildSpec> children{};  ///< in the order of their start
    std::vector<std::pair<std::string, std::string>> environment{};  ///< of the children
    RestartLimits limits{};
    /// Asked at SIGHUP: the children whose configuration has changed, which are then restarted
    /// gracefully and without counting as a failure. May be null.
    std::function<std::vector<std::string>()> changed_children{};
    std::uint64_t log_bytes_max = 32ULL * 1024 * 1024;  ///< of each child's log, twice
};

/// What `aitbcd --role supervisor` runs: the node, and the miner where miner.enabled says so. Makes
/// the folders. `program` is the absolute path of aitbcd; the file, the flags and the environment
/// of `sources` are passed on to the children.
Result<SupervisorOptions> supervisor_options(const config::LoadedConfig& config,
                                             const config::Sources& sources,
                                             const std::string& program);

/// Runs until SIGTERM or SIGINT (0), or until an essential child was given up (1). Another exit
/// status says why it could not begin. Call from the main thread of a process that has no other
/// threads yet; it blocks the signals that it handles.
int run_supervisor(const SupervisorOptions& options);

}  // namespace ait::supervise
