#pragma once

// The weights of a model in the order in which the chosen kernels read them.

#include <cstdint>
#include <vector>

#include "gpu/core/model.hpp"
#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/page_buffer.hpp"
#include "gpu/cpu/threads.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

struct LlamaLayerWeights {
    std::vector<float> attention_norm{};
    WeightMatrix query{};
    WeightMatrix key{};
    WeightMatrix value{};
    WeightMatrix attention_output{};
    std::vector<float> ffn_norm{};
    WeightMatrix gate{};
    WeightMatrix up{};
    WeightMatrix down{};
};

/// Immutable after creation; any thread. Rows are views into the model's file, panels lie in
/// `panels`; both must stay as long as this is used.
struct LlamaWeights {
    WeightMatrix embedding{};  ///< rows only: it is read one row a token
    std::vector<LlamaLayerWeights> layers{};
    std::vector<float> output_norm{};
    WeightMatrix output{};
    std::vector<float> rope_divisors{};  ///< [rope_dimensions / 2]
    PageBuffer panels{};
};

/// Errors: unsupported (a tensor type without kernels), unavailable (no memory for the panels).
/// The model outlives the result.
Result<LlamaWeights> prepare_weights(const LlamaModel& model, const Kernels& kernels,
                                     ThreadTeam& team);

}  // namespace ait::gpu
