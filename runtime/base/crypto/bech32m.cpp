#include "runtime/base/crypto/bech32m.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "runtime/base/assert.hpp"

namespace ait::crypto {
namespace {

constexpr std::string_view alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static_assert(alphabet.size() == 32);
constexpr std::uint32_t checksum_constant = 0x2bc830a3;  // BIP-350; plain bech32 ends in 1
constexpr std::uint32_t checksum_constant_bech32 = 1;
constexpr std::size_t checksum_groups = 6;
constexpr std::size_t text_chars_max = 90;
constexpr std::size_t prefix_chars_max = 83;
constexpr std::string_view address_prefix = "ait";
constexpr std::size_t address_groups = Address::size * 8 / 5;
static_assert(Address::size * 8 % 5 == 0, "an address fills its groups: there is no padding");
constexpr std::size_t address_chars = address_prefix.size() + 1 + address_groups + checksum_groups;

/// What the five bits that leave the checksum change in it: a BCH code over GF(32), BIP-173.
constexpr std::array<std::uint32_t, 32> feedback = [] {
    constexpr std::array<std::uint32_t, 5> generator{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                     0x2a1462b3};
    std::array<std::uint32_t, 32> table{};
    for (std::size_t top = 0; top < table.size(); ++top) {
        for (std::size_t i = 0; i < generator.size(); ++i) {
            if (((top >> i) & 1U) != 0) table[top] ^= generator[i];
        }
    }
    return table;
}();

/// One step of the checksum.
constexpr std::uint32_t step(std::uint32_t checksum, std::uint32_t group) noexcept {
    return (((checksum & 0x1ffffffU) << 5U) ^ group) ^ feedback[checksum >> 25U];
}

constexpr std::uint32_t checksum_of_prefix(std::string_view prefix) noexcept {
    std::uint32_t checksum = 1;
    for (const char c : prefix) checksum = step(checksum, static_cast<std::uint8_t>(c) >> 5U);
    checksum = step(checksum, 0);
    for (const char c : prefix) checksum = step(checksum, static_cast<std::uint8_t>(c) & 31U);
    return checksum;
}

std::uint32_t checksum_of(std::string_view prefix, std::span<const std::uint8_t> groups) noexcept {
    std::uint32_t checksum = checksum_of_prefix(prefix);
    for (const std::uint8_t group : groups) checksum = step(checksum, group);
    return checksum;
}

constexpr std::string_view address_lead = "ait1";
constexpr std::uint32_t address_checksum_start = checksum_of_prefix(address_prefix);

constexpr std::uint8_t no_group = 0xFF;
constexpr std::array<std::uint8_t, 256> group_of = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(no_group);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return table;
}();

bool is_printable(char c) noexcept {
    return c >= 33 && c <= 126;
}
bool is_lower(char c) noexcept {
    return c >= 'a' && c <= 'z';
}
bool is_upper(char c) noexcept {
    return c >= 'A' && c <= 'Z';
}

Error malformed(std::string why) {
    return Error{ErrorCode::malformed, "The text is not a valid address.", std::move(why),
                 "Copy the whole address again; it looks like ait1 and 38 more characters."};
}

Error checksum_mismatch(std::uint32_t found) {
    if (found == checksum_constant_bech32) {
        return malformed("Its checksum is of the older kind bech32; bech32m is needed.");
    }
    return malformed("Its checksum does not match: at least one character is wrong.");
}

Status check_characters(std::string_view text) {
    if (text.size() > text_chars_max) {
        return malformed("It has " + std::to_string(text.size()) + " characters; 90 is the most.");
    }
    if (!std::all_of(text.begin(), text.end(), is_printable)) {
        return malformed("It contains a space or a character outside ASCII.");
    }
    const bool has_lower = std::any_of(text.begin(), text.end(), is_lower);
    const bool has_upper = std::any_of(text.begin(), text.end(), is_upper);
    if (has_lower && has_upper) return malformed("It mixes upper and lower case.");
    return {};
}

}  // namespace

Result<std::string> encode_bech32m(const Bech32m& content) {
    const auto refuse = [](const char* why) {
        return Error{ErrorCode::invalid_argument, "The value cannot be written as bech32m.", why,
                     ""};
    };
    const std::string_view prefix = content.prefix;
    if (prefix.empty() || prefix.size() > prefix_chars_max)
        return refuse("The prefix has a wrong length.");
    const auto allowed = [](char c) { return is_printable(c) && !is_upper(c); };
    if (!std::all_of(prefix.begin(), prefix.end(), allowed))
        return refuse("The prefix has another character.");
    if (prefix.size() + 1 + content.groups.size() + checksum_groups > text_chars_max) {
        return refuse("The text would be longer than 90 characters.");
    }
    std::vector<std::uint8_t> groups = content.groups;
    for (const std::uint8_t group : groups) {
        if (group >= alphabet.size()) return refuse("A group has more than 5 bits.");
    }
    groups.resize(groups.size() + checksum_groups, 0);
    const std::uint32_t checksum = checksum_of(prefix, groups) ^ checksum_constant;
    std::string text = content.prefix + '1';
    for (std::size_t i = 0; i < content.groups.size(); ++i) text.push_back(alphabet[groups[i]]);
    for (std::size_t i = 0; i < checksum_groups; ++i) {
        text.push_back(alphabet[(checksum >> (5 * (checksum_groups - 1 - i))) & 31U]);
    }
    return text;
}

