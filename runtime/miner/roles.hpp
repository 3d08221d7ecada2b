#pragma once

// What aitbcd runs as a miner: the process that owns an engine, and the loop that works with an
// Ollama server. Each blocks until its work is over and answers the process's exit status.

#include <string>
#include <vector>

#include "runtime/config/config.hpp"

namespace ait::miner_process {

/// `aitbcd --role miner [-- --node ENDPOINT] [--key-fd N]`: see runtime/miner/README.md.
int run_miner_role(const config::LoadedConfig& config, const std::vector<std::string>& arguments);

/// `aitbcd --role mine-ollama -- --model NAME ...`: see runtime/miner/README.md.
int run_mine_ollama_role(const config::LoadedConfig& config,
                         const std::vector<std::string>& arguments);

/// `aitbcd --role gguf-check [-- FILE]`: without a file the sandboxed child of gguf_check.hpp,
/// which needs no configuration and no environment; with one, what that child says of it.
int run_gguf_check_role(const std::vector<std::string>& arguments);

}  // namespace ait::miner_process
