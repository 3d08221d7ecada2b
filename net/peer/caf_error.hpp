#pragma once

// The project's Error as a caf::error and back, so that an actor hears of a failure on another node
// what its own node would have said.

#include <caf/error.hpp>

#include "runtime/base/result.hpp"

namespace ait::net {

/// Keeps code and texts. Any thread.
caf::error to_caf(const Error& error);
/// Gives back what to_caf() was given; CAF's own errors become the code that fits.
Error from_caf(const caf::error& error);

}  // namespace ait::net
