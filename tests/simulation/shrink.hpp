#pragma once

// A failing script made small: fewer actions, fewer kinds of trouble, the same failure.

#include <optional>

#include "tests/simulation/world.hpp"

namespace ait::simulation {

/// The smallest script found that still fails in the same way. Gives the script itself if it
/// passes.
Script shrink(const Script& script, simplex::Bug bug);
std::optional<simplex::Bug> bug_named(std::string_view name);

}  // namespace ait::simulation
