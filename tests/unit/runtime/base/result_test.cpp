#include "runtime/base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace ait {
namespace {

// Breaks if a script could not tell errors apart, or a code meant two exit statuses.
TEST(ErrorCodes, each_has_one_complete_row) {
    const auto [rows, count] = error_code_rows();
    ASSERT_GT(count, 0U);
    std::set<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
        const ErrorCodeRow& row = rows[i];
        EXPECT_TRUE(names.insert(std::string(row.name)).second) << row.name;
        EXPECT_EQ(&error_code_row(row.code), &row);
        EXPECT_EQ(find_error_code(row.name), &row);
        EXPECT_GE(row.exit_status, 1) << row.name;
        EXPECT_LE(row.exit_status, 125) << row.name;
        EXPECT_GE(row.http_status, 200) << row.name;
        EXPECT_LE(row.http_status, 599) << row.name;
        EXPECT_TRUE(row.meaning.ends_with('.')) << row.name;
        EXPECT_FALSE(row.remedy.empty()) << row.name;
    }
    EXPECT_EQ(find_error_code("no_such_code"), nullptr);
}

// Breaks if an error reached people without the three parts that they need.
TEST(RenderedErrors, say_what_why_next_and_the_code) {
    const Error error{ErrorCode::insufficient_funds, "The job was not queued.", "1 is there.", ""};
    const std::string text = render_error(error, "9f2c1e");
    EXPECT_EQ(text,
              "error: The job was not queued.\n"
              "  why:  1 is there.\n"
              "  next: Add funds, or ask for less.\n"
              "  code: insufficient_funds   trace: 9f2c1e\n");
    EXPECT_EQ(render_error({ErrorCode::internal, "It failed.", "", "Try again."}),
              "error: It failed.\n  next: Try again.\n  code: internal\n");
}

TEST(Results, hold_a_value_or_an_error_also_for_types_that_only_move) {
    Result<std::unique_ptr<int>> full(std::make_unique<int>(4));
    ASSERT_TRUE(full.ok());
    EXPECT_EQ(*std::move(full).value(), 4);
    const Result<int> empty(Error{ErrorCode::not_found, "", "", ""});
    EXPECT_FALSE(empty.ok());
    EXPECT_EQ(empty.error().code, ErrorCode::not_found);
    EXPECT_TRUE(Status{}.ok());
}

// Breaks if reading a value that is not there went on with garbage.
TEST(ResultsDeathTest, reading_the_wrong_side_stops_the_process) {
    const Result<int> failed(Error{});
    EXPECT_DEATH((void)failed.value(), "ok\\(\\)");
    const Result<int> fine(1);
    EXPECT_DEATH((void)fine.error(), "ok\\(\\)");
}

}  // namespace
}  // namespace ait
