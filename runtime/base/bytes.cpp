#include "runtime/base/bytes.hpp"

#include <algorithm>
#include <cstring>

namespace ait {
namespace {

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_digit(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

Error malformed_text(const char* what) {
    return Error{ErrorCode::malformed, what, "", "Copy the whole value again."};
}

}  // namespace

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(bytes.size() * 2, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(bytes[i]);
        text[2 * i] = digits[byte >> 4U];
        text[2 * i + 1] = digits[byte & 15U];
    }
    return text;
}

Result<std::string> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return malformed_text("A hexadecimal value has an odd length.");
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return malformed_text("A hexadecimal value has another character.");
        bytes.push_back(static_cast<char>(high * 16 + low));
    }
    return bytes;
}

std::string big_endian(std::uint64_t value) {
    std::string bytes(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[7 - i] = static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    return bytes;
}

std::uint64_t from_big_endian(std::string_view bytes) {
    AIT_ASSERT(bytes.size() == 8);
    std::uint64_t value = 0;
    for (const char c : bytes) value = (value << 8U) | static_cast<std::uint8_t>(c);
    return value;
}

namespace {

std::string base32_in(std::string_view alphabet, std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() * 8 + 4) / 5);
    std::uint32_t buffer = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        buffer = (buffer << 8U) | static_cast<std::uint8_t>(c);
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            text.push_back(alphabet[(buffer >> bits) & 31U]);
        }
        buffer &= (1U << bits) - 1U;
    }
    if (bits > 0) text.push_back(alphabet[(buffer << (5 - bits)) & 31U]);
    return text;
}

}  // namespace

std::string to_base32(std::string_view bytes) {
    return base32_in("abcdefghijklmnopqrstuvwxyz234567", bytes);
}

std::string to_sortable_base32(std::string_view bytes) {
    return base32_in("0123456789abcdefghjkmnpqrstvwxyz", bytes);
}

std::string to_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            group = (group << 8U) | (j < count ? static_cast<std::uint8_t>(bytes[i + j]) : 0U);
        }
        for (std::size_t j = 0; j < 4; ++j) {
            text.push_back(j <= count ? base64_alphabet[(group >> (18 - 6 * j)) & 63U] : '=');
        }
    }
    return text;
}

Result<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return malformed_text("A base64 value has the wrong length.");
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        std::size_t padding = 0;
        if (last && text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 4; ++j) {
            const int digit = j < 4 - padding ? base64_digit(text[i + j]) : 0;
            if (digit < 0) return malformed_text("A base64 value has another character.");
            group = (group << 6U) | static_cast<std::uint32_t>(digit);
        }
        if (padding == 1 && (group & 0xFFU) != 0)
            return malformed_text("A base64 value is not canonical.");
        if (padding == 2 && (group & 0xFFFFU) != 0)
            return malformed_text("A base64 value is not canonical.");
        for (std::size_t j = 0; j < 3 - padding; ++j) {
            bytes.push_back(static_cast<char>(static_cast<std::uint8_t>(group >> (16 - 8 * j))));
        }
    }
    return bytes;
}

bool is_utf8(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size()) {
        std::uint64_t eight = 0;  // most text is ASCII
        while (text.size() - i >= sizeof eight) {
            std::memcpy(&eight, text.data() + i, sizeof eight);
            if ((eight & 0x8080'8080'8080'8080U) != 0) break;
            i += sizeof eight;
        }
        if (i == text.size()) return true;
        const auto lead = static_cast<std::uint8_t>(text[i]);
        std::size_t extra = 0;
        std::uint32_t point = 0;
        if (lead < 0x80) {
            ++i;
            continue;
        }
        if (lead >= 0xC2 && lead <= 0xDF) {
            extra = 1;
            point = lead & 0x1FU;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            extra = 2;
            point = lead & 0x0FU;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            extra = 3;
            point = lead & 0x07U;
        } else
            return false;
        if (text.size() - i <= extra) return false;
        for (std::size_t j = 1; j <= extra; ++j) {
            const auto byte = static_cast<std::uint8_t>(text[i + j]);
            if ((byte & 0xC0U) != 0x80U) return false;
            point = (point << 6U) | (byte & 0x3FU);
        }
        if (extra == 2 && point < 0x800) return false;
        if (extra == 2 && point >= 0xD800 && point <= 0xDFFF) return false;
        if (extra == 3 && (point < 0x10000 || point > 0x10FFFF)) return false;
        i += extra + 1;
    }
    return true;
}

}  // namespace ait
