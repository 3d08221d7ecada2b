#pragma once

// What an operation accepts, checked in one place for the command line and the gateway: types,
// choices, presence, defaults and sizes. An unknown field is refused and the nearest one is named.

#include <string_view>

#include "runtime/base/codec/json.hpp"
#include "runtime/base/operation.hpp"

namespace ait::registry {

enum class InputSource : std::uint8_t {
    wire,          ///< fields that only the command line knows are unknown here
    command_line,  ///< all fields of the row
};

/// `raw` as the operation wants it: amounts and choices in their one spelling, defaults filled in,
/// nulls of optional fields dropped. Errors: invalid_argument, too_large. Pure; any thread.
Result<Json> check_input(const Operation& operation, Json raw,
                         InputSource source = InputSource::wire);

/// Reads one value as typed on a command line or in a query: "true", "12", "0.5", "a,b" for a
/// list, JSON for objects. Errors: invalid_argument, malformed. Pure; any thread.
Result<Json> value_from_text(const Parameter& parameter, std::string_view text);

/// "--price-per-hour" of "price_per_hour".
std::string flag_of(const Parameter& parameter);

}  // namespace ait::registry
