// Keys that a chain's store keeps in memory: they must read like all others, whatever is flushed
// when, and the disk must not hear of those that came and went in between.

#include "storage/resident_keys.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "runtime/base/bytes.hpp"
#include "storage/chain_store.hpp"
#include "tests/unit/storage/seed.hpp"
#include "tests/unit/storage/temporary_directory.hpp"

namespace ait::storage {
namespace {

using Rows = std::map<std::string, std::string>;

class Store {
  public:
    explicit Store(std::vector<std::string> resident_prefixes) {
        database_ = std::move(Database::open(directory_.path() + "/db")).value();
        open(std::move(resident_prefixes));
    }
    void open(std::vector<std::string> resident_prefixes) {
        store_.reset();
        StoreOptions options{.flush_interval_ms = 3'600'000,
                             .flush_bytes = SIZE_MAX,
                             .unflushed_bytes_max = SIZE_MAX};
        options.resident_prefixes = std::move(resident_prefixes);
        store_ = std::move(ChainStore::open(*database_, "chain", options)).value();
    }
    void publish(WriteSet writes) {
        BlockWrites block;
        block.height = ++height_;
        block.state = std::move(writes);
        ASSERT_TRUE(store_->publish(std::move(block)).ok());
    }
    void flush() { ASSERT_TRUE(store_->flush_durable().ok()); }
    [[nodiscard]] Rows rows(std::string_view prefix) const {
        Rows rows;
        const auto guard = store_->read();
        guard.state().scan(prefix, prefix, [&](std::string_view key, std::string_view value) {
            rows.emplace(key, value);
            return true;
        });
        return rows;
    }
    [[nodiscard]] std::optional<std::string> get(std::string_view key) const {
        return store_->read().state().get(key);
    }

  private:
    TemporaryDirectory directory_{};
    std::unique_ptr<Database> database_{};
    std::unique_ptr<ChainStore> store_{};
    std::uint64_t height_ = 0;
};

// Breaks if a queue could show what has left it, or lose what waits, around a flush or a restart.
TEST(ResidentKeys, random_blocks_flushes_and_restarts_read_like_a_plain_map) {
    const std::uint64_t seed = test_seed();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Store store({"hot/"});
    Rows model;
    for (int step = 0; step < 400; ++step) {
        WriteSet writes;
        for (auto count = random() % 8; count > 0; --count) {
            const std::string key =
                (random() % 2 == 0 ? "hot/" : "cold/") + std::to_string(random() % 12);
            if (random() % 2 == 0) {
                writes[key] = std::to_string(random());
                model[key] = *writes[key];
            } else {
                writes[key] = std::nullopt;
                model.erase(key);
            }
        }
        store.publish(std::move(writes));
        if (random() % 5 == 0) store.flush();
        if (random() % 23 == 0) store.open({"hot/"});
        if (random() % 31 == 0) store.open({});  // what is resident is only a matter of speed
        for (const std::string_view prefix : {"hot/", "cold/", ""}) {
            Rows expected;
            for (const auto& [key, value] : model) {
                if (key.starts_with(prefix)) expected.emplace(key, value);
            }
            ASSERT_EQ(store.rows(prefix), expected) << "step " << step;
        }
        const std::string key = "hot/" + std::to_string(random() % 12);
        const auto found = model.find(key);
        ASSERT_EQ(store.get(key),
                  found == model.end() ? std::nullopt : std::optional(found->second));
    }
}

// Breaks if a key that RocksDB holds could come back after it was erased, written and erased again.
TEST(ResidentKeys, an_erasure_is_not_forgotten_when_the_key_was_written_again_before_the_flush) {
    Store store({"hot/"});
    store.publish({{"hot/a", "old"}});
    store.flush();
    store.publish({{"hot/a", std::nullopt}});
    store.publish({{"hot/a", "new"}});
    store.publish({{"hot/a", std::nullopt}});
    store.flush();
    EXPECT_TRUE(store.rows("hot/").empty());
    store.open({"hot/"});
    EXPECT_TRUE(store.rows("hot/").empty());
}

// Breaks if the disk heard of a queue's every coming and going, or missed what has stayed.
TEST(ResidentKeys, the_disk_hears_once_of_what_has_changed_and_not_of_what_came_and_went) {
    ResidentKeys keys({"hot/"});
    keys.load("hot/old", "0");
    keys.put("hot/a", "1");
    keys.put("hot/b", "1");
    keys.put("hot/a", "2");
    keys.erase("hot/b");
    keys.erase("hot/old");
    EXPECT_EQ(keys.changes(), (WriteSet{{"hot/a", "2"}, {"hot/old", std::nullopt}}));
    EXPECT_GT(keys.changed_bytes(), 0U);
    EXPECT_EQ(keys.take_changes(), (WriteSet{{"hot/a", "2"}, {"hot/old", std::nullopt}}));
    EXPECT_EQ(keys.changed_bytes(), 0U);
    EXPECT_TRUE(keys.take_changes().empty());

    keys.erase("hot/a");
    keys.erase("hot/never");
    EXPECT_EQ(keys.take_changes(), (WriteSet{{"hot/a", std::nullopt}}));
    EXPECT_FALSE(keys.has("hot/a"));
    keys.put("hot/a", "again");
    EXPECT_EQ(keys.get("hot/a"), "again");
    EXPECT_TRUE(keys.covers("hot/x"));
    EXPECT_FALSE(keys.covers("ho"));
    EXPECT_TRUE(keys.meets("ho"));
    keys.put("hot/z", "last");
    keys.put("hou", "of another");
    std::vector<std::string> seen;
    for (const std::string_view from : {"", "hot/a", "hot/b", "hot/zz", "hotter", "z"}) {
        keys.scan("hot/", from, [&](std::string_view key, std::string_view) {
            seen.emplace_back(key);
            return true;
        });
        seen.emplace_back("|");
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"hot/a", "hot/z", "|", "hot/a", "hot/z", "|", "hot/z",
                                              "|", "|", "|", "|"}));
    EXPECT_FALSE(keys.meets("cold/"));
}

}  // namespace
}  // namespace ait::storage
