#pragma once

// Account addresses as people read them: bech32m (BIP-350), 20 bytes under the prefix "ait", 42
// characters. The checksum finds every change of up to four characters.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"

namespace ait::crypto {

/// What a bech32m text says: the part before the last '1', in lower case, and groups of 5 bits.
struct Bech32m {
    std::string prefix{};
    std::vector<std::uint8_t> groups{};  ///< each below 32
};

/// At most 90 characters in all, groups below 32, prefix of 1 to 83 printable characters without
/// upper case. Error: invalid_argument.
Result<std::string> encode_bech32m(const Bech32m& content);
/// Strict: length, one case, known characters, checksum of BIP-350. Error: malformed, which says
/// what is wrong.
Result<Bech32m> decode_bech32m(std::string_view text);

/// "ait1...". Pure; any thread.
std::string to_text(const Address& address);
/// Lower or upper case, not mixed. Error: malformed, which says what is wrong.
Result<Address> parse_address(std::string_view text);

}  // namespace ait::crypto
