// Images on a disk that dies at every write: what is left is recognised, and nothing half is ever
// taken for whole.

#include "actors/consensus/image_files.hpp"

#include <gtest/gtest.h>

#include "storage/faulty_file_system.hpp"
#include "tests/unit/actors/consensus/checkpoint_fixture.hpp"

namespace ait::consensus {
namespace {

using storage::FaultyFileSystem;
using storage::PowerCut;

std::size_t chunks_here(const ImageFile& image) {
    std::size_t count = 0;
    for (std::uint32_t index = 0; index < image.manifest().chunks.size(); ++index)
        count += image.read(index).ok() ? 1U : 0U;
    return count;
}

/// Makes an image and has it proved, as a validator does; stops at the first error.
Status make_and_prove(ImageFiles& files, const CheckpointFixture& fixture, std::uint64_t height) {
    auto making = files.make(height);
    if (!making.ok()) return making.error();
    for (const auto& chunk : fixture.chunks) {
        const Status appended = making.value().append(chunk);
        if (!appended.ok()) return appended;
    }
    EXPECT_EQ(making.value().marks(), fixture.manifest(height).chunks);
    const Status finished = files.finish(making.value(), {fixture.manifest(height), {}});
    return finished.ok() ? files.prove(fixture.checkpoint(height, {0, 1, 2})) : finished;
}

/// Takes one in from others, some chunks first.
Status take_in(ImageFiles& files, const CheckpointFixture& fixture, std::uint64_t height) {
    auto image = files.begin(fixture.checkpoint(height, {0, 1, 2}));
    if (!image.ok()) return image.error();
    for (const std::uint32_t index : {5U, 1U, 0U, 2U, 3U, 4U, 11U, 10U, 9U, 8U, 7U, 6U}) {
        const Status written = image.value()->write(index, fixture.chunks[index]);
        if (!written.ok()) return written;
    }
    return image.value()->sync();
}

/// A node that starts looks at what is there: only what is proved and whole is served.
std::vector<std::uint64_t> whole_and_proved(ImageFiles& files, const CheckpointFixture& fixture) {
    std::vector<std::uint64_t> good;
    const auto heights = files.heights();
    EXPECT_TRUE(heights.ok()) << render_error(heights.error());
    if (!heights.ok()) return good;
    for (const std::uint64_t height : heights.value()) {
        const auto image = files.find(height);
        EXPECT_TRUE(image.ok());
        if (fixture.verify(image.value()->checkpoint()).ok() &&
            chunks_here(*image.value()) == fixture.chunks.size())
            good.push_back(height);
    }
    return good;
}

TEST(ImageFiles, an_image_that_was_made_is_read_back_and_removed_without_a_trace) {
    const CheckpointFixture fixture(4);
    FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    ImageFiles files(disk, "/data/images");
    ASSERT_TRUE(files.open().ok());
    ASSERT_TRUE(make_and_prove(files, fixture, 10).ok());
    ASSERT_TRUE(make_and_prove(files, fixture, 20).ok());
    EXPECT_EQ(whole_and_proved(files, fixture), (std::vector<std::uint64_t>{10, 20}));
    const auto image = files.find(20);
    EXPECT_EQ(image.value()->root(), root_of(fixture.manifest(20)));
    EXPECT_EQ(image.value()->read(7).value(), fixture.chunks[7]);
    ASSERT_TRUE(files.remove(10).ok());
    ASSERT_TRUE(files.remove(10).ok());
    ASSERT_TRUE(files.remove(20).ok());
    EXPECT_TRUE(disk.list("/data/images").value().empty());
}

// Breaks if a crash while an image is written leaves one that is served, or that is in the way.
TEST(ImageFiles, a_crash_at_any_write_leaves_a_whole_image_or_one_that_is_not_taken_for_one) {
    const CheckpointFixture fixture(4);
    for (const bool is_taken_in : {false, true}) {
        for (const auto cut : {PowerCut::lose_unsynced, PowerCut::keep_all, PowerCut::tear_last,
                               PowerCut::random_sectors}) {
            bool is_done = false;
            for (std::uint64_t step = 1; !is_done; ++step) {
                FaultyFileSystem disk({{"/data/keep", ""}}, step);
                ImageFiles files(disk, "/data/images");
                ASSERT_TRUE(files.open().ok());
                ASSERT_TRUE(make_and_prove(files, fixture, 10).ok());
                disk.die_at(step);
                is_done = is_taken_in ? take_in(files, fixture, 20).ok()
                                      : make_and_prove(files, fixture, 20).ok();
                disk.power_cut(cut);

                const auto left = whole_and_proved(files, fixture);
                ASSERT_FALSE(left.empty());
                EXPECT_EQ(left.front(), 10U) << "the older one is gone, step " << step;
                if (is_done) {
                    EXPECT_EQ(left.back(), 20U);
                }
                // Whatever is left, the next try comes to its end.
                ASSERT_TRUE(is_taken_in ? take_in(files, fixture, 20).ok()
                                        : make_and_prove(files, fixture, 20).ok());
                EXPECT_EQ(whole_and_proved(files, fixture), (std::vector<std::uint64_t>{10, 20}));
                ASSERT_LT(step, 1'000U);
            }
        }
    }
}

// Breaks if a crash in the middle of a transfer costs all that had come.
TEST(ImageFiles, what_had_come_before_a_crash_is_gone_on_with) {
    const CheckpointFixture fixture(4);
    FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    ImageFiles files(disk, "/data/images");
    ASSERT_TRUE(files.open().ok());
    const Checkpoint checkpoint = fixture.checkpoint(20, {0, 1, 2});
    {
        auto image = files.begin(checkpoint);
        ASSERT_TRUE(image.ok());
        EXPECT_EQ(chunks_here(*image.value()), 0U);
        ASSERT_TRUE(image.value()->write(3, fixture.chunks[3]).ok());
        ASSERT_TRUE(image.value()->write(8, fixture.chunks[8]).ok());
    }
    disk.power_cut(PowerCut::keep_all);
    EXPECT_EQ(files.heights().value(), (std::vector<std::uint64_t>{20}));
    auto image = files.begin(checkpoint);
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(chunks_here(*image.value()), 2U);
    // Another image of the same height begins from nothing.
    image = files.begin(fixture.signed_by(fixture.manifest(20, 7), {0, 1, 2}));
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(chunks_here(*image.value()), 0U);
}

TEST(ImageFiles, a_rotten_chunk_is_never_handed_out) {
    const CheckpointFixture fixture(4);
    FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    ImageFiles files(disk, "/data/images");
    ASSERT_TRUE(files.open().ok());
    ASSERT_TRUE(make_and_prove(files, fixture, 10).ok());
    disk.flip_bit("/data/images/00000000000000000010.rows", 1'500, 3);
    const auto image = files.find(10);
    ASSERT_TRUE(image.ok());
    EXPECT_TRUE(image.value()->read(0).ok());
    EXPECT_EQ(image.value()->read(1).error().code, ErrorCode::check_failed);
}

TEST(ImageFiles, a_disk_without_room_says_so_before_anything_is_fetched) {
    const CheckpointFixture fixture(4);
    FaultyFileSystem disk({{"/data/keep", ""}}, 1);
    ImageFiles files(disk, "/data/images");
    ASSERT_TRUE(files.open().ok());
    disk.set_space_bytes(5'000);
    const auto begun = files.begin(fixture.checkpoint(20, {0, 1, 2}));
    EXPECT_EQ(begun.error().code, ErrorCode::limit_reached);
    EXPECT_TRUE(disk.list("/data/images").value().empty());
}

}  // namespace
}  // namespace ait::consensus
