#include "gpu/cpu/llama.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

/// Hands out aligned pieces of one allocation; the first round, without memory, only measures.
class Carver {
  public:
    explicit Carver(std::uint8_t* memory) : memory_(memory) {}

    template <class T>
    void carve(T*& place, std::size_t count) {
        if (memory_ != nullptr) place = reinterpret_cast<T*>(memory_ + bytes_);
        bytes_ += (count * sizeof(T) + panel_alignment - 1) / panel_alignment * panel_alignment;
    }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  private:
    std::uint8_t* memory_;
    std::size_t bytes_ = 0;
};

bool wants_quants(const Kernels& kernels, const WeightMatrix& weights) noexcept {
    return kernels.packs_weights && is_block_type(weights.type);
}

Error stopped() {
    return Error{ErrorCode::cancelled, "The computation was stopped.",
                 "The caller asked for it between two layers.", ""};
}

}  // namespace

Result<LlamaForward> LlamaForward::create(const LlamaConfig& config, const LlamaWeights& weights,
                                          const Kernels& kernels, ThreadTeam& team,
                                          std::uint32_t context_tokens) {
    AIT_ASSERT(context_tokens > 0);
    LlamaForward forward;
    forward.config_ = &config;
    forward.weights_ = &weights;
    forward.kernels_ = &kernels;
    forward.team_ = &team;
    forward.context_tokens_ = context_tokens;
    for (std::uint32_t i = 0; i < config.rope_dimensions / 2; ++i) {
        const double exponent = -2.0 * i / config.rope_dimensions;
        forward.frequencies_.push_back(std::pow(double{config.rope_base}, exponent) /
                                       double{weights.rope_divisors[i]});
    }
    if (auto done = forward.allocate_scratch(context_tokens); !done.ok()) return done.error();
    return forward;
}

Status LlamaForward::allocate_scratch(std::uint32_t context_tokens) {
    const LlamaConfig& c = *config_;
    constexpr std::size_t rows = batch_tokens_max;
    const std::size_t query_width = std::size_t{c.heads} * c.head_dim;
    const std::size_t kv_width = std::size_t{c.kv_heads} * c.head_dim;
    const std::size_t widest =
        std::max({std::size_t{c.width}, query_width, std::size_t{c.ffn_width}});
    const std::size_t score_rows = std::size_t{team_->size()} * (c.heads / c.kv_heads);
    const auto carve_all = [&](Carver& carver) {
        carver.carve(scratch_.hidden, rows * c.width);
        carver.carve(scratch_.normed, rows * std::max(std::size_t{c.width}, query_width));
        carver.carve(scratch_.query, rows * query_width);
        carver.carve(scratch_.key, rows * kv_width);
        carver.carve(scratch_.value, rows * kv_width);
        carver.carve(scratch_.gate, rows * c.ffn_width);
        carver.carve(scratch_.up, rows * c.ffn_width);
        carver.carve(scratch_.angles, rows * c.rope_dimensions);
        carver.carve(scratch_.scores, score_rows * context_tokens);
        carver.carve(scratch_.logits, std::size_t{logits_rows_max} * c.vocabulary);
        carver.carve(scratch_.quant, rows * widest);
        carver.carve(scratch_.scale, rows * (widest / block_columns));
        carver.carve(scratch_.sum, rows * (widest / block_columns));
        carver.carve(scratch_.scaled_sum, rows * (widest / block_columns));
    };
    Carver measure(nullptr);
    carve_all(measure);
    auto memory = PageBuffer::allocate(measure.bytes(), false, "scratch memory");
    if (!memory.ok()) return memory.error();
    scratch_.memory = std::move(memory).value();
    Carver carver(scratch_.memory.bytes());
    carve_all(carver);
    return {};
}

