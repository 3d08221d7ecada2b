#include "gpu/core/synthetic_weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "gpu/core/philox.hpp"
#include "gpu/cpu/quant.hpp"

namespace ait::gpu {
namespace {

static_assert(std::endian::native == std::endian::little, "words are stored as they are");

std::array<std::uint32_t, 4> chunk_words(const WeightStream& stream, std::uint64_t chunk) noexcept {
    return philox(
        {static_cast<std::uint32_t>(chunk), static_cast<std::uint32_t>(chunk >> 32), stream.tensor,
         0},
        {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)});
}

void store_half(std::uint8_t* to, double value) noexcept {
    const std::uint16_t half = float_to_half(static_cast<float>(value));
    std::memcpy(to, &half, sizeof(half));
}

/// The half-float fields of one quantised block. Its other bytes are uniform, so the quants have a
/// known spread; the scale makes it `deviation`, and offsets take the mean away.
void store_scales(TensorType type, std::uint8_t* block, double deviation) noexcept {
    switch (type) {
        case TensorType::q8_0:  // -128..127
            store_half(block, deviation / 73.9);
            return;
        case TensorType::q4_0:  // nibble - 8
            store_half(block, deviation / 4.61);
            return;
        case TensorType::q4_1:
            store_half(block, deviation / 4.61);
            store_half(block + 2, -7.5 * deviation / 4.61);
            return;
        case TensorType::q4_k:  // d * scale * nibble - dmin * min, both 6 bits
            store_half(block, deviation / 258.0);
            store_half(block + 2, 7.5 * deviation / 258.0);
            return;
        case TensorType::q6_k:  // d * int8 scale * (6 bits - 32)
            store_half(block + 208, deviation / 1366.0);
            return;
        case TensorType::f32:
        case TensorType::f16:
        case TensorType::bf16:
            return;
    }
}

std::uint16_t float_to_bfloat(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

void store_element(TensorType type, std::uint8_t* to, float value) noexcept {
    if (type == TensorType::f32) {
        std::memcpy(to, &value, sizeof(value));
        return;
    }
    const std::uint16_t half =
        type == TensorType::f16 ? float_to_half(value) : float_to_bfloat(value);
    std::memcpy(to, &half, sizeof(half));
}

void fill_elements(const WeightStream& stream, std::span<std::uint8_t> bytes) {
    const std::uint64_t element_bytes = tensor_type_row(stream.type).block_bytes;
    const std::uint64_t elements = bytes.size() / element_bytes;
    // Uniform over [-amplitude, amplitude) has the deviation amplitude / sqrt(3).
    const auto amplitude = static_cast<float>(std::sqrt(3.0 / static_cast<double>(stream.columns)));
    const float step = amplitude * 0x1p-31F;
    for (std::uint64_t chunk = 0; chunk * 4 < elements; ++chunk) {
        const auto words = chunk_words(stream, chunk);
        for (std::uint64_t i = 0; i < 4 && chunk * 4 + i < elements; ++i) {
            const float value = static_cast<float>(static_cast<std::int32_t>(words[i])) * step;
            store_element(stream.type, bytes.data() + (chunk * 4 + i) * element_bytes, value);
        }
    }
}

void fill_blocks(const WeightStream& stream, std::span<std::uint8_t> bytes) {
    for (std::uint64_t chunk = 0; chunk * 16 < bytes.size(); ++chunk) {
        const auto words = chunk_words(stream, chunk);
        const std::size_t length = std::min<std::size_t>(16, bytes.size() - chunk * 16);
        std::memcpy(bytes.data() + chunk * 16, words.data(), length);
    }
    const std::uint64_t block_bytes = tensor_type_row(stream.type).block_bytes;
    const double deviation = std::sqrt(1.0 / static_cast<double>(stream.columns));
    for (std::uint64_t at = 0; at < bytes.size(); at += block_bytes) {
        store_scales(stream.type, bytes.data() + at, deviation);
    }
}

}  // namespace

void fill_weights(const WeightStream& stream, std::span<std::uint8_t> bytes) {
    if (tensor_type_row(stream.type).block_elements == 1) {
        fill_elements(stream, bytes);
    } else {
        fill_blocks(stream, bytes);
    }
}

}  // namespace ait::gpu
