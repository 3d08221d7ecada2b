// The chain actor over a log whose disk has no room for the next file.

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <future>

#include "actors/consensus/chain_actor.hpp"
#include "tests/unit/actors/consensus/ask_chain.hpp"
#include "tests/unit/actors/consensus/toy_domain.hpp"
#include "tests/unit/storage/faulty_rocks.hpp"

namespace ait::consensus {
namespace {

constexpr std::uint64_t segment_bytes = 8'192;

/// A node's chain on a faulty disk.
class ChainOnAFullDisk : public ::testing::Test {
  protected:
    void SetUp() override {
        disk.set_space_bytes(1024 * 1024);
        auto opened = storage::Database::open("/data/state", {.env = env.get()});
        ASSERT_TRUE(opened.ok()) << render_error(opened.error());
        database = std::move(opened).value();
        auto chain_data = ChainData::open({.files = disk,
                                           .log_directory = "/data/log",
                                           .database = *database,
                                           .genesis = chain.genesis,
                                           .rules = toy::rules(),
                                           .clock = clock,
                                           .segment_bytes = segment_bytes});
        ASSERT_TRUE(chain_data.ok()) << render_error(chain_data.error());
        data = std::move(chain_data).value();
        system.emplace(config);
        actor = spawn_chain(*system, {.data = *data,
                                      .node_key = chain.validator,
                                      .clock = clock,
                                      .listeners = listeners,
                                      .figures = figures,
                                      .on_fatal = [](const Error& error) {
                                          ADD_FAILURE() << render_error(error);
                                          std::abort();
                                      }});
    }
    void TearDown() override {
        if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
        actor = nullptr;
        system.reset();
    }

    std::future<Result<Applied>> send(int number) {
        return ask_chain(actor,
                         toy::Chain::item("job" + std::to_string(number), std::string(900, 'x')));
    }

    storage::FaultyFileSystem disk{{{"/data/keep", ""}}, 1};
    std::unique_ptr<rocksdb::Env> env = storage::rocks_on(disk);
    const toy::Chain chain{};
    ManualClock clock{};
    std::unique_ptr<storage::Database> database{};
    std::unique_ptr<ChainData> data{};
    BlockListeners listeners{};
    ChainFigures figures{};
    caf::actor_system_config config{};
    std::optional<caf::actor_system> system{};
    ChainActor actor{};
};

// Breaks if a node ends, or answers, because its disk was full when the log needed a new file.
TEST_F(ChainOnAFullDisk, a_block_waits_for_space_and_is_answered_when_there_is_some) {
    ASSERT_TRUE(send(0).get().ok());
    disk.set_space_bytes(1);  // what lies on the disk may stay, nothing may grow
    std::future<Result<Applied>> waiting;
    int number = 1;
    do {
        ASSERT_LT(number, 20) << "the log's first file never was full";
        waiting = send(number++);
    } while (waiting.wait_for(std::chrono::milliseconds(500)) == std::future_status::ready &&
             waiting.get().ok());
    ASSERT_TRUE(waiting.valid()) << "it was refused instead of waiting";
    EXPECT_EQ(data->reader()->height(), static_cast<std::uint64_t>(number) - 1);
    disk.set_space_bytes(UINT64_MAX);
    ASSERT_EQ(waiting.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    EXPECT_TRUE(waiting.get().ok());
    ASSERT_TRUE(send(number).get().ok());
}

}  // namespace
}  // namespace ait::consensus