Status LlamaForward::forward(KvCache& cache, const ForwardRequest& request, const StopCheck& stop) {
    logits_ready_ = 0;
    const std::size_t count = request.tokens.size();
    if (count == 0 || request.logits_rows > std::min<std::size_t>(count, logits_rows_max)) {
        return Error{ErrorCode::invalid_argument, "The model was not run.",
                     std::to_string(count) + " tokens were given and logits wanted for " +
                         std::to_string(request.logits_rows) + " of them.",
                     "Give at least one token and ask for at most " +
                         std::to_string(logits_rows_max) + " rows of logits."};
    }
    const std::uint32_t capacity = std::min(cache.capacity(), context_tokens_);
    if (count > capacity - std::min(capacity, cache.length())) {
        return Error{ErrorCode::limit_reached, "The context is full.",
                     std::to_string(cache.length()) + " positions are taken, " +
                         std::to_string(count) + " more are needed and " +
                         std::to_string(capacity) + " exist.",
                     "Send a shorter prompt or open the model with a larger context."};
    }
    const auto foreign = std::find_if(request.tokens.begin(), request.tokens.end(),
                                      [&](std::uint32_t t) { return t >= config_->vocabulary; });
    if (foreign != request.tokens.end()) {
        return Error{ErrorCode::invalid_argument, "The model was not run.",
                     "Token " + std::to_string(*foreign) + " is outside its vocabulary of " +
                         std::to_string(config_->vocabulary) + ".",
                     "Tokenize the text with this model."};
    }
    const std::size_t logits_first = count - request.logits_rows;
    for (std::size_t first = 0; first < count; first += batch_tokens_max) {
        const auto batch =
            request.tokens.subspan(first, std::min<std::size_t>(batch_tokens_max, count - first));
        if (auto done = run_batch(cache, batch, stop); !done.ok()) return done;
        const std::size_t wanted =
            first + batch.size() - std::max(first, std::min(logits_first, first + batch.size()));
        if (wanted == 0) continue;
        const auto rows = static_cast<std::uint32_t>(wanted);
        compute_logits(static_cast<std::uint32_t>(batch.size()), logits_ready_, rows);
        logits_ready_ += rows;
    }
    AIT_ASSERT(logits_ready_ == request.logits_rows);
    return {};
}

std::span<float> LlamaForward::logits(std::uint32_t row) const noexcept {
    AIT_ASSERT(row < logits_ready_);
    return {scratch_.logits + std::size_t{row} * config_->vocabulary, config_->vocabulary};
}

Status LlamaForward::run_batch(KvCache& cache, std::span<const std::uint32_t> tokens,
                               const StopCheck& stop) {
    const Pass pass{.cache = &cache,
                    .first_position = cache.length(),
                    .rows = static_cast<std::uint32_t>(tokens.size())};
    embed(tokens);
    fill_angles(pass);
    for (std::uint32_t layer = 0; layer < config_->blocks; ++layer) {
        if (stop && stop()) return stopped();
        run_attention(pass, layer);
        run_ffn(pass, layer);
    }
    cache.set_length(pass.first_position + pass.rows);
    return {};
}

void LlamaForward::embed(std::span<const std::uint32_t> tokens) {
    const WeightMatrix& table = weights_->embedding;
    for (std::size_t row = 0; row < tokens.size(); ++row) {
        dequantise_row(table.type, table.row_major + table.row_bytes * tokens[row], table.columns,
                       scratch_.hidden + row * config_->width);
    }
}

void LlamaForward::fill_angles(const Pass& pass) {
    float* at = scratch_.angles;
    for (std::uint32_t row = 0; row < pass.rows; ++row) {
        const double position = pass.first_position + row;
        for (const double frequency : frequencies_) {
            *at++ = static_cast<float>(std::cos(position * frequency));
            *at++ = static_cast<float>(std::sin(position * frequency));
        }
    }
}

void LlamaForward::run_attention(const Pass& pass, std::uint32_t layer) {
    const LlamaLayerWeights& weights = weights_->layers[layer];
    normalise(scratch_.hidden, weights.attention_norm, pass.rows);
    multiply(scratch_.normed, pass.rows,
             std::array{Product{&weights.query, scratch_.query, false},
                        Product{&weights.key, scratch_.key, false},
                        Product{&weights.value, scratch_.value, false}});
    store_keys_and_values(pass, layer);
    attend(pass, layer);
    multiply(scratch_.normed, pass.rows,
             std::array{Product{&weights.attention_output, scratch_.hidden, true}});
}

