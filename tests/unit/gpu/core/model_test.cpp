#include "gpu/core/model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "gpu/core/gguf_writer.hpp"
#include "tests/unit/gpu/core/test_files.hpp"

namespace ait::gpu {
namespace {

using testing::HasSubstr;

/// A one-block model whose keys and tensors a test can change.
struct SmallModel {
    std::map<std::string, std::uint32_t> numbers{
        {"llama.block_count", 1},          {"llama.context_length", 64},
        {"llama.embedding_length", 32},    {"llama.feed_forward_length", 64},
        {"llama.attention.head_count", 4}, {"llama.attention.head_count_kv", 2}};
    std::map<std::string, float> reals{{"llama.attention.layer_norm_rms_epsilon", 1e-5F}};
    std::map<std::string, std::string> texts{{"general.architecture", "llama"}};
    std::map<std::string, std::vector<std::uint64_t>> tensors{
        {"token_embd.weight", {32, 300}},       {"output_norm.weight", {32}},
        {"blk.0.attn_norm.weight", {32}},       {"blk.0.attn_q.weight", {32, 32}},
        {"blk.0.attn_k.weight", {32, 16}},      {"blk.0.attn_v.weight", {32, 16}},
        {"blk.0.attn_output.weight", {32, 32}}, {"blk.0.ffn_norm.weight", {32}},
        {"blk.0.ffn_gate.weight", {32, 64}},    {"blk.0.ffn_up.weight", {32, 64}},
        {"blk.0.ffn_down.weight", {64, 32}}};
    TensorType norm_type = TensorType::f32;

