#pragma once

// The one place that seals and opens wallet secrets: Argon2id turns the password into a key,
// XChaCha20-Poly1305 seals the secret under it together with all the facts of the file. Each
// sealing draws a new salt and a new nonce, so neither is ever used twice.

#include <cstdint>

#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"
#include "runtime/wallet/keystore_file.hpp"

namespace ait::wallet {

/// What a wallet must keep: the entropy of a seed phrase and which account of it, or the 32-byte
/// Ed25519 seed of a key that came from elsewhere.
struct WalletSecret {
    enum class Kind : std::uint8_t { mnemonic = 1, seed = 2 };
    Kind kind = Kind::mnemonic;
    std::uint32_t account = 0;  ///< 0 for an imported seed
    crypto::Secret bytes{};
};

/// The bytes that are sealed: kind, account (4 bytes, big-endian), entropy or seed.
crypto::Secret encode_wallet_secret(const WalletSecret& secret);
/// Error: corrupt_data.
Result<WalletSecret> decode_wallet_secret(std::string_view bytes);

/// Fills salt, nonce and ciphertext of `file`, whose other fields are set. Takes 64 MiB and tens of
/// milliseconds at the default cost. Error: unavailable when the memory is not there.
Status seal(KeystoreFile& file, const WalletSecret& secret, const crypto::Secret& password,
            Random& random);

/// Errors: wrong_password, also when somebody changed the file; unavailable; corrupt_data.
Result<WalletSecret> open_sealed(const KeystoreFile& file, const crypto::Secret& password);

}  // namespace ait::wallet