void LlamaForward::run_ffn(const Pass& pass, std::uint32_t layer) {
    const LlamaLayerWeights& weights = weights_->layers[layer];
    normalise(scratch_.hidden, weights.ffn_norm, pass.rows);
    // Half of a layer's work, and what tolerates eight bits best (measured on SmolLM2: two passes
    // here too take the median difference from F32 logits from 0.08 to 0.002, at a third more
    // time).
    multiply_once(scratch_.normed, pass.rows,
                  std::array{Product{&weights.gate, scratch_.gate, false},
                             Product{&weights.up, scratch_.up, false}});
    const std::size_t width = config_->ffn_width;
    team_->parallel_for(pass.rows, 1, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
        for (std::uint32_t row = begin; row < end; ++row) {
            kernels_->swiglu(scratch_.gate + row * width, scratch_.up + row * width,
                             config_->ffn_width);
        }
    });
    multiply(scratch_.gate, pass.rows, std::array{Product{&weights.down, scratch_.hidden, true}});
}

void LlamaForward::store_keys_and_values(const Pass& pass, std::uint32_t layer) {
    const LlamaConfig& c = *config_;
    team_->parallel_for(pass.rows, 1, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
        for (std::size_t row = begin; row < end; ++row) {
            const float* const angles = scratch_.angles + row * c.rope_dimensions;
            float* const key = scratch_.key + row * c.kv_heads * c.head_dim;
            const float* const value = scratch_.value + row * c.kv_heads * c.head_dim;
            float* const query = scratch_.query + row * c.heads * c.head_dim;
            kernels_->rotate({query, c.heads, c.head_dim, c.rope_dimensions, angles});
            kernels_->rotate({key, c.kv_heads, c.head_dim, c.rope_dimensions, angles});
            const std::size_t offset = (pass.first_position + row) * pass.cache->position_bytes();
            for (std::uint32_t head = 0; head < c.kv_heads; ++head) {
                const std::size_t from = std::size_t{head} * c.head_dim;
                kernels_->store_kv(key + from, c.head_dim, pass.cache->keys(layer, head) + offset);
                kernels_->store_kv(value + from, c.head_dim,
                                   pass.cache->values(layer, head) + offset);
            }
        }
    });
}

void LlamaForward::attend(const Pass& pass, std::uint32_t layer) {
    const LlamaConfig& c = *config_;
    const std::uint32_t sharing = c.heads / c.kv_heads;
    // Heads that share keys go together and load them once, unless that left threads without work.
    const std::uint32_t group = pass.rows >= team_->size() ? sharing : 1;
    const std::uint32_t groups = c.heads / group;
    const float scale = 1.0F / std::sqrt(static_cast<float>(c.head_dim));
    team_->parallel_for(
        pass.rows * groups, 1, [&](std::uint32_t begin, std::uint32_t end, unsigned thread) {
            for (std::uint32_t task = begin; task < end; ++task) {
                const std::size_t row = task / groups;
                const std::uint32_t head = task % groups * group;
                const std::size_t at = (row * c.heads + head) * c.head_dim;
                kernels_->attend(
                    {.query = scratch_.query + at,
                     .keys = pass.cache->keys(layer, head / sharing),
                     .values = pass.cache->values(layer, head / sharing),
                     .positions = pass.first_position + static_cast<std::uint32_t>(row) + 1,
                     .group = group,
                     .head_dim = c.head_dim,
                     .scale = scale,
                     .scores = scratch_.scores + std::size_t{thread} * sharing * context_tokens_,
                     .out = scratch_.normed + at});
            }
        });
}

/// Logits of the last `rows` rows of the batch, to rows logits_row and on.
void LlamaForward::compute_logits(std::uint32_t batch_rows, std::uint32_t logits_row,
                                  std::uint32_t rows) {
    const float* const hidden = scratch_.hidden + std::size_t{batch_rows - rows} * config_->width;
    normalise(hidden, weights_->output_norm, rows);
    float* const out = scratch_.logits + std::size_t{logits_row} * config_->vocabulary;
    multiply(scratch_.normed, rows, std::array{Product{&weights_->output, out, false}});
}

