#pragma once

// How the vector kernels look at one panel. The functions are defined here for inlining and are
// always inlined: no copy of theirs compiled for one instruction set may serve another file.

#include "gpu/cpu/panels.hpp"

namespace ait::gpu {

/// The six layouts of panels.hpp.
enum class PanelForm : std::uint8_t { nibbles, nibbles_minimum, bytes, f32, f16, bf16 };

inline constexpr std::size_t panel_step_bytes = std::size_t{panel_rows} * 4;

/// How far ahead of its use a kernel asks for weights. A panel is two interleaved streams that end
/// after a few pages, too short for the processor's own prefetching to get going: measured on one
/// Zen 5 core, single-token decoding went from 180 to 300 tokens/s, its memory bandwidth. Addresses
/// past the end are never loaded, only hinted at.
inline constexpr std::size_t panel_prefetch_bytes = 8'192;

struct PanelView {
    PanelForm form;
    const std::uint8_t* quants;  ///< of float forms: the weights
    const std::uint8_t* scales;  ///< null for float forms
    std::size_t quant_bytes;     ///< of one block, 0 for float forms, as is the next
    std::size_t scale_bytes;
};

/// Which layout a type's panels have. Needs a computable type.
PanelForm panel_form(TensorType type) noexcept;
/// Panel `index` of a matrix that has panels.
PanelView view_panel(const WeightMatrix& matrix, std::uint32_t index) noexcept;

[[gnu::always_inline]] inline bool has_blocks(PanelForm form) noexcept {
    return form <= PanelForm::bytes;
}

}  // namespace ait::gpu
