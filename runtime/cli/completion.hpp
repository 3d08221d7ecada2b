#pragma once

// Completion scripts, made from the operation table. Commands, flags and choices are in the script;
// ids and names are asked of the program while the user types, for at most a fifth of a second.

#include <string>
#include <string_view>

namespace ait::cli {

/// `shell` is "bash", "zsh" or "fish".
std::string completion_script(std::string_view shell);

}  // namespace ait::cli
