#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "storage/log.hpp"
#include "storage/log_record.hpp"
#include "tests/unit/storage/log_fixture.hpp"
#include "tests/unit/storage/seed.hpp"

// What a disk may do to the log, tried exhaustively where the space is small.

namespace ait::storage {
namespace {

constexpr std::uint64_t record_bytes = log_record_bytes(40);

std::uint64_t used_bytes(const std::string& content) {
    return content.find_last_not_of('\0') + 1;
}

void zero_from(std::string& content, std::uint64_t offset) {
    std::fill(content.begin() + static_cast<std::ptrdiff_t>(offset), content.end(), '\0');
}

/// Opens, compares, appends one more record, and opens once again.
void expect_usable(const DiskImage& disk, std::uint64_t last_height) {
    FaultyFileSystem files(disk, 0);
    {
        auto log = open_log(files);
        ASSERT_TRUE(log.ok()) << render_error(log.error());
        ASSERT_EQ(contents(*log.value(), 1), payloads(1, last_height));
        ASSERT_TRUE(log.value()->append(last_height + 1, payload_of(last_height + 1)).ok());
        ASSERT_TRUE(log.value()->sync().ok());
    }
    const auto log = open_log(files);
    ASSERT_TRUE(log.ok()) << render_error(log.error());
    EXPECT_EQ(log.value()->opening().bytes_cut, 0U);
    EXPECT_EQ(contents(*log.value(), 1), payloads(1, last_height + 1));
}

// Breaks if a node cannot start after a power cut, or starts with a record that is half there.
TEST(BlockLogTorn, unsynced_records_cut_at_any_byte_leave_the_whole_ones_before) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t h = 1; h <= 3; ++h) ASSERT_TRUE(log->append(h, payload_of(h)).ok());
    ASSERT_TRUE(log->sync().ok());
    for (std::uint64_t h = 4; h <= 6; ++h) ASSERT_TRUE(log->append(h, payload_of(h)).ok());
    const auto image = files.image();
    const auto end = used_bytes(image.at(segment_path(1)));
    const auto begin = 2 * log_header_bytes + 3 * record_bytes;
    ASSERT_GT(end, begin + 2 * record_bytes);
    for (auto offset = begin; offset <= end; ++offset) {
        SCOPED_TRACE(offset);
        auto disk = image;
        zero_from(disk[segment_path(1)], offset);
        // The last byte of a record is not zero here, so a record is whole only when all of it is.
        const auto payload_end = log_header_bytes + 40;
        const auto tail = offset - begin;
        expect_usable(disk, 3 + tail / record_bytes + (tail % record_bytes >= payload_end ? 1 : 0));
        if (HasFatalFailure()) return;
    }
}

TEST(BlockLogTorn, synced_records_whose_marks_are_lost_too_are_cut_at_any_byte) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t h = 1; h <= 6; ++h) {
        ASSERT_TRUE(log->append(h, payload_of(h)).ok());
        ASSERT_TRUE(log->sync().ok());
    }
    const auto image = files.image();
    const auto step = record_bytes + log_header_bytes;
    const auto begin = log_header_bytes + 3 * step;
    for (auto offset = begin; offset < begin + 3 * step; ++offset) {
        SCOPED_TRACE(offset);
        auto disk = image;
        zero_from(disk[segment_path(1)], offset);
        const auto tail = offset - begin;
        expect_usable(disk, 3 + tail / step + (tail % step >= log_header_bytes + 40 ? 1 : 0));
        if (HasFatalFailure()) return;
    }
}

// Breaks if a log that was damaged at rest passes for one that was torn: answered requests vanish.
TEST(BlockLogRot, every_flipped_bit_of_what_was_synced_is_reported) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t h = 1; h <= 8; ++h) {
        ASSERT_TRUE(log->append(h, payload_of(h)).ok());
        if (h % 3 == 0) {
            ASSERT_TRUE(log->sync().ok());
        }
    }
    ASSERT_TRUE(log->sync().ok());
    auto disk = files.image();
    auto& content = disk[segment_path(1)];
    const auto end =
        (used_bytes(content) + log_alignment_bytes - 1) / log_alignment_bytes * log_alignment_bytes;
    const auto last_mark = end - log_header_bytes;
    for (std::uint64_t offset = 0; offset < last_mark; ++offset) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            FaultyFileSystem rotten(disk, 0);
            rotten.flip_bit(segment_path(1), offset, bit);
            const auto opened = open_log(rotten);
            ASSERT_FALSE(opened.ok()) << offset << " bit " << bit;
            ASSERT_EQ(opened.error().code, ErrorCode::corrupt_data) << offset << " bit " << bit;
        }
    }
    // The last mark protects the others; its own loss and rot behind the end lose no record.
    for (auto offset = last_mark; offset < last_mark + 4 * log_header_bytes; ++offset) {
        FaultyFileSystem rotten(disk, 0);
        rotten.flip_bit(segment_path(1), offset, offset % 8);
        expect_usable(rotten.image(), 8);
    }
}

