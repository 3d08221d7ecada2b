#pragma once

// The text of one wallet file: JSON with facts that anybody may read and one sealed part. This is
// the strict reader for it; every field is checked and bounded before anything is computed from it,
// because the file may have been written by somebody else. Format: runtime/wallet/README.md.

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"

namespace ait::wallet {

inline constexpr std::size_t keystore_bytes_max = 4'096;

/// What one guess of a password costs (Argon2id). The default is 64 MiB and 3 passes.
struct KdfCost {
    std::uint32_t memory_kib = 64 * 1024;
    std::uint32_t passes = 3;
    bool operator==(const KdfCost&) const = default;
};
/// Bounds of what a file may ask for: a file from elsewhere must not exhaust the machine.
inline constexpr KdfCost kdf_cost_min{.memory_kib = 8, .passes = 1};
inline constexpr KdfCost kdf_cost_max{.memory_kib = 256 * 1024, .passes = 10};

inline constexpr std::size_t salt_bytes = 16;
inline constexpr std::size_t nonce_bytes = 24;
inline constexpr std::size_t ciphertext_bytes_min = 33;  ///< the shortest secret and its tag
inline constexpr std::size_t ciphertext_bytes_max = 128;

struct KeystoreFile {
    std::string name{};
    Address address{};
    PublicKey public_key{};
    std::string created_at{};  ///< RFC 3339 with milliseconds, UTC
    KdfCost cost{};
    std::string salt{};
    std::string nonce{};
    std::string ciphertext{};
    bool operator==(const KeystoreFile&) const = default;
};

/// True for 1 to 64 of [A-Za-z0-9_-]: such a name is a file name that leaves no folder.
bool is_wallet_name(std::string_view name) noexcept;

/// Errors: corrupt_data, which names the field; unsupported for a later version. Pure.
Result<KeystoreFile> parse_keystore(std::string_view text);

/// The text that parse_keystore reads, ending with a new line.
std::string render_keystore(const KeystoreFile& file);

/// All facts outside the sealed part in one unambiguous string. It is authenticated together with
/// the sealed part, so that changing a fact makes the file unreadable.
std::string associated_data(const KeystoreFile& file);

}  // namespace ait::wallet
