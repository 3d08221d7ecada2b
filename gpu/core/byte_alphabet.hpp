#pragma once

// GPT-2 style vocabularies are text files that must hold any byte: each byte is spelled as one
// visible character. Printable Latin-1 stands for itself, the other 68 bytes are U+0100 onward, in
// order. Internal to gpu/core.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ait::gpu {

inline constexpr std::size_t byte_alphabet_size = 256 + 68;

/// The byte that a character spells, by code point; -1 for characters that spell none.
inline constexpr std::array<std::int16_t, byte_alphabet_size> byte_of_character = [] {
    std::array<std::int16_t, byte_alphabet_size> bytes{};
    bytes.fill(-1);
    std::size_t shifted = 256;
    for (std::size_t byte = 0; byte < 256; ++byte) {
        const bool itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
        bytes[itself ? byte : shifted++] = static_cast<std::int16_t>(byte);
    }
    return bytes;
}();

/// The bytes that a vocabulary entry spells. One with a character outside the alphabet stands for
/// its own text. Pure; any thread.
std::string spelled_bytes(std::string_view entry);

/// The UTF-8 spelling of bytes; spelled_bytes takes it back. Pure; any thread.
std::string spell_bytes(std::string_view bytes);

}  // namespace ait::gpu