TEST(BlockLogRot, a_bit_that_flips_while_the_log_is_open_is_found_by_reading) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    ASSERT_TRUE(log->append(1, payload_of(1)).ok());
    for (std::uint64_t offset = 0; offset < log_header_bytes + 40; ++offset) {
        files.flip_bit(segment_path(1), log_header_bytes + offset, offset % 8);
        const auto read = log->read(1);
        ASSERT_FALSE(read.ok()) << offset;
        EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
        files.flip_bit(segment_path(1), log_header_bytes + offset, offset % 8);
    }
    EXPECT_TRUE(log->read(1).ok());
}

TEST(BlockLogRot, a_lost_sector_in_the_middle_is_reported) {
    FaultyFileSystem files;
    auto log = open_log(files).value();
    for (std::uint64_t h = 1; h <= 20; ++h) {
        ASSERT_TRUE(log->append(h, payload_of(h)).ok());
        ASSERT_TRUE(log->sync().ok());
    }
    auto disk = files.image();
    disk[segment_path(1)].replace(1024, 512, 512, '\0');
    FaultyFileSystem damaged(disk, 0);
    EXPECT_EQ(open_log(damaged).error().code, ErrorCode::corrupt_data);
}

// Breaks if a user who sends a log file as a payload can keep a node from starting after a power
// cut.
TEST(BlockLogTorn, records_inside_a_payload_are_no_evidence) {
    FaultyFileSystem other;
    SeededRandom random(99);
    auto forged =
        BlockLog::open(other, "log", {.segment_bytes = small_segment_bytes, .random = &random})
            .value();
    for (std::uint64_t h = 1; h <= 9; ++h) {
        ASSERT_TRUE(forged->append(h, payload_of(h)).ok());
        ASSERT_TRUE(forged->sync().ok());
    }
    FaultyFileSystem files;
    {
        auto log = open_log(files, 16 * small_segment_bytes).value();
        ASSERT_TRUE(log->append(1, payload_of(1)).ok());
        ASSERT_TRUE(log->sync().ok());
        ASSERT_TRUE(log->append(2, other.image().at(segment_path(1))).ok());
    }
    files.flip_bit(segment_path(1), 2 * log_header_bytes + record_bytes + 4, 0);
    const auto log = open_log(files, 16 * small_segment_bytes);
    ASSERT_TRUE(log.ok()) << render_error(log.error());
    EXPECT_EQ(log.value()->last_height(), 1U);
    EXPECT_GT(log.value()->opening().bytes_cut, 0U);
}

/// Appends and syncs at random until the disk fails; returns the height that was synced last.
std::uint64_t run_until_failure(FileSystem& files, std::mt19937_64& random, int steps,
                                std::unique_ptr<BlockLog>& log, std::uint64_t synced) {
    auto opened = open_log(files);
    if (!opened.ok()) return synced;
    log = std::move(opened).value();
    auto height = log->last_height().value_or(0);
    synced = std::max(synced, height);
    for (int i = 0; i < steps; ++i) {
        if (random() % 3 != 0) {
            if (!log->append(height + 1, payload_of(height + 1, (height * 37) % 700)).ok())
                return synced;
            ++height;
        } else {
            if (!log->sync().ok()) return synced;
            synced = height;
        }
    }
    return synced;
}

void expect_prefix(FileSystem& files, std::uint64_t synced) {
    const auto log = open_log(files);
    ASSERT_TRUE(log.ok()) << render_error(log.error());
    const auto last = log.value()->last_height().value_or(0);
    ASSERT_GE(last, synced);
    for (std::uint64_t h = 1; h <= last; ++h) {
        const auto read = log.value()->read(h);
        ASSERT_TRUE(read.ok()) << render_error(read.error());
        ASSERT_EQ(read.value(), payload_of(h, ((h - 1) * 37) % 700));
    }
}

