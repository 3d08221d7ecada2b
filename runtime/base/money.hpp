#pragma once

// Money: integer millionths of one asset unit, never negative, never floating point. Sums are
// checked; shares multiply in 128 bits, divide last and round down, and the remainder goes to a
// party that the caller names.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait {

__extension__ using uint128 = unsigned __int128;

struct Amount {
    std::uint64_t micro = 0;
    auto operator<=>(const Amount&) const = default;
};

inline constexpr std::uint64_t micro_per_unit = 1'000'000;
/// 10^10 units: ten times the supply of a development chain, far from the edge of 64 bits.
inline constexpr Amount amount_max{10'000'000'000ULL * micro_per_unit};

/// Error: limit_reached when the sum passes amount_max.
Result<Amount> add(Amount a, Amount b);
/// Error: insufficient_funds when b is larger than a.
Result<Amount> subtract(Amount a, Amount b);
/// floor(value * numerator / denominator); the result must fit (assert: numerator <= denominator or
/// the caller has bounded it). Needs denominator > 0.
std::uint64_t multiply_divide_down(std::uint64_t value, std::uint64_t numerator,
                                   std::uint64_t denominator);

/// "12.5" -> 12500000. At most 6 decimal places, no sign, no exponent. Errors: invalid_argument.
Result<Amount> parse_amount(std::string_view text);
/// 12500000 -> "12.500000": always 6 places, so that equal amounts look equal.
std::string to_text(Amount amount);

}  // namespace ait
