#pragma once

// The tables of rows that make up the registry. A new domain adds its table in tables.cpp.

#include <span>

#include "runtime/base/operation.hpp"

namespace ait::registry {

std::span<const std::span<const Operation>> tables();

}  // namespace ait::registry
