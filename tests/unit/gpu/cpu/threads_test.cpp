#include "gpu/cpu/threads.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace ait::gpu {
namespace {

// Breaks if an index is left out or done twice: rows of a product would be wrong now and then.
TEST(ThreadTeam, covers_every_index_once_in_many_short_loops) {
    for (const unsigned threads : {1U, 2U, 3U, 8U}) {
        ThreadTeam team(threads);
        ASSERT_EQ(team.size(), threads);
        for (std::uint32_t loop = 0; loop < 3'000; ++loop) {
            const std::uint32_t count = loop % 97;
            std::vector<std::uint32_t> touched(count, 0);
            team.parallel_for(count, 1 + loop % 5,
                              [&](std::uint32_t begin, std::uint32_t end, unsigned) {
                                  for (std::uint32_t i = begin; i < end; ++i) ++touched[i];
                              });
            for (const std::uint32_t times : touched) ASSERT_EQ(times, 1U);
        }
    }
}

// Breaks if two threads use the same scratch memory at once.
TEST(ThreadTeam, calls_that_overlap_have_different_thread_numbers) {
    ThreadTeam team(4);
    std::vector<std::atomic<bool>> inside(team.size());
    std::atomic<bool> shared{false};
    for (int loop = 0; loop < 500; ++loop) {
        team.parallel_for(64, 1, [&](std::uint32_t, std::uint32_t, unsigned thread) {
            if (thread >= inside.size() || inside[thread].exchange(true)) shared = true;
            if (thread < inside.size()) inside[thread] = false;
        });
    }
    EXPECT_FALSE(shared);
}

TEST(ThreadTeam, ranges_hold_at_least_the_grain_but_for_the_last) {
    ThreadTeam team(3);
    std::atomic<bool> too_short{false};
    team.parallel_for(100, 7, [&](std::uint32_t begin, std::uint32_t end, unsigned) {
        if (end - begin < 7 && end != 100) too_short = true;
    });
    EXPECT_FALSE(too_short);
}

// Breaks if a worker that is still starting, or parked, keeps the program from ending.
TEST(ThreadTeam, ends_at_once_whether_used_or_not) {
    for (int i = 0; i < 50; ++i) {
        auto team = std::make_unique<ThreadTeam>(4U);
        if (i % 2 == 0) team->parallel_for(10, 1, [](std::uint32_t, std::uint32_t, unsigned) {});
    }
}

TEST(ThreadTeam, sizes_itself_by_the_machine_and_is_bounded) {
    EXPECT_GE(ThreadTeam(0).size(), 1U);
    EXPECT_LE(ThreadTeam(0).size(), team_threads_max);
}

}  // namespace
}  // namespace ait::gpu
