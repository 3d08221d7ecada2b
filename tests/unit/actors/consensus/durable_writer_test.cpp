#include "actors/consensus/durable_writer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "actors/consensus/block_times.hpp"

namespace ait::consensus {
namespace {

constexpr std::chrono::seconds patience{20};

void no_failure(const Error& error) {
    ADD_FAILURE() << render_error(error);
}

Status well() {
    return {};
}

// Breaks if a vote, for which all members wait, waits for the disk to take a block of another log.
TEST(DurableWriter, no_log_waits_for_the_sync_of_another) {
    std::promise<void> vote_is_durable;
    auto durable = vote_is_durable.get_future();
    std::promise<bool> block_is_synced;
    auto synced = block_is_synced.get_future();
    const int block_log = 0;
    const int vote_log = 0;
    DurableWriter writer(&no_failure);
    writer.put({.append = &well,
                .sync =
                    [&] {
                        block_is_synced.set_value(durable.wait_for(patience) ==
                                                  std::future_status::ready);
                        return Status{};
                    },
                .log = &block_log,
                .done = [] {}});
    writer.put({.append = &well, .sync = &well, .log = &vote_log, .done = [&] {
                    vote_is_durable.set_value();
                }});
    ASSERT_EQ(synced.wait_for(2 * patience), std::future_status::ready);
    EXPECT_TRUE(synced.get());
}

// Breaks if each vote costs a sync of its own, or is told before it is on disk, or out of turn.
TEST(DurableWriter, what_came_during_a_sync_is_written_in_order_and_shares_the_next) {
    std::promise<void> let_go;
    auto may_go = let_go.get_future().share();
    std::atomic<int> syncs = 0;
    std::vector<int> appended;
    std::vector<std::pair<int, int>> done;  // which, after how many syncs
    std::promise<void> over;
    const int log = 0;
    constexpr int count = 10;
    DurableWriter writer(&no_failure);
    for (int i = 0; i < count; ++i) {
        writer.put({.append =
                        [&, i] {
                            appended.push_back(i);
                            return Status{};
                        },
                    .sync =
                        [&, may_go] {
                            may_go.wait();
                            ++syncs;
                            return Status{};
                        },
                    .log = &log,
                    .done =
                        [&, i] {
                            done.emplace_back(i, syncs.load());
                            if (i + 1 == count) over.set_value();
                        }});
    }
    let_go.set_value();
    ASSERT_EQ(over.get_future().wait_for(patience), std::future_status::ready);
    EXPECT_LE(syncs, 2);
    for (int i = 0; i < count; ++i) {
        EXPECT_EQ(appended.at(static_cast<std::size_t>(i)), i);
        EXPECT_EQ(done.at(static_cast<std::size_t>(i)).first, i);
        EXPECT_GE(done.at(static_cast<std::size_t>(i)).second, 1);
    }
}

// Breaks if something is called durable although its disk has failed.
TEST(DurableWriter, a_failed_sync_is_fatal_and_acknowledges_nothing) {
    std::promise<ErrorCode> told;
    bool is_done = false;
    const int log = 0;
    {
        DurableWriter writer([&](const Error& error) { told.set_value(error.code); });
        writer.put({.append = &well,
                    .sync = [] { return Error{ErrorCode::storage_failed, "It failed.", "", ""}; },
                    .log = &log,
                    .done = [&] { is_done = true; }});
    }
    EXPECT_EQ(told.get_future().get(), ErrorCode::storage_failed);
    EXPECT_FALSE(is_done);
}

// Breaks, under TSan, if a chain that has not ended yet writes to a writer that has.
TEST(DurableWriter, jobs_may_come_while_it_stops_and_are_done_or_dropped) {
    const int log = 0;
    std::atomic<int> appended = 0;
    std::atomic<int> done = 0;
    DurableWriter writer(&no_failure);
    std::promise<void> first_is_done;
    std::jthread chain([&](const std::stop_token& stop) {
        for (int i = 0; !stop.stop_requested(); ++i) {
            writer.put({.append =
                            [&] {
                                ++appended;
                                return Status{};
                            },
                        .sync = &well,
                        .log = &log,
                        .done =
                            [&, i] {
                                ++done;
                                if (i == 0) first_is_done.set_value();
                            }});
        }
    });
    first_is_done.get_future().wait();
    writer.stop();
    const int at_stop = done;
    EXPECT_EQ(appended, at_stop) << "what was given is finished";
    writer.put({.append = &well, .sync = &well, .log = &log, .done = [&] { ++done; }});
    EXPECT_EQ(done, at_stop) << "what comes later is dropped";
}

// Breaks if a block whose turn passed is counted, or blocks that overlap are taken for each other.
TEST(BlockTimes, stages_that_overlap_are_counted_by_their_number) {
    ManualClock clock;
    BlockTimes times(clock);
    times.begin(BlockStage::agree, 7);
    clock.advance_ms(1);
    times.begin(BlockStage::agree, 8);
    clock.advance_ms(2);
    times.end(BlockStage::agree, 7);
    times.end(BlockStage::agree, 7);
    times.end(BlockStage::log, 8);
    const StageTime agree = times.times()[static_cast<std::size_t>(BlockStage::agree)];
    EXPECT_EQ(agree.count, 1U);
    EXPECT_EQ(agree.us_total, 3'000U);
    EXPECT_EQ(times.times()[static_cast<std::size_t>(BlockStage::log)].count, 0U);
}

// Breaks if a leader that waited for operations counts its waiting as building.
TEST(BlockTimes, what_begins_again_is_counted_from_then_on) {
    ManualClock clock;
    BlockTimes times(clock);
    times.begin(BlockStage::build, 1);
    clock.advance_ms(500);
    times.begin(BlockStage::build, 1);
    clock.advance_ms(1);
    times.end(BlockStage::build, 1);
    EXPECT_EQ(times.times()[static_cast<std::size_t>(BlockStage::build)].us_total, 1'000U);
}

TEST(BlockTimes, blocks_that_never_end_take_no_room_for_ever) {
    ManualClock clock;
    BlockTimes times(clock);
    for (std::uint64_t view = 0; view < 10'000; ++view) times.begin(BlockStage::agree, view);
    times.end(BlockStage::agree, 0);
    times.end(BlockStage::agree, 9'999);
    EXPECT_EQ(times.times()[static_cast<std::size_t>(BlockStage::agree)].count, 1U);
}

}  // namespace
}  // namespace ait::consensus
