#include "storage/chain_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/base/clock.hpp"
#include "tests/unit/storage/crash_model.hpp"
#include "tests/unit/storage/seed.hpp"
#include "tests/unit/storage/temporary_directory.hpp"

namespace ait::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

/// Nothing is flushed unless a test says so.
constexpr StoreOptions by_hand{
    .flush_interval_ms = 3'600'000, .flush_bytes = SIZE_MAX, .unflushed_bytes_max = SIZE_MAX};

std::map<std::string, std::string> all_of(const StateReader& reader, std::string_view prefix = "",
                                          std::string_view from = "") {
    std::map<std::string, std::string> rows;
    reader.scan(prefix, from, [&](std::string_view key, std::string_view value) {
        EXPECT_TRUE(rows.empty() || rows.rbegin()->first < key);
        rows.emplace(key, value);
        return true;
    });
    return rows;
}

class ChainStoreTest : public ::testing::Test {
  protected:
    void SetUp() override { reopen(by_hand); }
    void reopen(const StoreOptions& options) {
        store.reset();
        database.reset();
        auto opened = Database::open(directory.path() + "/db");
        ASSERT_TRUE(opened.ok()) << render_error(opened.error());
        database = std::move(opened).value();
        auto chain = ChainStore::open(*database, "ait-devnet", options);
        ASSERT_TRUE(chain.ok()) << render_error(chain.error());
        store = std::move(chain).value();
    }
    TemporaryDirectory directory;
    std::unique_ptr<Database> database;
    std::unique_ptr<ChainStore> store;
};

/// Flushes make tables themselves.
StoreOptions by_hand_with_tables() {
    auto options = by_hand;
    options.tables_bytes_least = 1;
    return options;
}

// Breaks if a layer that became tables differs from one that went through RocksDB's memtables, if
// one of them hides the other, or if rows erased later come back.
TEST_F(ChainStoreTest, blocks_that_became_tables_read_like_blocks_that_went_through_a_batch) {
    std::uint64_t height = 0;
    for (const auto& options : {by_hand_with_tables(), by_hand, by_hand_with_tables(), by_hand}) {
        reopen(options);
        for (int flush = 0; flush < 3; ++flush) {
            for (int i = 0; i < 7; ++i) ASSERT_TRUE(store->publish(model_block(++height)).ok());
            ASSERT_TRUE(store->erase_blob("blob" + std::to_string(height - 1)).ok());
            ASSERT_EQ(store->flush_durable().value(), height);
            EXPECT_EQ(store->unflushed_bytes(), 0U);
            const auto guard = store->read();
            EXPECT_EQ(all_of(guard.state()), model_state(height));
            for (std::uint64_t h = 1; h <= height; ++h) {
                EXPECT_EQ(guard.find_block(h).value(), model_block(h).block_record);
                EXPECT_EQ(guard.find_index("tx" + std::to_string(h)).value(), big_endian(h));
            }
            EXPECT_EQ(guard.find_blob("blob" + std::to_string(height - 1)).value(), std::nullopt);
            EXPECT_NE(guard.find_blob("blob" + std::to_string(height)).value(), std::nullopt);
        }
    }
    reopen(by_hand);
    EXPECT_EQ(store->flushed_height(), height);
    EXPECT_EQ(all_of(store->read().state()), model_state(height));
}

// Breaks if tables that were being made when the node was killed stay on the disk for ever.
TEST_F(ChainStoreTest, what_a_killed_node_left_of_tables_is_cleared_at_the_next_start) {
    const std::filesystem::path incoming = directory.path() + "/db.incoming";
    ASSERT_TRUE(std::filesystem::is_directory(incoming));
    std::ofstream(incoming / "7.sst") << "half a table";
    reopen(by_hand_with_tables());
    EXPECT_TRUE(std::filesystem::is_empty(incoming));
    ASSERT_TRUE(store->publish(model_block(1)).ok());
    ASSERT_EQ(store->flush_durable().value(), 1U);
    EXPECT_TRUE(std::filesystem::is_empty(incoming)) << "an ingested table kept its first name";
}

