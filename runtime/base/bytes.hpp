#pragma once

// Fixed-size byte strings with a meaning (hash, key, signature, address), so that one cannot be
// passed for the other, and hexadecimal text for them. Bytes of any length are std::string.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace ait {

template <class Tag, std::size_t N>
struct FixedBytes {
    static constexpr std::size_t size = N;
    std::array<std::uint8_t, N> bytes{};

    auto operator<=>(const FixedBytes&) const = default;
    [[nodiscard]] std::string_view view() const noexcept {
        return {reinterpret_cast<const char*>(bytes.data()), N};
    }
    [[nodiscard]] bool is_zero() const noexcept { return *this == FixedBytes{}; }
};

using Hash = FixedBytes<struct HashTag, 32>;            ///< BLAKE2b-256
using PublicKey = FixedBytes<struct PublicKeyTag, 32>;  ///< Ed25519
using Signature = FixedBytes<struct SignatureTag, 64>;  ///< Ed25519
using Address = FixedBytes<struct AddressTag, 20>;      ///< BLAKE2b-160 of a public key

/// Lower-case hexadecimal. Any thread.
std::string to_hex(std::string_view bytes);
/// Accepts lower-case digits only, so that one value has one spelling. Error: malformed.
Result<std::string> from_hex(std::string_view text);

/// The bytes as a FixedBytes; error malformed when the length is not T::size.
template <class T>
Result<T> fixed_from_bytes(std::string_view bytes) {
    if (bytes.size() != T::size) {
        return Error{ErrorCode::malformed, "A value has the wrong length.",
                     std::to_string(bytes.size()) + " bytes where " + std::to_string(T::size) +
                         " are needed.",
                     ""};
    }
    T fixed;
    for (std::size_t i = 0; i < T::size; ++i) fixed.bytes[i] = static_cast<std::uint8_t>(bytes[i]);
    return fixed;
}

template <class T>
Result<T> fixed_from_hex(std::string_view text) {
    auto bytes = from_hex(text);
    if (!bytes.ok()) return bytes.error();
    return fixed_from_bytes<T>(bytes.value());
}

/// Big-endian, so that byte order is number order in keys.
std::string big_endian(std::uint64_t value);
/// Needs exactly 8 bytes.
std::uint64_t from_big_endian(std::string_view bytes);

/// Lower-case base32 (RFC 4648 alphabet, no padding), for ids where only uniqueness and spelling
/// matter: its figures stand for more than its letters but sort before them.
std::string to_base32(std::string_view bytes);
/// The same in Crockford's alphabet, which sorts like the bytes it stands for (of equal lengths)
/// and has no letters that look like figures.
std::string to_sortable_base32(std::string_view bytes);

/// Standard base64 with padding.
std::string to_base64(std::string_view bytes);
/// Strict: canonical padding, no white space, unused bits zero. Error: malformed.
Result<std::string> from_base64(std::string_view text);

/// True when the text is valid UTF-8 without surrogates or overlong forms.
bool is_utf8(std::string_view text) noexcept;

}  // namespace ait
