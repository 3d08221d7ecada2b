// Logs read back: forms of lines, secrets, filters, and following over rotation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/cli/log_follower.hpp"
#include "runtime/cli/log_lines.hpp"
#include "runtime/supervise/log_files.hpp"

namespace ait::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(LogLines, every_form_becomes_one) {
    const LogLine json =
        parse_log_line(R"({"time":"2026-11-21T08:15:30.123Z","level":"warning","process":"node",)"
                       R"("message":"a b=1"})",
                       "node", {});
    EXPECT_EQ(json.level, LogLevel::warn);
    EXPECT_EQ(json.message, "a b=1");
    EXPECT_EQ(to_json(json)["time"], "2026-11-21T08:15:30.123Z");
    const LogLine text = parse_log_line(
        "2026-11-21T08:15:31.000Z error supervisor child_given_up name=node", "supervisor", {});
    EXPECT_EQ(text.level, LogLevel::error);
    EXPECT_EQ(text.message, "child_given_up name=node");
    EXPECT_EQ(text.unix_ms, json.unix_ms + 877);
    const LogLine terminal = parse_log_line("08:15:30.123 info node_ready", "node", text);
    EXPECT_EQ(terminal.level, LogLevel::info);
    EXPECT_EQ(terminal.unix_ms, 0) << "it has a time of day, but no day";
    const LogLine more = parse_log_line("  why:  the disk is full", "node", text);
    EXPECT_EQ(more.level, LogLevel::error) << "it goes on with the line before";
    EXPECT_EQ(more.unix_ms, text.unix_ms);
    EXPECT_EQ(parse_log_line("error: The node cannot start.", "node", {}).level, LogLevel::error);
}

// Breaks if a token that somebody logged by mistake reaches a screen or a ticket.
TEST(LogLines, secrets_are_replaced_wherever_they_stand) {
    EXPECT_EQ(redacted("x token=abc123 y"), "x token=[redacted] y");
    EXPECT_EQ(redacted("Authorization: Bearer abc123"), "Authorization: Bearer [redacted]");
    EXPECT_EQ(redacted(R"({"password":"hunter2","user":"a"})"),
              R"({"password":"[redacted]","user":"a"})");
    EXPECT_EQ(redacted("SEED=\"one two\" z"), "SEED=\"[redacted]\" z");
    EXPECT_EQ(redacted("prompt_tokens=12 tokens=3"), "prompt_tokens=12 tokens=3")
        << "counts are no secrets";
    EXPECT_EQ(redacted("token"), "token");
    EXPECT_EQ(redacted(""), "");
}

TEST(LogLines, filters_by_level_time_job_and_trace) {
    const LogLine line{
        .unix_ms = 1'000, .level = LogLevel::warn, .message = "job_failed job=job-a"};
    EXPECT_TRUE(LogFilter{}.takes(line));
    EXPECT_TRUE(LogFilter{.level = LogLevel::warn}.takes(line));
    EXPECT_FALSE(LogFilter{.level = LogLevel::error}.takes(line));
    EXPECT_FALSE(LogFilter{.since_unix_ms = 1'001}.takes(line));
    EXPECT_TRUE(LogFilter{.job = "job-a"}.takes(line));
    EXPECT_FALSE(LogFilter{.job = "job-b"}.takes(line));
    EXPECT_FALSE(LogFilter{.trace = "t1"}.takes(line));
}

class Following : public testing::Test {
  protected:
    Following() {
        std::string pattern = (fs::temp_directory_path() / "aitbc-logs-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~Following() override { fs::remove_all(folder_); }
    [[nodiscard]] std::string path() const { return (folder_ / "node.log").string(); }
    void write(const std::string& text) const { std::ofstream(path(), std::ios::app) << text; }
    std::vector<std::string> read(LogFollower& follower) const {
        std::vector<std::string> lines;
        follower.read_new([&lines](std::string_view line) { lines.emplace_back(line); });
        return lines;
    }
    fs::path folder_{};
};

TEST_F(Following, gives_whole_lines_once) {
    LogFollower follower(path());
    EXPECT_THAT(read(follower), IsEmpty()) << "the file is not there yet";
    write("one\ntw");
    EXPECT_THAT(read(follower), ElementsAre("one"));
    write("o\nthree\n");
    EXPECT_THAT(read(follower), ElementsAre("two", "three"));
    EXPECT_THAT(read(follower), IsEmpty());
}

TEST_F(Following, begins_with_the_older_half) {
    std::ofstream(path() + ".1") << "old\n";
    write("new\n");
    LogFollower follower(path());
    EXPECT_THAT(read(follower), ElementsAre("old", "new"));
}

// Breaks if lines between the last look and the rotation are lost, or the copy is shown again.
TEST_F(Following, loses_nothing_when_the_supervisor_empties_the_file) {
    LogFollower follower(path());
    write("one\n");
    EXPECT_THAT(read(follower), ElementsAre("one"));
    write("two\n");
    supervise::bound_log(path(), 1);
    write("three\n");
    EXPECT_THAT(read(follower), ElementsAre("two", "three"));
    write("four\n");
    EXPECT_THAT(read(follower), ElementsAre("four"));
}

// Breaks if a file that was emptied and has grown beyond the old end is taken for the old one.
TEST_F(Following, notices_an_emptied_file_that_has_grown_again) {
    LogFollower follower(path());
    write("one\n");
    EXPECT_THAT(read(follower), ElementsAre("one"));
    supervise::bound_log(path(), 1);
    write("a much longer line than before\n");
    EXPECT_THAT(read(follower), ElementsAre("a much longer line than before"));
}

TEST_F(Following, goes_on_with_the_new_file_after_a_rename) {
    LogFollower follower(path());
    write("one\n");
    EXPECT_THAT(read(follower), ElementsAre("one"));
    write("two\n");
    fs::rename(path(), path() + ".1");
    write("three\n");
    EXPECT_THAT(read(follower), ElementsAre("two", "three"));
}

TEST_F(Following, cuts_a_line_without_end) {
    LogFollower follower(path());
    write(std::string(3 * log_line_bytes_max, 'x') + "\nnext\n");
    const auto lines = read(follower);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].size(), log_line_bytes_max);
    EXPECT_EQ(lines[1], "next");
}

}  // namespace
}  // namespace ait::cli
