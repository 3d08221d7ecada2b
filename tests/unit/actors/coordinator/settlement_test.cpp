#include "actors/coordinator/settlement.hpp"

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

struct Case {
    const char* name;
    SettlementTerms terms;
    Settlement expected;
};

Amount micro(std::uint64_t value) {
    return Amount{value};
}

// Breaks if anybody's share changed: these are the figures that users see on their bills.
TEST(SettlementTable, splits_as_written) {
    const std::array cases{
        Case{"one hour at 0.5 with 2.5 %",
             {10_ait, 3'600'000, micro(500'000), 25'000},
             {micro(500'000), micro(12'500), micro(9'487'500)}},
        Case{"nothing measured costs nothing",
             {10_ait, 0, micro(500'000), 25'000},
             {{}, {}, 10_ait}},
        Case{"a free miner costs nothing", {10_ait, 3'600'000, {}, 25'000}, {{}, {}, 10_ait}},
        Case{"pay is rounded down", {10_ait, 1, micro(3'599'999), 0}, {{}, {}, 10_ait}},
        Case{"the first whole micro",
             {10_ait, 1, micro(3'600'000), 0},
             {micro(1), {}, micro(9'999'999)}},
        Case{"the fee is rounded down",
             {10_ait, 3'600'000, micro(39), 25'000},
             {micro(39), {}, micro(9'999'961)}},
        Case{"the first micro of fee",
             {10_ait, 3'600'000, micro(40), 25'000},
             {micro(40), micro(1), micro(9'999'959)}},
        Case{"pay is cut at the escrow and leaves no fee",
             {micro(1'000), 3'600'000, micro(500'000), 25'000},
             {micro(1'000), {}, {}}},
        Case{"the fee takes only what is left",
             {micro(1'010), 3'600'000, micro(1'000), 25'000},
             {micro(1'000), micro(10), {}}},
        Case{"a fee of all of it", {10_ait, 3'600'000, 2_ait, 1'000'000}, {2_ait, 2_ait, 6_ait}},
        Case{"a fee beyond all of it counts as all",
             {10_ait, 3'600'000, 2_ait, ~0ULL},
             {2_ait, 2_ait, 6_ait}},
        Case{"the extremes do not overflow",
             {amount_max, ~0ULL, miner::price_per_hour_max, 1'000'000},
             {amount_max, {}, {}}},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(settle_completed(c.terms), c.expected) << c.name;
    }
}

// Breaks if a single micro-unit were lost or made for any split.
TEST(SettlementProperty, parts_add_up_to_the_escrow_for_every_split) {
    std::uint64_t random = 88172645463325252ULL;  // xorshift: the seed is this line
    const auto next = [&random](std::uint64_t below) {
        random ^= random << 13U;
        random ^= random >> 7U;
        random ^= random << 17U;
        return random % below;
    };
    for (int i = 0; i < 100'000; ++i) {
        const SettlementTerms terms{.escrow = micro(next(amount_max.micro)),
                                    .measured_ms = next(100'000'000),
                                    .price_per_hour = micro(next(miner::price_per_hour_max.micro)),
                                    .fee_ppm = next(1'000'001)};
        const Settlement split = settle_completed(terms);
        ASSERT_EQ(split.miner.micro + split.fee.micro + split.refund.micro, terms.escrow.micro);
        ASSERT_LE(split.fee, split.miner);
    }
}

// Breaks if a job without a result cost anything.
TEST(SettlementTable, without_a_result_all_goes_back) {
    EXPECT_EQ(settle_without_result(7_ait), (Settlement{{}, {}, 7_ait}));
}

// Breaks if a miner could be paid for time before its lease or for more than passed on the chain.
TEST(MeasuredTime, is_what_is_reported_but_never_more_than_the_lease_lasted) {
    EXPECT_EQ(measured_ms(500, 1'000, 2'000), 500U);
    EXPECT_EQ(measured_ms(5'000, 1'000, 2'000), 1'000U);
    EXPECT_EQ(measured_ms(5'000, 1'000, 1'000), 0U);
}

}  // namespace
}  // namespace ait::coordinator
