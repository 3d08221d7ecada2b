#include "runtime/base/crypto/bech32m.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::crypto {
namespace {

using testing::HasSubstr;

constexpr std::string_view rfc_8032_address = "ait1rv630n667zkgdw80azz99yyvgh6u0creqp2zzv";

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

TEST(Bech32m, reads_and_writes_the_valid_texts_of_bip_350) {
    for (const char* text :
         {"A1LQFN3A", "a1lqfn3a",
          "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7h"
          "g6",
          "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
          "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllluds"
          "r8",
          "split1checkupstagehandshakeupstreamerranterredcaperredlc445v", "?1v759aa"}) {
        const auto content = decode_bech32m(text);
        ASSERT_TRUE(content.ok()) << text;
        EXPECT_EQ(encode_bech32m(content.value()).value(), lower_case(text));
    }
}

TEST(Bech32m, refuses_the_invalid_texts_of_bip_350) {
    for (const char* text : {"\x20"
                             "1xj0phk",
                             "\x7f"
                             "1g6xzxy",
                             "\x80"
                             "1vctc34",
                             "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharacte"
                             "rsbioandnumber11d6pts4",
                             "qyrz8wqd2c9m", "1qyrz8wqd2c9m", "y1b0jsk6g", "lt1igcx5c0", "in1muywd",
                             "mm1crxm3i", "au1s5cgom", "M1VUXWEZ", "16plkw9", "1p2gdwpf"}) {
        const auto content = decode_bech32m(text);
        ASSERT_FALSE(content.ok()) << text;
        EXPECT_EQ(content.error().code, ErrorCode::malformed);
        EXPECT_FALSE(content.error().why.empty());
    }
}

TEST(Bech32m, refuses_to_write_what_it_could_not_read) {
    EXPECT_FALSE(encode_bech32m({.prefix = "", .groups = {}}).ok());
    EXPECT_FALSE(encode_bech32m({.prefix = "AIT", .groups = {}}).ok());
    EXPECT_FALSE(encode_bech32m({.prefix = "a b", .groups = {}}).ok());
    EXPECT_FALSE(encode_bech32m({.prefix = std::string(84, 'a'), .groups = {}}).ok());
    EXPECT_FALSE(encode_bech32m({.prefix = "ait", .groups = {32}}).ok());
    EXPECT_FALSE(encode_bech32m({.prefix = "ait", .groups = std::vector<std::uint8_t>(81)}).ok());
    EXPECT_TRUE(encode_bech32m({.prefix = "ait", .groups = std::vector<std::uint8_t>(80)}).ok());
}

// Breaks if the text of addresses changed; the expected texts come from another program.
TEST(AddressText, has_fixed_values) {
    const auto address = fixed_from_hex<Address>("1b3517cf5af0ac86b8efe88452908c45f5c7e079");
    EXPECT_EQ(to_text(address.value()), rfc_8032_address);
    EXPECT_EQ(to_text(Address{}), "ait1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqlf6ecx");
    EXPECT_EQ(parse_address(rfc_8032_address).value(), address.value());
    EXPECT_EQ(parse_address("AIT1RV630N667ZKGDW80AZZ99YYVGH6U0CREQP2ZZV").value(), address.value());
}

TEST(AddressText, survives_every_address) {
    SeededRandom random(9);
    for (int i = 0; i < 2'000; ++i) {
        const auto address = fixed_from_bytes<Address>(random.bytes(Address::size)).value();
        const auto again = parse_address(to_text(address));
        ASSERT_TRUE(again.ok());
        EXPECT_EQ(again.value(), address);
    }
}

// Breaks if a typing error sent money to an address that nobody has.
TEST(AddressText, refuses_every_changed_character_and_every_swap) {
    const std::string text(rfc_8032_address);
    for (std::size_t i = 4; i < text.size(); ++i) {
        for (const char c : std::string_view("qpzry9x8gf2tvdw0s3jn54khce6mua7l")) {
            std::string changed = text;
            changed[i] = c;
            EXPECT_EQ(parse_address(changed).ok(), c == text[i]) << changed;
        }
        if (i + 1 == text.size() || text[i] == text[i + 1]) continue;
        std::string swapped = text;
        std::swap(swapped[i], swapped[i + 1]);
        EXPECT_FALSE(parse_address(swapped).ok()) << swapped;
    }
}

TEST(AddressText, says_what_is_wrong) {
    const std::pair<const char*, const char*> rows[] = {
        {"", "empty"},
        {"0x52908400098527886E0F7030069857D2E4169EE7", "hexadecimal"},
        {"aix1rv630n667zkgdw80azz99yyvgh6u0cre0ycdvr", "does not begin with \"ait1\""},
        {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "does not begin with \"ait1\""},
        {"aitbc1test_wallet_hd", "does not begin with \"ait1\""},
        {"ait1RV630n667zkgdw80azz99yyvgh6u0creqp2zzv", "mixes upper and lower case"},
        {"ait1rv630n667zkgdw80azz99yyvgh6u0cre4a6w8w", "older kind bech32"},
        {"ait1rv630n667zkgdw80azz99yyvgh6u0creqp2zzq", "checksum does not match"},
        {"ait1bv630n667zkgdw80azz99yyvgh6u0creqp2zzv", "'b' is never part"},
        {"ait1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqjhu3ql", "41 characters; 42 are needed"},
        {"ait1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqd8q7dn", "43 characters; 42 are needed"},
        {"ait1 v630n667zkgdw80azz99yyvgh6u0creqp2zzv", "space"},
        {"ait1qqq", "too short"},
    };
    for (const auto& [text, why] : rows) {
        const auto address = parse_address(text);
        ASSERT_FALSE(address.ok()) << text;
        EXPECT_EQ(address.error().code, ErrorCode::malformed) << text;
        EXPECT_THAT(address.error().why, HasSubstr(why)) << text;
        EXPECT_FALSE(address.error().next.empty()) << text;
    }
    EXPECT_THAT(parse_address("ait1" + std::string(200, 'q')).error().why,
                HasSubstr("90 is the most"));
}

}  // namespace
}  // namespace ait::crypto
