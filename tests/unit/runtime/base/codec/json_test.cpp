#include "runtime/base/codec/json.hpp"

#include <gtest/gtest.h>

namespace ait {
namespace {

struct Form {
    std::string name{};
    Amount amount{};
    std::optional<std::uint32_t> count{};
    std::vector<std::string> tags{};
    static constexpr auto fields() {
        return std::tuple{field("name", &Form::name, "", 8), field("amount", &Form::amount, ""),
                          optional_field("count", &Form::count, ""),
                          optional_field("tags", &Form::tags, "", 2)};
    }
};

Result<Form> read(const char* text) {
    const auto json = parse_json(text);
    if (!json.ok()) return json.error();
    return from_json_value<Form>(json.value());
}

// Breaks if one request can keep a thread busy for minutes: names are looked up one by one.
TEST(Json, an_object_of_very_many_names_is_refused_at_once) {
    std::string wide = "{";
    for (int i = 0; i < 300'000; ++i) wide += "\"" + std::to_string(i) + "\":1,";
    wide.back() = '}';
    const auto parsed = parse_json(wide);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error().code, ErrorCode::malformed);
    std::string many = "[";
    for (int i = 0; i < 10'000; ++i) many += R"({"a":1,"b":{"a":1}},)";
    many.back() = ']';
    EXPECT_TRUE(parse_json(many).ok()) << "many small ones are no trouble";
}

// Breaks if two readers of one request can disagree: one checks the first amount, one pays the
// last.
TEST(Json, a_name_that_stands_twice_in_one_object_is_refused) {
    for (const char* text :
         {R"({"a":1,"a":1})", R"({"a":1,"b":2,"a":3})", R"([{"x":{"a":1,"\u0061":2}}])",
          R"({"a":{"b":{"c":1}},"a":{}})", R"({"":1,"":2})"}) {
        const auto parsed = parse_json(text);
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_EQ(parsed.error().code, ErrorCode::malformed);
        EXPECT_EQ(parsed.error().why, "An object has the same name twice.") << text;
    }
    for (const char* text : {R"({"a":{"a":1},"b":[{"a":1},{"a":1}]})", R"({"a:b":"c:d\":","e":1})",
                             R"([":",{"\u003a":"\\"}])", "{}", "[]", "1", R"("x:y")"}) {
        EXPECT_TRUE(parse_json(text).ok()) << text;
    }
}

TEST(Json, a_described_struct_reads_back_what_it_wrote) {
    const Form form{"n", Amount{1'500'000}, 7, {"a", "b"}};
    const auto back = from_json_value<Form>(to_json_value(form));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back.value().amount, form.amount);
    EXPECT_EQ(back.value().count, form.count);
    EXPECT_EQ(back.value().tags, form.tags);
    EXPECT_EQ(to_json_value(form)["amount"], "1.500000") << "money is a decimal string";
}

// Breaks if a misspelt or oversized field is taken in silence.
TEST(Json, what_does_not_fit_is_refused_and_the_field_is_named) {
    for (const auto& [text, named] : std::vector<std::pair<const char*, const char*>>{
             {R"({"amount":"1"})", "name"},
             {R"({"name":"n","amount":"1","extra":1})", "extra"},
             {R"({"name":"n","amount":1})", "amount"},
             {R"({"name":"much too long","amount":"1"})", "name"},
             {R"({"name":"n","amount":"1","count":-1})", "count"},
             {R"({"name":"n","amount":"1","count":4294967296})", "count"},
             {R"({"name":"n","amount":"1","tags":["a","b","c"]})", "tags"},
             {R"({"name":"n","amount":"1","tags":["a",2]})", "tags[1]"}}) {
        const auto form = read(text);
        ASSERT_FALSE(form.ok()) << text;
        EXPECT_NE((form.error().what + form.error().why).find(named), std::string::npos)
            << text << ": " << form.error().what;
    }
}

TEST(Json, amounts_beyond_six_places_or_below_zero_are_refused) {
    for (const char* amount : {"-1", "0.0000001", "1e3", "", "1.", ".5", "99999999999999999999"}) {
        EXPECT_FALSE(read((R"({"name":"n","amount":")" + std::string(amount) + "\"}").c_str()).ok())
            << amount;
    }
}

TEST(Json, deep_large_or_broken_documents_are_refused_before_they_cost_anything) {
    EXPECT_EQ(parse_json(std::string(100, '[')).error().code, ErrorCode::malformed);
    EXPECT_EQ(parse_json("{}", 1).error().code, ErrorCode::too_large);
    EXPECT_EQ(parse_json("{\"a\":").error().code, ErrorCode::malformed);
    EXPECT_EQ(parse_json("\"\xff\"").error().code, ErrorCode::malformed);
}

TEST(Rfc3339, a_time_reads_back_and_days_that_do_not_exist_are_refused) {
    const std::int64_t ms = parse_rfc3339("2026-02-28T23:59:59.120Z").value();
    EXPECT_EQ(to_rfc3339(ms), "2026-02-28T23:59:59.120Z");
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z").value(), 0);
    for (const char* bad : {"2026-02-31T00:00:00Z", "2026-11-21T-1:00:00Z", "2026-11-21T24:00:00Z",
                            "2026-11-21 00:00:00Z", "2026-11-21T00:00:00", "2026-11-21T00:00:00.Z",
                            "2026-11-21T00:00:00+01:00", "", "2026-13-01T00:00:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(bad).ok()) << bad;
    }
}

TEST(ErrorBody, an_error_keeps_its_code_and_texts_over_the_wire) {
    const Error error{ErrorCode::insufficient_funds, "No.", "Too little.", "Earn."};
    const Error back = error_from_json(error_to_json(error, "id"));
    EXPECT_EQ(back.code, error.code);
    EXPECT_EQ(back.what, error.what);
    EXPECT_EQ(back.why, error.why);
    EXPECT_EQ(back.next, error.next);
    EXPECT_EQ(error_from_json(Json("nonsense")).code, ErrorCode::internal);
}

}  // namespace
}  // namespace ait
