#include "gpu/core/stop_filter.hpp"

#include <gtest/gtest.h>

#include <random>

namespace ait::gpu {
namespace {

struct Seen {
    std::string text{};
    bool stopped = false;
};

/// The stream's outcome when `text` arrives in pieces of at most `piece_max` bytes.
Seen stream(const std::vector<std::string>& stops, const std::string& text, std::size_t piece_max) {
    StopFilter filter(stops);
    Seen seen;
    for (std::size_t at = 0; at < text.size(); at += piece_max) {
        StopFilter::Passed passed = filter.push(std::string_view(text).substr(at, piece_max));
        seen.text += passed.text;
        if (passed.stopped) return {seen.text, true};
    }
    seen.text += filter.finish();
    return seen;
}

// Breaks if a reader sees a part of a stop string that came in two tokens.
TEST(StopFilter, holds_back_what_may_become_a_stop_string_and_nothing_else) {
    StopFilter filter({"\nUser:"});
    EXPECT_EQ(filter.push("Hello").text, "Hello");
    EXPECT_EQ(filter.push(".\nU").text, ".");
    EXPECT_EQ(filter.push("s").text, "");
    EXPECT_EQ(filter.push("ually").text, "\nUsually");
    const auto last = filter.push(" so\nUser: x");
    EXPECT_EQ(last.text, " so");
    EXPECT_TRUE(last.stopped);
}

TEST(StopFilter, gives_back_the_held_text_when_the_stream_ends) {
    StopFilter filter({"###"});
    EXPECT_EQ(filter.push("a##").text, "a");
    EXPECT_EQ(filter.finish(), "##");
    EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, without_stop_strings_everything_passes) {
    StopFilter filter({});
    EXPECT_EQ(filter.push("a b").text, "a b");
}

// Breaks if the answer depends on how text is cut into tokens.
TEST(StopFilter, the_outcome_does_not_depend_on_the_pieces) {
    std::mt19937 random(41);
    for (int round = 0; round < 3'000; ++round) {
        std::vector<std::string> stops(1 + random() % 3);
        for (std::string& stop : stops) {
            const std::size_t length = 1 + random() % 4;
            for (std::size_t i = 0; i < length; ++i) stop += "ab"[random() % 2];
        }
        std::string text;
        for (int i = 0; i < 12; ++i) text += "abc"[random() % 3];
        const Seen whole = stream(stops, text, text.size());
        for (const std::size_t piece : {1U, 2U, 3U, 5U}) {
            const Seen pieces = stream(stops, text, piece);
            ASSERT_EQ(pieces.text, whole.text) << text;
            ASSERT_EQ(pieces.stopped, whole.stopped) << text;
        }
        for (const std::string& stop : stops) ASSERT_EQ(whole.text.find(stop), std::string::npos);
    }
}

}  // namespace
}  // namespace ait::gpu
