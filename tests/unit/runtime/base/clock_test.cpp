#include "runtime/base/clock.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <limits>

namespace ait {
namespace {

// Breaks if block times were shown in another form than RFC 3339 asks for.
TEST(Rfc3339, writes_utc_with_milliseconds) {
    EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
    EXPECT_EQ(to_rfc3339(951'782'400'000), "2000-02-29T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

// Breaks if a time from a peer could make the printing read past its buffer.
TEST(Rfc3339, clamps_times_that_have_no_four_digit_year) {
    EXPECT_EQ(to_rfc3339(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59.999Z");
    EXPECT_EQ(to_rfc3339(std::numeric_limits<std::int64_t>::min()), "0000-01-01T00:00:00.000Z");
}

TEST(ManualClock, moves_only_when_told) {
    ManualClock clock(5'000);
    EXPECT_EQ(clock.now_unix_ms(), 5'000);
    clock.advance_ms(250);
    EXPECT_EQ(clock.now_unix_ms(), 5'250);
    EXPECT_EQ(clock.monotonic_us(), 5'250'000);
}

TEST(SystemClock, never_runs_backwards) {
    const Clock& clock = system_clock();
    std::int64_t before = clock.monotonic_us();
    for (int i = 0; i < 1'000; ++i) {
        const std::int64_t now = clock.monotonic_us();
        ASSERT_GE(now, before);
        before = now;
    }
}

// Breaks if two processes of one fork drew the same keys and nonces.
TEST(SystemRandom, differs_on_both_sides_of_a_fork) {
    constexpr std::size_t count = 32;
    const std::string earlier = system_random().bytes(count);
    std::array<int, 2> pipe_ends{};
    ASSERT_EQ(::pipe(pipe_ends.data()), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const std::string bytes = system_random().bytes(count);
        const bool sent = ::write(pipe_ends[1], bytes.data(), count) == ssize_t{count};
        ::_exit(sent ? 0 : 1);
    }
    const std::string ours = system_random().bytes(count);
    std::string theirs(count, '\0');
    EXPECT_EQ(::read(pipe_ends[0], theirs.data(), count), ssize_t{count});
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    EXPECT_NE(ours, theirs);
    EXPECT_NE(ours, earlier);
    EXPECT_NE(theirs, earlier);
}

}  // namespace
}  // namespace ait
