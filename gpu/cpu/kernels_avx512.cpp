// Matrix products for AVX-512 with VNNI; everything else is taken from the AVX2 set. The rule at
// the head of kernels_avx2_matmul.cpp holds here too.

#include <immintrin.h>

#include <cstring>

#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/panel_view.hpp"

namespace ait::gpu {
namespace {

constexpr std::uint32_t tile_rows = 8;  // activation rows that share one load of weights

__m512i broadcast_quants(const std::int8_t* four) noexcept {
    std::int32_t bits;
    std::memcpy(&bits, four, sizeof(bits));
    return _mm512_set1_epi32(bits);
}

__m512 load_halves(const std::uint8_t* halves) noexcept {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
}

/// See panel_prefetch_bytes.
void prefetch(const std::uint8_t* from, std::size_t bytes) noexcept {
    for (std::size_t at = 0; at < bytes; at += panel_alignment) {
        _mm_prefetch(from + at + panel_prefetch_bytes, _MM_HINT_T0);
    }
}

/// One panel times Rows activation rows from `first` on.
struct Tile {
    PanelView panel;
    const ActivationRows* activations;
    std::uint32_t first;
};

/// What has to be added to unsigned weight times activation sums so that signed ones come out:
/// q8_0 weights are stored signed and made unsigned by adding 128; q4_0 nibbles stand for n - 8.
template <PanelForm form>
__m512i start_sum(std::int32_t activation_sum) noexcept {
    if constexpr (form == PanelForm::bytes) return _mm512_set1_epi32(-128 * activation_sum);
    if constexpr (form == PanelForm::nibbles) return _mm512_set1_epi32(-8 * activation_sum);
    return _mm512_setzero_si512();
}

template <std::size_t Rows>
void nibble_block(const std::uint8_t* quants, const std::int8_t* const* rows,
                  __m512i* sums) noexcept {
    const __m512i mask = _mm512_set1_epi8(15);
    for (std::size_t step = 0; step < 4; ++step) {
        const __m512i packed = _mm512_loadu_si512(quants + step * panel_step_bytes);
        const __m512i low = _mm512_and_si512(packed, mask);
        const __m512i high = _mm512_and_si512(_mm512_srli_epi16(packed, 4), mask);
        for (std::size_t i = 0; i < Rows; ++i) {
            sums[i] = _mm512_dpbusd_epi32(sums[i], low, broadcast_quants(rows[i] + 4 * step));
            sums[i] = _mm512_dpbusd_epi32(sums[i], high, broadcast_quants(rows[i] + 4 * step + 16));
        }
    }
}

template <std::size_t Rows>
void byte_block(const std::uint8_t* quants, const std::int8_t* const* rows,
                __m512i* sums) noexcept {
    const __m512i flip = _mm512_set1_epi8(-128);
    for (std::size_t step = 0; step < 8; ++step) {
        const __m512i weights =
            _mm512_xor_si512(_mm512_loadu_si512(quants + step * panel_step_bytes), flip);
        for (std::size_t i = 0; i < Rows; ++i) {
            sums[i] = _mm512_dpbusd_epi32(sums[i], weights, broadcast_quants(rows[i] + 4 * step));
        }
    }
}

template <std::size_t Rows, PanelForm form>
void multiply_blocks(const Tile& tile, __m512* totals) noexcept {
    const PanelView& panel = tile.panel;
    const ActivationRows& activations = *tile.activations;
    const std::size_t blocks = activations.columns / block_columns;
    const bool fetches = tile.first == 0;  // later tiles find the panel in the cache
    for (std::size_t block = 0; block < blocks; ++block) {
        const std::uint8_t* const quants = panel.quants + block * panel.quant_bytes;
        const std::uint8_t* const scales = panel.scales + block * panel.scale_bytes;
        if (fetches) {
            prefetch(quants, panel.quant_bytes);
            prefetch(scales, panel.scale_bytes);
        }
        const std::int8_t* rows[Rows];
        __m512i sums[Rows];
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::size_t row = tile.first + i;
            rows[i] = activations.quant + row * activations.columns + block * block_columns;
            sums[i] = start_sum<form>(activations.sum[row * blocks + block]);
        }
        if constexpr (form == PanelForm::bytes) {
            byte_block<Rows>(quants, rows, sums);
        } else {
            nibble_block<Rows>(quants, rows, sums);
        }
        const __m512 scale = load_halves(scales);
        for (std::size_t i = 0; i < Rows; ++i) {
            const std::size_t at = (tile.first + i) * blocks + block;
            const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(activations.scale[at]));
            totals[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i]), factor, totals[i]);
            if constexpr (form == PanelForm::nibbles_minimum) {
                const __m512 minimum = load_halves(scales + std::size_t{panel_rows} * 2);
                totals[i] =
                    _mm512_fmadd_ps(minimum, _mm512_set1_ps(activations.scaled_sum[at]), totals[i]);
            }
        }
    }
}

