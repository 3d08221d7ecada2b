#pragma once

// Random inputs for kernel tests. Every case has a fixed seed, so a failure repeats by itself.

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "gpu/core/gguf.hpp"
#include "gpu/cpu/kernels.hpp"

namespace ait::gpu {

inline std::vector<float> random_values(std::size_t count, std::uint32_t seed,
                                        float spread = 1.0F) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0.0F, 1.0F);
    std::vector<float> values(count);
    for (float& value : values) value = spread * normal(generator);
    return values;
}

/// A matrix with random weights of about unit size, and its panels.
struct TestMatrix {
    std::vector<std::uint8_t> bytes{};
    std::vector<std::uint8_t> panels{};
    WeightMatrix weights{};

    TestMatrix(TensorType type, std::uint32_t rows, std::uint32_t columns, std::uint32_t seed) {
        const TensorTypeRow& layout = tensor_type_row(type);
        const std::size_t row_bytes =
            std::size_t{layout.block_bytes} * columns / layout.block_elements;
        bytes.resize(row_bytes * rows);
        std::mt19937 generator(seed);
        std::normal_distribution<float> normal(0.0F, 1.0F);
        for (std::size_t at = 0; at < bytes.size(); at += layout.block_bytes) {
            for (std::size_t i = 0; i < layout.block_bytes; ++i) {
                bytes[at + i] = static_cast<std::uint8_t>(generator());
            }
            fix_block(type, bytes.data() + at, normal(generator));
        }
        weights = {.type = type,
                   .rows = rows,
                   .columns = columns,
                   .row_major = bytes.data(),
                   .row_bytes = row_bytes,
                   .panels = nullptr,
                   .panel_bytes = 0};
        pack();
    }

    void pack() {
        weights.panel_bytes = panel_bytes(weights.type, weights.columns);
        panels.resize(weights.panel_bytes * panel_count(weights.rows));
        for (std::uint32_t i = 0; i < panel_count(weights.rows); ++i) {
            pack_panel(weights, i, panels.data() + weights.panel_bytes * i);
        }
        weights.panels = panels.data();
    }

  private:
    /// Random bits are no sensible float: the fields that are floats get `value` or a scale of it.
    static void fix_block(TensorType type, std::uint8_t* block, float value) {
        const std::uint16_t scale = float_to_half(value / 16.0F);
        const std::uint16_t minimum = float_to_half(-value);
        switch (type) {
            case TensorType::f32:
                std::memcpy(block, &value, 4);
                return;
            case TensorType::f16:
                store(block, float_to_half(value));
                return;
            case TensorType::bf16: {
                std::uint32_t bits;
                std::memcpy(&bits, &value, 4);
                store(block, static_cast<std::uint16_t>(bits >> 16U));
                return;
            }
            case TensorType::q4_1:
                store(block + 2, minimum);
                [[fallthrough]];
            case TensorType::q4_0:
            case TensorType::q8_0:
            case TensorType::q4_k:
            case TensorType::q6_k:
                store(block, scale);
                return;
        }
    }
    static void store(std::uint8_t* at, std::uint16_t half) {
        std::memcpy(at, &half, sizeof(half));
    }
};

/// Activation rows in both forms. `values` are what the quantised form stands for, so that kernels
/// which use either compute the same sums.
struct TestActivations {
    std::vector<float> values{};
    std::vector<std::int8_t> quant{};
    std::vector<float> scale{};
    std::vector<std::int32_t> sum{};
    std::vector<float> scaled_sum{};
    ActivationRows rows{};

    TestActivations(std::uint32_t count, std::uint32_t columns, std::uint32_t seed,
                    float spread = 1.0F)
        : values(random_values(std::size_t{count} * columns, seed, spread)) {
        const std::size_t blocks = columns / block_columns;
        quant.resize(values.size());
        scale.resize(count * blocks);
        sum.resize(count * blocks);
        scaled_sum.resize(count * blocks);
        if (columns % block_columns == 0) {
            for (std::size_t row = 0; row < count; ++row) {
                quantise_activations(values.data() + row * columns, columns, row_at(row, columns));
            }
            for (std::size_t i = 0; i < values.size(); ++i) {
                values[i] = scale[i / block_columns] * static_cast<float>(quant[i]);
            }
        }
        rows = {count,        columns,    values.data(),    quant.data(),
                scale.data(), sum.data(), scaled_sum.data()};
    }

    QuantisedRow row_at(std::size_t row, std::uint32_t columns) {
        const std::size_t blocks = columns / block_columns;
        return {quant.data() + row * columns, scale.data() + row * blocks,
                sum.data() + row * blocks, scaled_sum.data() + row * blocks};
    }
};

}  // namespace ait::gpu