// Breaks if an answered request cannot be read at once, or differs after it reached the disk.
TEST_F(ChainStoreTest, a_published_block_is_visible_at_once_after_a_flush_and_after_reopening) {
    EXPECT_EQ(store->height(), std::nullopt);
    for (std::uint64_t h = 1; h <= 20; ++h) ASSERT_TRUE(store->publish(model_block(h)).ok());
    const auto check = [&] {
        const auto guard = store->read();
        EXPECT_EQ(guard.height(), 20U);
        EXPECT_EQ(all_of(guard.state()), model_state(20));
        EXPECT_EQ(guard.state().get("count"), "20");
        EXPECT_EQ(guard.find_block(7).value(), "block 7");
        EXPECT_EQ(guard.find_block(21).value(), std::nullopt);
        EXPECT_EQ(guard.find_index("tx20").value(), big_endian(20));
        EXPECT_EQ(guard.find_blob("blob3").value(), std::string(100, 'b'));
        EXPECT_EQ(guard.find_blob("blob").value(), std::nullopt);
    };
    check();
    EXPECT_EQ(store->flushed_height(), std::nullopt);
    EXPECT_GT(store->unflushed_bytes(), 0U);
    EXPECT_EQ(store->flush_durable().value(), 20U);
    EXPECT_EQ(store->unflushed_bytes(), 0U);
    check();
    reopen(by_hand);
    EXPECT_EQ(store->flushed_height(), 20U);
    check();
}

TEST_F(ChainStoreTest, a_height_out_of_order_is_refused_and_the_block_is_left_whole) {
    ASSERT_TRUE(store->publish(model_block(0)).ok());
    ASSERT_TRUE(store->publish(model_block(1)).ok());
    auto block = model_block(3);
    EXPECT_EQ(store->publish(std::move(block)).error().code, ErrorCode::conflict);
    EXPECT_EQ(block.state.size(),
              model_block(3).state.size());  // NOLINT: not moved from on refusal
    EXPECT_EQ(store->height(), 1U);
}

// Breaks if memory grows without bound while the disk is slow.
TEST_F(ChainStoreTest, publishing_beyond_the_bound_is_refused_until_a_flush) {
    auto options = by_hand;
    options.unflushed_bytes_max = 1'000;
    reopen(options);
    std::uint64_t height = 1;
    while (store->publish(model_block(height)).ok()) ASSERT_LT(++height, 100U);
    EXPECT_EQ(store->publish(model_block(height)).error().code, ErrorCode::overloaded);
    EXPECT_EQ(store->height(), height - 1);
    ASSERT_TRUE(store->flush_durable().ok());
    EXPECT_TRUE(store->publish(model_block(height)).ok());
}

