#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "gpu/cpu/kernels.hpp"
#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

constexpr std::uint32_t lanes = 8;
constexpr std::uint32_t tile_rows = 16;

/// Eight partial sums hide the latency of the additions; they are joined in double precision.
double dot(const float* a, const float* b, std::uint32_t count) noexcept {
    std::array<float, lanes> partial{};
    std::uint32_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        for (std::uint32_t lane = 0; lane < lanes; ++lane) {
            partial[lane] += a[i + lane] * b[i + lane];
        }
    }
    double total = 0.0;
    for (; i < count; ++i) total += double{a[i]} * double{b[i]};
    for (const float value : partial) total += double{value};
    return total;
}

/// Row `row` of the weights times activation rows first .. first + count - 1, count <= tile_rows.
struct RowTile {
    std::uint32_t row;
    std::uint32_t first;
    std::uint32_t count;
};

void multiply_row(const MatmulArguments& arguments, RowTile tile) noexcept {
    const WeightMatrix& weights = *arguments.weights;
    const ActivationRows& activations = arguments.activations;
    const std::uint8_t* const bytes = weights.row_major + weights.row_bytes * tile.row;
    std::array<double, tile_rows> totals{};
    std::array<float, block_columns> slice;
    for (std::uint32_t column = 0; column < weights.columns; column += block_columns) {
        const std::uint32_t count = std::min(block_columns, weights.columns - column);
        dequantise_slice(weights.type, bytes, {.first = column, .count = count}, slice.data());
        const float* values =
            activations.values + std::size_t{tile.first} * activations.columns + column;
        for (std::uint32_t i = 0; i < tile.count; ++i) {
            totals[i] += dot(slice.data(), values, count);
            values += activations.columns;
        }
    }
    for (std::uint32_t i = 0; i < tile.count; ++i) {
        float& out = arguments.out[(tile.first + i) * arguments.out_stride + tile.row];
        out = static_cast<float>(arguments.adds ? double{out} + totals[i] : totals[i]);
    }
}

void matmul(const MatmulArguments& arguments, PanelRange range) {
    const WeightMatrix& weights = *arguments.weights;
    AIT_ASSERT(arguments.activations.columns == weights.columns);
    AIT_ASSERT(range.end <= panel_count(weights.rows));
    const std::uint32_t row_end = std::min(range.end * panel_rows, weights.rows);
    const std::uint32_t count = arguments.activations.count;
    for (std::uint32_t row = range.begin * panel_rows; row < row_end; ++row) {
        for (std::uint32_t first = 0; first < count; first += tile_rows) {
            multiply_row(arguments, {row, first, std::min(tile_rows, count - first)});
        }
    }
}

void rms_norm(const NormArguments& arguments) {
    const double squares = dot(arguments.values, arguments.values, arguments.width);
    const double mean = squares / double{static_cast<float>(arguments.width)};
    const auto factor = static_cast<float>(1.0 / std::sqrt(mean + double{arguments.epsilon}));
    for (std::uint32_t i = 0; i < arguments.width; ++i) {
        arguments.out[i] = arguments.values[i] * factor * arguments.weight[i];
    }
}

void rotate(const RotateArguments& arguments) {
    for (std::uint32_t head = 0; head < arguments.head_count; ++head) {
        float* const values = arguments.heads + std::size_t{head} * arguments.head_dim;
        for (std::uint32_t i = 0; i < arguments.dimensions; i += 2) {
            const float cosine = arguments.table[i];
            const float sine = arguments.table[i + 1];
            const float x = values[i];
            const float y = values[i + 1];
            values[i] = x * cosine - y * sine;
            values[i + 1] = x * sine + y * cosine;
        }
    }
}

void softmax(float* values, std::uint32_t count) {
    const float largest = *std::max_element(values, values + count);
    double sum = 0.0;
    for (std::uint32_t i = 0; i < count; ++i) {
        values[i] = std::exp(values[i] - largest);
        sum += double{values[i]};
    }
    const auto factor = static_cast<float>(1.0 / sum);
    for (std::uint32_t i = 0; i < count; ++i) values[i] *= factor;
}

void swiglu(float* gate, const float* up, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        gate[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
    }
}

void store_kv(const float* from, std::uint32_t count, void* to) {
    std::memcpy(to, from, count * sizeof(float));
}

void attend(const AttendArguments& arguments) {
    const auto* const keys = static_cast<const float*>(arguments.keys);
    const auto* const values = static_cast<const float*>(arguments.values);
    const std::size_t head_dim = arguments.head_dim;
    for (std::uint32_t head = 0; head < arguments.group; ++head) {
        const float* const query = arguments.query + head * head_dim;
        float* const scores = arguments.scores + std::size_t{head} * arguments.positions;
        for (std::uint32_t position = 0; position < arguments.positions; ++position) {
            const double product = dot(query, keys + position * head_dim, arguments.head_dim);
            scores[position] = static_cast<float>(product) * arguments.scale;
        }
        softmax(scores, arguments.positions);
        for (std::uint32_t i = 0; i < arguments.head_dim; ++i) {
            double total = 0.0;
            for (std::uint32_t position = 0; position < arguments.positions; ++position) {
                total += double{scores[position]} * double{values[position * head_dim + i]};
            }
            arguments.out[head * head_dim + i] = static_cast<float>(total);
        }
    }
}

constexpr Kernels table{
    .name = "scalar",
    .packs_weights = false,
    .kv_element_bytes = sizeof(float),
    .quantise = quantise_activations,
    .matmul = matmul,
    .rms_norm = rms_norm,
    .rotate = rotate,
    .softmax = softmax,
    .swiglu = swiglu,
    .store_kv = store_kv,
    .attend = attend,
};

}  // namespace

const Kernels& kernels_scalar() noexcept {
    return table;
}

}  // namespace ait::gpu
