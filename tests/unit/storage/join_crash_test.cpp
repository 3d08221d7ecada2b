// A node that takes in a snapshot, on a disk that dies at every step of it: the next start finds
// the old state or the new one, whole, with the log that belongs to it.

#include <gtest/gtest.h>

#include <optional>

#include "actors/consensus/checkpoint_making.hpp"
#include "tests/unit/storage/faulty_rocks.hpp"
#include "tests/unit/storage/real_chain.hpp"

namespace ait::storage {
namespace {

constexpr std::uint64_t old_height = 5;
constexpr std::uint64_t new_height = 60;
constexpr std::string_view images = "/data/images";

std::map<std::string, std::string, std::less<>> all_of(const StateReader& reader) {
    std::map<std::string, std::string, std::less<>> rows;
    reader.scan("", "", [&](std::string_view key, std::string_view value) {
        rows.emplace(key, value);
        return true;
    });
    return rows;
}

class Joining : public ::testing::Test {
  protected:
    /// A chain of some blocks, its disk when it was young, and an image of it when it was old.
    void SetUp() override {
        FaultyFileSystem disk({{"/data/keep", ""}}, 1);
        const auto env = rocks_on(disk);
        grow(disk, *env, old_height, false);
        young_ = disk.image();
        grow(disk, *env, new_height, true);
        grown_ = disk.image();
        for (const auto& [path, bytes] : grown_) {
            if (path.starts_with(images)) young_[path] = bytes;
        }
    }

    void grow(FaultyFileSystem& disk, rocksdb::Env& env, std::uint64_t height, bool makes_image) {
        auto node = consensus::open_chain(chain_.place(disk, env));
        ASSERT_TRUE(node.ok()) << render_error(node.error());
        auto& data = *node.value().data;
        while (data.tip().height < height) {
            auto sealed = chain_.next_block(data);
            const bool is_last = sealed.block.header.height == height;
            ASSERT_TRUE(data.write(sealed).ok());
            ASSERT_TRUE(data.publish(sealed, is_last && makes_image).ok());
        }
        if (!makes_image) return;
        const auto image = data.store().image(height);
        ASSERT_TRUE(image.ok());
        consensus::ImageFiles files(disk, std::string(images));
        ASSERT_TRUE(files.open().ok());
        const auto made = consensus::make_image({data.genesis(), data.genesis_id(), *image.value()},
                                                files, stops_);
        ASSERT_TRUE(made.ok()) << render_error(made.error());
    }

    Status import(FaultyFileSystem& disk, rocksdb::Env& env) {
        const auto place = chain_.place(disk, env);
        consensus::ImageFiles files(disk, std::string(images));
        const auto image = files.find(new_height);
        if (!image.ok()) return image.error();
        const Hash genesis_id = consensus::genesis_hash(place.genesis);
        return consensus::import_image(
            *image.value(),
            {.directory = consensus::joining_directory(place.state_directory),
             .database = place.database,
             .genesis = place.genesis,
             .genesis_id = genesis_id,
             .epochs = {}},
            stops_);
    }

    /// What is there is whole; answers its height.
    std::uint64_t audit(FaultyFileSystem& disk, rocksdb::Env& env) {
        auto node = consensus::open_chain(chain_.place(disk, env));
        EXPECT_TRUE(node.ok()) << render_error(node.error());
        if (!node.ok()) return 0;
        const auto& data = *node.value().data;
        const std::uint64_t height = data.tip().height;
        EXPECT_EQ(data.tip().hash, chain_.made()[height - 1].hash);
        const auto reader = data.reader();
        EXPECT_EQ(all_of(reader->state()), chain_.state_at(height).entries());
        EXPECT_EQ(reader->history_from(), height == new_height ? new_height + 1 : 1U);
        return height;
    }

    RealChain chain_{11};
    DiskImage young_{};
    DiskImage grown_{};
    std::atomic<bool> stops_{false};
};

// Breaks if a crash while a snapshot is taken in leaves half a state, or a state without its log.
TEST_F(Joining, a_crash_at_any_step_leaves_the_old_state_or_the_new_one) {
    std::set<std::uint64_t> seen;
    bool is_done = false;
    for (std::uint64_t step = 1; !is_done; step += 4) {
        FaultyFileSystem disk(young_, step);
        const auto env = rocks_on(disk);
        disk.die_at(step);
        try {
            is_done = import(disk, *env).ok();
            if (is_done) is_done = consensus::open_chain(chain_.place(disk, *env)).ok();
        } catch (const NodeEnded&) {
            is_done = false;
        }
        disk.die();
        disk.power_cut(static_cast<PowerCut>(step % 4));
        const std::uint64_t height = audit(disk, *env);
        ASSERT_TRUE(height == old_height || height == new_height) << height << " at step " << step;
        if (is_done) {
            EXPECT_EQ(height, new_height);
        }
        seen.insert(height);
        // It is tried again, and the next block follows.
        if (height == old_height) {
            const Status imported = import(disk, *env);
            ASSERT_TRUE(imported.ok()) << step << ": " << render_error(imported.error());
            ASSERT_EQ(audit(disk, *env), new_height) << step;
        }
        ASSERT_LT(step, 5'000U);
    }
    EXPECT_EQ(seen.size(), 2U);
}

TEST_F(Joining, the_chain_goes_on_from_the_snapshot_and_survives_a_restart) {
    FaultyFileSystem disk(young_, 1);
    const auto env = rocks_on(disk);
    ASSERT_TRUE(import(disk, *env).ok());
    grow(disk, *env, new_height + 20, false);
    auto node = consensus::open_chain(chain_.place(disk, *env));
    ASSERT_TRUE(node.ok()) << render_error(node.error());
    const auto reader = node.value().data->reader();
    EXPECT_EQ(reader->height(), new_height + 20);
    EXPECT_EQ(reader->history_from(), new_height + 1);
    EXPECT_EQ(all_of(reader->state()), chain_.state_at(new_height + 20).entries());
    EXPECT_FALSE(reader->block(new_height).value());
    EXPECT_TRUE(reader->block(new_height + 1).value());
    // Operations from before are known, so that none is done again.
    for (const auto& made : chain_.made()) {
        for (const auto& hash : made.operations) EXPECT_TRUE(reader->find_operation(hash));
    }
}

// Breaks if a snapshot that lies around from before takes back what was executed since.
TEST_F(Joining, a_state_that_has_gone_further_meanwhile_is_kept) {
    FaultyFileSystem disk(grown_, 1);
    const auto env = rocks_on(disk);
    grow(disk, *env, new_height + 1, false);
    ASSERT_TRUE(import(disk, *env).ok());
    auto node = consensus::open_chain(chain_.place(disk, *env));
    ASSERT_TRUE(node.ok());
    EXPECT_EQ(node.value().data->tip().height, new_height + 1);
    EXPECT_EQ(node.value().data->reader()->history_from(), 1U);
}

}  // namespace
}  // namespace ait::storage
