#include "runtime/base/crypto/hmac.hpp"

#include <sodium.h>

#include <array>

#include "runtime/base/assert.hpp"

namespace ait::crypto {
namespace {

static_assert(hmac_sha512_bytes == crypto_auth_hmacsha512_BYTES);

using Block = std::array<std::uint8_t, hmac_sha512_bytes>;

const unsigned char* unsigned_bytes(std::string_view bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// A keyed state that is wiped. Copying it saves hashing the key again, which halves PBKDF2's work.
class Keyed {
  public:
    explicit Keyed(std::string_view key) {
        crypto_auth_hmacsha512_init(&state_, unsigned_bytes(key), key.size());
    }
    Keyed(const Keyed&) = default;
    Keyed& operator=(const Keyed&) = delete;
    ~Keyed() { sodium_memzero(&state_, sizeof state_); }

    Keyed& update(std::span<const std::uint8_t> bytes) {
        crypto_auth_hmacsha512_update(&state_, bytes.data(), bytes.size());
        return *this;
    }
    Keyed& update(std::string_view bytes) { return update({unsigned_bytes(bytes), bytes.size()}); }
    void finish(std::span<std::uint8_t, hmac_sha512_bytes> out) {
        crypto_auth_hmacsha512_final(&state_, out.data());
    }

  private:
    crypto_auth_hmacsha512_state state_{};
};

}  // namespace

Secret hmac_sha512(std::string_view key, std::string_view message) {
    Secret out = Secret::zeros(hmac_sha512_bytes);
    Keyed(key).update(message).finish(out.writable().first<hmac_sha512_bytes>());
    return out;
}

Secret pbkdf2_hmac_sha512(std::string_view password, std::string_view salt, std::uint32_t rounds) {
    AIT_ASSERT(rounds > 0);
    constexpr std::array<std::uint8_t, 4> first_block{0, 0, 0, 1};
    const Keyed keyed(password);
    Secret out = Secret::zeros(hmac_sha512_bytes);
    const std::span<std::uint8_t> sum = out.writable();
    Block block{};
    Keyed(keyed).update(salt).update(first_block).finish(block);
    for (std::size_t i = 0; i < block.size(); ++i) sum[i] = block[i];
    for (std::uint32_t round = 1; round < rounds; ++round) {
        Keyed(keyed).update(block).finish(block);
        for (std::size_t i = 0; i < block.size(); ++i) sum[i] ^= block[i];
    }
    wipe(block);
    return out;
}

}  // namespace ait::crypto
