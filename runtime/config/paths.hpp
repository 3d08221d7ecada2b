#pragma once

// Where everything of this user lies, in one place, so that the command line, the node and the
// scripts never disagree about a file's name. Source: XDG base directory specification.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ait::config {

/// Environment variables as (name, value), so that tests need not change the process's own.
using Environment = std::vector<std::pair<std::string, std::string>>;

/// The process's environment. Call it before threads change it.
Environment process_environment();
/// The value, or empty where there is none.
std::string_view find_variable(const Environment& environment, std::string_view name) noexcept;

struct Paths {
    std::string data{};    ///< $XDG_DATA_HOME/aitbc: keys, log, state, socket
    std::string config{};  ///< $XDG_CONFIG_HOME/aitbc: node.toml, conf.d, contexts
    std::string models{};  ///< $XDG_CACHE_HOME/aitbc/models: weights
    std::string state{};   ///< $XDG_STATE_HOME/aitbc: command history and the like
};

/// AITBC_HOME, where it is set, holds all four (data, config, cache/models, state): for tests and
/// trials. Otherwise the XDG variables and their defaults below HOME apply. A relative path in one
/// of them is ignored, as the XDG text demands.
Paths default_paths(const Environment& environment);

/// Names inside a node's data directory.
struct DataLayout {
    std::string wallets;           ///< folder of sealed keystores
    std::string node_key;          ///< hexadecimal seed of the node's Ed25519 key, mode 0600
    std::string logs;              ///< folder: node.log, miner.log, supervisor.log
    std::string chains;            ///< folder of the chains besides the default one, by name
    std::string run;               ///< folder: pid files and state of running processes
    std::string supervisor_pid;    ///< locked while a supervisor runs
    std::string supervisor_state;  ///< JSON, rewritten at each change
};
DataLayout layout_of(const std::string& data_dir);

}  // namespace ait::config
