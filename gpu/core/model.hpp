#pragma once

// The graph wants shapes that are certain. This turns a GGUF file of the llama family into plain
// numbers and named tensor views, and refuses any file in which they do not fit together.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpu/core/gguf.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

inline constexpr std::uint32_t model_blocks_max = 1'024;
inline constexpr std::uint32_t model_width_max = 65'536;
inline constexpr std::uint32_t model_ffn_width_max = 262'144;
inline constexpr std::uint32_t model_heads_max = 1'024;
inline constexpr std::uint32_t model_head_dim_max = 1'024;
inline constexpr std::uint32_t model_context_max = 1'048'576;  ///< tokens
inline constexpr std::uint32_t model_vocabulary_max = 1'000'000;

/// Hyperparameters of a llama-family model. All positive; heads is a multiple of kv_heads;
/// head_dim is even.
struct LlamaConfig {
    std::string name{};  ///< general.name, may be empty
    std::uint32_t blocks = 0;
    std::uint32_t width = 0;
    std::uint32_t ffn_width = 0;
    std::uint32_t heads = 0;
    std::uint32_t kv_heads = 0;
    std::uint32_t head_dim = 0;
    std::uint32_t rope_dimensions = 0;  ///< even, at most head_dim: the first ones of a head rotate
    float rope_base = 10'000.0F;
    float rms_epsilon = 1e-5F;
    std::uint32_t context_tokens_max = 0;
    std::uint32_t vocabulary = 0;
    bool tied_embeddings = false;  ///< LlamaModel::output is then the embedding table
};

/// Weights of one block. Norms are f32 vectors [width]; matrices are [columns, rows] and multiply a
/// column vector: out[rows] = matrix x in[columns]. Query and key rows lie so that neighbouring
/// pairs (2i, 2i + 1) of a head rotate together (the llama order of GGUF converters).
struct LlamaBlock {
    TensorView attention_norm{};    ///< f32 [width]
    TensorView attention_query{};   ///< [width, heads * head_dim]
    TensorView attention_key{};     ///< [width, kv_heads * head_dim]
    TensorView attention_value{};   ///< [width, kv_heads * head_dim]
    TensorView attention_output{};  ///< [heads * head_dim, width]
    TensorView ffn_norm{};          ///< f32 [width]
    TensorView ffn_gate{};          ///< [width, ffn_width]
    TensorView ffn_up{};            ///< [width, ffn_width]
    TensorView ffn_down{};          ///< [ffn_width, width]
};

/// Views live as long as the file they came from; `file` keeps it.
struct LlamaModel {
    GgufFile file;
    LlamaConfig config{};
    TensorView embedding{};    ///< [width, vocabulary]
    TensorView output_norm{};  ///< f32 [width]
    TensorView output{};       ///< [width, vocabulary]
    std::optional<TensorView>
        rope_frequencies{};            ///< f32 [rope_dimensions / 2]: divisors (Llama 3.1)
    std::vector<LlamaBlock> layers{};  ///< config.blocks of them
};

/// Errors: unsupported (another architecture, rope scaling or biases that the graph does not know),
/// malformed (missing key or tensor, wrong shape), limit_reached. Pure; any thread.
Result<LlamaModel> load_llama(const GgufFile& file);

}  // namespace ait::gpu
