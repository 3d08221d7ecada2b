// Matrix products for AVX2, FMA and F16C. As in every instruction-set file, nothing of the standard
// library may be instantiated here: the linker could pick this file's copy of an inline function
// for the whole program, which must start on processors without these instructions.

#include "gpu/cpu/avx2.hpp"
#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/panel_view.hpp"

namespace ait::gpu {
namespace {

using namespace avx2;

constexpr std::uint32_t tile_rows = 4;  // activation rows that share one load of weights

__m256i broadcast_quants(const std::int8_t* four) noexcept {
    std::int32_t bits;
    std::memcpy(&bits, four, sizeof(bits));
    return _mm256_set1_epi32(bits);
}

/// See panel_prefetch_bytes.
void prefetch(const std::uint8_t* from, std::size_t bytes) noexcept {
    for (std::size_t at = 0; at < bytes; at += panel_alignment) {
        _mm_prefetch(from + at + panel_prefetch_bytes, _MM_HINT_T0);
    }
}

/// Half `half` (rows 8 half .. 8 half + 7) of a panel times Rows activation rows from `first` on.
struct Tile {
    PanelView panel;
    const ActivationRows* activations;
    std::uint32_t first;
    std::uint32_t half;
};

/// Later tiles find the panel in the cache; both halves lie in the same lines.
bool is_first_use(const Tile& tile) noexcept {
    return tile.first == 0 && tile.half == 0;
}

/// Dot products of one block in integers, before scales. Sixteen products of a nibble and an int8
/// fit in 16 bits: 16 x 15 x 127 = 30480. All weights of the block stay in eight registers.
template <std::size_t Rows>
[[gnu::always_inline]] inline void nibble_block(const std::uint8_t* quants,
                                                const std::int8_t* const* rows,
                                                __m256i* sums) noexcept {
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i weights[8];
    for (std::size_t step = 0; step < 4; ++step) {
        const __m256i packed =
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(quants + step * panel_step_bytes));
        weights[step] = _mm256_and_si256(packed, mask);
        weights[step + 4] = _mm256_and_si256(_mm256_srli_epi16(packed, 4), mask);
    }
    for (std::size_t i = 0; i < Rows; ++i) {
        __m256i pairs = _mm256_setzero_si256();
        for (std::size_t step = 0; step < 8; ++step) {
            const __m256i values = broadcast_quants(rows[i] + 4 * step);
            pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(weights[step], values));
        }
        sums[i] = _mm256_madd_epi16(pairs, ones);
    }
}

/// The same for int8 weights. The sign moves to the activations, so that the pair sums stay within
/// 2 x 128 x 127 = 32512.
template <std::size_t Rows>
[[gnu::always_inline]] inline void byte_block(const std::uint8_t* quants,
                                              const std::int8_t* const* rows,
                                              __m256i* sums) noexcept {
    const __m256i ones = _mm256_set1_epi16(1);
    for (std::size_t i = 0; i < Rows; ++i) sums[i] = _mm256_setzero_si256();
    for (std::size_t step = 0; step < 8; ++step) {
        const __m256i signed_weights =
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(quants + step * panel_step_bytes));
        const __m256i weights = _mm256_abs_epi8(signed_weights);
        for (std::size_t i = 0; i < Rows; ++i) {
            const __m256i values =
                _mm256_sign_epi8(broadcast_quants(rows[i] + 4 * step), signed_weights);
            const __m256i pairs = _mm256_maddubs_epi16(weights, values);
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
        }
    }
}

template <std::size_t Rows, PanelForm form>
void multiply_blocks(const Tile& tile, __m256* totals) noexcept {
    const PanelView& panel = tile.panel;
    const ActivationRows& activations = *tile.activations;
    const std::size_t blocks = activations.columns / block_columns;
    const bool fetches = is_first_use(tile);
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::uint8_t* const quants =
            panel.quants + block * panel.quant_bytes + tile.half * (panel_step_bytes / 2);
        const std::uint8_t* const scales =
            panel.scales + block * panel.scale_bytes + std::size_t{tile.half} * lanes * 2;
        if (fetches) {
            prefetch(quants, panel.quant_bytes);
            prefetch(scales, panel.scale_bytes);
        }
        const std::int8_t* rows[Rows];
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::size_t row = tile.first + i;
            rows[i] = activations.quant + row * activations.columns + block * block_columns;
        }
        __m256i sums[Rows];
        if constexpr (form == PanelForm::bytes) {
            byte_block<Rows>(quants, rows, sums);
        } else {
            nibble_block<Rows>(quants, rows, sums);
        }
        const __m256 scale = load_halves(scales);
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::size_t at = (tile.first + i) * blocks + block;
            if constexpr (form == PanelForm::nibbles) {  // w = d * (nibble - 8)
                sums[i] = _mm256_sub_epi32(sums[i], _mm256_set1_epi32(8 * activations.sum[at]));
            }
            const __m256 factor = _mm256_mul_ps(scale, _mm256_set1_ps(activations.scale[at]));
            totals[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[i]), factor, totals[i]);
            if constexpr (form == PanelForm::nibbles_minimum) {  // w = d * nibble + m
                const __m256 minimum = load_halves(scales + std::size_t{panel_rows} * 2);
                totals[i] =
                    _mm256_fmadd_ps(minimum, _mm256_set1_ps(activations.scaled_sum[at]), totals[i]);
            }
        }
    }
}