void LlamaForward::normalise(const float* values, const std::vector<float>& weight,
                             std::uint32_t rows) {
    const std::uint32_t width = config_->width;
    team_->parallel_for(rows, 1, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
        for (std::size_t row = begin; row < end; ++row) {
            kernels_->rms_norm({.values = values + row * width,
                                .weight = weight.data(),
                                .width = width,
                                .epsilon = config_->rms_epsilon,
                                .out = scratch_.normed + row * width});
        }
    });
}

void LlamaForward::quantise_row(const float* values, std::uint32_t columns, std::uint32_t row) {
    const std::size_t blocks = columns / block_columns;
    kernels_->quantise(values, columns,
                       {.quant = scratch_.quant + std::size_t{row} * columns,
                        .scale = scratch_.scale + row * blocks,
                        .sum = scratch_.sum + row * blocks,
                        .scaled_sum = scratch_.scaled_sum + row * blocks});
}

/// values -= what their quantised form stands for.
void LlamaForward::keep_quantisation_error(float* values, std::uint32_t rows,
                                           std::uint32_t columns) {
    team_->parallel_for(rows, 1, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
        for (std::size_t row = begin; row < end; ++row) {
            const float* const scale = scratch_.scale + row * (columns / block_columns);
            const std::int8_t* const quant = scratch_.quant + row * columns;
            float* const value = values + row * columns;
            for (std::uint32_t i = 0; i < columns; ++i) {
                value[i] -= scale[i / block_columns] * static_cast<float>(quant[i]);
            }
        }
    });
}

/// Eight bits for a block of 32 activations leave little for the neighbours of an outlier. What
/// they left out is quantised and multiplied in a second pass, from weights that are still in the
/// cache.
void LlamaForward::multiply(float* values, std::uint32_t rows, std::span<const Product> products) {
    multiply_once(values, rows, products);
    std::array<Product, 3> rest{};
    std::size_t count = 0;
    for (const Product& product : products) {
        if (!wants_quants(*kernels_, *product.weights)) continue;
        rest[count++] = Product{product.weights, product.out, true};
    }
    if (count == 0) return;
    keep_quantisation_error(values, rows, products.front().weights->columns);
    multiply_once(values, rows, std::span(rest).first(count));
}

/// All products multiply the same `rows` activation rows and run as one loop over their panels.
void LlamaForward::multiply_once(const float* values, std::uint32_t rows,
                                 std::span<const Product> products) {
    const std::uint32_t columns = products.front().weights->columns;
    std::uint32_t panels = 0;
    bool quantised = false;
    for (const Product& product : products) {
        AIT_ASSERT(product.weights->columns == columns);
        panels += panel_count(product.weights->rows);
        quantised = quantised || wants_quants(*kernels_, *product.weights);
    }
    if (quantised) {
        team_->parallel_for(rows, 1, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
            for (std::uint32_t row = begin; row < end; ++row) {
                quantise_row(values + std::size_t{row} * columns, columns, row);
            }
        });
    }
    const ActivationRows activations{
        rows, columns, values, scratch_.quant, scratch_.scale, scratch_.sum, scratch_.scaled_sum};
    team_->parallel_for(panels, 1, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
        std::uint32_t first = 0;  // panels of the products before this one
        for (const Product& product : products) {
            const std::uint32_t count = panel_count(product.weights->rows);
            const PanelRange range{std::clamp(begin, first, first + count) - first,
                                   std::clamp(end, first, first + count) - first};
            if (range.begin < range.end) {
                kernels_->matmul({.weights = product.weights,
                                  .activations = activations,
                                  .out = product.out,
                                  .out_stride = product.weights->rows,
                                  .adds = product.adds},
                                 range);
            }
            first += count;
        }
    });
}

}  // namespace ait::gpu
