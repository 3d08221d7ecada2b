#pragma once

// The one hash of the program, BLAKE2b: 32 bytes for whatever is identified by its content, 20
// bytes for an account address. Source: RFC 7693, through libsodium's generichash without a key.

#include <array>
#include <cstddef>
#include <string_view>

#include "runtime/base/bytes.hpp"

namespace ait::crypto {

/// BLAKE2b-256 of the bytes. Pure; any thread.
Hash blake2b_256(std::string_view bytes);

/// The account address of a key: BLAKE2b-160 of its 32 bytes. Pure; any thread.
Address address_of(const PublicKey& key);

/// BLAKE2b-256 of bytes that arrive in parts. One thread at a time; copying forks the state.
class Hasher {
  public:
    Hasher();
    Hasher& update(std::string_view bytes);
    /// The hash of all parts. Afterwards the object must not be used again (asserted).
    [[nodiscard]] Hash finish();

  private:
    static constexpr std::size_t state_bytes = 384;
    alignas(64) std::array<unsigned char, state_bytes> state_{};
    bool finished_ = false;
};

}  // namespace ait::crypto
