#include "gpu/core/model.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace ait::gpu {
namespace {

Error bad_model(ErrorCode code, std::string why) {
    return Error{code, "The model cannot be loaded.", std::move(why),
                 "Use a GGUF file of a llama-family model."};
}

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::string shape_text(std::span<const std::uint64_t> shape) {
    std::string text = "[";
    for (const std::uint64_t length : shape) {
        if (text.size() > 1) text += ", ";
        text += std::to_string(length);
    }
    return text + "]";
}

/// Reads numbers and remembers the first one that is missing or out of bounds, so that the caller
/// checks once.
class ConfigReader {
  public:
    explicit ConfigReader(const GgufFile& file) : file_(file) {}

    std::uint32_t number(std::string_view key, std::uint32_t value_max,
                         std::optional<std::uint32_t> fallback = std::nullopt) {
        const std::string full_key = "llama." + std::string(key);
        if (!file_.contains(full_key) && fallback) return *fallback;
        const auto value = file_.find_unsigned(full_key);
        if (!value || *value == 0) {
            refuse(ErrorCode::malformed, "The key " + in_quotes(full_key) +
                                             " is missing or not a positive whole number.");
            return 1;
        }
        if (*value > value_max) {
            refuse(ErrorCode::limit_reached, "The key " + in_quotes(full_key) + " is " +
                                                 std::to_string(*value) + "; at most " +
                                                 std::to_string(value_max) + " is accepted.");
            return 1;
        }
        return static_cast<std::uint32_t>(*value);
    }

    /// A number above 0 and at most `value_max`.
    float real(std::string_view key, double value_max, std::optional<float> fallback) {
        const std::string full_key = "llama." + std::string(key);
        if (!file_.contains(full_key) && fallback) return *fallback;
        const auto value = file_.find_float(full_key);
        if (!value || !(*value > 0.0) || !(*value <= value_max)) {
            refuse(ErrorCode::malformed,
                   "The key " + in_quotes(full_key) + " is missing or not a sensible number.");
            return 1.0F;
        }
        return static_cast<float>(*value);
    }

