#pragma once

// The numbers of the GGUF format that its reader and its writer share. Internal to gpu/core.

#include <cstdint>
#include <cstring>

namespace ait::gpu {

inline constexpr std::uint32_t gguf_magic = 0x46554747;  // "GGUF", little-endian
inline constexpr std::uint32_t gguf_version = 3;
inline constexpr std::uint64_t gguf_alignment_default = 32;

/// Kinds of metadata values; the numbers are those of the format.
enum GgufValueType : std::uint32_t {
    value_uint8 = 0,
    value_int8 = 1,
    value_uint16 = 2,
    value_int16 = 3,
    value_uint32 = 4,
    value_int32 = 5,
    value_float32 = 6,
    value_bool = 7,
    value_string = 8,
    value_array = 9,
    value_uint64 = 10,
    value_int64 = 11,
    value_float64 = 12,
};

/// Bytes of a scalar; 0 for strings, arrays and unknown kinds.
constexpr std::uint64_t gguf_scalar_bytes(std::uint32_t type) noexcept {
    switch (type) {
        case value_uint8:
        case value_int8:
        case value_bool:
            return 1;
        case value_uint16:
        case value_int16:
            return 2;
        case value_uint32:
        case value_int32:
        case value_float32:
            return 4;
        case value_uint64:
        case value_int64:
        case value_float64:
            return 8;
        default:
            return 0;  // a number from the file, not an enumerator of ours
    }
}

/// Unaligned little-endian load.
template <class T>
T gguf_load(const std::uint8_t* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}

}  // namespace ait::gpu
