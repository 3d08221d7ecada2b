#include "actors/consensus/tip_inquiry.hpp"

#include <gtest/gtest.h>

namespace ait::consensus {
namespace {

simplex::Config members(std::size_t count, std::optional<std::uint32_t> self,
                        FaultModel fault_model = FaultModel::crash) {
    simplex::Config config;
    config.members.resize(count);
    config.self = self;
    config.fault_model = fault_model;
    return config;
}

TEST(TipInquiry, a_quorum_of_answers_tells_the_highest_that_one_of_it_knows) {
    TipInquiry inquiry(members(5, 0), 7);
    const std::uint64_t needed = inquiry.next();
    const std::uint64_t question = inquiry.ask(10);
    EXPECT_EQ(question, needed);
    EXPECT_FALSE(inquiry.on_answer(1, {question, 12}));
    EXPECT_LT(inquiry.answered(), needed);
    EXPECT_TRUE(inquiry.on_answer(3, {question, 9}));
    EXPECT_EQ(inquiry.answered(), needed);
    EXPECT_EQ(inquiry.height(), 12U);
    EXPECT_FALSE(inquiry.is_asking());
}

// Breaks if an answer that was under way for a while vouches for what came after it was given.
TEST(TipInquiry, answers_to_an_earlier_question_count_for_nothing) {
    TipInquiry inquiry(members(3, 0), 7);
    const std::uint64_t first = inquiry.ask(1);
    const std::uint64_t second = inquiry.ask(1);
    EXPECT_FALSE(inquiry.on_answer(1, {first, 1}));
    EXPECT_TRUE(inquiry.is_asking());
    EXPECT_TRUE(inquiry.on_answer(1, {second, 1}));
    EXPECT_FALSE(inquiry.on_answer(2, {second, 99})) << "it was answered already";
    EXPECT_EQ(inquiry.height(), 1U);
}

TEST(TipInquiry, one_member_counts_once_and_strangers_and_questions_not_at_all) {
    TipInquiry inquiry(members(4, 0, FaultModel::byzantine), 7);
    const std::uint64_t question = inquiry.ask(1);
    EXPECT_FALSE(inquiry.on_answer(1, {question, 1}));
    EXPECT_FALSE(inquiry.on_answer(1, {question, 2}));
    EXPECT_FALSE(inquiry.on_answer(4, {question, 2}));
    EXPECT_FALSE(inquiry.on_answer(2, {question, std::nullopt}));
    EXPECT_TRUE(inquiry.on_answer(2, {question, 3}));
    EXPECT_EQ(inquiry.height(), 3U);
}

TEST(TipInquiry, a_member_that_is_a_quorum_needs_nobody_and_a_follower_a_quorum_of_others) {
    TipInquiry alone(members(1, 0), 7);
    static_cast<void>(alone.ask(5));
    EXPECT_FALSE(alone.is_asking());
    EXPECT_EQ(alone.height(), 5U);

    TipInquiry follower(members(1, std::nullopt), 7);
    const std::uint64_t question = follower.ask(5);
    EXPECT_TRUE(follower.is_asking());
    EXPECT_TRUE(follower.on_answer(0, {question, 8}));
    EXPECT_EQ(follower.height(), 8U);
}

TEST(TipInquiry, whatever_number_it_begins_with_its_questions_rise) {
    TipInquiry inquiry(members(3, 0), ~std::uint64_t{0});
    const std::uint64_t first = inquiry.ask(1);
    EXPECT_GT(inquiry.ask(1), first);
}

}  // namespace
}  // namespace ait::consensus
