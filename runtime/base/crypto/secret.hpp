#pragma once

// Bytes that must not leak: passwords, seed phrases, derived keys. They lie in memory of their own
// (guard pages, locked against swapping where the system permits, left out of core dumps) that is
// zeroed when it is given back. There is no stream operator and no copy; fmt and logs print
// "[secret]".

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ait::crypto {

/// Frees and zeroes memory of sodium_malloc.
struct SecureFree {
    void operator()(std::uint8_t* bytes) const noexcept;
};
using SecureBytes = std::unique_ptr<std::uint8_t[], SecureFree>;

/// Zeroed memory for `count` secret bytes; stops the process when there is none left.
SecureBytes secure_allocate(std::size_t count);

/// Overwrites bytes that were secret in a way that no optimiser removes.
void wipe(std::string& bytes) noexcept;
void wipe(std::span<std::uint8_t> bytes) noexcept;

/// A secret of fixed length. Movable, not copyable; a moved-from one is empty.
class Secret {
  public:
    Secret() = default;
    /// Takes over a string and wipes it.
    explicit Secret(std::string&& text);
    /// `count` zero bytes to be filled through writable().
    static Secret zeros(std::size_t count);
    /// A copy of bytes that the caller goes on to own, and to wipe.
    static Secret copy_of(std::string_view bytes);

    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() = default;

    /// Valid as long as this object; never keep it in a std::string that is not wiped.
    [[nodiscard]] std::string_view view() const noexcept;
    [[nodiscard]] std::span<std::uint8_t> writable() noexcept { return {bytes_.get(), count_}; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    /// Compares in a time that depends on the lengths alone.
    [[nodiscard]] bool equals(const Secret& other) const noexcept;

  private:
    explicit Secret(std::size_t count);

    SecureBytes bytes_{};
    std::size_t count_ = 0;
};

}  // namespace ait::crypto

template <>
struct fmt::formatter<ait::crypto::Secret> : fmt::formatter<fmt::string_view> {
    template <class Context>
    auto format(const ait::crypto::Secret&, Context& context) const {
        return fmt::formatter<fmt::string_view>::format("[secret]", context);
    }
};
