#include "runtime/base/codec/json_text.hpp"

#include <gtest/gtest.h>

#include <random>

namespace ait {

enum class Mood : std::uint8_t { calm, busy };
template <>
struct EnumNames<Mood> {
    static constexpr std::array<std::string_view, 2> names{"calm", "busy"};
};

namespace {

struct Inner {
    std::string name{};
    std::int32_t number = 0;
    static constexpr auto fields() {
        return std::tuple{field("name", &Inner::name, ""), field("number", &Inner::number, "")};
    }
};

struct Everything {
    std::string text{};
    bool flag = false;
    std::int64_t small = 0;
    std::uint64_t large = 0;
    double fraction = 0;
    Amount amount{};
    UnixMs at{};
    Address who{};
    Hash hash{};
    Blob bytes{};
    JsonText json{};
    Mood mood = Mood::calm;
    std::optional<Inner> maybe{};
    std::vector<Inner> list{};
    static constexpr auto fields() {
        using T = Everything;
        return std::tuple{field("text", &T::text, ""),
                          field("flag", &T::flag, ""),
                          field("small", &T::small, ""),
                          field("large", &T::large, ""),
                          field("fraction", &T::fraction, ""),
                          field("amount", &T::amount, ""),
                          field("at", &T::at, ""),
                          field("who", &T::who, ""),
                          field("hash", &T::hash, ""),
                          field("bytes", &T::bytes, ""),
                          field("json", &T::json, ""),
                          field("mood", &T::mood, ""),
                          field("maybe", &T::maybe, ""),
                          field("list", &T::list, "")};
    }
};

// Breaks if a client could see another text from the write path than from a query.
TEST(JsonText, the_text_written_straight_is_the_one_that_the_tree_gives) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto text = [&random] {
        std::string bytes(random() % 12, '\0');
        for (char& c : bytes) c = static_cast<char>(random() % (random() % 2 == 0 ? 128 : 256));
        return bytes;
    };
    for (int i = 0; i < 2'000; ++i) {
        Everything value{.text = text(),
                         .flag = random() % 2 == 0,
                         .small = static_cast<std::int64_t>(random()) >> (random() % 64),
                         .large = random() >> (random() % 64),
                         .fraction = static_cast<double>(random() % 1'000) / 8,
                         .amount = Amount{random() % 5'000'000},
                         .at = UnixMs{static_cast<std::int64_t>(random() % 4'000'000'000'000)},
                         .bytes = Blob{text()},
                         .json = JsonText{R"({"a":[1,"b"]})"},
                         .mood = static_cast<Mood>(random() % 2)};
        if (random() % 2 == 0) value.who.bytes.fill(static_cast<std::uint8_t>(random()));
        if (random() % 2 == 0) value.hash.bytes.fill(static_cast<std::uint8_t>(random()));
        if (random() % 2 == 0) value.at = {};
        if (random() % 2 == 0) value.maybe = Inner{text(), -3};
        for (auto count = random() % 3; count > 0; --count) value.list.push_back({text(), 4});
        const Json tree = to_json_value(value);
        const std::string by_library = tree.dump(-1, ' ', false, Json::error_handler_t::replace);
        ASSERT_EQ(to_json_text(value), by_library);
        ASSERT_EQ(dump_json(tree), by_library);
    }
}

TEST(JsonText, what_is_no_json_becomes_null) {
    const Everything value{.json = JsonText{R"({"a":)"}};
    EXPECT_NE(to_json_text(value).find(R"("json":null)"), std::string::npos);
}

}  // namespace
}  // namespace ait
