#pragma once

// A matrix-vector product reads every weight once, so the vector kernels want the weights in the
// order in which they use them. A panel holds 16 neighbouring rows so that one vector register
// carries one output row a lane: no sums across lanes, and the same bytes as in the file.
//
// With B = columns / 32 blocks, a panel of a block type is
//   quants   B x 4 x 16 x 4 bytes (nibbles) or B x 8 x 16 x 4 bytes (q8_0)
//            step s of block b holds, row by row, the bytes 4s .. 4s + 3 of that row's block;
//            a nibble step therefore gives elements 4s.. (low) and 16 + 4s.. (high)
//   scales   B x 16 halves (q8_0, q4_0), or B x (16 halves d, 16 halves m) (q4_1)
// and a panel of a float type is [columns][16]. Rows past the matrix' end are zeros.

#include <cstddef>
#include <cstdint>

namespace ait::gpu {

enum class TensorType : std::uint32_t;  // gpu/core/gguf.hpp

inline constexpr std::uint32_t panel_rows = 16;
inline constexpr std::size_t panel_alignment = 64;

/// A weight matrix as kernels see it. Owns nothing. `panels` is null for kernels that read rows.
struct WeightMatrix {
    TensorType type{};
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    const std::uint8_t* row_major = nullptr;  ///< rows x row_bytes, as in the file
    std::size_t row_bytes = 0;
    const std::uint8_t* panels = nullptr;  ///< panel_count x panel_bytes, panel_alignment aligned
    std::size_t panel_bytes = 0;
};

/// Panels of a matrix, the last one perhaps partly filled.
std::uint32_t panel_count(std::uint32_t rows) noexcept;
/// Bytes of one panel, a multiple of panel_alignment. Needs a computable type.
std::size_t panel_bytes(TensorType type, std::uint32_t columns) noexcept;
/// Writes panel `index` of the matrix to `out` (panel_bytes of it). Pure; any thread.
void pack_panel(const WeightMatrix& matrix, std::uint32_t index, std::uint8_t* out) noexcept;

}  // namespace ait::gpu
