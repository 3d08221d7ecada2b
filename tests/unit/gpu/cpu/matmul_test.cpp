#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/gpu/cpu/kernel_cases.hpp"

namespace ait::gpu {
namespace {

constexpr TensorType types[] = {TensorType::f32,  TensorType::f16,  TensorType::bf16,
                                TensorType::q8_0, TensorType::q4_0, TensorType::q4_1};

class Matmul : public testing::TestWithParam<KernelChoice> {
  protected:
    void SetUp() override {
        kernels_ = select_kernels(GetParam());
        if (kernels_ == nullptr) GTEST_SKIP() << "This processor lacks the kernels.";
    }

    std::vector<float> multiply(const WeightMatrix& weights, const ActivationRows& rows) const {
        std::vector<float> out(std::size_t{rows.count} * weights.rows, NAN);
        kernels_->matmul({&weights, rows, out.data(), weights.rows, false},
                         {0, panel_count(weights.rows)});
        return out;
    }

    const Kernels* kernels_ = nullptr;
};

/// The same product in double precision, with the sum of magnitudes that bounds rounding errors.
struct Exact {
    double value = 0.0;
    double magnitude = 0.0;
};

Exact exact(const WeightMatrix& weights, const float* activations, std::uint32_t row) {
    std::vector<float> dequantised(weights.columns);
    dequantise_row(weights.type, weights.row_major + weights.row_bytes * row, weights.columns,
                   dequantised.data());
    Exact result;
    for (std::size_t i = 0; i < weights.columns; ++i) {
        const double product = double{dequantised[i]} * double{activations[i]};
        result.value += product;
        result.magnitude += std::fabs(product);
    }
    return result;
}

// Breaks if a fast kernel mixes up rows, nibbles, scales or offsets: every answer would be wrong.
// The tolerance is that of F32 sums; errors of quantising activations are not in it.
TEST_P(Matmul, every_type_and_batch_size_gives_the_sums_of_double_precision) {
    for (const TensorType type : types) {
        const TestMatrix matrix(type, 37, 96, 11);
        for (std::uint32_t count = 1; count <= 19; count = count < 10 ? count + 1 : count + 3) {
            const TestActivations activations(count, 96, 100 + count);
            const auto out = multiply(matrix.weights, activations.rows);
            for (std::uint32_t i = 0; i < count; ++i) {
                for (std::uint32_t row = 0; row < 37; ++row) {
                    const Exact wanted =
                        exact(matrix.weights, activations.values.data() + std::size_t{i} * 96, row);
                    ASSERT_NEAR(double{out[std::size_t{i} * 37 + row]}, wanted.value,
                                1e-6 * wanted.magnitude + 1e-6)
                        << tensor_type_row(type).name << " batch " << count << " row " << row;
                }
            }
        }
    }
}

// Breaks if sums of extreme weights and activations overflow 16 bits.
TEST_P(Matmul, extreme_quants_do_not_saturate) {
    for (const TensorType type : {TensorType::q8_0, TensorType::q4_0, TensorType::q4_1}) {
        for (const std::uint8_t filling :
             {std::uint8_t{0x80}, std::uint8_t{0xff}, std::uint8_t{0}}) {
            TestMatrix matrix(type, 16, 64, 12);
            const std::size_t block = tensor_type_row(type).block_bytes;
            const std::size_t front = type == TensorType::q4_1 ? 4 : 2;
            for (std::size_t i = 0; i < matrix.bytes.size(); ++i) {
                if (i % block >= front) matrix.bytes[i] = filling;
            }
            matrix.pack();
            TestActivations activations(1, 64, 13);
            for (std::size_t i = 0; i < 64; ++i) activations.values[i] = i < 32 ? 5.0F : -5.0F;
            quantise_activations(activations.values.data(), 64, activations.row_at(0, 64));
            ASSERT_EQ(activations.quant[0], 127);
            ASSERT_EQ(activations.quant[63], -127);
            const auto out = multiply(matrix.weights, activations.rows);
            for (std::uint32_t row = 0; row < 16; ++row) {
                const Exact wanted = exact(matrix.weights, activations.values.data(), row);
                ASSERT_NEAR(double{out[row]}, wanted.value, 1e-6 * wanted.magnitude + 1e-6);
            }
        }
    }
}

// Breaks if a row's result depends on its batch: the same prompt would give different tokens when
// it is cached, chunked or batched with others.
TEST_P(Matmul, a_row_alone_gives_the_same_bits_as_in_a_batch) {
    for (const TensorType type : types) {
        const TestMatrix matrix(type, 48, 64, 14);
        TestActivations batch(13, 64, 15);
        const auto together = multiply(matrix.weights, batch.rows);
        for (std::size_t i = 0; i < 13; ++i) {
            const QuantisedRow row = batch.row_at(i, 64);
            const ActivationRows one{
                1, 64, batch.values.data() + i * 64, row.quant, row.scale, row.sum, row.scaled_sum};
            const auto alone = multiply(matrix.weights, one);
            ASSERT_TRUE(std::equal(alone.begin(), alone.end(),
                                   together.begin() + static_cast<std::ptrdiff_t>(i * 48)))
                << tensor_type_row(type).name << " row " << i;
        }
    }
}

// Breaks if residual connections lose what they are added to, or a range writes beside itself.
TEST_P(Matmul, adds_to_the_output_and_touches_only_its_panels) {
    const TestMatrix matrix(TensorType::q8_0, 40, 32, 16);
    const TestActivations activations(3, 32, 17);
    const auto plain = multiply(matrix.weights, activations.rows);
    std::vector<float> out(std::size_t{3} * 40, 2.0F);
    kernels_->matmul({&matrix.weights, activations.rows, out.data(), 40, true}, {1, 3});
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t row = 0; row < 40; ++row) {
            const float before = row < 16 ? 0.0F : plain[i * 40 + row];
            EXPECT_NEAR(out[i * 40 + row], before + 2.0F, 1e-5F);
        }
    }
}

// Breaks if float models whose width is no multiple of 32 read beside their rows.
TEST_P(Matmul, float_matrices_may_have_any_width) {
    for (const TensorType type : {TensorType::f32, TensorType::f16, TensorType::bf16}) {
        const TestMatrix matrix(type, 5, 35, 18);
        const TestActivations activations(2, 35, 19);
        const auto out = multiply(matrix.weights, activations.rows);
        for (std::uint32_t row = 0; row < 5; ++row) {
            const Exact wanted = exact(matrix.weights, activations.values.data() + 35, row);
            EXPECT_NEAR(double{out[5 + row]}, wanted.value, 1e-6 * wanted.magnitude + 1e-6);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(EveryKernelSet, Matmul,
                         testing::Values(KernelChoice::scalar, KernelChoice::avx2,
                                         KernelChoice::avx512),
                         [](const auto& instance) {
                             const KernelChoice choice = instance.param;
                             return choice == KernelChoice::scalar ? "scalar"
                                    : choice == KernelChoice::avx2 ? "avx2"
                                                                   : "avx512";
                         });

}  // namespace
}  // namespace ait::gpu
