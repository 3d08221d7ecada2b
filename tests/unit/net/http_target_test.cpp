#include "net/http_target.hpp"

#include <gtest/gtest.h>

namespace ait::net {
namespace {

// Breaks if decoding changes: routes would no longer match, or match what was not asked for.
TEST(HttpTarget, path_and_query_are_decoded_in_order) {
    const auto target = parse_http_target("/api/v1/jobs/a%20b?x=1&x=2&name=J%C3%B6rg+K&flag&=v");
    ASSERT_TRUE(target.ok());
    EXPECT_EQ(target.value().path, "/api/v1/jobs/a b");
    const std::vector<std::pair<std::string, std::string>> expected{
        {"x", "1"}, {"x", "2"}, {"name", "J\xC3\xB6rg K"}, {"flag", ""}, {"", "v"}};
    EXPECT_EQ(target.value().query, expected);
}

// Breaks if a proxy's form of target is not understood.
TEST(HttpTarget, absolute_form_drops_its_authority) {
    EXPECT_EQ(parse_http_target("http://node:8000/a?b=c").value().path, "/a");
    EXPECT_EQ(parse_http_target("http://node:8000").value().path, "/");
    EXPECT_EQ(parse_http_target("http://node?b=c").value().query.size(), 1U);
    EXPECT_EQ(parse_http_target("*").value().path, "*");
}

// Breaks if an ambiguous target gets through: two programs could read it in two ways.
TEST(HttpTarget, what_is_not_clear_is_refused) {
    for (const std::string_view raw :
         {"", "?a=b", "jobs", "/%", "/%4", "/%zz", "/a%00b", "/%ff%fe", "/%c0%af", "/a#b", "/a b",
          "/a\tb", "/?x=%ff", "/?%00=1", "ftp://x/y", "/\x7f"}) {
        const auto target = parse_http_target(raw);
        ASSERT_FALSE(target.ok()) << raw;
        EXPECT_EQ(target.error().code, ErrorCode::malformed) << raw;
    }
}

TEST(HttpTarget, a_plus_is_a_space_in_the_query_only) {
    const auto target = parse_http_target("/c++?q=c%2B%2B");
    ASSERT_TRUE(target.ok());
    EXPECT_EQ(target.value().path, "/c++");
    EXPECT_EQ(target.value().query.at(0).second, "c++");
}

// Breaks if one request could make us allocate without end.
TEST(HttpTarget, query_fields_are_bounded) {
    std::string raw = "/?";
    for (int i = 0; i < 256; ++i) raw += "a&";
    EXPECT_TRUE(parse_http_target(raw).ok());
    const auto refused = parse_http_target(raw + "a");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::too_large);
}

TEST(HttpTarget, encoding_and_decoding_are_inverse) {
    std::string text;
    for (int c = 1; c < 128; ++c) text.push_back(static_cast<char>(c));
    text += "\xC3\xB6\xE2\x82\xAC";
    EXPECT_EQ(percent_decode(percent_encode(text), true).value(), text);
    EXPECT_EQ(percent_encode("a/b c"), "a%2Fb%20c");
}

}  // namespace
}  // namespace ait::net
