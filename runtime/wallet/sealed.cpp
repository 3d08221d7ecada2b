#include "runtime/wallet/sealed.hpp"

#include <sodium.h>

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/keys.hpp"
#include "runtime/wallet/slip10.hpp"

namespace ait::wallet {
namespace {

using crypto::Secret;

static_assert(salt_bytes == crypto_pwhash_SALTBYTES);
static_assert(nonce_bytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t key_bytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t header_bytes = 5;
constexpr std::size_t entropy_bytes_min = 16;
constexpr std::size_t secret_bytes_max = 32;
static_assert(ciphertext_bytes_min <= header_bytes + entropy_bytes_min + tag_bytes);
static_assert(ciphertext_bytes_max >= header_bytes + secret_bytes_max + tag_bytes);

const unsigned char* unsigned_bytes(std::string_view bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

Result<Secret> derive_key(const KeystoreFile& file, const Secret& password) {
    AIT_ASSERT(file.salt.size() == salt_bytes);
    AIT_ASSERT(file.cost.memory_kib <= kdf_cost_max.memory_kib);
    AIT_ASSERT(file.cost.passes <= kdf_cost_max.passes);
    Secret key = Secret::zeros(key_bytes);
    const int failed =
        crypto_pwhash(key.writable().data(), key_bytes, password.view().data(), password.size(),
                      unsigned_bytes(file.salt), file.cost.passes,
                      std::size_t{file.cost.memory_kib} * 1024, crypto_pwhash_ALG_ARGON2ID13);
    if (failed != 0) {
        return Error{ErrorCode::unavailable, "The wallet cannot be opened right now.",
                     "There is not enough free memory: " +
                         std::to_string(file.cost.memory_kib / 1024) + " MiB are needed.",
                     "Free some memory and try again."};
    }
    return key;
}

Error corrupt_secret() {
    return Error{ErrorCode::corrupt_data, "The wallet file cannot be read.",
                 "Its sealed part does not have a known form.",
                 "Use the program that wrote it, or a newer one."};
}

bool is_entropy_size(std::size_t size) noexcept {
    return size >= entropy_bytes_min && size <= secret_bytes_max && size % 4 == 0;
}

}  // namespace

Secret encode_wallet_secret(const WalletSecret& secret) {
    AIT_ASSERT(secret.account <= account_max);
    Secret plain = Secret::zeros(header_bytes + secret.bytes.size());
    const std::span<std::uint8_t> bytes = plain.writable();
    bytes[0] = static_cast<std::uint8_t>(secret.kind);
    for (std::size_t i = 0; i < 4; ++i) {
        bytes[1 + i] = static_cast<std::uint8_t>(secret.account >> (24 - 8 * i));
    }
    const std::string_view rest = secret.bytes.view();
    std::transform(rest.begin(), rest.end(), bytes.begin() + header_bytes,
                   [](char c) { return static_cast<std::uint8_t>(c); });
    return plain;
}

Result<WalletSecret> decode_wallet_secret(std::string_view bytes) {
    if (bytes.size() < header_bytes) return corrupt_secret();
    std::uint32_t account = 0;
    for (const char c : bytes.substr(1, 4)) account = account << 8U | static_cast<std::uint8_t>(c);
    const std::string_view rest = bytes.substr(header_bytes);
    const auto kind = static_cast<std::uint8_t>(bytes[0]);
    const bool is_mnemonic = kind == static_cast<std::uint8_t>(WalletSecret::Kind::mnemonic) &&
                             is_entropy_size(rest.size()) && account <= account_max;
    const bool is_seed = kind == static_cast<std::uint8_t>(WalletSecret::Kind::seed) &&
                         rest.size() == crypto::seed_bytes && account == 0;
    if (!is_mnemonic && !is_seed) return corrupt_secret();
    return WalletSecret{.kind = is_seed ? WalletSecret::Kind::seed : WalletSecret::Kind::mnemonic,
                        .account = account,
                        .bytes = Secret::copy_of(rest)};
}

Status seal(KeystoreFile& file, const WalletSecret& secret, const Secret& password,
            Random& random) {
    file.salt = random.bytes(salt_bytes);
    file.nonce = random.bytes(nonce_bytes);
    const auto key = derive_key(file, password);
    if (!key.ok()) return key.error();
    const Secret plain = encode_wallet_secret(secret);
    const std::string facts = associated_data(file);
    std::string ciphertext(plain.size() + tag_bytes, '\0');
    const int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(
        reinterpret_cast<unsigned char*>(ciphertext.data()), nullptr, unsigned_bytes(plain.view()),
        plain.size(), unsigned_bytes(facts), facts.size(), nullptr, unsigned_bytes(file.nonce),
        unsigned_bytes(key.value().view()));
    AIT_ASSERT(failed == 0);
    file.ciphertext = std::move(ciphertext);
    return {};
}

Result<WalletSecret> open_sealed(const KeystoreFile& file, const Secret& password) {
    AIT_ASSERT(file.nonce.size() == nonce_bytes);
    AIT_ASSERT(file.ciphertext.size() >= tag_bytes);
    const auto key = derive_key(file, password);
    if (!key.ok()) return key.error();
    const std::string facts = associated_data(file);
    Secret plain = Secret::zeros(file.ciphertext.size() - tag_bytes);
    const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain.writable().data(), nullptr, nullptr, unsigned_bytes(file.ciphertext),
        file.ciphertext.size(), unsigned_bytes(facts), facts.size(), unsigned_bytes(file.nonce),
        unsigned_bytes(key.value().view()));
    if (failed != 0) {
        return Error{ErrorCode::wrong_password,
                     "The wallet \"" + file.name + "\" was not unlocked.",
                     "The password is wrong, or the wallet file was changed after it was written.",
                     "Try the password again; if it is right, restore the wallet from its seed "
                     "phrase."};
    }
    return decode_wallet_secret(plain.view());
}

}  // namespace ait::wallet
