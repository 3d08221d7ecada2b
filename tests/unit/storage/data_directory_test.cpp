#include "storage/data_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "storage/log.hpp"
#include "tests/unit/storage/temporary_directory.hpp"

namespace ait::storage {
namespace {

using ::testing::HasSubstr;

unsigned mode_of(const std::string& path) {
    struct ::stat facts{};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0);
    return facts.st_mode & 0777U;
}

TEST(DataDirectory, it_is_created_with_its_parents_and_is_private) {
    const TemporaryDirectory temporary;
    const auto path = temporary.path() + "/a/b/data";
    const auto directory = DataDirectory::open(path + "//");
    ASSERT_TRUE(directory.ok()) << render_error(directory.error());
    EXPECT_EQ(directory.value().path(), path);
    EXPECT_EQ(directory.value().subpath("log"), path + "/log");
    EXPECT_EQ(mode_of(path), 0700U);
}

// Breaks if two nodes write to one directory, or if the user is not told which process to stop.
TEST(DataDirectory, a_second_opener_is_told_pid_command_and_remedy) {
    const TemporaryDirectory temporary;
    const auto path = temporary.path() + "/data";
    std::array<int, 2> to_child{};
    std::array<int, 2> to_parent{};
    ASSERT_EQ(::pipe(to_child.data()), 0);
    ASSERT_EQ(::pipe(to_parent.data()), 0);
    const auto child = ::fork();
    if (child == 0) {
        const auto held = DataDirectory::open(path);
        char byte = held.ok() ? 'y' : 'n';
        if (::write(to_parent[1], &byte, 1) != 1) ::_exit(2);
        ::_exit(::read(to_child[0], &byte, 1) == 1 ? 0 : 3);
    }
    char answer = 0;
    ASSERT_EQ(::read(to_parent[0], &answer, 1), 1);
    ASSERT_EQ(answer, 'y');
    const auto second = DataDirectory::open(path);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    EXPECT_THAT(second.error().why, HasSubstr("Process " + std::to_string(child)));
    EXPECT_THAT(second.error().why, HasSubstr("storage_test"));
    EXPECT_THAT(second.error().next, HasSubstr("kill " + std::to_string(child)));
    ASSERT_EQ(::write(to_child[1], "x", 1), 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(DataDirectory::open(path).ok()) << "the lock ends with its holder";
    for (const int descriptor : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) {
        ::close(descriptor);
    }
}

TEST(DataDirectory, one_that_others_may_write_to_is_refused) {
    const TemporaryDirectory temporary;
    ASSERT_EQ(::chmod(temporary.path().c_str(), 0777), 0);
    const auto opened = DataDirectory::open(temporary.path());
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::forbidden);
    EXPECT_THAT(opened.error().next, HasSubstr("chmod 700"));
}

TEST(DataDirectory, a_path_that_cannot_be_one_is_an_error) {
    const TemporaryDirectory temporary;
    ASSERT_TRUE(write_file_durably(temporary.path() + "/file", "x", 0600).ok());
    EXPECT_FALSE(DataDirectory::open(temporary.path() + "/file").ok());
    EXPECT_FALSE(DataDirectory::open(temporary.path() + "/file/below").ok());
    EXPECT_EQ(DataDirectory::open("").error().code, ErrorCode::invalid_argument);
}

TEST(DurableFile, it_is_replaced_whole_with_the_mode_asked_for) {
    const TemporaryDirectory temporary;
    const auto path = temporary.path() + "/key";
    ASSERT_TRUE(write_file_durably(path, "first", 0644).ok());
    ASSERT_TRUE(write_file_durably(path, std::string(100'000, 's'), 0600).ok());
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_EQ(read_file(path, 100'000).value(), std::string(100'000, 's'));
    EXPECT_EQ(read_file(path, 99'999).error().code, ErrorCode::too_large);
    EXPECT_EQ(read_file(path + "2", 10).error().code, ErrorCode::not_found);
    EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(DurableFile, a_missing_directory_is_an_error_and_leaves_nothing) {
    const TemporaryDirectory temporary;
    EXPECT_FALSE(write_file_durably(temporary.path() + "/none/key", "x", 0600).ok());
}

TEST(DiskSpace, it_is_low_below_five_percent_unless_plenty_is_free) {
    constexpr std::uint64_t gib = 1024ULL * 1024 * 1024;
    EXPECT_TRUE((DiskSpace{.bytes_free = 4 * gib, .bytes_total = 100 * gib}.is_low()));
    EXPECT_FALSE((DiskSpace{.bytes_free = 6 * gib, .bytes_total = 100 * gib}.is_low()));
    EXPECT_FALSE((DiskSpace{.bytes_free = 11 * gib, .bytes_total = 1000 * gib}.is_low()));
    EXPECT_TRUE((DiskSpace{.bytes_free = gib / 32, .bytes_total = gib / 16}.is_low()));
    const auto here = disk_space(::testing::TempDir());
    ASSERT_TRUE(here.ok());
    EXPECT_GT(here.value().bytes_total, 0U);
}

// Breaks if the real file system behaves otherwise than the one that all log tests use.
TEST(PosixFileSystem, a_log_on_the_real_disk_keeps_what_was_synced) {
    const TemporaryDirectory temporary;
    const LogOptions options{.segment_bytes = 8192};
    {
        auto log = BlockLog::open(posix_file_system(), temporary.path() + "/log", options).value();
        for (std::uint64_t h = 1; h <= 100; ++h) {
            ASSERT_TRUE(log->append(h, std::string(200, static_cast<char>('a' + h % 26))).ok());
        }
        ASSERT_TRUE(log->sync().ok());
        ASSERT_TRUE(log->prune_below(50).ok());
    }
    const auto log = BlockLog::open(posix_file_system(), temporary.path() + "/log", options);
    ASSERT_TRUE(log.ok()) << render_error(log.error());
    EXPECT_EQ(log.value()->last_height(), 100U);
    EXPECT_GT(log.value()->first_height().value(), 1U);
    EXPECT_EQ(log.value()->read(100).value(), std::string(200, static_cast<char>('a' + 100 % 26)));
    EXPECT_EQ(log.value()->bytes_on_disk() % 8192, 0U);
}

}  // namespace
}  // namespace ait::storage
