#include "gpu/cpu/llama_weights.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

WeightMatrix matrix_of(const TensorView& view) noexcept {
    return WeightMatrix{.type = view.type,
                        .rows = static_cast<std::uint32_t>(view.rows()),
                        .columns = static_cast<std::uint32_t>(view.shape[0]),
                        .row_major = view.bytes.data(),
                        .row_bytes = static_cast<std::size_t>(view.row_bytes())};
}

/// Copied because tensors in a file need not be aligned.
std::vector<float> vector_of(const TensorView& view) {
    AIT_ASSERT(view.type == TensorType::f32);
    std::vector<float> values(view.bytes.size() / sizeof(float));
    std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
    return values;
}

Status check_computable(const TensorView& view) {
    if (is_computable(view.type)) return {};
    return Error{ErrorCode::unsupported, "The model cannot be computed here.",
                 "Its tensor " + std::string(view.name) + " is of type " +
                     std::string(tensor_type_row(view.type).name) +
                     ", for which there is no kernel.",
                 "Use a file in F32, F16, BF16, Q8_0, Q4_0 or Q4_1."};
}

Status check_types(const LlamaModel& model) {
    for (const LlamaBlock& block : model.layers) {
        for (const TensorView* view :
             {&block.attention_query, &block.attention_key, &block.attention_value,
              &block.attention_output, &block.ffn_gate, &block.ffn_up, &block.ffn_down}) {
            if (auto checked = check_computable(*view); !checked.ok()) return checked;
        }
    }
    if (auto checked = check_computable(model.embedding); !checked.ok()) return checked;
    return check_computable(model.output);
}

LlamaLayerWeights layer_of(const LlamaBlock& block) {
    return LlamaLayerWeights{.attention_norm = vector_of(block.attention_norm),
                             .query = matrix_of(block.attention_query),
                             .key = matrix_of(block.attention_key),
                             .value = matrix_of(block.attention_value),
                             .attention_output = matrix_of(block.attention_output),
                             .ffn_norm = vector_of(block.ffn_norm),
                             .gate = matrix_of(block.ffn_gate),
                             .up = matrix_of(block.ffn_up),
                             .down = matrix_of(block.ffn_down)};
}

std::vector<WeightMatrix*> multiplied_matrices(LlamaWeights& weights) {
    std::vector<WeightMatrix*> matrices;
    for (LlamaLayerWeights& layer : weights.layers) {
        matrices.insert(matrices.end(),
                        {&layer.query, &layer.key, &layer.value, &layer.attention_output,
                         &layer.gate, &layer.up, &layer.down});
    }
    matrices.push_back(&weights.output);
    return matrices;
}

Status pack_weights(LlamaWeights& weights, ThreadTeam& team) {
    const std::vector<WeightMatrix*> matrices = multiplied_matrices(weights);
    std::size_t bytes = 0;
    for (WeightMatrix* matrix : matrices) {
        matrix->panel_bytes = panel_bytes(matrix->type, matrix->columns);
        bytes += matrix->panel_bytes * panel_count(matrix->rows);
    }
    auto memory = PageBuffer::allocate(bytes, true, "the weights");
    if (!memory.ok()) return memory.error();
    weights.panels = std::move(memory).value();
    std::uint8_t* at = weights.panels.bytes();
    for (WeightMatrix* matrix : matrices) {
        const std::uint32_t panels = panel_count(matrix->rows);
        team.parallel_for(panels, 4, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
            for (std::uint32_t index = begin; index < end; ++index) {
                pack_panel(*matrix, index, at + matrix->panel_bytes * index);
            }
        });
        matrix->panels = at;
        at += matrix->panel_bytes * panels;
    }
    AIT_ASSERT(at == weights.panels.bytes() + bytes);
    return {};
}

}  // namespace

Result<LlamaWeights> prepare_weights(const LlamaModel& model, const Kernels& kernels,
                                     ThreadTeam& team) {
    if (auto checked = check_types(model); !checked.ok()) return checked.error();
    LlamaWeights weights;
    weights.embedding = matrix_of(model.embedding);
    for (const LlamaBlock& block : model.layers) weights.layers.push_back(layer_of(block));
    weights.output_norm = vector_of(model.output_norm);
    weights.output = matrix_of(model.output);
    weights.rope_divisors.assign(model.config.rope_dimensions / 2, 1.0F);
    if (model.rope_frequencies.has_value()) {
        weights.rope_divisors = vector_of(*model.rope_frequencies);
    }
    if (kernels.packs_weights) {
        if (auto packed = pack_weights(weights, team); !packed.ok()) return packed.error();
    }
    return weights;
}

}  // namespace ait::gpu
