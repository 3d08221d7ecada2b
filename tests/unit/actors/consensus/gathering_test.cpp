#include "actors/consensus/gathering.hpp"

#include <gtest/gtest.h>

namespace ait::consensus {
namespace {

constexpr std::uint32_t wait_ms = 2;

// Breaks if a client that works alone waits for company that never comes.
TEST(Gathering, nobody_waits_where_one_client_works_alone) {
    Gathering gathering(wait_ms);
    for (std::uint64_t view = 1; view < 5; ++view) {
        EXPECT_TRUE(gathering.ask({.view = view, .fresh = 1}).builds);
        gathering.on_published(1, 0);
    }
}

TEST(Gathering, the_first_to_come_back_waits_for_those_who_were_answered_with_it) {
    Gathering gathering(wait_ms);
    gathering.on_published(40, 24);
    const auto early = gathering.ask({.view = 7, .fresh = 30});
    EXPECT_FALSE(early.builds);
    EXPECT_EQ(early.wait_ms, wait_ms);
    EXPECT_FALSE(gathering.ask({.view = 7, .fresh = 55}).builds) << "most of 64 is not there";
    EXPECT_TRUE(gathering.ask({.view = 7, .fresh = 56}).builds);
}

TEST(Gathering, it_waits_once_a_view_and_builds_with_what_came) {
    Gathering gathering(wait_ms);
    gathering.on_published(64, 0);
    EXPECT_EQ(gathering.ask({.view = 7, .fresh = 3}).wait_ms, wait_ms);
    EXPECT_EQ(gathering.ask({.view = 7, .fresh = 4}).wait_ms, 0) << "it is waiting already";
    EXPECT_TRUE(gathering.over(7));
    EXPECT_TRUE(gathering.ask({.view = 7, .fresh = 4}).builds);
    gathering.on_published(4, 0);
    EXPECT_TRUE(gathering.ask({.view = 8, .fresh = 4}).builds) << "those who left are waited for";
}

TEST(Gathering, the_end_of_an_older_wait_means_nothing_to_a_newer_one) {
    Gathering gathering(wait_ms);
    gathering.on_published(64, 0);
    EXPECT_FALSE(gathering.ask({.view = 7, .fresh = 3}).builds);
    EXPECT_FALSE(gathering.ask({.view = 8, .fresh = 3}).builds);
    EXPECT_FALSE(gathering.over(7));
    EXPECT_FALSE(gathering.ask({.view = 8, .fresh = 3}).builds);
}

TEST(Gathering, behind_blocks_under_way_it_waits_for_twice_as_many_and_longer) {
    Gathering gathering(wait_ms);
    const auto few = gathering.ask({.view = 3, .fresh = 19, .under_way = 10});
    EXPECT_FALSE(few.builds);
    EXPECT_GT(few.wait_ms, wait_ms);
    EXPECT_TRUE(gathering.ask({.view = 3, .fresh = 20, .under_way = 10}).builds);
}

TEST(Gathering, blocks_under_way_are_not_followed_by_one_with_nothing_new_unless_a_time_has_come) {
    Gathering gathering(wait_ms);
    const auto idle = gathering.ask({.view = 3, .fresh = 0, .under_way = 10});
    EXPECT_FALSE(idle.builds);
    EXPECT_EQ(idle.wait_ms, 0);
    EXPECT_TRUE(gathering.ask({.view = 3, .fresh = 0, .under_way = 10, .is_due = true}).builds);
    EXPECT_TRUE(gathering.ask({.view = 3, .fresh = 0, .under_way = 0}).builds);
}

TEST(Gathering, a_chain_told_not_to_wait_never_does) {
    Gathering gathering(0);
    gathering.on_published(64, 0);
    EXPECT_TRUE(gathering.ask({.view = 1, .fresh = 1}).builds);
    EXPECT_TRUE(gathering.ask({.view = 1, .fresh = 1, .under_way = 10}).builds);
}

}  // namespace
}  // namespace ait::consensus