    void refuse(ErrorCode code, std::string why) {
        if (!error_) error_ = bad_model(code, std::move(why));
    }
    [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

  private:
    const GgufFile& file_;
    std::optional<Error> error_{};
};

/// What would change the mathematics and is not in the graph.
Status check_supported(const GgufFile& file) {
    const auto architecture = file.find_string("general.architecture");
    if (architecture != "llama") {
        return bad_model(ErrorCode::unsupported,
                         architecture ? "Its architecture is " + in_quotes(*architecture) + "."
                                      : "It names no architecture.");
    }
    if (file.find_unsigned("llama.expert_count").value_or(0) != 0) {
        return bad_model(ErrorCode::unsupported, "It is a mixture of experts.");
    }
    const auto scaling = file.find_string("llama.rope.scaling.type");
    if ((scaling && *scaling != "none") || file.contains("llama.rope.scale_linear")) {
        return bad_model(ErrorCode::unsupported,
                         "It stretches rotary positions by a scaling rule.");
    }
    return {};
}

Result<LlamaConfig> read_config(const GgufFile& file) {
    ConfigReader reader(file);
    LlamaConfig config;
    config.name = file.find_string("general.name").value_or("");
    config.blocks = reader.number("block_count", model_blocks_max);
    config.width = reader.number("embedding_length", model_width_max);
    config.ffn_width = reader.number("feed_forward_length", model_ffn_width_max);
    config.heads = reader.number("attention.head_count", model_heads_max);
    config.kv_heads = reader.number("attention.head_count_kv", model_heads_max, config.heads);
    config.context_tokens_max = reader.number("context_length", model_context_max);
    config.rope_base = reader.real("rope.freq_base", 1e12, 10'000.0F);
    config.rms_epsilon = reader.real("attention.layer_norm_rms_epsilon", 1.0, std::nullopt);
    if (!file.contains("llama.attention.key_length") && config.width % config.heads != 0) {
        reader.refuse(ErrorCode::malformed, "Its width " + std::to_string(config.width) +
                                                " is no multiple of its " +
                                                std::to_string(config.heads) + " heads.");
    }
    config.head_dim = reader.number("attention.key_length", model_head_dim_max,
                                    std::max(config.width / config.heads, 1U));
    config.rope_dimensions =
        reader.number("rope.dimension_count", model_head_dim_max, config.head_dim);
    if (reader.number("attention.value_length", model_head_dim_max, config.head_dim) !=
        config.head_dim) {
        reader.refuse(ErrorCode::unsupported, "Its keys and values have different lengths.");
    }
    if (config.heads % config.kv_heads != 0) {
        reader.refuse(ErrorCode::malformed, std::to_string(config.heads) +
                                                " query heads cannot share " +
                                                std::to_string(config.kv_heads) + " KV heads.");
    }
    if (config.head_dim > model_head_dim_max || config.head_dim % 2 != 0 ||
        config.rope_dimensions % 2 != 0 || config.rope_dimensions > config.head_dim) {
        reader.refuse(ErrorCode::malformed,
                      "A head of " + std::to_string(config.head_dim) + " numbers of which " +
                          std::to_string(config.rope_dimensions) + " rotate is not possible.");
    }
    if (reader.error()) return *reader.error();
    return config;
}

/// Takes tensors by name and shape and remembers the first misfit and how many were taken.
class TensorTaker {
  public:
    explicit TensorTaker(const GgufFile& file) : file_(file) {}

    TensorView matrix(std::string_view name, std::uint64_t columns, std::uint64_t rows) {
        return take(name, std::array{columns, rows});
    }

    TensorView vector(std::string_view name, std::uint64_t length) {
        const TensorView tensor = take(name, std::array{length});
        if (tensor.type != TensorType::f32) {
            refuse("The tensor " + in_quotes(name) + " is " +
                   std::string(tensor_type_row(tensor.type).name) + " where f32 is needed.");
        }
        return tensor;
    }

    [[nodiscard]] std::size_t taken() const noexcept { return taken_; }
    [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

  private:
    TensorView take(std::string_view name, std::span<const std::uint64_t> shape) {
        const TensorView* const tensor = file_.find_tensor(name);
        if (tensor == nullptr) {
            refuse("The tensor " + in_quotes(name) + " is missing.");
            return {};
        }
        ++taken_;
        const std::span found(tensor->shape.data(), tensor->dimensions);
        if (!std::equal(found.begin(), found.end(), shape.begin(), shape.end())) {
            refuse("The tensor " + in_quotes(name) + " has the shape " + shape_text(found) +
                   " where " + shape_text(shape) + " is needed.");
        }
        return *tensor;
    }

    void refuse(std::string why) {
        if (!error_) error_ = bad_model(ErrorCode::malformed, std::move(why));
    }

    const GgufFile& file_;
    std::size_t taken_ = 0;
    std::optional<Error> error_{};
};

LlamaBlock take_block(TensorTaker& taker, const LlamaConfig& config, std::uint32_t index) {
    const std::string prefix = "blk." + std::to_string(index) + ".";
    const std::uint64_t query_width = std::uint64_t{config.heads} * config.head_dim;
    const std::uint64_t kv_width = std::uint64_t{config.kv_heads} * config.head_dim;
    LlamaBlock block;
    block.attention_norm = taker.vector(prefix + "attn_norm.weight", config.width);
    block.attention_query = taker.matrix(prefix + "attn_q.weight", config.width, query_width);
    block.attention_key = taker.matrix(prefix + "attn_k.weight", config.width, kv_width);
    block.attention_value = taker.matrix(prefix + "attn_v.weight", config.width, kv_width);
    block.attention_output = taker.matrix(prefix + "attn_output.weight", query_width, config.width);
    block.ffn_norm = taker.vector(prefix + "ffn_norm.weight", config.width);
    block.ffn_gate = taker.matrix(prefix + "ffn_gate.weight", config.width, config.ffn_width);
    block.ffn_up = taker.matrix(prefix + "ffn_up.weight", config.width, config.ffn_width);
    block.ffn_down = taker.matrix(prefix + "ffn_down.weight", config.ffn_width, config.width);
    return block;
}

/// The vocabulary is as long as the embedding table, which the shapes below then confirm.
Result<std::uint32_t> read_vocabulary(const GgufFile& file) {
    const TensorView* const embedding = file.find_tensor("token_embd.weight");
    if (embedding == nullptr) {
        return bad_model(ErrorCode::malformed, "The tensor \"token_embd.weight\" is missing.");
    }
    if (embedding->shape[1] > model_vocabulary_max) {
        return bad_model(ErrorCode::limit_reached,
                         "Its vocabulary has " + std::to_string(embedding->shape[1]) +
                             " tokens; at most " + std::to_string(model_vocabulary_max) +
                             " are accepted.");
    }
    return static_cast<std::uint32_t>(embedding->shape[1]);
}

}  // namespace

Result<LlamaModel> load_llama(const GgufFile& file) {
    if (auto status = check_supported(file); !status.ok()) return status.error();
    auto config = read_config(file);
    if (!config.ok()) return config.error();
    const auto vocabulary = read_vocabulary(file);
    if (!vocabulary.ok()) return vocabulary.error();
    LlamaModel model{.file = file, .config = std::move(config).value()};
    LlamaConfig& numbers = model.config;
    numbers.vocabulary = vocabulary.value();
    numbers.tied_embeddings = file.find_tensor("output.weight") == nullptr;

    TensorTaker taker(file);
    model.embedding = taker.matrix("token_embd.weight", numbers.width, numbers.vocabulary);
    model.output_norm = taker.vector("output_norm.weight", numbers.width);
    model.output = numbers.tied_embeddings
                       ? model.embedding
                       : taker.matrix("output.weight", numbers.width, numbers.vocabulary);
    if (file.find_tensor("rope_freqs.weight") != nullptr) {
        model.rope_frequencies = taker.vector("rope_freqs.weight", numbers.rope_dimensions / 2);
    }
    for (std::uint32_t i = 0; i < numbers.blocks && !taker.error(); ++i) {
        model.layers.push_back(take_block(taker, numbers, i));
    }
    if (taker.error()) return *taker.error();
    if (taker.taken() != file.tensors().size()) {
        // A bias or an adapter that is left out would give fluent nonsense; say so instead.
        return bad_model(ErrorCode::unsupported, "It has " + std::to_string(file.tensors().size()) +
                                                     " tensors, of which the llama graph knows " +
                                                     std::to_string(taker.taken()) + ".");
    }
    return model;
}

}  // namespace ait::gpu
