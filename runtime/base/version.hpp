#pragma once

// The version of this program, one for all binaries.

#include <string_view>

namespace ait {

inline constexpr std::string_view version = "0.1.0";

}  // namespace ait
