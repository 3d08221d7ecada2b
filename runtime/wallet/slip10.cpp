#include "runtime/wallet/slip10.hpp"

#include <array>
#include <string>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hmac.hpp"

namespace ait::wallet {
namespace {

using crypto::Secret;

constexpr std::string_view master_key = "ed25519 seed";
constexpr std::size_t half_bytes = crypto::hmac_sha512_bytes / 2;
constexpr std::uint32_t hardened = 0x8000'0000;

ExtendedKey node_of(const Secret& hmac) {
    return {.key = Secret::copy_of(hmac.view().substr(0, half_bytes)),
            .chain_code = Secret::copy_of(hmac.view().substr(half_bytes))};
}

ExtendedKey child_of(const ExtendedKey& parent, std::uint32_t index) {
    AIT_ASSERT(index <= account_max);
    const std::uint32_t number = index | hardened;
    Secret message = Secret::zeros(1 + half_bytes + 4);  // 0x00, key, number
    const std::span<std::uint8_t> bytes = message.writable();
    const std::string_view key = parent.key.view();
    for (std::size_t i = 0; i < key.size(); ++i) bytes[1 + i] = static_cast<std::uint8_t>(key[i]);
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[1 + half_bytes + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    }
    return node_of(crypto::hmac_sha512(parent.chain_code.view(), message.view()));
}

}  // namespace

ExtendedKey slip10_derive(std::string_view seed, std::span<const std::uint32_t> path) {
    AIT_ASSERT(seed.size() >= 16);
    AIT_ASSERT(seed.size() <= 64);
    ExtendedKey node = node_of(crypto::hmac_sha512(master_key, seed));
    for (const std::uint32_t index : path) node = child_of(node, index);
    return node;
}

Result<crypto::SecretKey> account_key(std::string_view seed, std::uint32_t account) {
    if (account > account_max) {
        return Error{ErrorCode::invalid_argument, "The account number is too large.",
                     std::to_string(account) + " is above 2147483647.", "Use account 0, 1, 2, ..."};
    }
    const std::array<std::uint32_t, 3> path{44, coin_type, account};
    return crypto::SecretKey::from_seed(slip10_derive(seed, path).key.view());
}

}  // namespace ait::wallet
