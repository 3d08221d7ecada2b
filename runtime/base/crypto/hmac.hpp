#pragma once

// HMAC-SHA512 (RFC 2104) and PBKDF2 over it (RFC 8018), which BIP-39 and SLIP-10 need and libsodium
// has only in parts.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/crypto/secret.hpp"

namespace ait::crypto {

inline constexpr std::size_t hmac_sha512_bytes = 64;

/// The 64-byte HMAC of the message under a key of any length. Any thread.
Secret hmac_sha512(std::string_view key, std::string_view message);

/// The first 64-byte block of PBKDF2-HMAC-SHA512, the only one that our formats use. Needs
/// rounds > 0 (asserted). Any thread; 2048 rounds take milliseconds.
Secret pbkdf2_hmac_sha512(std::string_view password, std::string_view salt, std::uint32_t rounds);

}  // namespace ait::crypto
