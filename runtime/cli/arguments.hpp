#pragma once

// Reads a command line against the operation table: which command, which of its parameters, which
// global options. Pure; nothing is opened, asked or sent.

#include <span>
#include <string>
#include <vector>

#include "runtime/base/operation.hpp"
#include "runtime/base/result.hpp"
#include "runtime/cli/options.hpp"

namespace ait::cli {

/// One parameter as it stood on the line; texts are not yet read as values.
struct GivenValue {
    const Parameter* parameter = nullptr;
    std::string text{};
};

struct Invocation {
    const Operation* operation = nullptr;  ///< null: a group, or no command at all
    std::vector<std::string> words{};      ///< the command's or group's words as typed
    std::vector<GivenValue> values{};
    GlobalOptions options{};

    /// The last value given for a parameter, or null.
    [[nodiscard]] const GivenValue* find(std::string_view parameter) const;
};

/// `arguments` without the program's name. A row's own parameter wins over a global option of the
/// same spelling. Error: usage, which names the nearest command, flag or value.
Result<Invocation> parse_arguments(std::span<const std::string> arguments);

/// The spellings of a row's flags and of the global ones, for completion and hints.
std::vector<std::string> flags_of(const Operation& operation);

}  // namespace ait::cli