__m512 load_weights(const PanelView& panel, std::size_t index) noexcept {
    if (panel.form == PanelForm::f32) return _mm512_loadu_ps(panel.quants + index * 4);
    const std::uint8_t* const at = panel.quants + index * 2;
    if (panel.form == PanelForm::f16) return load_halves(at);
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

template <std::size_t Rows>
void multiply_floats(const Tile& tile, __m512* totals) noexcept {
    const ActivationRows& activations = *tile.activations;
    const float* const values = activations.values + std::size_t{tile.first} * activations.columns;
    const bool fetches = tile.first == 0;
    const std::size_t column_bytes = panel_rows * (tile.panel.form == PanelForm::f32 ? 4U : 2U);
    for (std::size_t column = 0; column < activations.columns; ++column) {
        const __m512 weights = load_weights(tile.panel, column * panel_rows);
        if (fetches) prefetch(tile.panel.quants + column * column_bytes, column_bytes);
        for (std::size_t i = 0; i < Rows; ++i) {
            const __m512 value = _mm512_set1_ps(values[i * activations.columns + column]);
            totals[i] = _mm512_fmadd_ps(weights, value, totals[i]);
        }
    }
}

template <std::size_t Rows>
void multiply(const Tile& tile, __m512* totals) noexcept {
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
    __m512 totals[Rows];
    for (std::size_t i = 0; i < Rows; ++i) totals[i] = _mm512_setzero_ps();
    multiply<Rows>(tile, totals);
    const std::uint32_t left = arguments.weights->rows - out_row;
    const auto mask = static_cast<__mmask16>(left >= panel_rows ? 0xffffU : (1U << left) - 1U);
    for (std::size_t i = 0; i < Rows; ++i) {
        float* const out = arguments.out + (tile.first + i) * arguments.out_stride + out_row;
        if (arguments.adds) {
            totals[i] = _mm512_add_ps(totals[i], _mm512_maskz_loadu_ps(mask, out));
        }
        _mm512_mask_storeu_ps(out, mask, totals[i]);
    }
}

void multiply_panel(const MatmulArguments& arguments, Tile tile, std::uint32_t out_row) {
    const std::uint32_t count = arguments.activations.count;
    for (; tile.first + tile_rows <= count; tile.first += tile_rows) {
        multiply_tile<8>(arguments, tile, out_row);
    }
    if (tile.first + 4 <= count) {
        multiply_tile<4>(arguments, tile, out_row);
        tile.first += 4;
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

void matmul(const MatmulArguments& arguments, PanelRange range) {
    for (std::uint32_t index = range.begin; index < range.end; ++index) {
        const Tile tile{view_panel(*arguments.weights, index), &arguments.activations, 0};
        multiply_panel(arguments, tile, index * panel_rows);
    }
}

Kernels make_table() noexcept {
    Kernels table = kernels_avx2();
    table.name = "avx512";
    table.matmul = matmul;
    return table;
}

}  // namespace

const Kernels& kernels_avx512() noexcept {
    static const Kernels table = make_table();
    return table;
}

}  // namespace ait::gpu
