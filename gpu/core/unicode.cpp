#include "gpu/core/unicode.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

struct ClassRange {
    char32_t first;
    char32_t last;
    CharacterClass kind;
};

constexpr std::array class_ranges = std::to_array<ClassRange>({
#include "gpu/core/unicode_tables.inc"
});

constexpr CharacterClass search_class(char32_t code_point) noexcept {
    const auto after = std::upper_bound(
        class_ranges.begin(), class_ranges.end(), code_point,
        [](char32_t value, const ClassRange& range) { return value < range.first; });
    if (after == class_ranges.begin()) return CharacterClass::other;
    const ClassRange& range = *(after - 1);
    return code_point <= range.last ? range.kind : CharacterClass::other;
}

/// Most text is in the first blocks; they get a table so that the search is for the rest.
constexpr std::size_t direct_size = 0x600;

constexpr auto direct_classes = [] {
    std::array<CharacterClass, direct_size> classes{};
    for (char32_t c = 0; c < direct_size; ++c) classes[c] = search_class(c);
    return classes;
}();

/// What may follow a lead byte: how many bytes in all, and the range of the second one, which is
/// where overlong forms, surrogates and values above U+10FFFF are refused (RFC 3629, section 4).
struct LeadByte {
    std::uint32_t bytes = 0;  ///< 0: not a lead byte
    std::uint8_t second_min = 0x80;
    std::uint8_t second_max = 0xbf;
};

constexpr LeadByte lead_byte(std::uint8_t byte) noexcept {
    if (byte < 0x80) return {1};
    if (byte < 0xc2) return {};
    if (byte < 0xe0) return {2};
    if (byte == 0xe0) return {3, 0xa0, 0xbf};
    if (byte == 0xed) return {3, 0x80, 0x9f};
    if (byte < 0xf0) return {3};
    if (byte == 0xf0) return {4, 0x90, 0xbf};
    if (byte < 0xf4) return {4};
    if (byte == 0xf4) return {4, 0x80, 0x8f};
    return {};
}

/// How many bytes of `text` are a valid start of the sequence that its lead byte announces.
std::size_t valid_bytes(std::string_view text, const LeadByte& lead) noexcept {
    const std::size_t length = std::min<std::size_t>(text.size(), lead.bytes);
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        const std::uint8_t lowest = i == 1 ? lead.second_min : std::uint8_t{0x80};
        const std::uint8_t highest = i == 1 ? lead.second_max : std::uint8_t{0xbf};
        if (byte < lowest || byte > highest) return i;
    }
    return length;
}

}  // namespace

CharacterClass character_class(char32_t code_point) noexcept {
    return code_point < direct_size ? direct_classes[code_point] : search_class(code_point);
}

Utf8Character first_character(std::string_view text) noexcept {
    AIT_ASSERT(!text.empty());
    const auto first = static_cast<std::uint8_t>(text[0]);
    const LeadByte lead = lead_byte(first);
    if (lead.bytes == 1) return {first, 1};
    if (lead.bytes == 0 || valid_bytes(text, lead) != lead.bytes) return {code_point_invalid, 1};
    char32_t code_point = first & (0x7fU >> lead.bytes);
    for (std::uint32_t i = 1; i < lead.bytes; ++i) {
        code_point = code_point << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3fU);
    }
    return {code_point, lead.bytes};
}

std::size_t incomplete_character_bytes(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const LeadByte lead = lead_byte(static_cast<std::uint8_t>(text[0]));
    if (text.size() >= lead.bytes) return 0;
    return valid_bytes(text, lead) == text.size() ? text.size() : 0;
}

}  // namespace ait::gpu
