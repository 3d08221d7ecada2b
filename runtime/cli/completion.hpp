#pragma once

// Completion scripts for shells. They hold no table: at each key they ask the program itself
// (complete.hpp), so they never disagree with it, and an upgrade needs no new script.

#include <string>
#include <string_view>

namespace ait::cli {

/// `shell` is "bash", "zsh" or "fish".
std::string completion_script(std::string_view shell);

}  // namespace ait::cli
