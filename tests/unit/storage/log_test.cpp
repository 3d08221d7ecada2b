#include "storage/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "storage/log_record.hpp"
#include "tests/unit/storage/log_fixture.hpp"

namespace ait::storage {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

// Breaks if a record is read back otherwise than written: a node would execute another block.
TEST(BlockLog, what_is_appended_is_read_back_before_and_after_reopening) {
    FaultyFileSystem files;
    {
        auto log = open_log(files).value();
        for (std::uint64_t h = 5; h <= 60; ++h) {
            const auto payload = payload_of(h, h * 3);
            const std::array<std::string_view, 2> parts{std::string_view(payload).substr(0, h),
                                                        std::string_view(payload).substr(h)};
            ASSERT_TRUE(log->append(h, parts).ok());
            if (h % 4 == 0) {
                ASSERT_TRUE(log->sync().ok());
            }
        }
        ASSERT_TRUE(log->sync().ok());
        for (std::uint64_t h = 5; h <= 60; ++h)
            EXPECT_EQ(log->read(h).value(), payload_of(h, h * 3));
    }
    auto log = open_log(files).value();
    EXPECT_EQ(log->first_height(), 5U);
    EXPECT_EQ(log->last_height(), 60U);
    EXPECT_GT(log->opening().segment_count, 1U);
    EXPECT_EQ(log->opening().record_count, 56U);
    EXPECT_EQ(log->opening().bytes_cut, 0U);
    for (std::uint64_t h = 5; h <= 60; ++h) EXPECT_EQ(log->read(h).value(), payload_of(h, h * 3));
    EXPECT_EQ(log->read(4).error().code, ErrorCode::not_found);
    EXPECT_EQ(log->read(61).error().code, ErrorCode::not_found);
}

TEST(BlockLog, empty_payloads_and_payloads_beyond_a_segment_are_kept) {
    FaultyFileSystem files;
    const std::vector<std::size_t> sizes{0,
                                         1,
                                         15,
                                         16,
                                         17,
                                         3 * small_segment_bytes,
                                         0,
                                         small_segment_bytes - 144,
                                         small_segment_bytes};
    {
        auto log = open_log(files).value();
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            ASSERT_TRUE(log->append(i, payload_of(i, sizes[i])).ok());
            ASSERT_TRUE(log->sync().ok());
        }
    }
    const auto log = open_log(files).value();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        EXPECT_EQ(log->read(i).value(), payload_of(i, sizes[i]));
    }
}

TEST(BlockLog, heights_out_of_order_are_refused_and_change_nothing) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    EXPECT_EQ(log->first_height(), std::nullopt);
    ASSERT_TRUE(log->append(10, "ten").ok());
    EXPECT_EQ(log->append(10, "ten").error().code, ErrorCode::conflict);
    EXPECT_EQ(log->append(12, "twelve").error().code, ErrorCode::conflict);
    EXPECT_EQ(log->last_height(), 10U);
    EXPECT_TRUE(log->append(11, "eleven").ok());
}

TEST(BlockLog, a_payload_beyond_the_limit_is_refused_and_the_log_goes_on) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    const std::string part(1024 * 1024, 'x');
    const std::vector<std::string_view> parts(log_payload_bytes_max / part.size() + 1, part);
    EXPECT_EQ(log->append(1, parts).error().code, ErrorCode::too_large);
    EXPECT_TRUE(log->append(1, "small").ok());
}

// Breaks if pruning takes a segment that is still needed, or none at all and the disk fills.
TEST(BlockLog, pruning_removes_whole_segments_below_a_height_and_never_the_newest) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t h = 1; h <= 100; ++h) ASSERT_TRUE(log->append(h, payload_of(h, 400)).ok());
    ASSERT_TRUE(log->sync().ok());
    const auto before = log->bytes_on_disk();
    ASSERT_TRUE(log->prune_below(50).ok());
    EXPECT_LT(log->bytes_on_disk(), before);
    EXPECT_LE(log->first_height().value(), 50U);
    EXPECT_GT(log->first_height().value(), 40U);
    EXPECT_EQ(log->read(50).value(), payload_of(50, 400));
    EXPECT_EQ(log->for_each(1, [](auto, auto) { return Status{}; }).error().code,
              ErrorCode::not_found);
    ASSERT_TRUE(log->prune_below(1'000).ok());
    EXPECT_EQ(log->last_height(), 100U);
    log.reset();
    log = open_log(files).value();
    EXPECT_EQ(log->last_height(), 100U);
    EXPECT_EQ(files.image().size(), 1U);
    EXPECT_TRUE(log->append(101, "next").ok());
}

TEST(BlockLog, reading_on_stops_at_the_first_error_of_the_visitor) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t h = 1; h <= 5; ++h) ASSERT_TRUE(log->append(h, payload_of(h)).ok());
    std::uint64_t seen = 0;
    const auto status = log->for_each(2, [&](std::uint64_t height, std::string_view) {
        seen = height;
        return height == 4 ? Status{Error{ErrorCode::cancelled, "enough", "", ""}} : Status{};
    });
    EXPECT_EQ(status.error().code, ErrorCode::cancelled);
    EXPECT_EQ(seen, 4U);
}

