#include "runtime/node/height_waits.hpp"

#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>
#include <future>
#include <thread>

namespace ait::node {
namespace {

using namespace std::chrono_literals;

class HeightWaitsTest : public testing::Test {
  protected:
    std::future<bool> ask(std::uint64_t height, std::chrono::milliseconds at_most) {
        auto promise = std::make_shared<std::promise<bool>>();
        waits.wait(height, at_most, [promise](bool is_reached) { promise->set_value(is_reached); });
        return promise->get_future();
    }

    consensus::BlockListeners listeners{};
    boost::asio::thread_pool pool{2};
    HeightWaits waits{listeners, pool};
};

TEST_F(HeightWaitsTest, whoever_waits_for_a_height_goes_on_when_it_or_a_later_one_is_published) {
    auto third = ask(3, 1h);
    auto fifth = ask(5, 1h);
    listeners.notify(2);
    EXPECT_EQ(third.wait_for(0s), std::future_status::timeout);
    listeners.notify(4);
    EXPECT_TRUE(third.get());
    EXPECT_EQ(fifth.wait_for(0s), std::future_status::timeout);
    listeners.notify(5);
    EXPECT_TRUE(fifth.get());
}

TEST_F(HeightWaitsTest, a_height_that_is_published_already_is_waited_for_by_nobody) {
    listeners.notify(7);
    EXPECT_TRUE(ask(7, 1h).get());
}

TEST_F(HeightWaitsTest, a_wait_ends_with_its_time) {
    EXPECT_FALSE(ask(1, 1ms).get());
}

TEST_F(HeightWaitsTest, stopping_ends_all_waits_and_those_that_come_later) {
    auto waiting = ask(1, 1h);
    waits.stop();
    EXPECT_FALSE(waiting.get());
    EXPECT_FALSE(ask(1, 1h).get());
}

// Breaks, under TSan, if a timer is used by two threads, and otherwise if a wait ends twice or
// never.
TEST_F(HeightWaitsTest, each_of_many_waits_ends_once_while_blocks_come_and_times_run_out) {
    constexpr std::uint64_t heights = 500;
    std::vector<std::future<bool>> asked;
    std::thread chain([&] {
        for (std::uint64_t height = 1; height <= heights; ++height) listeners.notify(height);
    });
    for (std::uint64_t height = 1; height <= heights; ++height) {
        asked.push_back(ask(height, 1h));
        asked.push_back(ask(heights + height, 1ms));
    }
    chain.join();
    for (std::size_t i = 0; i < asked.size(); ++i) EXPECT_EQ(asked[i].get(), i % 2 == 0) << i;
}

}  // namespace
}  // namespace ait::node
