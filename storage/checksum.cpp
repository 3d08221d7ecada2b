#include "storage/checksum.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ait::storage {
namespace {

constexpr std::uint32_t polynomial_reflected = 0x82F63B78U;

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1U) ^ ((remainder & 1U) != 0 ? polynomial_reflected : 0U);
        }
        table[byte] = remainder;
    }
    return table;
}

constexpr auto table = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::string_view bytes) noexcept {
    std::uint64_t remainder = 0xFFFFFFFFU;
    std::size_t offset = 0;
    for (; offset + 8 <= bytes.size(); offset += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + offset, sizeof word);
        remainder = _mm_crc32_u64(remainder, word);
    }
    auto narrow = static_cast<std::uint32_t>(remainder);
    for (; offset < bytes.size(); ++offset) {
        narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(bytes[offset]));
    }
    return ~narrow;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(std::string_view bytes) noexcept {
    std::uint32_t remainder = 0xFFFFFFFFU;
    for (const char byte : bytes) {
        remainder =
            (remainder >> 8U) ^ table[(remainder ^ static_cast<std::uint8_t>(byte)) & 0xFFU];
    }
    return ~remainder;
}

std::uint32_t crc32c(std::string_view bytes) noexcept {
#if defined(__x86_64__)
    static const bool has_sse42 = __builtin_cpu_supports("sse4.2") != 0;
    if (has_sse42) return crc32c_sse42(bytes);
#endif
    return crc32c_portable(bytes);
}

}  // namespace ait::storage
