#include "gpu/core/byte_alphabet.hpp"

#include <algorithm>

#include "gpu/core/unicode.hpp"
#include "runtime/base/assert.hpp"

namespace ait::gpu {

std::string spelled_bytes(std::string_view entry) {
    std::string bytes;
    for (std::size_t offset = 0; offset < entry.size();) {
        const Utf8Character c = first_character(entry.substr(offset));
        if (c.code_point >= byte_alphabet_size || byte_of_character[c.code_point] < 0) {
            return std::string(entry);
        }
        bytes += static_cast<char>(byte_of_character[c.code_point]);
        offset += c.bytes;
    }
    return bytes;
}

std::string spell_bytes(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        const auto place = std::find(byte_of_character.begin(), byte_of_character.end(),
                                     static_cast<std::uint8_t>(byte));
        AIT_ASSERT(place != byte_of_character.end());
        const auto code_point = static_cast<std::uint32_t>(place - byte_of_character.begin());
        if (code_point < 0x80) {
            text += static_cast<char>(code_point);
        } else {
            text += static_cast<char>(0xc0U | code_point >> 6);
            text += static_cast<char>(0x80U | (code_point & 0x3fU));
        }
    }
    return text;
}

}  // namespace ait::gpu
