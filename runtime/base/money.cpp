#include "runtime/base/money.hpp"

#include <limits>

namespace ait {

Result<Amount> add(Amount a, Amount b) {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(a.micro, b.micro, &sum) || sum > amount_max.micro) {
        return Error{ErrorCode::limit_reached, "The amounts are too large to add.",
                     to_text(a) + " and " + to_text(b) + " together pass the largest amount.",
                     "Use smaller amounts."};
    }
    return Amount{sum};
}

Result<Amount> subtract(Amount a, Amount b) {
    if (b.micro > a.micro) {
        return Error{ErrorCode::insufficient_funds, "There is not enough money.",
                     to_text(a) + " is there, " + to_text(b) + " is needed.", ""};
    }
    return Amount{a.micro - b.micro};
}

std::uint64_t multiply_divide_down(std::uint64_t value, std::uint64_t numerator,
                                   std::uint64_t denominator) {
    AIT_ASSERT(denominator > 0);
    const uint128 share = static_cast<uint128>(value) * numerator / denominator;
    AIT_ASSERT(share <= std::numeric_limits<std::uint64_t>::max());
    return static_cast<std::uint64_t>(share);
}

Result<Amount> parse_amount(std::string_view text) {
    const auto refuse = [&](const char* why) {
        return Error{ErrorCode::invalid_argument,
                     "\"" + std::string(text.substr(0, 40)) + "\" is not an amount.", why,
                     "Write it like 12 or 0.5, with at most 6 decimal places."};
    };
    if (text.empty()) return refuse("It is empty.");
    if (text.size() > 24) return refuse("It is too long.");
    const std::size_t dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    const std::string_view places = dot == std::string_view::npos ? "" : text.substr(dot + 1);
    if (whole.empty()) return refuse("It has no digit before the point.");
    if (dot != std::string_view::npos && places.empty()) return refuse("It ends with a point.");
    if (places.size() > 6) return refuse("It has more than 6 decimal places.");
    std::uint64_t micro = 0;
    const auto append = [&micro](char c) {
        return c >= '0' && c <= '9' && !__builtin_mul_overflow(micro, 10ULL, &micro) &&
               !__builtin_add_overflow(micro, static_cast<std::uint64_t>(c - '0'), &micro);
    };
    for (const char c : whole) {
        if (c < '0' || c > '9') return refuse("Only digits and one point are allowed.");
        if (!append(c)) return refuse("It is larger than the largest amount.");
    }
    for (std::size_t i = 0; i < 6; ++i) {
        const char c = i < places.size() ? places[i] : '0';
        if (c < '0' || c > '9') return refuse("Only digits and one point are allowed.");
        if (!append(c)) return refuse("It is larger than the largest amount.");
    }
    if (micro > amount_max.micro) return refuse("It is larger than the largest amount.");
    return Amount{micro};
}

std::string to_text(Amount amount) {
    std::string places = std::to_string(amount.micro % micro_per_unit);
    return std::to_string(amount.micro / micro_per_unit) + "." +
           std::string(6 - places.size(), '0') + places;
}

}  // namespace ait
