#pragma once

// Seed phrases: 12 to 24 English words that stand for the entropy of a wallet and a checksum, so
// that a person can write the key on paper. Source: BIP-39. The words travel as Secret; no error
// text holds more of a phrase than the one word that is wrong.

#include <cstdint>
#include <string_view>

#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"

namespace ait::wallet {

inline constexpr std::uint32_t mnemonic_words_default = 24;
inline constexpr std::size_t mnemonic_bytes_max = 1'024;

/// A new phrase of 12 or 24 words. Error: invalid_argument for another number.
Result<crypto::Secret> generate_mnemonic(Random& random, std::uint32_t word_count);

/// The phrase of 16, 20, 24, 28 or 32 bytes of entropy, in lower case with single spaces.
/// Error: invalid_argument for another length.
Result<crypto::Secret> mnemonic_from_entropy(std::string_view entropy);

/// Checks a phrase (case and spacing do not matter) and gives its entropy. Error:
/// invalid_argument, which names the number of words, the wrong word with near ones, or the
/// checksum.
Result<crypto::Secret> entropy_from_mnemonic(std::string_view phrase);

/// The 64-byte seed that keys are derived from. The passphrase is usually empty and must be ASCII,
/// because other characters have several spellings in bytes. Errors: those of the phrase,
/// unsupported.
Result<crypto::Secret> seed_from_mnemonic(std::string_view phrase, std::string_view passphrase);

}  // namespace ait::wallet
