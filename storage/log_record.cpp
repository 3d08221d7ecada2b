#include "storage/log_record.hpp"

#include <charconv>

#include "runtime/base/assert.hpp"
#include "storage/checksum.hpp"

namespace ait::storage {
namespace {

constexpr std::string_view magic = "AITL";
constexpr std::uint8_t version = 1;
constexpr std::size_t checksum_offset = 44;
constexpr std::string_view name_prefix = "log-";
constexpr std::string_view name_suffix = ".seg";
constexpr std::size_t name_digits = 20;

void append_little_endian(std::string& out, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
        out.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
    }
}

std::uint64_t little_endian(std::string_view bytes, std::size_t offset, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = count; i > 0; --i) {
        value = (value << 8U) | static_cast<std::uint8_t>(bytes[offset + i - 1]);
    }
    return value;
}

}  // namespace

std::string encode_log_header(const LogHeader& header) {
    AIT_ASSERT(header.height <= log_height_max);
    AIT_ASSERT(header.synced_below <= header.height);
    std::string bytes(magic);
    append_little_endian(bytes, version, 1);
    append_little_endian(bytes, static_cast<std::uint8_t>(header.kind), 1);
    append_little_endian(bytes, 0, 2);
    append_little_endian(bytes, header.log_id, 8);
    append_little_endian(bytes, header.height, 8);
    append_little_endian(bytes, header.synced_below, 8);
    append_little_endian(bytes, header.payload_bytes, 4);
    append_little_endian(bytes, header.payload_checksum, 4);
    append_little_endian(bytes, 0, 4);
    AIT_ASSERT(bytes.size() == checksum_offset);
    append_little_endian(bytes, crc32c(bytes), 4);
    AIT_ASSERT(bytes.size() == log_header_bytes);
    return bytes;
}

std::optional<LogHeader> decode_log_header(std::string_view bytes) {
    AIT_ASSERT(bytes.size() == log_header_bytes);
    if (!bytes.starts_with(magic)) return std::nullopt;
    if (little_endian(bytes, checksum_offset, 4) != crc32c(bytes.substr(0, checksum_offset))) {
        return std::nullopt;
    }
    const auto kind = little_endian(bytes, 5, 1);
    if (little_endian(bytes, 4, 1) != version || kind < 1 || kind > 3) return std::nullopt;
    if (little_endian(bytes, 6, 2) != 0 || little_endian(bytes, 40, 4) != 0) return std::nullopt;
    const LogHeader header{
        .kind = static_cast<LogRecordKind>(kind),
        .log_id = little_endian(bytes, 8, 8),
        .height = little_endian(bytes, 16, 8),
        .synced_below = little_endian(bytes, 24, 8),
        .payload_bytes = static_cast<std::uint32_t>(little_endian(bytes, 32, 4)),
        .payload_checksum = static_cast<std::uint32_t>(little_endian(bytes, 36, 4)),
    };
    if (header.height > log_height_max || header.synced_below > header.height) return std::nullopt;
    if (header.kind == LogRecordKind::sync_mark && header.payload_bytes != 0) return std::nullopt;
    return header;
}

std::optional<std::uint64_t> log_segment_height(std::string_view name) {
    if (name.size() != name_prefix.size() + name_digits + name_suffix.size()) return std::nullopt;
    if (!name.starts_with(name_prefix) || !name.ends_with(name_suffix)) return std::nullopt;
    const auto digits = name.substr(name_prefix.size(), name_digits);
    std::uint64_t height = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + name_digits, height);
    if (failure != std::errc{} || end != digits.data() + name_digits) return std::nullopt;
    return height;
}

}  // namespace ait::storage
