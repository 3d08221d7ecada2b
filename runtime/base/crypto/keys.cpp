#include "runtime/base/crypto/keys.hpp"

#include <sodium.h>

#include <string>

#include "runtime/base/assert.hpp"

namespace ait::crypto {
namespace {

static_assert(seed_bytes == crypto_sign_SEEDBYTES);
static_assert(PublicKey::size == crypto_sign_PUBLICKEYBYTES);
static_assert(Signature::size == crypto_sign_BYTES);
static_assert(crypto_sign_SECRETKEYBYTES == seed_bytes + PublicKey::size);

const unsigned char* unsigned_bytes(std::string_view bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string tagged(std::string_view domain, std::string_view message) {
    AIT_ASSERT(!domain.empty());
    AIT_ASSERT(domain.find('|') == std::string_view::npos);
    std::string bytes;
    bytes.reserve(domain.size() + 1 + message.size());
    bytes.append(domain).push_back('|');
    bytes.append(message);
    return bytes;
}

SecureBytes expand_seed(std::string_view seed) {
    AIT_ASSERT(seed.size() == seed_bytes);
    SecureBytes expanded = secure_allocate(crypto_sign_SECRETKEYBYTES);
    PublicKey ignored;  // libsodium also writes it behind the seed
    const int failed =
        crypto_sign_seed_keypair(ignored.bytes.data(), expanded.get(), unsigned_bytes(seed));
    AIT_ASSERT(failed == 0);
    return expanded;
}

}  // namespace

SecretKey SecretKey::generate(Random& random) {
    const Secret seed(random.bytes(seed_bytes));
    return SecretKey(expand_seed(seed.view()));
}

Result<SecretKey> SecretKey::from_seed(std::string_view seed) {
    if (seed.size() != seed_bytes) {
        return Error{ErrorCode::malformed, "A secret key has the wrong length.",
                     std::to_string(seed.size()) + " bytes where 32 are needed.",
                     "Give the 32-byte Ed25519 seed, not the 64-byte expanded key."};
    }
    return SecretKey(expand_seed(seed));
}

PublicKey SecretKey::public_key() const {
    AIT_ASSERT(bytes_ != nullptr);
    PublicKey key;
    for (std::size_t i = 0; i < PublicKey::size; ++i) key.bytes[i] = bytes_[seed_bytes + i];
    return key;
}

Secret SecretKey::seed() const {
    AIT_ASSERT(bytes_ != nullptr);
    return Secret::copy_of({reinterpret_cast<const char*>(bytes_.get()), seed_bytes});
}

Signature SecretKey::sign(std::string_view domain, std::string_view message) const {
    AIT_ASSERT(bytes_ != nullptr);
    const std::string bytes = tagged(domain, message);
    Signature signature;
    const int failed = crypto_sign_detached(signature.bytes.data(), nullptr, unsigned_bytes(bytes),
                                            bytes.size(), bytes_.get());
    AIT_ASSERT(failed == 0);
    return signature;
}

bool verify(const PublicKey& key, std::string_view domain, std::string_view message,
            const Signature& signature) {
    return verify_untagged(key, tagged(domain, message), signature);
}

bool verify_untagged(const PublicKey& key, std::string_view bytes, const Signature& signature) {
    return crypto_sign_verify_detached(signature.bytes.data(), unsigned_bytes(bytes), bytes.size(),
                                       key.bytes.data()) == 0;
}

}  // namespace ait::crypto