    [[nodiscard]] Result<LlamaModel> load() const {
        GgufWriter writer;
        for (const auto& [key, value] : numbers) writer.add_unsigned(key, value);
        for (const auto& [key, value] : reals) writer.add_float(key, value);
        for (const auto& [key, value] : texts) writer.add_string(key, value);
        for (const auto& [name, shape] : tensors) {
            const auto type = shape.size() == 1 ? norm_type : TensorType::q8_0;
            writer.add_tensor(name, type, shape, [](std::span<std::uint8_t>) {});
        }
        const auto file = GgufFile::adopt(writer.finish());
        AIT_ASSERT(file.ok());
        return load_llama(file.value());
    }
};

void expect_refused(const std::function<void(SmallModel&)>& change, ErrorCode code,
                    const std::string& why) {
    SmallModel small;
    change(small);
    const auto model = small.load();
    ASSERT_FALSE(model.ok()) << why;
    EXPECT_EQ(model.error().code, code);
    EXPECT_THAT(model.error().why, HasSubstr(why));
}

TEST(LoadLlama, a_complete_model_is_loaded_with_tied_or_own_output) {
    SmallModel small;
    const auto tied = small.load();
    ASSERT_TRUE(tied.ok()) << tied.error().why;
    EXPECT_TRUE(tied.value().config.tied_embeddings);
    EXPECT_EQ(tied.value().output.bytes.data(), tied.value().embedding.bytes.data());
    EXPECT_EQ(tied.value().config.head_dim, 8U);
    EXPECT_EQ(tied.value().config.rope_base, 10'000.0F);
    small.tensors["output.weight"] = {32, 300};
    small.tensors["rope_freqs.weight"] = {4};
    const auto own = small.load();
    ASSERT_TRUE(own.ok()) << own.error().why;
    EXPECT_FALSE(own.value().config.tied_embeddings);
    EXPECT_TRUE(own.value().rope_frequencies.has_value());
}

TEST(LoadLlama, a_head_width_of_its_own_is_followed) {
    SmallModel small;
    small.numbers["llama.attention.key_length"] = 16;
    small.tensors["blk.0.attn_q.weight"] = {32, 64};
    small.tensors["blk.0.attn_k.weight"] = {32, 32};
    small.tensors["blk.0.attn_v.weight"] = {32, 32};
    small.tensors["blk.0.attn_output.weight"] = {64, 32};
    small.numbers["llama.attention.value_length"] = 16;
    const auto model = small.load();
    ASSERT_TRUE(model.ok()) << model.error().why;
    EXPECT_EQ(model.value().config.head_dim, 16U);
}

TEST(LoadLlama, what_the_graph_does_not_compute_is_refused) {
    expect_refused([](auto& m) { m.texts["general.architecture"] = "mamba"; },
                   ErrorCode::unsupported, "mamba");
    expect_refused([](auto& m) { m.texts.clear(); }, ErrorCode::unsupported, "no architecture");
    expect_refused([](auto& m) { m.numbers["llama.expert_count"] = 8; }, ErrorCode::unsupported,
                   "experts");
    expect_refused([](auto& m) { m.texts["llama.rope.scaling.type"] = "yarn"; },
                   ErrorCode::unsupported, "scaling");
    expect_refused([](auto& m) { m.numbers["llama.attention.value_length"] = 4; },
                   ErrorCode::unsupported, "different lengths");
    expect_refused([](auto& m) { m.tensors["blk.0.attn_q.bias"] = {32}; }, ErrorCode::unsupported,
                   "12 tensors");
}

TEST(LoadLlama, numbers_that_are_missing_or_impossible_are_refused) {
    for (const std::string key :
         {"llama.block_count", "llama.context_length", "llama.embedding_length",
          "llama.feed_forward_length", "llama.attention.head_count"}) {
        expect_refused([&](auto& m) { m.numbers.erase(key); }, ErrorCode::malformed, key);
        expect_refused([&](auto& m) { m.numbers[key] = 0; }, ErrorCode::malformed, key);
        expect_refused([&](auto& m) { m.numbers[key] = ~0U; }, ErrorCode::limit_reached, key);
    }
    expect_refused([](auto& m) { m.reals.clear(); }, ErrorCode::malformed, "epsilon");
    expect_refused([](auto& m) { m.reals["llama.rope.freq_base"] = -1.0F; }, ErrorCode::malformed,
                   "freq_base");
    expect_refused([](auto& m) { m.numbers["llama.attention.head_count"] = 5; },
                   ErrorCode::malformed, "no multiple of its 5 heads");
    expect_refused([](auto& m) { m.numbers["llama.attention.head_count_kv"] = 3; },
                   ErrorCode::malformed, "cannot share");
    expect_refused([](auto& m) { m.numbers["llama.attention.head_count"] = 32; },
                   ErrorCode::malformed, "A head of 1");
    expect_refused([](auto& m) { m.numbers["llama.rope.dimension_count"] = 10; },
                   ErrorCode::malformed, "of which 10");
}

TEST(LoadLlama, tensors_that_are_missing_or_misshapen_are_refused_by_name) {
    const SmallModel complete;
    for (const auto& [name, shape] : complete.tensors) {
        expect_refused([&, n = name](auto& m) { m.tensors.erase(n); }, ErrorCode::malformed, name);
        expect_refused([&, n = name](auto& m) { m.tensors[n][0] += 32; }, ErrorCode::malformed,
                       name);
    }
    expect_refused([](auto& m) { m.tensors["blk.0.attn_k.weight"] = {32, 16, 1}; },
                   ErrorCode::malformed, "[32, 16, 1]");
    expect_refused([](auto& m) { m.norm_type = TensorType::f16; }, ErrorCode::malformed, "f16");
    expect_refused([](auto& m) { m.tensors["rope_freqs.weight"] = {8}; }, ErrorCode::malformed,
                   "rope_freqs");
}

TEST(LoadLlama, the_real_test_model_has_the_published_numbers) {
    const auto path = test::find_test_model();
    if (!path) GTEST_SKIP() << test::test_model_missing;
    const auto model = load_llama(GgufFile::open(*path).value());
    ASSERT_TRUE(model.ok()) << model.error().why;
    const LlamaConfig& config = model.value().config;
    EXPECT_EQ(config.blocks, 30U);
    EXPECT_EQ(config.width, 576U);
    EXPECT_EQ(config.ffn_width, 1'536U);
    EXPECT_EQ(config.heads, 9U);
    EXPECT_EQ(config.kv_heads, 3U);
    EXPECT_EQ(config.head_dim, 64U);
    EXPECT_EQ(config.rope_base, 100'000.0F);
    EXPECT_EQ(config.context_tokens_max, 8'192U);
    EXPECT_EQ(config.vocabulary, 49'152U);
    EXPECT_TRUE(config.tied_embeddings);
    EXPECT_EQ(model.value().embedding.type, TensorType::q8_0);
    EXPECT_EQ(model.value().layers[29].ffn_down.type, TensorType::q4_1);
}

}  // namespace
}  // namespace ait::gpu