TEST_F(ChainStoreTest, the_flusher_writes_by_itself_when_enough_has_gathered) {
    reopen({.flush_interval_ms = 3'600'000, .flush_bytes = 1'000});
    ASSERT_TRUE(store->publish(model_block(1)).ok());
    std::uint64_t height = 1;
    while (store->publish(model_block(++height)).ok() && height < 50) continue;
    const auto deadline = system_clock().monotonic_us() + 10'000'000;
    while (!store->flushed_height().has_value()) {
        ASSERT_LT(system_clock().monotonic_us(), deadline);
        std::this_thread::yield();
    }
}

TEST_F(ChainStoreTest, chains_in_one_database_do_not_see_each_other) {
    auto other = ChainStore::open(*database, "ait-devnet2", by_hand).value();
    auto shorter = ChainStore::open(*database, "a", by_hand).value();
    ASSERT_TRUE(store->publish(model_block(1)).ok());
    ASSERT_TRUE(other->publish(model_block(5)).ok());
    for (auto* chain : {store.get(), other.get()}) ASSERT_TRUE(chain->flush_durable().ok());
    EXPECT_EQ(all_of(store->read().state()).at("count"), "1");
    EXPECT_EQ(all_of(other->read().state()).at("count"), "5");
    EXPECT_TRUE(all_of(shorter->read().state()).empty());
    EXPECT_EQ(shorter->flushed_height(), std::nullopt);
    EXPECT_EQ(ChainStore::open(*database, "").error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(ChainStore::open(*database, std::string(65, 'x')).error().code,
              ErrorCode::invalid_argument);
    other.reset();
    shorter.reset();
}

TEST_F(ChainStoreTest, an_erased_blob_is_gone_from_memory_and_from_disk) {
    ASSERT_TRUE(store->publish(model_block(1)).ok());
    ASSERT_TRUE(store->flush_durable().ok());
    ASSERT_TRUE(store->publish(model_block(2)).ok());
    ASSERT_TRUE(store->erase_blob("blob1").ok());
    ASSERT_TRUE(store->erase_blob("blob2").ok());
    EXPECT_EQ(store->read().find_blob("blob1").value(), std::nullopt);
    EXPECT_EQ(store->read().find_blob("blob2").value(), std::nullopt);
    reopen(by_hand);
    EXPECT_EQ(store->read().find_blob("blob1").value(), std::nullopt);
    EXPECT_EQ(store->read().find_blob("blob2").value(), std::nullopt);
    EXPECT_EQ(store->height(), 2U);
}

TEST_F(ChainStoreTest, pruned_history_is_gone_and_the_rest_stays) {
    for (std::uint64_t h = 1; h <= 20; ++h) ASSERT_TRUE(store->publish(model_block(h)).ok());
    EXPECT_EQ(store->prune_history_below(5).error().code, ErrorCode::conflict);
    ASSERT_TRUE(store->flush_durable().ok());
    ASSERT_TRUE(store->prune_history_below(11).ok());
    const auto guard = store->read();
    EXPECT_EQ(guard.find_block(10).value(), std::nullopt);
    EXPECT_EQ(guard.find_block(11).value(), "block 11");
    EXPECT_EQ(guard.find_index("tx3").value(), big_endian(3));
    EXPECT_EQ(all_of(guard.state()), model_state(20));
}

TEST_F(ChainStoreTest, pages_say_whether_more_follows_and_are_bounded_in_bytes) {
    BlockWrites block{.height = 1};
    for (int i = 0; i < 10; ++i) {
        block.index.emplace_back("a/" + std::to_string(i), std::string(2U * 1024 * 1024, 'x'));
    }
    block.index.emplace_back("b", "other");
    ASSERT_TRUE(store->publish(std::move(block)).ok());
    const auto guard = store->read();
    const auto by_rows = guard.scan_index("a/", "", 3).value();
    EXPECT_EQ(by_rows.rows.size(), 3U);
    EXPECT_TRUE(by_rows.more);
    const auto by_bytes = guard.scan_index("a/", "", 100).value();
    EXPECT_LT(by_bytes.rows.size(), 7U);
    EXPECT_TRUE(by_bytes.more);
    const auto rest = guard.scan_index("a/", "a/8", 100).value();
    EXPECT_EQ(rest.rows.size(), 2U);
    EXPECT_FALSE(rest.more);
}

// Breaks if any order of blocks, flushes and restarts ever shows another state than a plain map.
TEST_F(ChainStoreTest, layers_behave_like_one_map_under_ten_thousand_random_operations) {
    SCOPED_TRACE(replay_hint());
    std::mt19937_64 random(test_seed());
    std::map<std::string, std::string> model;
    std::uint64_t height = 0;
    for (int operation = 0; operation < 10'000;) {
        BlockWrites block{.height = ++height};
        for (auto count = 1 + random() % 20; count > 0; --count, ++operation) {
            std::string key(1 + random() % 3, '\0');
            for (char& c : key) c = static_cast<char>("\x00\x61\x7f\x80\xff"[random() % 5]);
            if (random() % 3 == 0) {
                block.state[key] = std::nullopt;
                model.erase(key);
            } else {
                model[key] = std::to_string(random());
                block.state[key] = model[key];
            }
        }
        ASSERT_TRUE(store->publish(std::move(block)).ok());
        const auto choice = random() % 40;
        if (choice < 8) {
            ASSERT_TRUE(store->flush_durable().ok());
        }
        if (choice == 8) reopen(by_hand);
        const auto guard = store->read();
        ASSERT_EQ(guard.height(), height);
        ASSERT_EQ(all_of(guard.state()), model);
        const std::string prefix(1, "\x00\x61\x7f\x80\xff"[random() % 5]);
        const auto from = prefix + std::string(1, "\x00\x61\x7f\x80\xff"[random() % 5]);
        std::map<std::string, std::string> expected;
        for (const auto& row : model) {
            if (row.first.starts_with(prefix) && row.first >= from) expected.insert(row);
        }
        ASSERT_EQ(all_of(guard.state(), prefix, from), expected);
    }
}

// Breaks if a reader ever sees half a block, or if readers hold up blocks for ever.
TEST_F(ChainStoreTest, readers_see_whole_blocks_while_blocks_are_published_and_flushed) {
    reopen({.flush_interval_ms = 1, .flush_bytes = 4'096});
    ASSERT_TRUE(store->publish(BlockWrites{.height = 1, .state = {{"a", "1"}, {"b", "1"}}}).ok());
    std::atomic<bool> is_over{false};
    std::atomic<std::uint64_t> reads{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            while (!is_over) {
                const auto guard = store->read();
                const auto expected = std::to_string(guard.height());
                EXPECT_EQ(guard.state().get("a"), expected);
                EXPECT_EQ(all_of(guard.state()).at("b"), expected);
                ++reads;
            }
        });
    }
    for (std::uint64_t h = 2; h <= 2'000 || reads < 100; ++h) {
        const auto text = std::to_string(h);
        BlockWrites block{.height = h, .state = {{"a", text}, {"b", text}}};
        block.blobs.emplace_back("x" + std::to_string(h % 10), std::string(500, 'x'));
        EXPECT_TRUE(store->publish(std::move(block)).ok());
    }
    is_over = true;
    for (auto& reader : readers) reader.join();
}

void damage_tables(const std::string& directory) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() != ".sst") continue;
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        for (int i = 0; i < 64; ++i) {
            file.seekg(i);
            const auto byte = static_cast<char>(file.get() ^ 0x10);
            file.seekp(i);
            file.put(byte);
        }
    }
}

