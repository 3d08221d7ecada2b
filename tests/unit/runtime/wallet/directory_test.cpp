#include "runtime/wallet/directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "tests/unit/runtime/seeded_random.hpp"
#include "tests/unit/runtime/wallet/scratch_folder.hpp"

namespace ait::wallet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Fixture {
    ScratchFolder scratch{};
    Directory directory{scratch.path() / "config" / "wallets", system_random()};
};

TEST(WalletDirectory, is_made_private_at_the_first_write) {
    Fixture f;
    EXPECT_THAT(f.directory.names(".json").value(), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(f.directory.path()));
    ASSERT_TRUE(f.directory.write_new("a.json", "content").ok());
    EXPECT_EQ(mode_of(f.directory.path()), 0700U);
    EXPECT_EQ(mode_of(f.directory.path().parent_path()), 0700U);
    EXPECT_EQ(mode_of(f.directory.path() / "a.json"), 0600U);
    EXPECT_EQ(f.directory.read("a.json", 7).value(), "content");
}

// Breaks if a wallet could be lost under a new one of the same name.
TEST(WalletDirectory, never_overwrites_unless_told) {
    Fixture f;
    ASSERT_TRUE(f.directory.write_new("a.json", "first").ok());
    EXPECT_EQ(f.directory.write_new("a.json", "second").error().code, ErrorCode::already_exists);
    EXPECT_EQ(f.directory.read("a.json", 100).value(), "first");
    ASSERT_TRUE(f.directory.replace("a.json", "third").ok());
    EXPECT_EQ(f.directory.read("a.json", 100).value(), "third");
    // No draft is left of either.
    EXPECT_THAT(std::distance(std::filesystem::directory_iterator(f.directory.path()), {}), 1);
}

// Breaks if two programs that make one name at the same time both believed to have won.
TEST(WalletDirectory, lets_one_of_many_writers_win) {
    Fixture f;
    constexpr int writers = 8;
    std::array<bool, writers> won{};
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i) {
        threads.emplace_back([&f, &won, i] {
            won[static_cast<std::size_t>(i)] =
                f.directory.write_new("a.json", std::to_string(i)).ok();
        });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(std::count(won.begin(), won.end(), true), 1);
    const auto winner = std::find(won.begin(), won.end(), true) - won.begin();
    EXPECT_EQ(f.directory.read("a.json", 100).value(), std::to_string(winner));
}

// Breaks if other users of the machine could read wallets unnoticed.
TEST(WalletDirectory, refuses_a_folder_or_file_open_to_others_and_names_the_command) {
    Fixture f;
    ASSERT_TRUE(f.directory.write_new("a.json", "x").ok());
    const auto file = f.directory.path() / "a.json";
    for (const mode_t mode : {0644U, 0640U, 0604U, 0620U, 0602U, 0610U, 0601U}) {
        ASSERT_EQ(::chmod(file.c_str(), mode), 0);
        const auto bytes = f.directory.read("a.json", 100);
        ASSERT_FALSE(bytes.ok()) << mode;
        EXPECT_EQ(bytes.error().code, ErrorCode::forbidden);
        EXPECT_EQ(bytes.error().next, "Run: chmod 600 '" + file.string() + "'");
    }
    for (const mode_t mode : {0600U, 0400U}) {
        ASSERT_EQ(::chmod(file.c_str(), mode), 0);
        EXPECT_TRUE(f.directory.read("a.json", 100).ok()) << mode;
    }
    for (const mode_t mode : {0755U, 0750U, 0705U, 0710U, 0701U, 0770U}) {
        ASSERT_EQ(::chmod(f.directory.path().c_str(), mode), 0);
        const std::string next = "Run: chmod 700 '" + f.directory.path().string() + "'";
        EXPECT_EQ(f.directory.read("a.json", 100).error().next, next) << mode;
        EXPECT_EQ(f.directory.names("").error().next, next);
        EXPECT_EQ(f.directory.write_new("b.json", "x").error().next, next);
        EXPECT_EQ(f.directory.replace("a.json", "x").error().next, next);
        EXPECT_EQ(f.directory.remove("a.json").error().next, next);
    }
    ASSERT_EQ(::chmod(f.directory.path().c_str(), 0700), 0);
    EXPECT_THAT(f.directory.names(".json").value(), ElementsAre("a.json"));
}

// Breaks if a link could make the program read or sign with a file of somebody else's choosing.
TEST(WalletDirectory, follows_no_links_and_opens_no_pipes) {
    Fixture f;
    ASSERT_TRUE(f.directory.write_new("a.json", "x").ok());
    std::filesystem::create_symlink("a.json", f.directory.path() / "link.json");
    EXPECT_THAT(f.directory.read("link.json", 100).error().why, HasSubstr("symbolic link"));
    ASSERT_EQ(::mkfifo((f.directory.path() / "pipe.json").c_str(), 0600), 0);
    EXPECT_THAT(f.directory.read("pipe.json", 100).error().why, HasSubstr("not a regular file"));
    std::filesystem::create_directory(f.directory.path() / "folder.json");
    EXPECT_EQ(f.directory.read("folder.json", 100).error().code, ErrorCode::forbidden);
}

TEST(WalletDirectory, bounds_what_it_reads) {
    Fixture f;
    ASSERT_TRUE(f.directory.write_new("a.json", std::string(101, 'x')).ok());
    EXPECT_EQ(f.directory.read("a.json", 100).error().code, ErrorCode::too_large);
    EXPECT_TRUE(f.directory.read("a.json", 101).ok());
}

TEST(WalletDirectory, lists_sorted_and_without_hidden_files) {
    Fixture f;
    for (const char* name : {"b.json", "a.json", "active"}) {
        ASSERT_TRUE(f.directory.write_new(name, "x").ok());
    }
    write_text(f.directory.path() / ".a.json.0011223344556677.tmp", "left by a crash");
    write_text(f.directory.path() / ".hidden.json", "x");
    EXPECT_THAT(f.directory.names(".json").value(), ElementsAre("a.json", "b.json"));
}

TEST(WalletDirectory, says_when_something_is_not_there) {
    Fixture f;
    EXPECT_EQ(f.directory.read("a.json", 100).error().code, ErrorCode::not_found);
    EXPECT_EQ(f.directory.remove("a.json").error().code, ErrorCode::not_found);
    ASSERT_TRUE(f.directory.write_new("a.json", "x").ok());
    ASSERT_TRUE(f.directory.remove("a.json").ok());
    EXPECT_EQ(f.directory.read("a.json", 100).error().code, ErrorCode::not_found);
}

TEST(WalletDirectory, reports_a_path_that_is_no_folder) {
    ScratchFolder scratch;
    write_text(scratch.path() / "file", "x");
    const Directory directory(scratch.path() / "file" / "wallets", system_random());
    EXPECT_EQ(directory.write_new("a.json", "x").error().code, ErrorCode::storage_failed);
    EXPECT_FALSE(directory.names("").ok());
}

TEST(WalletDirectoryDeathTest, a_path_in_place_of_a_name_is_a_fault_of_ours) {
    Fixture f;
    EXPECT_DEATH((void)f.directory.read("../a", 100), "is_single_name");
}

}  // namespace
}  // namespace ait::wallet
