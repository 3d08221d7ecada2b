#include "runtime/node/disk_watch.hpp"

#include <gtest/gtest.h>

namespace ait::node {
namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;

/// A disk of 1000 MiB of which a test says how much is free.
struct Disk {
    std::uint64_t bytes_free = 500 * mebibyte;
    bool answers = true;
    int asked = 0;
    DiskWatch::Probe probe() {
        return [this]() -> Result<storage::DiskSpace> {
            ++asked;
            if (!answers) return Error{ErrorCode::storage_failed, "No answer.", "Gone.", ""};
            return storage::DiskSpace{.bytes_free = bytes_free, .bytes_total = 1000 * mebibyte};
        };
    }
};

// Breaks if a full disk needs an operator's hand after space was made.
TEST(DiskWatch, refuses_below_the_limit_and_goes_on_by_itself) {
    ManualClock clock;
    Disk disk;
    DiskWatch watch(disk.probe(), clock);
    EXPECT_FALSE(watch.refusal().has_value());
    disk.bytes_free = 63 * mebibyte;
    clock.advance_ms(300);
    const auto refusal = watch.refusal();
    ASSERT_TRUE(refusal.has_value());
    EXPECT_EQ(refusal->code, ErrorCode::limit_reached);
    EXPECT_EQ(refusal->why, "63 MiB of 1000 MiB are free.");
    EXPECT_FALSE(refusal->next.empty());
    disk.bytes_free = 65 * mebibyte;
    clock.advance_ms(300);
    EXPECT_FALSE(watch.refusal().has_value());
}

TEST(DiskWatch, asks_the_system_now_and_then_only) {
    ManualClock clock;
    Disk disk;
    DiskWatch watch(disk.probe(), clock);
    for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(watch.refusal().has_value());
    EXPECT_EQ(disk.asked, 1);
    clock.advance_ms(250);
    EXPECT_FALSE(watch.refusal().has_value());
    EXPECT_EQ(disk.asked, 2);
}

TEST(DiskWatch, a_disk_that_does_not_answer_takes_nothing) {
    ManualClock clock;
    Disk disk;
    disk.answers = false;
    DiskWatch watch(disk.probe(), clock);
    ASSERT_TRUE(watch.refusal().has_value());
    EXPECT_EQ(watch.refusal()->code, ErrorCode::storage_failed);
}

}  // namespace
}  // namespace ait::node