// Breaks if rotten files are served or executed on: the chain would fork.
TEST_F(ChainStoreTest, rot_in_the_tables_is_reported_and_ends_an_execution_that_meets_it) {
    for (std::uint64_t h = 1; h <= 50; ++h) ASSERT_TRUE(store->publish(model_block(h)).ok());
    reopen(by_hand);  // writes what is in RocksDB's log ...
    reopen(by_hand);  // ... into tables
    ASSERT_GT(database->disk_bytes(), 0U);
    EXPECT_TRUE(database->verify_checksums().ok());
    reopen(by_hand);  // forgets what verifying has read
    damage_tables(directory.path() + "/db");
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_EQ(database->verify_checksums().error().code, ErrorCode::corrupt_data);
    const auto guard = store->read();
    EXPECT_EQ(guard.find_block(7).error().code, ErrorCode::corrupt_data);
    EXPECT_EXIT((void)guard.state().get("count"),
                ::testing::ExitedWithCode(error_code_row(ErrorCode::corrupt_data).exit_status),
                "could not read");
    std::filesystem::copy(directory.path() + "/db", directory.path() + "/copy");
    EXPECT_EQ(Database::open(directory.path() + "/copy").error().code, ErrorCode::corrupt_data);
}

TEST_F(ChainStoreTest, a_database_that_is_open_elsewhere_is_refused) {
    const auto second = Database::open(directory.path() + "/db");
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::storage_failed);
}

}  // namespace
}  // namespace ait::storage
