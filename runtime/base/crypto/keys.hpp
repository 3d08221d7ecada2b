#pragma once

// Ed25519 keys and the one rule by which every signature of the program is judged. What is signed
// always begins with a domain tag, so that a signature for one purpose (a transaction) is worth
// nothing for another (a vote). Source: RFC 8032; strict checks by libsodium.

#include <string_view>

#include "runtime/base/bytes.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/secret.hpp"
#include "runtime/base/result.hpp"

namespace ait::crypto {

inline constexpr std::size_t seed_bytes = 32;

/// A signing key. Movable, not copyable, never printable; using a moved-from one is asserted.
/// Const member functions may run on any thread.
class SecretKey {
  public:
    static SecretKey generate(Random& random);
    /// The key of a 32-byte seed (the RFC 8032 private key). Error: malformed for another length.
    static Result<SecretKey> from_seed(std::string_view seed);

    SecretKey(SecretKey&&) noexcept = default;
    SecretKey& operator=(SecretKey&&) noexcept = default;
    SecretKey(const SecretKey&) = delete;
    SecretKey& operator=(const SecretKey&) = delete;
    ~SecretKey() = default;

    [[nodiscard]] PublicKey public_key() const;
    /// The 32-byte seed, for sealing and export only.
    [[nodiscard]] Secret seed() const;
    /// Signs domain + '|' + message. The domain is a constant of the program: not empty and
    /// without '|' (asserted), or two pairs could share their signed bytes. Deterministic.
    [[nodiscard]] Signature sign(std::string_view domain, std::string_view message) const;

  private:
    explicit SecretKey(SecureBytes seed_and_public_key) : bytes_(std::move(seed_and_public_key)) {}

    SecureBytes bytes_;  ///< 64 bytes: seed, then public key, the form that libsodium signs with
};

/// True when `signature` is the key's for domain + '|' + message. Strict: non-canonical S, R or key
/// and keys or R of small order are refused. Any thread.
bool verify(const PublicKey& key, std::string_view domain, std::string_view message,
            const Signature& signature);

/// The same rule for bytes without a domain tag: only for formats that others define.
bool verify_untagged(const PublicKey& key, std::string_view bytes, const Signature& signature);

}  // namespace ait::crypto
