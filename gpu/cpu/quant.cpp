#include "gpu/cpu/quant.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "gpu/core/gguf.hpp"
#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

std::uint16_t load_u16(const std::uint8_t* bytes) noexcept {
    std::uint16_t value;
    std::memcpy(&value, bytes, sizeof(value));
    return value;
}

float load_half(const std::uint8_t* bytes) noexcept {
    return half_to_float(load_u16(bytes));
}

int low_nibble(std::uint8_t packed) noexcept {
    return packed & 15;
}
int high_nibble(std::uint8_t packed) noexcept {
    return packed >> 4;
}

void dequantise_q8_0(const std::uint8_t* block, float* out) noexcept {
    const float scale = load_half(block);
    for (std::uint32_t i = 0; i < block_columns; ++i) {
        out[i] = scale * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
    }
}

void dequantise_q4_0(const std::uint8_t* block, float* out) noexcept {
    const float scale = load_half(block);
    for (std::uint32_t i = 0; i < block_columns / 2; ++i) {
        out[i] = scale * static_cast<float>(low_nibble(block[2 + i]) - 8);
        out[i + 16] = scale * static_cast<float>(high_nibble(block[2 + i]) - 8);
    }
}

void dequantise_q4_1(const std::uint8_t* block, float* out) noexcept {
    const float scale = load_half(block);
    const float minimum = load_half(block + 2);
    for (std::uint32_t i = 0; i < block_columns / 2; ++i) {
        out[i] = scale * static_cast<float>(low_nibble(block[4 + i])) + minimum;
        out[i + 16] = scale * static_cast<float>(high_nibble(block[4 + i])) + minimum;
    }
}

}  // namespace

bool is_computable(TensorType type) noexcept {
    return type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16 ||
           is_block_type(type);
}

bool is_block_type(TensorType type) noexcept {
    return type == TensorType::q8_0 || type == TensorType::q4_0 || type == TensorType::q4_1;
}

float half_to_float(std::uint16_t half) noexcept {
    const std::uint32_t sign = (half & 0x8000U) << 16U;
    const std::uint32_t exponent = (half >> 10U) & 31U;
    const std::uint32_t fraction = half & 1023U;
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (fraction << 13U));
    if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, exact in binary32
        const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
    }
    return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (fraction << 13U));
}

std::uint16_t float_to_half(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    std::uint32_t half = 0;
    if (magnitude > 0x7f800000U) {
        half = 0x7e00U;
    } else if (magnitude >= 0x477ff000U) {  // 65520 and above round to infinity
        half = 0x7c00U;
    } else if (magnitude <
               0x38800000U) {  // below 2^-14: the sum leaves a subnormal in the low bits
        const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
        half = std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U;
    } else {
        const std::uint32_t odd = (magnitude >> 13U) & 1U;
        half = (magnitude - 0x38000000U + 0xfffU + odd) >> 13U;
    }
    return static_cast<std::uint16_t>(sign | half);
}

float bfloat_to_float(std::uint16_t bfloat) noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16U);
}

void dequantise_slice(TensorType type, const std::uint8_t* row, RowSlice slice,
                      float* out) noexcept {
    const TensorTypeRow& layout = tensor_type_row(type);
    AIT_ASSERT_SLOW(slice.first % layout.block_elements == 0);
    const std::uint8_t* from =
        row + std::size_t{layout.block_bytes} * (slice.first / layout.block_elements);
    if (is_block_type(type)) {
        AIT_ASSERT_SLOW(slice.count == block_columns);
        if (type == TensorType::q8_0) return dequantise_q8_0(from, out);
        if (type == TensorType::q4_0) return dequantise_q4_0(from, out);
        return dequantise_q4_1(from, out);
    }
    AIT_ASSERT(is_computable(type));
    if (type == TensorType::f32) {
        std::memcpy(out, from, slice.count * sizeof(float));
        return;
    }
    for (std::uint32_t i = 0; i < slice.count; ++i) {
        const std::uint16_t bits = load_u16(from + 2 * std::size_t{i});
        out[i] = type == TensorType::f16 ? half_to_float(bits) : bfloat_to_float(bits);
    }
}

void dequantise_row(TensorType type, const std::uint8_t* row, std::uint32_t columns,
                    float* out) noexcept {
    for (std::uint32_t first = 0; first < columns; first += block_columns) {
        const std::uint32_t count = std::min(block_columns, columns - first);
        dequantise_slice(type, row, {.first = first, .count = count}, out + first);
    }
}

void quantise_activations(const float* values, std::uint32_t columns, QuantisedRow out) noexcept {
    AIT_ASSERT(columns % block_columns == 0);
    for (std::uint32_t block = 0; block < columns / block_columns; ++block) {
        const float* source = values + std::size_t{block} * block_columns;
        float largest = 0.0F;
        for (std::uint32_t i = 0; i < block_columns; ++i) {
            largest = std::max(largest, std::fabs(source[i]));
        }
        const bool is_zero = largest < activation_magnitude_min;
        const float inverse = is_zero ? 0.0F : 127.0F / largest;
        std::int32_t sum = 0;
        for (std::uint32_t i = 0; i < block_columns; ++i) {
            const auto quant = static_cast<std::int32_t>(std::lrintf(source[i] * inverse));
            out.quant[std::size_t{block} * block_columns + i] = static_cast<std::int8_t>(quant);
            sum += quant;
        }
        out.scale[block] = is_zero ? 0.0F : largest / 127.0F;
        out.sum[block] = sum;
        out.scaled_sum[block] = out.scale[block] * static_cast<float>(sum);
    }
}

}  // namespace ait::gpu
