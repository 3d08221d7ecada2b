#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The bytes of one log record (storage/README.md, "log record"). A header that decodes passed its
// checksum; whether it belongs where it lies is for the log to decide.

namespace ait::storage {

inline constexpr std::size_t log_header_bytes = 48;
inline constexpr std::size_t log_alignment_bytes = 16;
/// Keeps height + 1 from overflowing.
inline constexpr std::uint64_t log_height_max = (1ULL << 62U) - 1;

enum class LogRecordKind : std::uint8_t {
    segment_start = 1,  ///< first in each segment; synced before anything follows
    block = 2,
    sync_mark = 3,  ///< written after a sync, itself unsynced: says what that sync covered
};

struct LogHeader {
    LogRecordKind kind = LogRecordKind::block;
    std::uint64_t log_id = 0;
    std::uint64_t height = 0;         ///< of the block; for the other kinds that of the next block
    std::uint64_t synced_below = 0;   ///< all blocks below were durable when this was written
    std::uint32_t payload_bytes = 0;  ///< of a segment_start: the segment's size
    std::uint32_t payload_checksum = 0;
};

/// log_header_bytes bytes.
[[nodiscard]] std::string encode_log_header(const LogHeader& header);
/// nullopt where magic, version, checksum or a field is wrong. Needs log_header_bytes bytes.
[[nodiscard]] std::optional<LogHeader> decode_log_header(std::string_view bytes);

/// The first height of a segment by its file's name; nullopt: not a segment's name.
[[nodiscard]] std::optional<std::uint64_t> log_segment_height(std::string_view name);

/// Header, payload and padding.
[[nodiscard]] constexpr std::uint64_t log_record_bytes(std::uint64_t payload_bytes) noexcept {
    const std::uint64_t bytes = log_header_bytes + payload_bytes;
    return (bytes + log_alignment_bytes - 1) / log_alignment_bytes * log_alignment_bytes;
}
static_assert(log_record_bytes(0) == log_header_bytes, "marks need no padding");

}  // namespace ait::storage
