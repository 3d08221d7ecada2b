#pragma once

#include <cstdint>
#include <string_view>

// Finds damage by chance in stored bytes, at the speed of memory. It is no defence against a
// forger; hashes of blocks and signatures are.

namespace ait::storage {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4). Any thread.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes) noexcept;

/// The portable form that the one above falls back on; public so that tests compare the two.
[[nodiscard]] std::uint32_t crc32c_portable(std::string_view bytes) noexcept;

}  // namespace ait::storage
