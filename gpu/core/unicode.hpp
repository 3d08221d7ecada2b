#pragma once

// The little of Unicode that pre-tokenisers need: reading UTF-8 that may be broken, and whether a
// character is a letter, a number or white space.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ait::gpu {

enum class CharacterClass : std::uint8_t { other, letter, number, whitespace };

/// Letters are \p{L}, numbers \p{N}, white space the White_Space property. Total. Any thread.
CharacterClass character_class(char32_t code_point) noexcept;

/// One character at the start of a text. A byte that begins no valid sequence comes alone, with a
/// code point above all of Unicode, so that it is of class `other` and equal to no character.
struct Utf8Character {
    char32_t code_point = 0;
    std::uint32_t bytes = 0;
};

inline constexpr char32_t code_point_invalid = 0x110000;

/// Needs a text that is not empty. Refuses surrogates and overlong forms (RFC 3629).
Utf8Character first_character(std::string_view text) noexcept;

/// How many bytes at the start of `text` could still become a character if more followed: the
/// length of `text` when it is a true prefix of some valid sequence, else 0.
std::size_t incomplete_character_bytes(std::string_view text) noexcept;

}  // namespace ait::gpu
