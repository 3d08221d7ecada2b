#include "net/event_stream.hpp"

#include <gtest/gtest.h>

namespace ait::net {
namespace {

/// The events of `text`, fed in pieces of `step` bytes.
std::vector<SseEvent> parse_in_steps(std::string_view text, std::size_t step) {
    SseParser parser(1'024);
    std::vector<SseEvent> events;
    for (std::size_t at = 0; at < text.size(); at += step) {
        EXPECT_TRUE(parser.feed(text.substr(at, step), events).ok());
    }
    return events;
}

SseEvent event_of(std::string name, std::string data, std::string id) {
    return {.event = std::move(name), .data = std::move(data), .id = std::move(id), .retry_ms = {}};
}

// Breaks if a cut between packets changes events: followers would lose or split them.
TEST(SseParser, events_do_not_depend_on_where_the_stream_is_cut) {
    const std::string_view text =
        "\xEF\xBB\xBF: hello\r\nid: 7\r\nevent: job\r\ndata: one\r\ndata:two\r\n\r\n"
        "data\n\nid\ndata:  x\n\nevent: lost\n\nretry: 250\rdata: r\r\rdata: unfinished\n";
    std::vector<SseEvent> expected{event_of("job", "one\ntwo", "7"), event_of("message", "", "7"),
                                   event_of("message", " x", ""), event_of("message", "r", "")};
    expected[3].retry_ms = 250;
    for (std::size_t step = 1; step <= text.size(); ++step) {
        EXPECT_EQ(parse_in_steps(text, step), expected) << step;
    }
}

// Breaks if a hostile engine can fill the memory with one event.
TEST(SseParser, long_lines_and_long_events_are_refused_for_good) {
    SseParser line_parser(16);
    std::vector<SseEvent> events;
    EXPECT_TRUE(line_parser.feed("data: a\n\n", events).ok());
    EXPECT_EQ(line_parser.feed("data: 0123456789abcdef", events).error().code,
              ErrorCode::too_large);
    EXPECT_FALSE(line_parser.feed("\n\ndata: b\n\n", events).ok());
    EXPECT_EQ(events.size(), 1U);

    SseParser event_parser(16);
    EXPECT_TRUE(event_parser.feed("data: 01234567\n", events).ok());
    EXPECT_FALSE(event_parser.feed("data: 01234567\n", events).ok());
}

TEST(SseParser, what_is_formatted_is_parsed_back) {
    const std::vector<SseEvent> events{
        event_of("token", "a\nb\n", "12"),
        event_of("message", "", "12"),
        {.event = "message", .data = "x", .id = "13", .retry_ms = 3'000}};
    std::string text;
    for (const SseEvent& event : events) text += format_sse_event(event);
    EXPECT_EQ(parse_in_steps(text, 3), events);
}

// Breaks if data from a model could forge an event of ours.
TEST(SseParser, line_ends_in_ids_and_names_cannot_forge_fields) {
    const std::string text = format_sse_event(event_of("a\ndata: forged", "x", "1\n\ndata: y"));
    EXPECT_EQ(parse_in_steps(text, 1), std::vector{event_of("a data: forged", "x", "1  data: y")});
}

TEST(LineSplitter, lines_do_not_depend_on_where_the_stream_is_cut) {
    const std::string_view text = "{\"a\":1}\r\n\nsecond\nrest";
    for (std::size_t step = 1; step <= text.size(); ++step) {
        LineSplitter splitter(64);
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < text.size(); at += step) {
            ASSERT_TRUE(splitter.feed(text.substr(at, step), lines).ok());
        }
        EXPECT_EQ(lines, (std::vector<std::string>{"{\"a\":1}", "", "second"})) << step;
        EXPECT_EQ(splitter.take_rest(), "rest");
    }
}

TEST(LineSplitter, a_line_at_the_limit_passes_and_one_byte_more_does_not) {
    LineSplitter splitter(4);
    std::vector<std::string> lines;
    EXPECT_TRUE(splitter.feed("1234\r\n1234\n", lines).ok());
    EXPECT_EQ(lines.size(), 2U);
    EXPECT_EQ(splitter.feed("12345\n", lines).error().code, ErrorCode::too_large);
    EXPECT_FALSE(splitter.feed("1\n", lines).ok());
    EXPECT_EQ(lines.size(), 2U);
}

}  // namespace
}  // namespace ait::net
