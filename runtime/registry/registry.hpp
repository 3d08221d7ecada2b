#pragma once

// All operations in one table, and the ways to find one: by name, by command words, by REST route.
// Both binaries link it, so the command line, the gateway, help and OpenAPI cannot disagree.

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/operation.hpp"
#include "runtime/base/result.hpp"

namespace ait::registry {

/// Every row, domains first, in the order of their tables. Any thread.
std::span<const Operation* const> all_operations();

/// The row of a name such as "job.submit", or null.
const Operation* find_operation(std::string_view name);

/// A command and how many leading words named it.
struct CommandMatch {
    const Operation* operation = nullptr;  ///< null: these words are no command
    std::size_t words = 0;
};
/// The longest command (or alias) that `words` begin with.
CommandMatch find_command(std::span<const std::string> words);
/// True when some command (or alias) begins with these words and goes on after them.
bool is_command_group(std::span<const std::string> words);
/// The words that may follow a group, in order and once each.
std::vector<std::string> next_words(std::span<const std::string> words);

/// What a request's method and path mean.
struct RouteMatch {
    const Operation* operation = nullptr;
    std::vector<std::pair<std::string, std::string>> parameters{};  ///< from the path, decoded
    std::string allow{};  ///< methods of the path when only the method is wrong (405), else empty
};
/// `path` is percent-decoded. A literal segment wins over a parameter. Any thread.
RouteMatch find_route(std::string_view method, std::string_view path);

/// The route with its {parameters} filled in by `value_of`, percent-encoded.
/// Error: invalid_argument when a value is missing or empty.
using PathValue = std::pair<std::string, std::string>;
Result<std::string> fill_route(const Operation& operation, std::span<const PathValue> values);
/// The names in braces of a route's path.
std::vector<std::string_view> path_parameters(std::string_view path);

/// Checks the tables themselves: unique names, routes and commands; routes, columns, defaults and
/// choices that fit their rows. A program that finds an error here must not start.
Status self_check();
/// The same for any set of rows.
Status check_rows(std::span<const Operation* const> rows);

}  // namespace ait::registry
