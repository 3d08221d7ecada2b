// Images of a chain store: the state at exactly one height, while blocks go on.

#include "storage/store_image.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "runtime/base/bytes.hpp"
#include "tests/unit/storage/temporary_directory.hpp"

namespace ait::storage {
namespace {

constexpr std::uint64_t every = 10;
constexpr std::uint64_t keys = 50;

/// Each block overwrites some keys, erases others, and counts in a resident one.
BlockWrites block_of(std::uint64_t height) {
    BlockWrites block;
    block.height = height;
    for (std::uint64_t i = 0; i < 5; ++i) {
        const std::string key = "key/" + big_endian((height * 7 + i * 11) % keys);
        if ((height + i) % 4 == 0)
            block.state[key] = std::nullopt;
        else
            block.state[key] = "value " + std::to_string(height) + std::string(200, 'x');
    }
    block.state["queue/count"] = std::to_string(height);
    if (height % 3 == 0)
        block.state["queue/" + big_endian(height)] = "waits";
    else if (height > 3)
        block.state["queue/" + big_endian(height - height % 3)] = std::nullopt;
    block.block_record = "block " + std::to_string(height);
    block.index.emplace_back("op/" + big_endian(height), std::to_string(height));
    block.blobs.emplace_back("blob" + big_endian(height), "bytes");
    block.makes_image = height % every == 0;
    return block;
}

std::map<std::string, std::string> model_at(std::uint64_t height) {
    std::map<std::string, std::string> state;
    for (std::uint64_t at = 1; at <= height; ++at) {
        for (const auto& [key, value] : block_of(at).state) {
            if (value)
                state[key] = *value;
            else
                state.erase(key);
        }
    }
    return state;
}

std::map<std::string, std::string> rows_of(const StoreImage& image, StoreTable table) {
    std::map<std::string, std::string> rows;
    const Status read = image.scan(table, "", [&](std::string_view key, std::string_view value) {
        rows.emplace(key, value);
        return true;
    });
    EXPECT_TRUE(read.ok());
    return rows;
}

struct Opened {
    TemporaryDirectory directory{};
    std::unique_ptr<Database> database{};
    std::unique_ptr<ChainStore> store{};
    explicit Opened(StoreOptions options) {
        auto opened = Database::open(directory.path() + "/db");
        EXPECT_TRUE(opened.ok());
        database = std::move(opened).value();
        options.resident_prefixes = {"queue/"};
        auto chain = ChainStore::open(*database, "ait-devnet", options);
        EXPECT_TRUE(chain.ok());
        store = std::move(chain).value();
    }
};

/// As a chain does: what finds no room is published again.
void publish(ChainStore& store, std::uint64_t height) {
    for (;;) {
        const Status published = store.publish(block_of(height));
        if (published.ok()) return;
        ASSERT_EQ(published.error().code, ErrorCode::overloaded) << published.error().why;
        std::this_thread::yield();
    }
}

// Breaks if a checkpoint mixes heights: no two validators would make the same one.
TEST(StoreImage, it_is_of_exactly_its_height_however_fast_blocks_go_on) {
    Opened opened({.flush_interval_ms = 1, .flush_bytes = 2'000});
    std::atomic<std::uint64_t> published = 0;
    std::atomic<std::uint64_t> allowed = every;
    std::thread chain([&] {
        for (std::uint64_t height = 1; height <= 300; ++height) {
            while (height > allowed) std::this_thread::yield();
            publish(*opened.store, height);
            published = height;
        }
    });
    for (std::uint64_t height = every; height <= 300; height += every) {
        while (published < height) std::this_thread::yield();
        // Blocks follow before the image is taken, or while it is.
        allowed = height + every / 2;
        while (height % (2 * every) == 0 && published < std::min<std::uint64_t>(allowed, 300))
            std::this_thread::yield();
        auto image = opened.store->image(height);
        allowed = height + every;
        ASSERT_TRUE(image.ok()) << height << image.error().why;
        EXPECT_EQ(image.value()->height(), height);
        EXPECT_EQ(rows_of(*image.value(), StoreTable::state), model_at(height)) << height;
        EXPECT_EQ(rows_of(*image.value(), StoreTable::index).size(), height);
        EXPECT_EQ(rows_of(*image.value(), StoreTable::blobs).size(), height);
        EXPECT_EQ(image.value()->find_block(height).value(), "block " + std::to_string(height));
        EXPECT_EQ(image.value()->find_block(height + 1).value(), std::nullopt);
    }
    chain.join();
}

TEST(StoreImage, one_that_nobody_asked_for_is_not_found) {
    Opened opened({});
    for (std::uint64_t height = 1; height <= every; ++height) publish(*opened.store, height);
    EXPECT_EQ(opened.store->image(every - 1).error().code, ErrorCode::not_found);
    EXPECT_TRUE(opened.store->image(every).ok());
    EXPECT_EQ(opened.store->image(every).error().code, ErrorCode::not_found);
}

// Breaks if a state that is being put together counts as one before it is whole.
TEST(StoreImage, imported_rows_are_a_state_only_when_a_height_is_published) {
    Opened from({});
    for (std::uint64_t height = 1; height <= every; ++height) publish(*from.store, height);
    const auto image = from.store->image(every);
    ASSERT_TRUE(image.ok());

    Opened to({});
    for (const auto table : {StoreTable::state, StoreTable::index, StoreTable::blobs}) {
        std::vector<Row> rows;
        for (const auto& [key, value] : rows_of(*image.value(), table))
            rows.emplace_back(key, value);
        ASSERT_TRUE(to.store->import_rows(table, rows).ok());
    }
    EXPECT_EQ(to.store->height(), std::nullopt);
    BlockWrites last;
    last.height = every;
    ASSERT_TRUE(to.store->publish(std::move(last)).ok());
    EXPECT_EQ(to.store->import_rows(StoreTable::state, {}).error().code, ErrorCode::conflict);
    ASSERT_TRUE(to.store->flush_durable().ok());

    to.store.reset();
    auto again = ChainStore::open(*to.database, "ait-devnet", {.resident_prefixes = {"queue/"}});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again.value()->height(), every);
    std::map<std::string, std::string> state;
    {
        const auto guard = again.value()->read();
        guard.state().scan("", "", [&](std::string_view key, std::string_view value) {
            state.emplace(key, value);
            return true;
        });
    }
    EXPECT_EQ(state, model_at(every));
    EXPECT_TRUE(again.value()->publish(block_of(every + 1)).ok());
}

}  // namespace
}  // namespace ait::storage
