#include "runtime/base/bytes.hpp"

#include <gtest/gtest.h>

#include "tests/unit/runtime/seeded_random.hpp"

namespace ait {
namespace {

constexpr std::uint64_t seed = 11;

// Breaks if one key could be written in two ways: lookups by text would miss it.
TEST(Hexadecimal, has_one_spelling_for_each_value) {
    EXPECT_EQ(to_hex(std::string("\x00\x7f\xff", 3)), "007fff");
    EXPECT_EQ(from_hex("007fff").value(), std::string("\x00\x7f\xff", 3));
    for (const char* wrong : {"0", "0g", "AB", "0x12", " 12", "1 "}) {
        EXPECT_EQ(from_hex(wrong).error().code, ErrorCode::malformed) << wrong;
    }
}

// Breaks if a hash of the wrong length were padded or cut in silence.
TEST(FixedBytes, refuses_every_other_length) {
    for (std::size_t size = 0; size < 70; ++size) {
        EXPECT_EQ(fixed_from_bytes<Hash>(std::string(size, 'a')).ok(), size == 32) << size;
    }
    EXPECT_FALSE(fixed_from_hex<Address>("zz").ok());
    const auto address = fixed_from_hex<Address>("00000000000000000000000000000000000000ff");
    ASSERT_TRUE(address.ok());
    EXPECT_EQ(address.value().bytes[19], 0xff);
    EXPECT_FALSE(address.value().is_zero());
    EXPECT_TRUE(Address{}.is_zero());
}

// Breaks if keys of the state sorted in another order than their numbers.
TEST(BigEndian, keeps_the_order_of_numbers_and_reads_back) {
    SeededRandom random(seed);
    for (int i = 0; i < 1'000; ++i) {
        const std::uint64_t a = random.next() >> (random.next() % 64);
        const std::uint64_t b = random.next() >> (random.next() % 64);
        EXPECT_EQ(from_big_endian(big_endian(a)), a);
        EXPECT_EQ(big_endian(a) < big_endian(b), a < b);
    }
}

// Breaks if ids differed from those that other RFC 4648 programs compute.
TEST(Base32, matches_the_vectors_of_rfc_4648_without_padding) {
    EXPECT_EQ(to_sortable_base32("fooba"), "csqpyrk1");
    for (int i = 1; i < 256; ++i) {
        const std::string low(1, static_cast<char>(i - 1));
        const std::string high(1, static_cast<char>(i));
        EXPECT_LT(to_sortable_base32(low + "x"), to_sortable_base32(high + "a")) << i;
    }
    EXPECT_EQ(to_base32(""), "");
    EXPECT_EQ(to_base32("f"), "my");
    EXPECT_EQ(to_base32("fo"), "mzxq");
    EXPECT_EQ(to_base32("foo"), "mzxw6");
    EXPECT_EQ(to_base32("foob"), "mzxw6yq");
    EXPECT_EQ(to_base32("fooba"), "mzxw6ytb");
    EXPECT_EQ(to_base32("foobar"), "mzxw6ytboi");
}

TEST(Base64, matches_the_vectors_of_rfc_4648) {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text).value(), bytes);
    }
}

// Breaks if one signed value could travel under two texts.
TEST(Base64, refuses_what_is_not_canonical) {
    for (const char* wrong : {"Zg=", "Zg", "Zh==", "Zm9=", "Zg==Zg==", "=Zg=", "Z===", "====",
                              "Zm 9", "Zm9v\n", "Zm-_"}) {
        EXPECT_FALSE(from_base64(wrong).ok()) << wrong;
    }
}

// Breaks if a decoder lost a byte for some length.
TEST(Encodings, read_back_what_they_wrote) {
    SeededRandom random(seed);
    for (std::size_t size = 0; size < 300; ++size) {
        const std::string bytes = random.bytes(size);
        EXPECT_EQ(from_hex(to_hex(bytes)).value(), bytes);
        EXPECT_EQ(from_base64(to_base64(bytes)).value(), bytes);
    }
}

// Breaks if text that other programs reject could enter the state.
TEST(Utf8, accepts_exactly_what_unicode_allows) {
    for (const char* right : {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                              "\xEF\xBF\xBF", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
        EXPECT_TRUE(is_utf8(right)) << to_hex(right);
    }
    for (const char* wrong :
         {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "a\xFF"}) {
        EXPECT_FALSE(is_utf8(wrong)) << to_hex(wrong);
    }
}

}  // namespace
}  // namespace ait
