#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/unit/gpu/cpu/kernel_cases.hpp"

namespace ait::gpu {
namespace {

/// Each kernel of the vector set against the scalar one, with widths that do not fill registers.
class FastKernels : public testing::Test {
  protected:
    void SetUp() override {
        if (fast_ == nullptr) GTEST_SKIP() << "This processor lacks AVX2.";
    }

    const Kernels* fast_ = select_kernels(KernelChoice::avx2);
    const Kernels* scalar_ = select_kernels(KernelChoice::scalar);
};

constexpr std::uint32_t widths[] = {1, 7, 8, 9, 31, 64, 100};

std::vector<float> to_halves_and_back(std::vector<float> values) {
    for (float& value : values) value = half_to_float(float_to_half(value));
    return values;
}

std::vector<std::uint8_t> stored(const Kernels& kernels, const std::vector<float>& values) {
    std::vector<std::uint8_t> bytes(values.size() * kernels.kv_element_bytes);
    kernels.store_kv(values.data(), static_cast<std::uint32_t>(values.size()), bytes.data());
    return bytes;
}

struct AttentionCase {
    std::uint32_t positions;
    std::uint32_t group;
    std::uint32_t head_dim;
};

std::vector<float> attend(const Kernels& kernels, const AttentionCase& shape,
                          const std::vector<float>& query, const std::vector<float>& keys,
                          const std::vector<float>& values) {
    const auto stored_keys = stored(kernels, keys);
    const auto stored_values = stored(kernels, values);
    std::vector<float> scores(std::size_t{shape.group} * shape.positions);
    std::vector<float> out(query.size(), NAN);
    kernels.attend({.query = query.data(),
                    .keys = stored_keys.data(),
                    .values = stored_values.data(),
                    .positions = shape.positions,
                    .group = shape.group,
                    .head_dim = shape.head_dim,
                    .scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim)),
                    .scores = scores.data(),
                    .out = out.data()});
    return out;
}

// Breaks if the vector form of activations differs from the one that defines it.
TEST_F(FastKernels, quantise_gives_the_same_integers) {
    for (const float spread : {0.0F, 1e-35F, 1e-3F, 1.0F, 1e4F}) {
        TestActivations wanted(4, 96, 21, spread);
        const auto values = random_values(std::size_t{4} * 96, 21, spread);
        TestActivations ours(4, 96, 22);
        for (std::size_t row = 0; row < 4; ++row) {
            fast_->quantise(values.data() + row * 96, 96, ours.row_at(row, 96));
        }
        EXPECT_EQ(ours.quant, wanted.quant);
        EXPECT_EQ(ours.sum, wanted.sum);
        EXPECT_EQ(ours.scale, wanted.scale);
        EXPECT_EQ(ours.scaled_sum, wanted.scaled_sum);
    }
}

TEST_F(FastKernels, rms_norm_is_within_1e_6_of_the_scalar_one) {
    for (const std::uint32_t width : widths) {
        const auto values = random_values(width, 23, 3.0F);
        const auto weight = random_values(width, 24);
        std::vector<float> ours(width), wanted(width);
        fast_->rms_norm({values.data(), weight.data(), width, 1e-5F, ours.data()});
        scalar_->rms_norm({values.data(), weight.data(), width, 1e-5F, wanted.data()});
        for (std::size_t i = 0; i < width; ++i) {
            EXPECT_NEAR(ours[i], wanted[i], 1e-6F * (1.0F + std::fabs(wanted[i])));
        }
    }
}

TEST_F(FastKernels, rotate_is_within_1e_6_of_the_scalar_one) {
    for (const std::uint32_t dimensions : {2U, 6U, 8U, 20U, 64U}) {
        const std::uint32_t head_dim = dimensions + 4;
        const auto table = random_values(dimensions, 25);
        auto ours = random_values(std::size_t{3} * head_dim, 26);
        auto wanted = ours;
        fast_->rotate({ours.data(), 3, head_dim, dimensions, table.data()});
        scalar_->rotate({wanted.data(), 3, head_dim, dimensions, table.data()});
        for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], wanted[i], 1e-6F);
    }
}

