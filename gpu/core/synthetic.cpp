#include "gpu/core/synthetic.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "gpu/core/byte_alphabet.hpp"
#include "gpu/core/gguf_writer.hpp"
#include "gpu/core/model.hpp"
#include "gpu/core/philox.hpp"
#include "gpu/core/synthetic_weights.hpp"

namespace ait::gpu {
namespace {

constexpr std::uint32_t control_tokens = 3;
constexpr std::uint32_t vocabulary_min = control_tokens + 256;
constexpr std::uint32_t vocabulary_max = 500'000;

Error bad_uri(ErrorCode code, std::string why) {
    return Error{code, "The synthetic model cannot be made.", std::move(why),
                 "Write it like synthetic://llama?layers=2&width=64&heads=4&kv_heads=2&ffn=128&"
                 "vocabulary=512&context=2048&seed=1&type=q8_0"};
}

struct NumberKey {
    std::string_view name;
    std::uint32_t SyntheticLlama::* member;
    std::uint32_t value_min;
    std::uint32_t value_max;
};

constexpr std::array number_keys{
    NumberKey{"layers", &SyntheticLlama::layers, 1, model_blocks_max},
    NumberKey{"width", &SyntheticLlama::width, 1, model_width_max},
    NumberKey{"heads", &SyntheticLlama::heads, 1, model_heads_max},
    NumberKey{"kv_heads", &SyntheticLlama::kv_heads, 1, model_heads_max},
    NumberKey{"ffn", &SyntheticLlama::ffn, 1, model_ffn_width_max},
    NumberKey{"vocabulary", &SyntheticLlama::vocabulary, vocabulary_min, vocabulary_max},
    NumberKey{"context", &SyntheticLlama::context, 1, model_context_max},
};

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (text.empty() || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
    return number;
}

Status set_key(SyntheticLlama& model, std::string_view key, std::string_view value) {
    if (key == "type") {
        const TensorTypeRow* const row = find_tensor_type(value);
        if (row == nullptr) {
            return bad_uri(ErrorCode::invalid_argument,
                           "The type \"" + std::string(value) + "\" is not known.");
        }
        model.type = row->type;
        return {};
    }
    const auto number = parse_number(value);
    if (!number) {
        return bad_uri(ErrorCode::invalid_argument,
                       "The value of \"" + std::string(key) + "\" is not a whole number.");
    }
    if (key == "seed") {
        model.seed = *number;
        return {};
    }
    for (const NumberKey& row : number_keys) {
        if (row.name != key) continue;
        if (*number < row.value_min || *number > row.value_max) {
            return bad_uri(ErrorCode::invalid_argument,
                           "\"" + std::string(key) + "\" is " + std::to_string(*number) +
                               "; it goes from " + std::to_string(row.value_min) + " to " +
                               std::to_string(row.value_max) + ".");
        }
        model.*row.member = static_cast<std::uint32_t>(*number);
        return {};
    }
    return bad_uri(ErrorCode::invalid_argument,
                   "The key \"" + std::string(key) + "\" is not known.");
}

/// Cannot overflow: each factor is bounded by its row above.
std::uint64_t weight_elements(const SyntheticLlama& model) noexcept {
    const std::uint64_t width = model.width;
    const std::uint64_t kv_width = width / model.heads * model.kv_heads;
    const std::uint64_t block = 2 * width * width + 2 * width * kv_width + 3 * width * model.ffn;
    return width * model.vocabulary + model.layers * block;
}

Status check_shapes(const SyntheticLlama& model) {
    const TensorTypeRow& type = tensor_type_row(model.type);
    if (model.width % model.heads != 0 || (model.width / model.heads) % 2 != 0) {
        return bad_uri(ErrorCode::invalid_argument,
                       "\"width\" must be an even multiple of \"heads\".");
    }
    if (model.width / model.heads > model_head_dim_max) {
        return bad_uri(ErrorCode::limit_reached,
                       "A head is wider than " + std::to_string(model_head_dim_max) + ".");
    }
    if (model.heads % model.kv_heads != 0) {
        return bad_uri(ErrorCode::invalid_argument,
                       "\"heads\" must be a multiple of \"kv_heads\".");
    }
    if (model.width % type.block_elements != 0 || model.ffn % type.block_elements != 0) {
        return bad_uri(ErrorCode::invalid_argument, "\"width\" and \"ffn\" must be multiples of " +
                                                        std::to_string(type.block_elements) +
                                                        " for the type " + std::string(type.name) +
                                                        ".");
    }
    const std::uint64_t bytes = weight_elements(model) / type.block_elements * type.block_bytes;
    if (bytes > synthetic_bytes_max) {
        return bad_uri(ErrorCode::limit_reached,
                       "It would have " + std::to_string(bytes) + " bytes; at most " +
                           std::to_string(synthetic_bytes_max) + " are made.");
    }
    return {};
}

/// Control tokens, the 256 bytes, and then pairs and triples of printable characters, each merged
/// from the one before: a small but true BPE.
void add_tokenizer(GgufWriter& writer, std::uint32_t vocabulary) {
    constexpr std::uint32_t first = 0x20;
    constexpr std::uint32_t count = 0x7f - first;
    static_assert(vocabulary_min + count * count + count * count * count >= vocabulary_max);
    std::vector<std::string> tokens{"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    std::vector<std::string> merges;
    for (unsigned byte = 0; byte < 256; ++byte) {
        const char text = static_cast<char>(byte);
        tokens.push_back(spell_bytes({&text, 1}));
    }
    for (std::uint32_t i = 0; tokens.size() < vocabulary; ++i) {
        const char last = static_cast<char>(first + i % count);
        const std::uint32_t left = i / count;  // a character at first, later a pair
        const std::string& prefix = left < count ? tokens[control_tokens + first + left]
                                                 : tokens[vocabulary_min + left - count];
        const std::string suffix = spell_bytes({&last, 1});
        merges.push_back(prefix + " " + suffix);
        tokens.push_back(prefix + suffix);
    }
    std::vector<std::int32_t> types(tokens.size(), 1);
    for (std::uint32_t i = 0; i < control_tokens; ++i) types[i] = 3;
    writer.add_string("tokenizer.ggml.model", "gpt2");
    writer.add_string("tokenizer.ggml.pre", "gpt-2");
    writer.add_string_array("tokenizer.ggml.tokens", tokens);
    writer.add_int_array("tokenizer.ggml.token_type", types);
    writer.add_string_array("tokenizer.ggml.merges", merges);
    writer.add_unsigned("tokenizer.ggml.bos_token_id", 1);
    writer.add_unsigned("tokenizer.ggml.eos_token_id", 2);
    writer.add_string("tokenizer.chat_template",
                      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
                      "{% endfor %}<|im_start|>assistant\n");
}

void add_config(GgufWriter& writer, const SyntheticLlama& model) {
    writer.add_string("general.architecture", "llama");
    writer.add_string("general.name", to_uri(model));
    writer.add_unsigned("llama.block_count", model.layers);
    writer.add_unsigned("llama.context_length", model.context);
    writer.add_unsigned("llama.embedding_length", model.width);
    writer.add_unsigned("llama.feed_forward_length", model.ffn);
    writer.add_unsigned("llama.attention.head_count", model.heads);
    writer.add_unsigned("llama.attention.head_count_kv", model.kv_heads);
    writer.add_float("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    writer.add_float("llama.rope.freq_base", 10'000.0F);
}

/// Numbers the tensors in the order of the calls; the number is part of the random address.
class WeightAdder {
  public:
    WeightAdder(GgufWriter& writer, const SyntheticLlama& model) : writer_(writer), model_(model) {}

    void matrix(const std::string& name, std::uint64_t columns, std::uint64_t rows) {
        const WeightStream stream{
            .seed = model_.seed, .tensor = number_++, .columns = columns, .type = model_.type};
        writer_.add_tensor(
            name, model_.type, std::array{columns, rows},
            [stream](std::span<std::uint8_t> bytes) { fill_weights(stream, bytes); });
    }

    void norm(const std::string& name) {
        ++number_;
        writer_.add_tensor(name, TensorType::f32, std::array{std::uint64_t{model_.width}},
                           [](std::span<std::uint8_t> bytes) {
                               constexpr auto one =
                                   std::bit_cast<std::array<std::uint8_t, 4>>(1.0F);
                               for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = one[i % 4];
                           });
    }

  private:
    GgufWriter& writer_;
    const SyntheticLlama& model_;
    std::uint32_t number_ = 0;
};

}  // namespace

Result<SyntheticLlama> parse_synthetic(std::string_view uri) {
    constexpr std::string_view start = "synthetic://llama";
    if (!uri.starts_with(start)) {
        return bad_uri(ErrorCode::invalid_argument, "Only synthetic://llama is made.");
    }
    std::string_view query = uri.substr(start.size());
    if (!query.empty() && query[0] != '?') {
        return bad_uri(ErrorCode::invalid_argument, "After \"llama\" comes a question mark.");
    }
    query.remove_prefix(query.empty() ? 0 : 1);
    SyntheticLlama model;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        const auto value = pair.substr(std::min(equals + 1, pair.size()));
        if (auto status = set_key(model, pair.substr(0, equals), value); !status.ok()) {
            return status.error();
        }
    }
    if (auto status = check_shapes(model); !status.ok()) return status.error();
    return model;
}

std::string to_uri(const SyntheticLlama& model) {
    std::string uri = "synthetic://llama?";
    for (const NumberKey& row : number_keys) {
        uri += std::string(row.name) + "=" + std::to_string(model.*row.member) + "&";
    }
    return uri + "seed=" + std::to_string(model.seed) +
           "&type=" + std::string(tensor_type_row(model.type).name);
}

std::vector<std::uint8_t> synthetic_image(const SyntheticLlama& model) {
    GgufWriter writer;
    add_config(writer, model);
    add_tokenizer(writer, model.vocabulary);
    const std::uint64_t kv_width = std::uint64_t{model.width} / model.heads * model.kv_heads;
    WeightAdder weights(writer, model);
    weights.matrix("token_embd.weight", model.width, model.vocabulary);
    weights.norm("output_norm.weight");
    for (std::uint32_t i = 0; i < model.layers; ++i) {
        const std::string prefix = "blk." + std::to_string(i) + ".";
        weights.norm(prefix + "attn_norm.weight");
        weights.matrix(prefix + "attn_q.weight", model.width, model.width);
        weights.matrix(prefix + "attn_k.weight", model.width, kv_width);
        weights.matrix(prefix + "attn_v.weight", model.width, kv_width);
        weights.matrix(prefix + "attn_output.weight", model.width, model.width);
        weights.norm(prefix + "ffn_norm.weight");
        weights.matrix(prefix + "ffn_gate.weight", model.width, model.ffn);
        weights.matrix(prefix + "ffn_up.weight", model.width, model.ffn);
        weights.matrix(prefix + "ffn_down.weight", model.ffn, model.width);
    }
    return writer.finish();
}

Result<GgufFile> open_synthetic(std::string_view uri) {
    const auto model = parse_synthetic(uri);
    if (!model.ok()) return model.error();
    return GgufFile::adopt(synthetic_image(model.value()));
}

}  // namespace ait::gpu
