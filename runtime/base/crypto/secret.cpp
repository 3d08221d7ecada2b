#include "runtime/base/crypto/secret.hpp"

#include <sodium.h>

#include <cstring>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::crypto {

void SecureFree::operator()(std::uint8_t* bytes) const noexcept {
    sodium_free(bytes);  // zeroes, and aborts when somebody wrote past the end
}

SecureBytes secure_allocate(std::size_t count) {
    AIT_ASSERT(sodium_init() >= 0);
    auto* bytes = static_cast<std::uint8_t*>(sodium_malloc(count));
    AIT_ASSERT(bytes != nullptr);
    sodium_memzero(bytes, count);
    return SecureBytes(bytes);
}

void wipe(std::string& bytes) noexcept {
    sodium_memzero(bytes.data(), bytes.size());
    bytes.clear();
}

void wipe(std::span<std::uint8_t> bytes) noexcept {
    sodium_memzero(bytes.data(), bytes.size());
}

Secret::Secret(std::size_t count) : bytes_(secure_allocate(count)), count_(count) {}

Secret::Secret(std::string&& text) : Secret(text.size()) {
    if (count_ > 0) std::memcpy(bytes_.get(), text.data(), count_);
    wipe(text);
}

Secret Secret::zeros(std::size_t count) {
    return Secret(count);
}

Secret Secret::copy_of(std::string_view bytes) {
    Secret secret(bytes.size());
    if (!bytes.empty()) std::memcpy(secret.bytes_.get(), bytes.data(), bytes.size());
    return secret;
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), count_(std::exchange(other.count_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    count_ = std::exchange(other.count_, 0);
    return *this;
}

std::string_view Secret::view() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.get()), count_};
}

bool Secret::equals(const Secret& other) const noexcept {
    if (count_ != other.count_) return false;
    return count_ == 0 || sodium_memcmp(bytes_.get(), other.bytes_.get(), count_) == 0;
}

}  // namespace ait::crypto
