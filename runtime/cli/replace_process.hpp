#pragma once

// Becoming another program: for commands that are a process of aitbcd in the foreground, so that
// signals, output and exit status are that process's own.

#include <string>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::cli {

/// Returns only when it failed. Error: unavailable.
Error replace_process(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace ait::cli
