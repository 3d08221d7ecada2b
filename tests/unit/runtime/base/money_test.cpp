#include "runtime/base/money.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/runtime/seeded_random.hpp"

namespace ait {
namespace {

constexpr std::uint64_t seed = 7;

TEST(Amount, is_written_with_six_places_and_read_back) {
    EXPECT_EQ(to_text(Amount{12'500'000}), "12.500000");
    EXPECT_EQ(to_text(Amount{1}), "0.000001");
    EXPECT_EQ(to_text(Amount{0}), "0.000000");
    EXPECT_EQ(parse_amount("12.5").value().micro, 12'500'000U);
    EXPECT_EQ(parse_amount("0.000001").value().micro, 1U);
    EXPECT_EQ(parse_amount("007").value().micro, 7'000'000U);
    EXPECT_EQ(parse_amount("10000000000").value(), amount_max);
}

// Breaks if a user's typing error became a payment of another size.
TEST(Amount, refuses_every_text_that_is_no_plain_decimal) {
    for (const char* wrong : {"",
                              ".",
                              "1.",
                              ".5",
                              "-1",
                              "+1",
                              "1e3",
                              "1,5",
                              "1.0000001",
                              "0x10",
                              " 1",
                              "1 ",
                              "1.5.5",
                              "nan",
                              "inf",
                              "10000000000.000001",
                              "99999999999999999999999",
                              "18446744073709551616",
                              "111111111111111111.1111111",
                              "\xD9\xA1"}) {
        const auto amount = parse_amount(wrong);
        ASSERT_FALSE(amount.ok()) << wrong;
        EXPECT_EQ(amount.error().code, ErrorCode::invalid_argument) << wrong;
        EXPECT_FALSE(amount.error().why.empty()) << wrong;
    }
}

TEST(Amount, survives_its_own_text) {
    SeededRandom random(seed);
    for (int i = 0; i < 10'000; ++i) {
        const Amount amount{random.next() % (amount_max.micro + 1)};
        EXPECT_EQ(parse_amount(to_text(amount)).value(), amount);
    }
}

// Breaks if a sum could wrap around: money would be made or lost.
TEST(Amount, adds_and_subtracts_exactly_or_refuses) {
    EXPECT_EQ(add(amount_max, Amount{0}).value(), amount_max);
    EXPECT_EQ(add(amount_max, Amount{1}).error().code, ErrorCode::limit_reached);
    const Amount huge{std::numeric_limits<std::uint64_t>::max()};
    EXPECT_EQ(add(huge, huge).error().code, ErrorCode::limit_reached);
    EXPECT_EQ(subtract(Amount{5}, Amount{5}).value().micro, 0U);
    EXPECT_EQ(subtract(Amount{5}, Amount{6}).error().code, ErrorCode::insufficient_funds);
}

// Breaks if a share rounded up: shares together could be more than the whole.
TEST(Shares, lose_nothing_when_the_remainder_is_given_to_somebody) {
    SeededRandom random(seed);
    for (int i = 0; i < 100'000; ++i) {
        const std::uint64_t whole = random.next() % (amount_max.micro + 1);
        const std::uint64_t denominator = random.next() % 100'000 + 1;
        const std::uint64_t numerator = random.next() % (denominator + 1);
        const std::uint64_t share = multiply_divide_down(whole, numerator, denominator);
        ASSERT_LE(share, whole);
        // share <= whole * numerator / denominator < share + 1
        const uint128 exact = static_cast<uint128>(whole) * numerator;
        ASSERT_TRUE(static_cast<uint128>(share) * denominator <= exact);
        ASSERT_TRUE(static_cast<uint128>(share + 1) * denominator > exact);
    }
}

TEST(SharesDeathTest, a_denominator_of_zero_is_a_fault_of_ours) {
    EXPECT_DEATH((void)multiply_divide_down(1, 1, 0), "denominator > 0");
}

}  // namespace
}  // namespace ait
