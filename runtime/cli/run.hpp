#pragma once

// One run of the command line, from arguments to exit status.

#include <span>
#include <string>
#include <string_view>

#include "runtime/cli/console.hpp"

namespace ait::cli {

/// The exit status depends on the outcome alone (error_code_row), never on the output format.
int run(std::span<const std::string> arguments, Console& console);

/// The program's version.
std::string_view version_text();

}  // namespace ait::cli
