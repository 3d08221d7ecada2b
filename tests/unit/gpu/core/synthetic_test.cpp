#include "gpu/core/synthetic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gpu/core/model.hpp"
#include "gpu/core/philox.hpp"
#include "gpu/core/tokenizer.hpp"
#include "gpu/cpu/quant.hpp"

namespace ait::gpu {
namespace {

using testing::HasSubstr;
using Words = std::array<std::uint32_t, 4>;

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
static_assert(philox({0, 0, 0, 0}, {0, 0}) ==
              Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
              Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

void expect_refused(std::string_view uri, ErrorCode code, const std::string& why) {
    const auto model = parse_synthetic(uri);
    ASSERT_FALSE(model.ok()) << uri;
    EXPECT_EQ(model.error().code, code) << uri;
    EXPECT_THAT(model.error().why, HasSubstr(why)) << uri;
}

TEST(SyntheticUri, keys_are_read_and_written_in_one_order) {
    const auto model = parse_synthetic("synthetic://llama?seed=9&width=128&type=q4_1&layers=3");
    ASSERT_TRUE(model.ok()) << model.error().why;
    EXPECT_EQ(to_uri(model.value()),
              "synthetic://llama?layers=3&width=128&heads=4&kv_heads=2&ffn=128&vocabulary=512&"
              "context=2048&seed=9&type=q4_1");
    EXPECT_TRUE(parse_synthetic("synthetic://llama").ok());
    EXPECT_TRUE(parse_synthetic("synthetic://llama?").ok());
}

TEST(SyntheticUri, what_cannot_be_made_is_refused_with_the_reason) {
    const std::string start = "synthetic://llama?";
    expect_refused("synthetic://mamba", ErrorCode::invalid_argument, "Only");
    expect_refused("synthetic://llamas", ErrorCode::invalid_argument, "question mark");
    expect_refused(start + "depth=3", ErrorCode::invalid_argument, "\"depth\" is not known");
    expect_refused(start + "layers", ErrorCode::invalid_argument, "whole number");
    expect_refused(start + "layers=", ErrorCode::invalid_argument, "whole number");
    expect_refused(start + "layers=-1", ErrorCode::invalid_argument, "whole number");
    expect_refused(start + "layers=3x", ErrorCode::invalid_argument, "whole number");
    expect_refused(start + "layers=99999999999999999999", ErrorCode::invalid_argument, "whole");
    expect_refused(start + "layers=0", ErrorCode::invalid_argument, "from 1 to");
    expect_refused(start + "vocabulary=258", ErrorCode::invalid_argument, "from 259 to");
    expect_refused(start + "type=q5_k", ErrorCode::invalid_argument, "q5_k");
    expect_refused(start + "heads=3", ErrorCode::invalid_argument, "multiple of \"heads\"");
    expect_refused(start + "heads=64", ErrorCode::invalid_argument, "multiple of \"heads\"");
    expect_refused(start + "kv_heads=3", ErrorCode::invalid_argument, "kv_heads");
    expect_refused(start + "ffn=130", ErrorCode::invalid_argument, "multiples of 32");
    expect_refused(start + "type=q4_k", ErrorCode::invalid_argument, "multiples of 256");
    expect_refused(start + "width=65536&heads=64&layers=32", ErrorCode::limit_reached, "bytes");
    expect_refused(start + "width=8192&heads=4", ErrorCode::limit_reached, "head");
}

// Breaks if a weight depends on anything but the URI: benchmarks and GPU comparisons would not be
// of the same model.
TEST(SyntheticModel, the_same_uri_gives_the_same_bytes_and_another_seed_gives_others) {
    const auto model = parse_synthetic("synthetic://llama?seed=5").value();
    const auto image = synthetic_image(model);
    EXPECT_EQ(image, synthetic_image(model));
    auto other = model;
    other.seed = 6;
    EXPECT_NE(image, synthetic_image(other));
}

// Breaks if the addressing changes: a device that makes its own weights would differ.
TEST(SyntheticModel, a_chunk_of_a_tensor_is_philox_of_its_place) {
    const auto file = open_synthetic("synthetic://llama?seed=4294967298&type=f32");
    ASSERT_TRUE(file.ok()) << file.error().why;
    // The third tensor after embedding, output norm and block norm: number 3.
    const TensorView* const query = file.value().find_tensor("blk.0.attn_q.weight");
    ASSERT_NE(query, nullptr);
    const Words words = philox({7, 0, 3, 0}, {2, 1});
    for (std::size_t i = 0; i < 4; ++i) {
        float value = 0;
        std::memcpy(&value, query->bytes.data() + 7 * 16 + i * 4, sizeof(value));
        const float step = static_cast<float>(std::sqrt(3.0 / 64.0)) * 0x1p-31F;
        EXPECT_EQ(value, static_cast<float>(static_cast<std::int32_t>(words[i])) * step);
    }
}

// Breaks if a scale is off: activations would vanish or explode with depth.
TEST(SyntheticModel, computable_types_have_the_variance_of_the_inverse_width) {
    for (const std::string type : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1"}) {
        const auto file = open_synthetic("synthetic://llama?width=256&heads=4&type=" + type);
        ASSERT_TRUE(file.ok()) << file.error().why;
        const TensorView* const tensor = file.value().find_tensor("blk.1.attn_output.weight");
        ASSERT_NE(tensor, nullptr);
        std::vector<float> row(256);
        double sum = 0;
        double squares = 0;
        for (std::uint64_t i = 0; i < tensor->rows(); ++i) {
            dequantise_row(tensor->type, tensor->bytes.data() + i * tensor->row_bytes(), 256,
                           row.data());
            for (const float value : row) {
                sum += value;
                squares += static_cast<double>(value) * value;
            }
        }
        const double count = 256.0 * 256.0;
        EXPECT_NEAR(squares / count * 256.0, 1.0, 0.03) << type;
        // The 16 levels of q4_0 are not symmetric: half a step of 1 / 4.61 deviations remains.
        EXPECT_NEAR(sum / count * 16.0, type == "q4_0" ? -0.108 : 0.0, 0.01) << type;
    }
}

// Breaks if the spread of the K types is off: their scales are written here without a kernel.
TEST(SyntheticModel, k_types_have_finite_scales_of_the_right_size) {
    const auto q4 = open_synthetic("synthetic://llama?width=256&heads=4&ffn=256&type=q4_k");
    const auto q6 = open_synthetic("synthetic://llama?width=256&heads=4&ffn=256&type=q6_k");
    ASSERT_TRUE(q4.ok());
    ASSERT_TRUE(q6.ok());
    const auto half_at = [](const GgufFile& file, std::size_t offset) {
        std::uint16_t half = 0;
        std::memcpy(&half, file.find_tensor("blk.0.ffn_up.weight")->bytes.data() + offset, 2);
        return half_to_float(half);
    };
    EXPECT_NEAR(half_at(q4.value(), 0), 1.0 / 16 / 258, 1e-6);
    EXPECT_NEAR(half_at(q4.value(), 2), 7.5 / 16 / 258, 1e-5);
    EXPECT_NEAR(half_at(q6.value(), 208), 1.0 / 16 / 1366, 1e-6);
}

TEST(SyntheticModel, it_loads_as_a_llama_with_the_numbers_of_the_uri) {
    const auto file = open_synthetic(
        "synthetic://llama?layers=3&width=96&heads=6&kv_heads=3&ffn=160&vocabulary=300&context=77");
    ASSERT_TRUE(file.ok()) << file.error().why;
    const auto model = load_llama(file.value());
    ASSERT_TRUE(model.ok()) << model.error().why;
    const LlamaConfig& config = model.value().config;
    EXPECT_EQ(config.blocks, 3U);
    EXPECT_EQ(config.width, 96U);
    EXPECT_EQ(config.ffn_width, 160U);
    EXPECT_EQ(config.heads, 6U);
    EXPECT_EQ(config.kv_heads, 3U);
    EXPECT_EQ(config.head_dim, 16U);
    EXPECT_EQ(config.rope_dimensions, 16U);
    EXPECT_EQ(config.context_tokens_max, 77U);
    EXPECT_EQ(config.vocabulary, 300U);
    EXPECT_TRUE(config.tied_embeddings);
    EXPECT_EQ(model.value().layers.size(), 3U);
}

// Breaks if a prompt with any byte cannot be given to a synthetic model.
TEST(SyntheticModel, its_tokenizer_covers_every_byte_and_merges_pairs) {
    const auto file = open_synthetic("synthetic://llama?vocabulary=20000");
    ASSERT_TRUE(file.ok()) << file.error().why;
    const auto tokenizer = Tokenizer::from_gguf(file.value());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().why;
    EXPECT_EQ(tokenizer.value().vocabulary(), 20'000U);
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    EXPECT_EQ(tokenizer.value().decode(tokenizer.value().encode(all, false)), all);
    const auto merged = tokenizer.value().encode("ab", false);
    ASSERT_EQ(merged.size(), 1U);
    EXPECT_EQ(tokenizer.value().token_bytes(merged[0]), "ab");
    EXPECT_TRUE(tokenizer.value().ends_generation(2));
}

}  // namespace
}  // namespace ait::gpu
