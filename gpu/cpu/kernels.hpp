#pragma once

// The arithmetic of a transformer step, chosen at run time by what the processor can do. The scalar
// set dequantises weights and computes in F32: it defines correctness. The vector sets multiply
// quantised weights by int8 activations and keep keys and values as halves. One row's result never
// depends on which other rows are in the batch, to the last bit: a prompt gives the same tokens
// whether it is computed in one piece or many.

#include <cstddef>
#include <cstdint>

#include "gpu/cpu/panels.hpp"
#include "gpu/cpu/quant.hpp"

namespace ait::gpu {

/// `count` rows of activations, row after row without gaps. The quantised arrays are null where
/// only `values` is needed (see Kernels::packs_weights).
struct ActivationRows {
    std::uint32_t count = 0;
    std::uint32_t columns = 0;
    const float* values = nullptr;       ///< [count, columns]
    const std::int8_t* quant = nullptr;  ///< [count, columns]
    const float* scale = nullptr;        ///< [count, columns / 32], as are the next two
    const std::int32_t* sum = nullptr;
    const float* scaled_sum = nullptr;
};

/// out[i * out_stride + r] (+)= row r of the weights times activation row i.
struct MatmulArguments {
    const WeightMatrix* weights = nullptr;
    ActivationRows activations{};
    float* out = nullptr;
    std::size_t out_stride = 0;
    bool adds = false;  ///< add to what `out` holds (residuals) instead of overwriting it
};

/// Panels begin .. end - 1 of a matrix: what one thread computes.
struct PanelRange {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};

/// out[i] = values[i] / sqrt(mean(values^2) + epsilon) * weight[i]
struct NormArguments {
    const float* values = nullptr;
    const float* weight = nullptr;
    std::uint32_t width = 0;
    float epsilon = 0.0F;
    float* out = nullptr;
};

/// Rotates the pairs (2i, 2i + 1), i < dimensions / 2, of each head by the angle whose cosine and
/// sine stand at table[2i] and table[2i + 1]: the order in which GGUF stores llama models.
struct RotateArguments {
    float* heads = nullptr;  ///< [head_count, head_dim], changed in place
    std::uint32_t head_count = 0;
    std::uint32_t head_dim = 0;
    std::uint32_t dimensions = 0;  ///< even, <= head_dim
    const float* table = nullptr;  ///< [dimensions]
};

/// Attention of one token: the `group` query heads that share one key/value head, over the first
/// `positions` positions of its cache. The cache elements are of Kernels::kv_element_bytes.
struct AttendArguments {
    const float* query = nullptr;  ///< [group, head_dim]
    const void* keys = nullptr;    ///< [positions, head_dim]
    const void* values = nullptr;  ///< [positions, head_dim]
    std::uint32_t positions = 0;   ///< > 0
    std::uint32_t group = 0;
    std::uint32_t head_dim = 0;
    float scale = 0.0F;       ///< multiplies the dot products, 1 / sqrt(head_dim)
    float* scores = nullptr;  ///< scratch [group, positions]
    float* out = nullptr;     ///< [group, head_dim], overwritten
};

/// One set of kernels. All functions are pure and may run on any thread.
struct Kernels {
    const char* name;
    bool packs_weights;              ///< needs panels, and quantised activations for block types
    std::uint32_t kv_element_bytes;  ///< 4: float, 2: half
    void (*quantise)(const float* values, std::uint32_t columns, QuantisedRow out);
    void (*matmul)(const MatmulArguments& arguments, PanelRange range);
    void (*rms_norm)(const NormArguments& arguments);
    void (*rotate)(const RotateArguments& arguments);
    /// In place; `count` > 0.
    void (*softmax)(float* values, std::uint32_t count);
    /// gate[i] = gate[i] * sigmoid(gate[i]) * up[i]
    void (*swiglu)(float* gate, const float* up, std::uint32_t count);
    /// Converts to the element type of the cache.
    void (*store_kv)(const float* from, std::uint32_t count, void* to);
    void (*attend)(const AttendArguments& arguments);
};

enum class KernelChoice : std::uint8_t { automatic, scalar, avx2, avx512 };

/// The set for a choice, or null when this build or this processor does not have it. `automatic`
/// and `scalar` are never null. The sets live for ever. Any thread.
const Kernels* select_kernels(KernelChoice choice) noexcept;

/// Tables of the instruction-set files; only select_kernels may call those of vector sets.
const Kernels& kernels_scalar() noexcept;
const Kernels& kernels_avx2() noexcept;
const Kernels& kernels_avx512() noexcept;

}  // namespace ait::gpu
