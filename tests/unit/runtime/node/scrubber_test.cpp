#include "runtime/node/scrubber.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "storage/log.hpp"
#include "tests/unit/storage/crash_model.hpp"
#include "tests/unit/storage/temporary_directory.hpp"

namespace ait::node {
namespace {

using storage::BlockLog;
using storage::ChainStore;
using storage::Database;

/// A data directory with blocks in the log and in tables.
class ScrubberTest : public ::testing::Test {
  protected:
    static constexpr std::uint64_t blocks = 50;

    void SetUp() override {
        auto opened = BlockLog::open(storage::posix_file_system(), log_directory(),
                                     {.segment_bytes = 65'536});
        ASSERT_TRUE(opened.ok());
        log = std::move(opened).value();
        for (std::uint64_t height = 1; height <= blocks; ++height) {
            ASSERT_TRUE(log->append(height, storage::model_payload(height)).ok());
        }
        ASSERT_TRUE(log->sync().ok());
        for (int start = 0; start < 2; ++start) {  // the second start turns RocksDB's log to tables
            database.reset();
            auto made = Database::open(state_directory());
            ASSERT_TRUE(made.ok());
            database = std::move(made).value();
            if (start == 0) publish();
        }
        ASSERT_FALSE(database->table_files().empty());
    }
    void publish() {
        auto store = ChainStore::open(*database, "scrub");
        ASSERT_TRUE(store.ok());
        for (std::uint64_t height = 1; height <= blocks; ++height)
            ASSERT_TRUE(store.value()->publish(storage::model_block(height)).ok());
    }
    [[nodiscard]] std::string log_directory() const { return directory.path() + "/log"; }
    [[nodiscard]] std::string state_directory() const { return directory.path() + "/state"; }

    Scrubber::Figures figures_after_a_pass() {
        const Scrubber scrubber({.files = storage::posix_file_system(),
                                 .log_directory = log_directory(),
                                 .database = *database,
                                 .height_durable = [] { return blocks; },
                                 .clock = system_clock(),
                                 .interval_ms = 1,
                                 .bytes_per_second = UINT32_MAX});
        const auto deadline = system_clock().monotonic_us() + 20'000'000;
        while (scrubber.figures().passes_total == 0) {
            EXPECT_LT(system_clock().monotonic_us(), deadline);
            if (HasFailure()) break;
            std::this_thread::yield();
        }
        return scrubber.figures();
    }

    static void flip_a_bit(const std::string& path, std::streamoff offset) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(offset);
        const auto byte = static_cast<char>(file.get() ^ 0x10);
        file.seekp(offset);
        file.put(byte);
    }

    storage::TemporaryDirectory directory;
    std::unique_ptr<BlockLog> log;
    std::unique_ptr<Database> database;
};

TEST_F(ScrubberTest, reads_everything_and_finds_nothing_wrong) {
    const auto figures = figures_after_a_pass();
    EXPECT_EQ(figures.damage_total, 0U);
    EXPECT_FALSE(figures.first_damage.has_value());
    EXPECT_GT(figures.bytes_total, blocks * 500);
    EXPECT_GT(figures.last_pass_unix_ms, 0);
}

// Breaks if rot in the log waits for a restart to be known.
TEST_F(ScrubberTest, finds_rot_in_the_log_and_names_the_file) {
    std::string segment;
    for (const auto& entry : std::filesystem::directory_iterator(log_directory()))
        segment = std::max(segment, entry.path().string());
    flip_a_bit(segment, 100);
    const auto figures = figures_after_a_pass();
    ASSERT_TRUE(figures.first_damage.has_value());
    EXPECT_EQ(figures.first_damage->code, ErrorCode::corrupt_data);
    EXPECT_NE(figures.first_damage->why.find(segment), std::string::npos);
}

// Breaks if rot in a table is served until a reader happens on it, or forgotten by a restart.
TEST_F(ScrubberTest, finds_rot_in_a_table_names_it_and_makes_the_next_start_look) {
    const auto name = database->table_files().front().first;
    flip_a_bit(state_directory() + "/" + name, 20);
    const auto figures = figures_after_a_pass();
    ASSERT_TRUE(figures.first_damage.has_value());
    EXPECT_EQ(figures.first_damage->code, ErrorCode::corrupt_data);
    EXPECT_NE(figures.first_damage->what.find(name), std::string::npos);
    database.reset();
    const auto again = Database::open(state_directory());
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, ErrorCode::corrupt_data);
}

TEST_F(ScrubberTest, stops_at_once_while_it_waits) {
    const auto started_us = system_clock().monotonic_us();
    {
        const Scrubber scrubber({.files = storage::posix_file_system(),
                                 .log_directory = log_directory(),
                                 .database = *database,
                                 .height_durable = [] { return blocks; },
                                 .clock = system_clock(),
                                 .interval_ms = 86'400'000,
                                 .bytes_per_second = 1});
    }
    EXPECT_LT(system_clock().monotonic_us() - started_us, 5'000'000);
}

}  // namespace
}  // namespace ait::node