// Breaks if yesterday's copy of the newest file passes: the node would forget answered requests.
TEST(BlockLog, asking_for_more_than_the_log_has_is_corrupt_data) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t h = 1; h <= 3; ++h) ASSERT_TRUE(log->append(h, payload_of(h)).ok());
    EXPECT_TRUE(log->for_each(4, [](auto, auto) { return Status{}; }).ok());
    const auto status = log->for_each(5, [](auto, auto) { return Status{}; });
    EXPECT_EQ(status.error().code, ErrorCode::corrupt_data);
}

class SeveralSegments : public ::testing::Test {
  protected:
    void SetUp() override {
        FaultyFileSystem files;
        auto log = open_log(files).value();
        for (std::uint64_t h = 0; h < 60; ++h) ASSERT_TRUE(log->append(h, payload_of(h, 300)).ok());
        ASSERT_TRUE(log->sync().ok());
        image = files.image();
        ASSERT_GE(image.size(), 4U);
        for (const auto& [path, content] : image) paths.push_back(path);
    }
    Error error_of(const DiskImage& disk) {
        FaultyFileSystem files(disk, 0);
        const auto log = open_log(files);
        return log.ok() ? Error{ErrorCode::internal, "opened", "", ""} : log.error();
    }
    DiskImage image;
    std::vector<std::string> paths;
};

TEST_F(SeveralSegments, a_missing_segment_in_the_middle_is_corrupt_data) {
    image.erase(paths[1]);
    EXPECT_EQ(error_of(image).code, ErrorCode::corrupt_data);
}

TEST_F(SeveralSegments, two_swapped_segments_are_corrupt_data) {
    std::swap(image[paths[1]], image[paths[2]]);
    EXPECT_EQ(error_of(image).code, ErrorCode::corrupt_data);
}

TEST_F(SeveralSegments, a_segment_of_another_log_is_corrupt_data) {
    FaultyFileSystem others;
    SeededRandom random(8);
    auto log =
        BlockLog::open(others, "log", {.segment_bytes = small_segment_bytes, .random = &random});
    for (std::uint64_t h = 0; h < 60; ++h) {
        ASSERT_TRUE(log.value()->append(h, payload_of(h, 300)).ok());
    }
    image[paths[1]] = others.image().at(paths[1]);
    const auto error = error_of(image);
    EXPECT_EQ(error.code, ErrorCode::corrupt_data);
    EXPECT_THAT(error.why, HasSubstr("another log"));
}

TEST_F(SeveralSegments, a_truncated_file_is_corrupt_data_wherever_it_lies) {
    for (const auto& path : paths) {
        for (const std::size_t bytes : {0U, 47U, 48U, 100U, 4000U}) {
            // The newest file without a record is what an interrupted creation leaves.
            if (path == paths.back() && bytes <= log_header_bytes) continue;
            auto disk = image;
            disk[path].resize(bytes);
            EXPECT_EQ(error_of(disk).code, ErrorCode::corrupt_data) << path << " " << bytes;
        }
    }
}

TEST_F(SeveralSegments, other_files_in_the_directory_are_left_alone) {
    image["log/README"] = "by hand";
    image["log/log-1.seg"] = "too short a name";
    FaultyFileSystem files(image, 0);
    EXPECT_EQ(open_log(files).value()->last_height(), 59U);
    EXPECT_EQ(files.image().at("log/README"), "by hand");
}

TEST_F(SeveralSegments, an_error_names_segment_offset_and_height) {
    image[paths[1]][log_header_bytes + 60] ^= 1;
    const auto error = error_of(image);
    EXPECT_THAT(error.why, HasSubstr(paths[1].substr(4)));
    EXPECT_THAT(error.why, HasSubstr("offset 48"));
    EXPECT_THAT(error.why, HasSubstr("height "));
    EXPECT_FALSE(error.next.empty());
}

}  // namespace
}  // namespace ait::storage
