#pragma once

// The node process: composition, boot, drain. Everything that a node consists of is made here, in
// order, handed to what needs it, and taken down in reverse.

#include "runtime/config/config.hpp"

namespace ait::node {

/// Runs until SIGTERM or SIGINT; at SIGHUP the configuration is read again from `sources`. Returns
/// the process's exit status; errors have been printed.
int run_node(const config::LoadedConfig& config, const config::Sources& sources);

}  // namespace ait::node
