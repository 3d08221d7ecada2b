#pragma once

// Which tensor types this engine computes with, and the per-32 int8 form of activations. The
// scalar functions here define what a type means; every faster kernel is compared with them.
// Layouts: the block formats of the ggml project, as GGUF files store them.

#include <cstdint>

namespace ait::gpu {

enum class TensorType : std::uint32_t;  // gpu/core/gguf.hpp

inline constexpr std::uint32_t block_columns = 32;

/// False for the types that files may have but no kernel here computes with (Q4_K, Q6_K).
bool is_computable(TensorType type) noexcept;
/// True for the types whose rows consist of blocks of `block_columns` integers with a scale:
///   q8_0  half d, int8 q[32]               w = d * q
///   q4_0  half d, uint8 q[16]              w = d * (nibble - 8)
///   q4_1  half d, half m, uint8 q[16]      w = d * nibble + m
/// Byte i of a nibble block holds element i in its low and element i + 16 in its high half.
bool is_block_type(TensorType type) noexcept;

/// IEEE 754 binary16 <-> binary32; rounds to nearest even, keeps infinities and NaN.
float half_to_float(std::uint16_t half) noexcept;
std::uint16_t float_to_half(float value) noexcept;
float bfloat_to_float(std::uint16_t bfloat) noexcept;

/// Columns first .. first + count - 1 of a row. Block types need `first` to be a multiple of
/// block_columns and count to be block_columns.
struct RowSlice {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};
/// Needs is_computable(type). Pure; any thread.
void dequantise_slice(TensorType type, const std::uint8_t* row, RowSlice slice,
                      float* out) noexcept;
/// A whole row of `columns` weights. Needs is_computable(type). Pure; any thread.
void dequantise_row(TensorType type, const std::uint8_t* row, std::uint32_t columns,
                    float* out) noexcept;

/// One row of activations in blocks of 32: value[i] ~ scale[i / 32] * quant[i], |quant| <= 127.
/// All arrays belong to the caller: quant[columns], the others [columns / 32].
struct QuantisedRow {
    std::int8_t* quant = nullptr;
    float* scale = nullptr;
    std::int32_t* sum = nullptr;  ///< sum of the block's quants: corrects offsets of weights
    float* scaled_sum = nullptr;  ///< scale * sum
};

/// A block whose largest magnitude is below this is zero: its reciprocal would overflow.
inline constexpr float activation_magnitude_min = 1e-30F;

/// Rounds to nearest even. `columns` is a multiple of 32. Pure; any thread.
void quantise_activations(const float* values, std::uint32_t columns, QuantisedRow out) noexcept;

}  // namespace ait::gpu
