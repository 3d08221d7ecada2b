#pragma once

// The forward pass of a llama-family model on the CPU: tokens in, logits out, one sequence at a
// time. Prompts go through in batches of rows, so that each weight is loaded once for many tokens.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "gpu/core/model.hpp"
#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/kv_cache.hpp"
#include "gpu/cpu/llama_weights.hpp"
#include "gpu/cpu/page_buffer.hpp"
#include "gpu/cpu/threads.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

inline constexpr std::uint32_t batch_tokens_max = 128;  ///< rows of one pass through the layers
inline constexpr std::uint32_t logits_rows_max = 64;    ///< rows of logits of one forward call

/// Asked between layers, on the calling thread; true ends the call. May be empty.
using StopCheck = std::function<bool()>;

struct ForwardRequest {
    std::span<const std::uint32_t> tokens{};  ///< at least one, each below the vocabulary
    std::uint32_t logits_rows = 1;            ///< logits wanted for that many last tokens
};

/// Owns the scratch memory of one computation, so it serves one caller at a time. Everything it
/// was created with outlives it.
class LlamaForward {
  public:
    /// Error: unavailable (no memory). `context_tokens` bounds the positions of any cache used.
    static Result<LlamaForward> create(const LlamaConfig& config, const LlamaWeights& weights,
                                       const Kernels& kernels, ThreadTeam& team,
                                       std::uint32_t context_tokens);

    /// Appends the tokens to the sequence in `cache` and computes the wanted logits. Errors:
    /// limit_reached (the sequence would outgrow the cache; nothing is done), invalid_argument (no
    /// token, one outside the vocabulary, too many rows of logits; nothing is done), cancelled
    /// (`stop` said so; the cache holds a shorter, valid sequence).
    Status forward(KvCache& cache, const ForwardRequest& request, const StopCheck& stop);

    /// Row `row` of the last forward call: float[vocabulary], valid and writable until the next
    /// one.
    [[nodiscard]] std::span<float> logits(std::uint32_t row) const noexcept;

  private:
    /// All memory of a pass, carved out of one allocation. Matrices are [batch rows, width].
    struct Scratch {
        PageBuffer memory{};
        float* hidden = nullptr;  ///< the residual stream
        float* normed = nullptr;  ///< what the next product multiplies, also attention's result
        float* query = nullptr;
        float* key = nullptr;
        float* value = nullptr;
        float* gate = nullptr;
        float* up = nullptr;
        float* angles = nullptr;       ///< cosine and sine, [batch rows, rope_dimensions]
        float* scores = nullptr;       ///< [threads, heads of a group, context]
        float* logits = nullptr;       ///< [logits_rows_max, vocabulary]
        std::int8_t* quant = nullptr;  ///< activations in blocks, [batch rows, widest product]
        float* scale = nullptr;
        std::int32_t* sum = nullptr;
        float* scaled_sum = nullptr;
    };

    /// One batch on its way through the layers.
    struct Pass {
        KvCache* cache;
        std::uint32_t first_position;
        std::uint32_t rows;
    };

    /// One of the products that share their activations.
    struct Product {
        const WeightMatrix* weights;
        float* out;
        bool adds;
    };

    LlamaForward() = default;
    Status allocate_scratch(std::uint32_t context_tokens);
    Status run_batch(KvCache& cache, std::span<const std::uint32_t> tokens, const StopCheck& stop);
    void embed(std::span<const std::uint32_t> tokens);
    void fill_angles(const Pass& pass);
    void run_attention(const Pass& pass, std::uint32_t layer);
    void run_ffn(const Pass& pass, std::uint32_t layer);
    void store_keys_and_values(const Pass& pass, std::uint32_t layer);
    void attend(const Pass& pass, std::uint32_t layer);
    void compute_logits(std::uint32_t batch_rows, std::uint32_t logits_row, std::uint32_t rows);
    void normalise(const float* values, const std::vector<float>& weight, std::uint32_t rows);
    void keep_quantisation_error(float* values, std::uint32_t rows, std::uint32_t columns);
    void quantise_row(const float* values, std::uint32_t columns, std::uint32_t row);
    /// values is overwritten.
    void multiply(float* values, std::uint32_t rows, std::span<const Product> products);
    void multiply_once(const float* values, std::uint32_t rows, std::span<const Product> products);

    const LlamaConfig* config_ = nullptr;
    const LlamaWeights* weights_ = nullptr;
    const Kernels* kernels_ = nullptr;
    ThreadTeam* team_ = nullptr;
    std::uint32_t context_tokens_ = 0;
    std::uint32_t logits_ready_ = 0;
    std::vector<double> frequencies_{};  ///< radians a position, [rope_dimensions / 2]
    Scratch scratch_{};
};

}  // namespace ait::gpu
