#include "runtime/base/crypto/secret.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ostream>
#include <type_traits>

#include "runtime/base/crypto/keys.hpp"

namespace ait::crypto {
namespace {

template <class T>
concept Streamable = requires(std::ostream& stream, const T& value) { stream << value; };

static_assert(!Streamable<Secret>);
static_assert(!Streamable<SecretKey>);
static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);
static_assert(!std::is_copy_constructible_v<SecretKey>);
static_assert(!std::is_copy_assignable_v<SecretKey>);
static_assert(!fmt::is_formattable<SecretKey>::value);

// Breaks if a password could reach a log line.
TEST(Secret, is_printed_without_its_content) {
    const Secret secret = Secret::copy_of("correct horse");
    EXPECT_EQ(fmt::format("{}", secret), "[secret]");
    EXPECT_EQ(fmt::format("{:>10}", secret), "  [secret]");
}

// Breaks if the caller's copy of a password outlived the hand-over.
TEST(Secret, takes_a_string_over_and_wipes_it) {
    std::string text = "a password that is longer than the small buffer";
    const char* const memory = text.data();
    const std::size_t size = text.size();
    const Secret secret(std::move(text));
    EXPECT_EQ(secret.view(), "a password that is longer than the small buffer");
    // NOLINTNEXTLINE(bugprone-use-after-move): that nothing is left behind is what we test.
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(text.data(), memory);
    for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(memory[i], '\0') << i;
}

TEST(Secret, moves_and_leaves_nothing) {
    Secret first = Secret::copy_of("abc");
    Secret second = std::move(first);
    EXPECT_EQ(second.view(), "abc");
    // NOLINTNEXTLINE(bugprone-use-after-move): a moved-from secret is promised to be empty.
    EXPECT_TRUE(first.empty());
    EXPECT_EQ(first.view(), "");
    first = std::move(second);
    EXPECT_EQ(first.view(), "abc");
}

TEST(Secret, compares_content_and_length) {
    const Secret secret = Secret::copy_of("abc");
    EXPECT_TRUE(secret.equals(Secret::copy_of("abc")));
    EXPECT_FALSE(secret.equals(Secret::copy_of("abd")));
    EXPECT_FALSE(secret.equals(Secret::copy_of("ab")));
    EXPECT_FALSE(secret.equals(Secret()));
    EXPECT_TRUE(Secret().equals(Secret::copy_of("")));
}

TEST(Secret, can_be_filled_in_place) {
    Secret secret = Secret::zeros(3);
    EXPECT_EQ(secret.view(), std::string(3, '\0'));
    secret.writable()[1] = 'x';
    EXPECT_EQ(secret.view(), std::string("\0x\0", 3));
    EXPECT_EQ(secret.size(), 3U);
}

TEST(Wipe, overwrites_bytes) {
    std::array<std::uint8_t, 4> bytes{1, 2, 3, 4};
    wipe(bytes);
    EXPECT_EQ(bytes, (std::array<std::uint8_t, 4>{}));
}

}  // namespace
}  // namespace ait::crypto
