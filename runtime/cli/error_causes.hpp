#pragma once

// What usually lies behind an error code. The table of codes (runtime/base) says what a code means;
// the causes are an operator's experience and belong to `aitbc explain`.

#include <string_view>

#include "runtime/base/result.hpp"

namespace ait::cli {

/// Phrases, ';'-separated, the likeliest first. Total; pure.
std::string_view usual_causes(ErrorCode code) noexcept;

}  // namespace ait::cli