__m256 load_weights(const PanelView& panel, std::size_t index) noexcept {
    if (panel.form == PanelForm::f32) {
        return _mm256_loadu_ps(reinterpret_cast<const float*>(panel.quants) + index);
    }
    const std::uint8_t* const at = panel.quants + index * 2;
    if (panel.form == PanelForm::f16) return load_halves(at);
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

template <std::size_t Rows>
void multiply_floats(const Tile& tile, __m256* totals) noexcept {
    const ActivationRows& activations = *tile.activations;
    const float* const values = activations.values + std::size_t{tile.first} * activations.columns;
    const bool fetches = is_first_use(tile);
    const std::size_t column_bytes = panel_rows * (tile.panel.form == PanelForm::f32 ? 4U : 2U);
    for (std::size_t column = 0; column < activations.columns; ++column) {
        const __m256 weights =
            load_weights(tile.panel, column * panel_rows + std::size_t{tile.half} * lanes);
        if (fetches) {
            prefetch(tile.panel.quants + column * column_bytes, column_bytes);
        }
        for (std::size_t i = 0; i < Rows; ++i) {
            const __m256 value = _mm256_set1_ps(values[i * activations.columns + column]);
            totals[i] = _mm256_fmadd_ps(weights, value, totals[i]);
        }
    }
}

template <std::size_t Rows>
void multiply(const Tile& tile, __m256* totals) noexcept {
    switch (tile.panel.form) {
        case PanelForm::nibbles:
            return multiply_blocks<Rows, PanelForm::nibbles>(tile, totals);
        case PanelForm::nibbles_minimum:
            return multiply_blocks<Rows, PanelForm::nibbles_minimum>(tile, totals);
        case PanelForm::bytes:
            return multiply_blocks<Rows, PanelForm::bytes>(tile, totals);
        case PanelForm::f32:
        case PanelForm::f16:
        case PanelForm::bf16:
            return multiply_floats<Rows>(tile, totals);
    }
}

template <std::size_t Rows>
void multiply_tile(const MatmulArguments& arguments, const Tile& tile, std::uint32_t out_row) {
    __m256 totals[Rows];
    for (std::size_t i = 0; i < Rows; ++i) totals[i] = _mm256_setzero_ps();
    multiply<Rows>(tile, totals);
    const std::uint32_t left = arguments.weights->rows - out_row;
    for (std::size_t i = 0; i < Rows; ++i) {
        float* const out = arguments.out + (tile.first + i) * arguments.out_stride + out_row;
        if (left >= lanes) {
            const __m256 before = arguments.adds ? _mm256_loadu_ps(out) : _mm256_setzero_ps();
            _mm256_storeu_ps(out, _mm256_add_ps(before, totals[i]));
        } else {
            const __m256 before = arguments.adds ? load_some(out, left) : _mm256_setzero_ps();
            store_some(out, _mm256_add_ps(before, totals[i]), left);
        }
    }
}

void multiply_half_panel(const MatmulArguments& arguments, Tile tile, std::uint32_t out_row) {
    const std::uint32_t count = arguments.activations.count;
    for (; tile.first + tile_rows <= count; tile.first += tile_rows) {
        multiply_tile<4>(arguments, tile, out_row);
    }
    switch (count - tile.first) {
        case 3:
            return multiply_tile<3>(arguments, tile, out_row);
        case 2:
            return multiply_tile<2>(arguments, tile, out_row);
        case 1:
            return multiply_tile<1>(arguments, tile, out_row);
        default:
            return;
    }
}

}  // namespace

void matmul_avx2(const MatmulArguments& arguments, PanelRange range) {
    for (std::uint32_t index = range.begin; index < range.end; ++index) {
        for (std::uint32_t half = 0; half < 2; ++half) {
            const std::uint32_t out_row = index * panel_rows + half * lanes;
            if (out_row >= arguments.weights->rows) continue;
            const Tile tile{view_panel(*arguments.weights, index), &arguments.activations, 0, half};
            multiply_half_panel(arguments, tile, out_row);
        }
    }
}

}  // namespace ait::gpu