// Breaks if any power cut loses an answered block, resurrects a cut one, or stops the node.
TEST(BlockLogPowerCut, synced_records_survive_thousands_of_random_cuts) {
    for (std::uint64_t round = 0; round < 2'000; ++round) {
        SCOPED_TRACE(replay_hint() + " round " + std::to_string(round));
        std::mt19937_64 random(test_seed() + round);
        FaultyFileSystem files(random());
        std::uint64_t synced = 0;
        for (int life = 0; life < 6; ++life) {
            std::unique_ptr<BlockLog> log;
            synced = run_until_failure(files, random, static_cast<int>(random() % 60), log, synced);
            files.power_cut(static_cast<PowerCut>(random() % 4));
            expect_prefix(files, synced);
            if (HasFatalFailure()) return;
        }
    }
}

// Breaks if the log goes on after a failure that leaves the disk in doubt (invariant 4).
TEST(BlockLogFailure, any_failed_write_or_sync_poisons_and_loses_nothing_acknowledged) {
    for (const bool fails_write : {true, false}) {
        for (std::uint64_t n = 3; n < 60; ++n) {
            SCOPED_TRACE((fails_write ? "write " : "sync ") + std::to_string(n));
            std::mt19937_64 random(n);
            FaultyFileSystem files(n);
            if (fails_write) {
                files.fail_write(n);
            } else {
                files.fail_sync(n);
            }
            std::unique_ptr<BlockLog> log;
            const auto synced = run_until_failure(files, random, 1'000, log, 0);
            ASSERT_NE(log, nullptr);
            const auto next = log->last_height().value_or(0) + 1;
            EXPECT_EQ(log->append(next, "x").error().code, ErrorCode::storage_failed);
            EXPECT_EQ(log->sync().error().code, ErrorCode::storage_failed);
            EXPECT_EQ(log->read(1).error().code, ErrorCode::storage_failed);
            EXPECT_EQ(log->prune_below(1).error().code, ErrorCode::storage_failed);
            const auto count = files.sync_count();
            EXPECT_FALSE(log->sync().ok());
            EXPECT_EQ(files.sync_count(), count) << "a failed sync must not be tried again";
            files.power_cut(PowerCut::lose_unsynced);
            expect_prefix(files, synced);
            if (HasFatalFailure()) return;
        }
    }
}

// Breaks if a full disk ends a node that could go on when space returns.
TEST(BlockLogFailure, a_full_disk_refuses_a_new_segment_and_recovers_when_space_returns) {
    FaultyFileSystem files;
    files.set_space_bytes(2 * small_segment_bytes + 100);
    auto log = open_log(files).value();
    std::uint64_t height = 0;
    Status status;
    while ((status = log->append(height + 1, payload_of(height + 1, 300))).ok()) ++height;
    EXPECT_EQ(status.error().code, ErrorCode::limit_reached);
    EXPECT_EQ(log->append(height + 1, payload_of(height + 1, 300)).error().code,
              ErrorCode::limit_reached);
    EXPECT_EQ(files.image().size(), 2U);
    EXPECT_EQ(log->read(height).value(), payload_of(height, 300));
    ASSERT_TRUE(log->sync().ok());

    files.set_space_bytes(100 * small_segment_bytes);
    ASSERT_TRUE(log->append(height + 1, payload_of(height + 1, 300)).ok());
    ASSERT_TRUE(log->sync().ok());
    files.power_cut(PowerCut::lose_unsynced);
    EXPECT_EQ(contents(*open_log(files).value(), 1), payloads(1, height + 1, 300));
}

TEST(BlockLogFailure, a_full_disk_at_any_byte_loses_nothing_acknowledged) {
    for (std::uint64_t space = 0; space < 6 * small_segment_bytes; space += 101) {
        SCOPED_TRACE(space);
        FaultyFileSystem files(space);
        files.set_space_bytes(space);
        std::mt19937_64 random(space);
        std::unique_ptr<BlockLog> log;
        const auto synced = run_until_failure(files, random, 200, log, 0);
        files.power_cut(PowerCut::random_sectors);
        expect_prefix(files, synced);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace ait::storage
