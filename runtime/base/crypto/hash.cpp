#include "runtime/base/crypto/hash.hpp"

#include <sodium.h>

#include <new>

#include "runtime/base/assert.hpp"

namespace ait::crypto {
namespace {

static_assert(Hash::size == crypto_generichash_BYTES);
static_assert(Address::size >= crypto_generichash_BYTES_MIN);

const unsigned char* unsigned_bytes(std::string_view bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

crypto_generichash_state* state_of(std::array<unsigned char, 384>& bytes) noexcept {
    return std::launder(reinterpret_cast<crypto_generichash_state*>(bytes.data()));
}

}  // namespace

Hash blake2b_256(std::string_view bytes) {
    Hash hash;
    const int failed = crypto_generichash(hash.bytes.data(), hash.bytes.size(),
                                          unsigned_bytes(bytes), bytes.size(), nullptr, 0);
    AIT_ASSERT(failed == 0);
    return hash;
}

Address address_of(const PublicKey& key) {
    Address address;
    const int failed = crypto_generichash(address.bytes.data(), address.bytes.size(),
                                          key.bytes.data(), key.bytes.size(), nullptr, 0);
    AIT_ASSERT(failed == 0);
    return address;
}

Hasher::Hasher() {
    static_assert(sizeof(crypto_generichash_state) == state_bytes);
    static_assert(alignof(crypto_generichash_state) <= 64);
    new (state_.data()) crypto_generichash_state;
    const int failed = crypto_generichash_init(state_of(state_), nullptr, 0, Hash::size);
    AIT_ASSERT(failed == 0);
}

Hasher& Hasher::update(std::string_view bytes) {
    AIT_ASSERT(!finished_);
    const int failed =
        crypto_generichash_update(state_of(state_), unsigned_bytes(bytes), bytes.size());
    AIT_ASSERT(failed == 0);
    return *this;
}

Hash Hasher::finish() {
    AIT_ASSERT(!finished_);
    finished_ = true;
    Hash hash;
    const int failed =
        crypto_generichash_final(state_of(state_), hash.bytes.data(), hash.bytes.size());
    AIT_ASSERT(failed == 0);
    return hash;
}

}  // namespace ait::crypto