Result<Bech32m> decode_bech32m(std::string_view text) {
    const Status readable = check_characters(text);
    if (!readable.ok()) return readable.error();
    const std::size_t separator = text.rfind('1');
    if (separator == std::string_view::npos) return malformed("It has no '1' after its prefix.");
    if (separator == 0) return malformed("It has no prefix before the '1'.");
    if (text.size() - separator - 1 < checksum_groups) return malformed("It is too short.");
    Bech32m content;
    for (const char c : text.substr(0, separator)) {
        content.prefix.push_back(is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c);
    }
    for (const char c : text.substr(separator + 1)) {
        const char lower = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
        const std::size_t group = alphabet.find(lower);
        if (group == std::string_view::npos) {
            return malformed(std::string("The character '") + c + "' is never part of an address.");
        }
        content.groups.push_back(static_cast<std::uint8_t>(group));
    }
    const std::uint32_t checksum = checksum_of(content.prefix, content.groups);
    if (checksum != checksum_constant) return checksum_mismatch(checksum);
    content.groups.resize(content.groups.size() - checksum_groups);
    return content;
}

std::string to_text(const Address& address) {
    std::string text(address_chars, '\0');
    text.replace(0, address_lead.size(), address_lead);
    std::size_t at = address_lead.size();
    std::uint32_t checksum = address_checksum_start;
    const auto put = [&](std::uint32_t group) { text[at++] = alphabet[group]; };
    std::uint32_t buffer = 0;
    unsigned bits = 0;
    for (const std::uint8_t byte : address.bytes) {
        buffer = ((buffer << 8U) | byte) & 0xfffU;  // at most 4 bits wait from before
        for (bits += 8; bits >= 5; bits -= 5) {
            const std::uint32_t group = (buffer >> (bits - 5)) & 31U;
            checksum = step(checksum, group);
            put(group);
        }
    }
    for (std::size_t i = 0; i < checksum_groups; ++i) checksum = step(checksum, 0);
    checksum ^= checksum_constant;
    for (std::size_t i = checksum_groups; i-- > 0;) put((checksum >> (5 * i)) & 31U);
    AIT_ASSERT(at == address_chars);
    return text;
}

namespace {

/// The address behind a text in its usual form, lower case and without a fault. What this does not
/// know, parse_address tells apart.
std::optional<Address> read_usual(std::string_view text) noexcept {
    if (text.size() != address_chars || !text.starts_with(address_lead)) return std::nullopt;
    Address address;
    std::uint32_t checksum = address_checksum_start;
    std::uint32_t buffer = 0;
    unsigned bits = 0;
    std::size_t count = 0;
    for (std::size_t i = address_lead.size(); i < address_chars; ++i) {
        const std::uint8_t group = group_of[static_cast<std::uint8_t>(text[i])];
        if (group == no_group) return std::nullopt;
        checksum = step(checksum, group);
        buffer = ((buffer << 5U) | group) & 0xfffU;
        bits += 5;
        if (bits < 8 || count == Address::size) continue;
        bits -= 8;
        address.bytes[count++] = static_cast<std::uint8_t>(buffer >> bits);
    }
    if (checksum != checksum_constant) return std::nullopt;
    return address;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (const auto usual = read_usual(text)) return *usual;
    if (text.empty()) return malformed("It is empty.");
    if (text.starts_with("0x")) return malformed("It is a hexadecimal address of another chain.");
    // Before the checksum, so that an address of another chain gets the reason that helps.
    const bool is_ours = text.starts_with("ait1") || text.starts_with("AIT1");
    const Status readable = check_characters(text);
    if (!readable.ok()) return readable.error();
    if (!is_ours) return malformed("It does not begin with \"ait1\".");
    auto content = decode_bech32m(text);
    if (!content.ok()) return content.error();
    // A second '1' further on would end the prefix there.
    const bool has_our_prefix = content.value().prefix == address_prefix;
    if (!has_our_prefix || content.value().groups.size() != address_groups) {
        return malformed("It has " + std::to_string(text.size()) + " characters; " +
                         std::to_string(address_chars) + " are needed.");
    }
    Address address;
    std::uint32_t buffer = 0;
    unsigned bits = 0;
    std::size_t count = 0;
    for (const std::uint8_t group : content.value().groups) {
        buffer = ((buffer << 5U) | group) & 0xfffU;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        address.bytes[count] = static_cast<std::uint8_t>(buffer >> bits);
        ++count;
    }
    AIT_ASSERT(count == Address::size);
    return address;
}

}  // namespace ait::crypto