TEST_F(FastKernels, softmax_is_within_1e_6_of_the_scalar_one) {
    for (const std::uint32_t width : widths) {
        for (const float spread : {0.1F, 10.0F, 1000.0F}) {
            auto ours = random_values(width, 27, spread);
            auto wanted = ours;
            fast_->softmax(ours.data(), width);
            scalar_->softmax(wanted.data(), width);
            for (std::size_t i = 0; i < width; ++i) EXPECT_NEAR(ours[i], wanted[i], 1e-6F);
        }
    }
}

TEST_F(FastKernels, swiglu_is_within_1e_6_of_the_scalar_one) {
    for (const std::uint32_t width : widths) {
        for (const float spread : {1.0F, 60.0F}) {
            auto ours = random_values(width, 28, spread);
            const auto up = random_values(width, 29);
            auto wanted = ours;
            fast_->swiglu(ours.data(), up.data(), width);
            scalar_->swiglu(wanted.data(), up.data(), width);
            for (std::size_t i = 0; i < width; ++i) {
                EXPECT_NEAR(ours[i], wanted[i], 1e-6F * (1.0F + std::fabs(wanted[i])));
            }
        }
    }
}

// The cache's halves are the rounding of the scalar conversion; attention over values that are
// halves already differs by the order of additions only.
TEST_F(FastKernels, attend_is_within_1e_5_of_the_scalar_one) {
    for (const AttentionCase& shape :
         {AttentionCase{1, 1, 8}, AttentionCase{5, 3, 64}, AttentionCase{33, 9, 64},
          AttentionCase{17, 4, 20}, AttentionCase{40, 2, 6}, AttentionCase{3, 5, 128}}) {
        const auto query = random_values(std::size_t{shape.group} * shape.head_dim, 30);
        const std::size_t elements = std::size_t{shape.positions} * shape.head_dim;
        const auto keys = to_halves_and_back(random_values(elements, 31));
        const auto values = to_halves_and_back(random_values(elements, 32));
        const auto ours = attend(*fast_, shape, query, keys, values);
        const auto wanted = attend(*scalar_, shape, query, keys, values);
        for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], wanted[i], 1e-5F);
    }
}

TEST_F(FastKernels, store_kv_rounds_as_the_scalar_conversion) {
    auto values = random_values(1001, 33, 100.0F);
    values.insert(values.end(), {0.0F, -0.0F, 65504.0F, 65519.9F, 65520.0F, 1e-8F, 6e-5F, -3e-6F});
    const auto bytes = stored(*fast_, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint16_t half;
        std::memcpy(&half, bytes.data() + 2 * i, 2);
        EXPECT_EQ(half, float_to_half(values[i])) << values[i];
    }
}

// Breaks if attention mixes up heads, positions or weights.
TEST(ScalarAttend, one_position_gives_its_value_and_equal_keys_give_the_mean) {
    const Kernels& kernels = *select_kernels(KernelChoice::scalar);
    const auto query = random_values(8, 34);
    EXPECT_EQ(attend(kernels, {1, 2, 4}, query, {1, 2, 3, 4}, {5, 6, 7, 8}),
              (std::vector<float>{5, 6, 7, 8, 5, 6, 7, 8}));
    const auto mean = attend(kernels, {2, 1, 2}, {1, 1}, {3, 3, 3, 3}, {2, 4, 4, 8});
    EXPECT_NEAR(mean[0], 3.0F, 1e-6F);
    EXPECT_NEAR(mean[1], 6.0F, 1e-6F);
}

TEST(ScalarAttend, a_key_that_fits_far_better_takes_all_the_weight) {
    const Kernels& kernels = *select_kernels(KernelChoice::scalar);
    const auto out = attend(kernels, {2, 1, 2}, {100, 0}, {0, 5, 5, 0}, {1, 2, 3, 4});
    EXPECT_NEAR(out[0], 3.0F, 1e-6F);
    EXPECT_NEAR(out[1], 4.0F, 1e-6F);
}

