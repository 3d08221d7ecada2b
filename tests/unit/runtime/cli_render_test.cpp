#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "actors/coordinator/messages.hpp"
#include "runtime/cli/render.hpp"

namespace ait::cli {
namespace {

RenderStyle table_of(std::vector<std::string> columns) {
    RenderStyle style;
    style.list = true;
    style.columns = std::move(columns);
    style.now_unix_ms = 1'700'000'100'000;
    return style;
}

std::uint64_t seed() {
    const char* given = std::getenv("SIMULATION_SEED");
    return given == nullptr ? 20'261'121U : std::strtoull(given, nullptr, 10);
}

/// Random JSON with the texts that break tables: wide letters, controls, quotes, commas.
Json random_value(std::mt19937_64& random, int depth) {
    static const std::vector<std::string> texts{
        "",       "plain", "two words", "a,b",  "\"quoted\"", "line\nfeed", "\x1b[31mred",
        "日本語", "naïve", "-",         "true", "12.500000"};
    switch (random() % (depth > 2 ? 4 : 6)) {
        case 0:
            return nullptr;
        case 1:
            return random() % 2 == 0;
        case 2:
            return static_cast<std::int64_t>(random() % 100'000) - 50'000;
        case 3:
            return texts[random() % texts.size()];
        case 4: {
            Json list = Json::array();
            for (std::uint64_t i = random() % 3; i > 0; --i)
                list.push_back(random_value(random, depth + 1));
            return list;
        }
        default: {
            Json object = Json::object();
            for (std::uint64_t i = random() % 3; i > 0; --i)
                object["k" + std::to_string(random() % 4)] = random_value(random, depth + 1);
            return object;
        }
    }
}

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(' ') + 1);
    text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
    return text;
}

/// The cell's bytes between two display columns.
std::string cut(const std::string& line, std::size_t from, std::size_t until) {
    std::string text;
    std::size_t column = 0;
    for (std::size_t at = 0; at < line.size();) {
        std::size_t bytes = 1;
        while (at + bytes < line.size() &&
               (static_cast<unsigned char>(line[at + bytes]) & 0xC0U) == 0x80U)
            ++bytes;
        const auto letter = line.substr(at, bytes);
        if (column >= from && column < until) text += letter;
        column += display_width(letter);
        at += bytes;
    }
    return text;
}

// Breaks if a table shows something that its JSON does not say: every cell is cell_text of a value.
TEST(CliRender, every_cell_of_a_random_table_derives_from_its_json) {
    std::mt19937_64 random(seed());
    SCOPED_TRACE("SIMULATION_SEED=" + std::to_string(seed()));
    for (int round = 0; round < 300; ++round) {
        const std::vector<std::string> columns{"k0", "k1", "k2.k1"};
        Json items = Json::array();
        for (std::uint64_t i = random() % 4; i > 0; --i) {
            Json item = Json::object();
            for (int key = 0; key < 4; ++key) {
                if (random() % 5 != 0) item["k" + std::to_string(key)] = random_value(random, 0);
            }
            items.push_back(std::move(item));
        }
        const Json value{{"items", items}, {"next_cursor", nullptr}};
        const RenderStyle style = table_of(columns);
        std::vector<std::size_t> widths{2, 2, 5};
        std::vector<std::vector<std::string>> expected;
        for (const auto& item : items) {
            std::vector<std::string> cells;
            for (std::size_t i = 0; i < columns.size(); ++i) {
                const Json* at = find_path(item, columns[i]);
                cells.push_back(at == nullptr ? "-" : cell_text(*at, ValueKind::text, style));
                widths[i] = std::max(widths[i], display_width(cells.back()));
            }
            expected.push_back(std::move(cells));
        }
        const auto text = render(value, style);
        ASSERT_TRUE(text.ok());
        std::vector<std::string> lines;
        std::string line;
        for (const char c : text.value()) {
            if (c == '\n')
                lines.push_back(std::exchange(line, ""));
            else
                line += c;
        }
        ASSERT_EQ(lines.size(), expected.size() + 1) << text.value();
        for (std::size_t row = 0; row < expected.size(); ++row) {
            std::size_t column = 0;
            for (std::size_t i = 0; i < columns.size(); ++i) {
                EXPECT_EQ(trimmed(cut(lines[row + 1], column, column + widths[i])),
                          trimmed(expected[row][i]))
                    << text.value();
                column += widths[i] + 2;
            }
        }
    }
}

TEST(CliRender, cells_show_amounts_times_and_lists_nicely) {
    RenderStyle style = table_of({});
    EXPECT_EQ(cell_text("12.500000", ValueKind::amount, style), "12.5");
    EXPECT_EQ(cell_text("10.000000", ValueKind::amount, style), "10");
    EXPECT_EQ(cell_text("0.000000", ValueKind::amount, style), "0");
    EXPECT_EQ(cell_text("12.500000", ValueKind::text, style), "12.500000");
    EXPECT_EQ(cell_text(to_rfc3339(1'700'000'000'000), ValueKind::time, style), "1m ago");
    EXPECT_EQ(cell_text(to_rfc3339(1'700'007'300'000), ValueKind::time, style), "in 2h");
    EXPECT_EQ(cell_text(Json::array({"a", "b"}), ValueKind::list, style), "a, b");
    EXPECT_EQ(cell_text(nullptr, ValueKind::text, style), "-");
    style.format = OutputFormat::wide;
    EXPECT_EQ(cell_text(to_rfc3339(1'700'000'000'000), ValueKind::time, style),
              to_rfc3339(1'700'000'000'000));
}

// Breaks if an answer can drive the terminal of who reads it.
TEST(CliRender, control_characters_never_reach_a_table) {
    EXPECT_EQ(printable("a\x1b[31mb"), "a\xEF\xBF\xBD[31mb");
    EXPECT_EQ(printable("one\ntwo"), "one two");
    EXPECT_EQ(printable("\xE2\x80\xAE"
                        "abc"),
              "\xEF\xBF\xBD"
              "abc");
}

TEST(CliRender, the_schema_tells_amounts_from_texts) {
    const Schema& schema = schema_of<coordinator::JobView>();
    EXPECT_EQ(kind_at(&schema, "payment.amount"), ValueKind::amount);
    EXPECT_EQ(kind_at(&schema, "created_at"), ValueKind::time);
    EXPECT_EQ(kind_at(&schema, "nothing.here"), ValueKind::text);
}

TEST(CliRender, json_lines_names_and_csv_say_the_same_rows) {
    const Json value{{"items", Json::array({{{"job_id", "job-1"}, {"note", "a,\"b\""}},
                                            {{"job_id", "job-2"}, {"note", nullptr}}})},
                     {"next_cursor", nullptr}};
    RenderStyle style = table_of({"job_id", "note"});
    style.format = OutputFormat::jsonl;
    EXPECT_EQ(
        render(value, style).value(),
        "{\"job_id\":\"job-1\",\"note\":\"a,\\\"b\\\"\"}\n{\"job_id\":\"job-2\",\"note\":null}\n");
    style.format = OutputFormat::name;
    EXPECT_EQ(render(value, style).value(), "job-1\njob-2\n");
    style.format = OutputFormat::csv;
    EXPECT_EQ(render(value, style).value(), "job_id,note\r\njob-1,\"a,\"\"b\"\"\"\r\njob-2,\r\n");
    style.header = false;
    EXPECT_EQ(render(value, style).value(), "job-1,\"a,\"\"b\"\"\"\r\njob-2,\r\n");
    style.format = OutputFormat::json;
    EXPECT_EQ(parse_json(render(value, style).value()).value(), value);
}

TEST(CliRender, asked_fields_choose_and_order_and_unknown_ones_are_refused) {
    const Json value{{"job_id", "job-1"}, {"payment", {{"amount", "1.000000"}}}};
    RenderStyle style;
    style.format = OutputFormat::json;
    style.fields = {"payment.amount", "job_id"};
    EXPECT_EQ(parse_json(render(value, style).value()).value(),
              (Json{{"payment.amount", "1.000000"}, {"job_id", "job-1"}}));
    style.fields = {"jobid"};
    const auto refused = render(value, style);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().next.find("job_id"), std::string::npos);
}

TEST(CliRender, yaml_quotes_what_another_reader_would_misread) {
    const Json value{{"plain", "job-abc"},     {"yes", "yes"},
                     {"number", "12"},         {"list", Json::array({1, "a b"})},
                     {"empty", Json::array()}, {"inner", {{"key", nullptr}}}};
    EXPECT_EQ(render_yaml(value),
              "plain: job-abc\n\"yes\": \"yes\"\nnumber: \"12\"\nlist:\n  - 1\n  - \"a b\"\nempty: "
              "[]\ninner:\n  key: null\n");
}

TEST(CliRender, an_object_is_one_line_a_leaf) {
    RenderStyle style;
    EXPECT_EQ(render(Json{{"a", {{"b", 1}}}, {"list", Json::array({{{"x", "y"}}})}}, style).value(),
              "a.b        1\nlist[0].x  y\n");
}

}  // namespace
}  // namespace ait::cli
