#include "gpu/cpu/panels.hpp"

#include <algorithm>
#include <cstring>

#include "gpu/core/gguf.hpp"
#include "gpu/cpu/panel_view.hpp"
#include "gpu/cpu/quant.hpp"
#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

/// Where the parts of a block lie in the file.
struct BlockLayout {
    std::size_t scale_bytes;  ///< one or two halves at the front
    std::size_t quant_bytes;
};

BlockLayout block_layout(TensorType type) noexcept {
    if (type == TensorType::q8_0) return {.scale_bytes = 2, .quant_bytes = 32};
    if (type == TensorType::q4_0) return {.scale_bytes = 2, .quant_bytes = 16};
    return {.scale_bytes = 4, .quant_bytes = 16};
}

void pack_block_row(const WeightMatrix& matrix, std::uint32_t row, std::uint8_t* panel) noexcept {
    const BlockLayout layout = block_layout(matrix.type);
    const std::uint32_t lane = row % panel_rows;
    const std::size_t blocks = matrix.columns / block_columns;
    const std::size_t step_bytes = std::size_t{panel_rows} * 4;
    std::uint8_t* const scales = panel + blocks * layout.quant_bytes * panel_rows;
    const std::uint8_t* from = matrix.row_major + matrix.row_bytes * row;
    for (std::size_t block = 0; block < blocks; ++block) {
        // Half number i (d, then m) of this row goes to group i of the block's scales.
        for (std::size_t i = 0; i < layout.scale_bytes / 2; ++i) {
            const std::size_t group = block * (layout.scale_bytes / 2) + i;
            std::memcpy(scales + (group * panel_rows + lane) * 2, from + 2 * i, 2);
        }
        from += layout.scale_bytes;
        for (std::size_t step = 0; step < layout.quant_bytes / 4; ++step) {
            const std::size_t step_index = block * (layout.quant_bytes / 4) + step;
            std::memcpy(panel + step_index * step_bytes + std::size_t{lane} * 4, from + 4 * step,
                        4);
        }
        from += layout.quant_bytes;
    }
}

void pack_float_row(const WeightMatrix& matrix, std::uint32_t row, std::uint8_t* panel) noexcept {
    const std::size_t width = tensor_type_row(matrix.type).block_bytes;
    const std::uint8_t* const from = matrix.row_major + matrix.row_bytes * row;
    for (std::size_t column = 0; column < matrix.columns; ++column) {
        const std::size_t place = column * panel_rows + row % panel_rows;
        std::memcpy(panel + place * width, from + column * width, width);
    }
}

}  // namespace

std::uint32_t panel_count(std::uint32_t rows) noexcept {
    return rows / panel_rows + (rows % panel_rows == 0 ? 0U : 1U);
}

std::size_t panel_bytes(TensorType type, std::uint32_t columns) noexcept {
    AIT_ASSERT(is_computable(type));
    const TensorTypeRow& layout = tensor_type_row(type);
    AIT_ASSERT(columns % layout.block_elements == 0);
    const std::size_t bytes =
        std::size_t{panel_rows} * layout.block_bytes * (columns / layout.block_elements);
    return (bytes + panel_alignment - 1) / panel_alignment * panel_alignment;
}

void pack_panel(const WeightMatrix& matrix, std::uint32_t index, std::uint8_t* out) noexcept {
    AIT_ASSERT(index < panel_count(matrix.rows));
    std::memset(out, 0, panel_bytes(matrix.type, matrix.columns));
    const std::uint32_t first = index * panel_rows;
    const std::uint32_t end = std::min(first + panel_rows, matrix.rows);
    for (std::uint32_t row = first; row < end; ++row) {
        if (is_block_type(matrix.type)) {
            pack_block_row(matrix, row, out);
        } else {
            pack_float_row(matrix, row, out);
        }
    }
}

PanelForm panel_form(TensorType type) noexcept {
    switch (type) {
        case TensorType::q4_0:
            return PanelForm::nibbles;
        case TensorType::q4_1:
            return PanelForm::nibbles_minimum;
        case TensorType::q8_0:
            return PanelForm::bytes;
        case TensorType::f32:
            return PanelForm::f32;
        case TensorType::f16:
            return PanelForm::f16;
        case TensorType::bf16:
            return PanelForm::bf16;
        case TensorType::q4_k:
        case TensorType::q6_k:
            break;
    }
    AIT_ASSERT(is_computable(type));
    return PanelForm::f32;
}

PanelView view_panel(const WeightMatrix& matrix, std::uint32_t index) noexcept {
    PanelView view{.form = panel_form(matrix.type),
                   .quants = matrix.panels + matrix.panel_bytes * index,
                   .scales = nullptr,
                   .quant_bytes = 0,
                   .scale_bytes = 0};
    if (!has_blocks(view.form)) return view;
    const BlockLayout layout = block_layout(matrix.type);
    view.quant_bytes = layout.quant_bytes * panel_rows;
    view.scale_bytes = layout.scale_bytes * panel_rows;
    view.scales = view.quants + view.quant_bytes * (matrix.columns / block_columns);
    return view;
}

}  // namespace ait::gpu
