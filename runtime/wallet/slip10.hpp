#pragma once

// From the seed of a phrase to the signing key of an account. Source: SLIP-0010 for Ed25519, where
// every step is hardened, and BIP-44 for the meaning of the path.

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/crypto/keys.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"

namespace ait::wallet {

/// "AIT" in ASCII: the coin type in the path m/44'/4278612'/account'.
inline constexpr std::uint32_t coin_type = 4'278'612;
static_assert(coin_type == (0x41U << 16U | 0x49U << 8U | 0x54U));
/// Accounts are hardened, so their numbers end where the hardened ones do.
inline constexpr std::uint32_t account_max = 0x7fff'ffff;

/// A node of the derivation tree: 32 bytes each.
struct ExtendedKey {
    crypto::Secret key{};
    crypto::Secret chain_code{};
};

/// The node below `path`, whose indices are meant hardened and written without the high bit. Needs
/// 16 to 64 bytes of seed and indices up to account_max (asserted). Pure; any thread.
ExtendedKey slip10_derive(std::string_view seed, std::span<const std::uint32_t> path);

/// The key of m/44'/4278612'/account'. Error: invalid_argument for an account above account_max.
Result<crypto::SecretKey> account_key(std::string_view seed, std::uint32_t account);

}  // namespace ait::wallet
