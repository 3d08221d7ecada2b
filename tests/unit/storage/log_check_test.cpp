#include "storage/log_check.hpp"

#include <gtest/gtest.h>

#include "storage/log_record.hpp"
#include "tests/unit/storage/log_fixture.hpp"

namespace ait::storage {
namespace {

/// A log of three segments whose blocks are synced one by one.
std::unique_ptr<BlockLog> synced_log(FaultyFileSystem& files, std::uint64_t blocks) {
    auto log = open_log(files).value();
    for (std::uint64_t height = 1; height <= blocks; ++height) {
        EXPECT_TRUE(log->append(height, payload_of(height, 300)).ok());
        EXPECT_TRUE(log->sync().ok());
    }
    return log;
}

/// Steps through all of it; the codes of what was found.
std::vector<Error> findings(FaultyFileSystem& files, std::uint64_t height_through,
                            std::uint64_t step_bytes = 1'000) {
    LogCheck check(files, "log", height_through);
    std::vector<Error> found;
    for (int steps = 0; !check.is_done(); ++steps) {
        AIT_ASSERT(steps < 10'000);
        const auto read = check.step(step_bytes);
        if (!read.ok()) found.push_back(read.error());
    }
    return found;
}

// Breaks if the check of a log that is being written reports what is only not written yet.
TEST(LogCheck, finds_nothing_in_a_log_that_grows_behind_its_back) {
    FaultyFileSystem files;
    auto log = synced_log(files, 20);
    LogCheck check(files, "log", 20);
    std::uint64_t height = 20;
    std::uint64_t bytes = 0;
    while (!check.is_done()) {
        const auto read = check.step(1);
        ASSERT_TRUE(read.ok()) << render_error(read.error());
        bytes += read.value();
        ++height;
        ASSERT_TRUE(log->append(height, payload_of(height, 300)).ok());
    }
    EXPECT_GT(bytes, 20U * 300);
    EXPECT_TRUE(findings(files, 20).empty());
}

TEST(LogCheck, finds_every_flipped_bit_of_durable_blocks_and_names_the_place) {
    FaultyFileSystem files;
    const auto log = synced_log(files, 12);
    const auto image = files.image();
    ASSERT_GE(image.size(), 2U);
    const auto path = segment_path(1);
    const auto last = LogCheck(files, "log", 12).is_done();
    EXPECT_FALSE(last) << "before the first step nothing is done";
    // Of the first segment everything but padding and what lies behind the last record counts.
    const auto record = log_record_bytes(300);
    for (std::uint64_t offset = 0; offset < log_header_bytes + record; ++offset) {
        if (offset >= log_header_bytes + log_header_bytes + 300) continue;  // padding
        FaultyFileSystem rotten(image, 0);
        rotten.flip_bit(path, offset, static_cast<unsigned>(offset % 8));
        const auto found = findings(rotten, 12);
        ASSERT_EQ(found.size(), 1U) << offset;
        EXPECT_EQ(found[0].code, ErrorCode::corrupt_data);
        EXPECT_NE(found[0].why.find(path), std::string::npos) << found[0].why;
    }
}

TEST(LogCheck, goes_on_with_the_next_segment_after_damage) {
    FaultyFileSystem files;
    const auto log = synced_log(files, 30);
    ASSERT_GE(files.image().size(), 3U);
    for (const auto& [path, content] : files.image()) files.flip_bit(path, 60, 1);
    EXPECT_EQ(findings(files, 30).size(), files.image().size());
}

TEST(LogCheck, a_segment_that_is_pruned_meanwhile_is_no_damage) {
    FaultyFileSystem files;
    const auto log = synced_log(files, 30);
    LogCheck check(files, "log", 30);
    ASSERT_TRUE(check.step(1).ok());
    ASSERT_TRUE(log->prune_below(30).ok());
    while (!check.is_done()) {
        const auto read = check.step(1'000);
        EXPECT_TRUE(read.ok()) << render_error(read.error());
    }
}

TEST(LogCheck, rot_behind_the_durable_blocks_is_the_writers_business) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t height = 1; height <= 5; ++height)
        ASSERT_TRUE(log->append(height, payload_of(height)).ok());
    files.flip_bit(segment_path(1), log_header_bytes + 4 * log_record_bytes(40) + 60, 3);
    EXPECT_TRUE(findings(files, 4).empty());
    EXPECT_EQ(findings(files, 5).size(), 1U);
}

}  // namespace
}  // namespace ait::storage