// Breaks if pairs are taken from the halves of a head (the other convention): GGUF stores llama
// models for neighbouring pairs.
TEST(ScalarRotate, turns_neighbouring_pairs_and_leaves_the_rest) {
    const Kernels& kernels = *select_kernels(KernelChoice::scalar);
    std::vector<float> head{1, 0, 0, 1, 7, 8};
    const std::vector<float> quarter_turn_then_none{0, 1, 1, 0};
    kernels.rotate({head.data(), 1, 6, 4, quarter_turn_then_none.data()});
    EXPECT_EQ(head, (std::vector<float>{0, 1, 0, 1, 7, 8}));
}

TEST(ScalarRmsNorm, gives_unit_mean_square_times_the_weight) {
    const Kernels& kernels = *select_kernels(KernelChoice::scalar);
    const std::vector<float> values{3, -3, 3, -3}, weight{1, 1, 2, 0};
    std::vector<float> out(4);
    kernels.rms_norm({values.data(), weight.data(), 4, 0.0F, out.data()});
    EXPECT_EQ(out, (std::vector<float>{1, -1, 2, 0}));
}

TEST(SelectKernels, scalar_and_automatic_are_always_there) {
    ASSERT_NE(select_kernels(KernelChoice::scalar), nullptr);
    ASSERT_NE(select_kernels(KernelChoice::automatic), nullptr);
    EXPECT_STREQ(select_kernels(KernelChoice::scalar)->name, "scalar");
}

// Breaks if a half is read or written wrongly: scales of all quantised weights are halves.
TEST(Half, every_half_survives_the_way_to_float_and_back) {
    for (std::uint32_t bits = 0; bits < 65'536; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = half_to_float(half);
        if (std::isnan(value)) {
            EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
        } else {
            ASSERT_EQ(float_to_half(value), half);
        }
    }
    EXPECT_EQ(half_to_float(0x3c00), 1.0F);
    EXPECT_EQ(half_to_float(0xc000), -2.0F);
    EXPECT_EQ(half_to_float(0x7bff), 65504.0F);
    EXPECT_EQ(half_to_float(0x0001), 0x1p-24F);
    EXPECT_EQ(bfloat_to_float(0x3f80), 1.0F);
}

// Breaks if block layouts are read unlike the files of the format.
TEST(Dequantise, reads_blocks_as_the_format_lays_them_out) {
    std::vector<std::uint8_t> block(20, 0);
    const std::uint16_t two = float_to_half(2.0F), minus_one = float_to_half(-1.0F);
    std::memcpy(block.data(), &two, 2);
    std::memcpy(block.data() + 2, &minus_one, 2);
    block[4] = 0x3f;   // element 0: 15, element 16: 3
    block[19] = 0x10;  // element 15: 0, element 31: 1
    std::vector<float> out(32);
    dequantise_row(TensorType::q4_1, block.data(), 32, out.data());
    EXPECT_EQ(out[0], 29.0F);
    EXPECT_EQ(out[16], 5.0F);
    EXPECT_EQ(out[15], -1.0F);
    EXPECT_EQ(out[31], 1.0F);
    std::memmove(block.data() + 2, block.data() + 4, 16);  // q4_0 has no minimum
    dequantise_row(TensorType::q4_0, block.data(), 32, out.data());
    EXPECT_EQ(out[0], 14.0F);
    EXPECT_EQ(out[16], -10.0F);
    std::vector<std::uint8_t> bytes(34, 0xff);
    std::memcpy(bytes.data(), &two, 2);
    dequantise_row(TensorType::q8_0, bytes.data(), 32, out.data());
    EXPECT_EQ(out[31], -2.0F);
}

TEST(QuantiseActivations, is_within_half_a_step_and_sums_its_integers) {
    const auto values = random_values(64, 35, 4.0F);
    TestActivations rows(1, 64, 36);
    quantise_activations(values.data(), 64, rows.row_at(0, 64));
    for (std::size_t i = 0; i < 64; ++i) {
        const float scale = rows.scale[i / 32];
        EXPECT_NEAR(values[i], scale * static_cast<float>(rows.quant[i]), scale * 0.501F);
    }
    EXPECT_EQ(rows.sum[1], std::accumulate(rows.quant.begin() + 32, rows.quant.end(), 0));
}

}  // namespace
}  // namespace ait::gpu
