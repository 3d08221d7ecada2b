#include "runtime/wallet/bip39.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "runtime/base/bytes.hpp"
#include "tests/unit/runtime/seeded_random.hpp"

namespace ait::wallet {
namespace {

using crypto::Secret;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view twelve_words =
    "legal winner thank year wave sausage worth useful legal winner thank yellow";

struct Vector {
    const char* entropy;
    const char* words;
    const char* seed;
};
constexpr Vector vectors[] = {
#include "tests/unit/runtime/wallet/bip39_vectors.inc"
};

std::vector<std::string> words_of(std::string_view phrase) {
    std::vector<std::string> words(1);
    for (const char c : phrase) {
        if (c == ' ') {
            words.emplace_back();
        } else {
            words.back().push_back(c);
        }
    }
    return words;
}

// Breaks if a phrase written down here opened another key in other wallets.
TEST(SeedPhrase, matches_the_official_vectors) {
    for (const Vector& row : vectors) {
        const std::string entropy = from_hex(row.entropy).value();
        EXPECT_EQ(mnemonic_from_entropy(entropy).value().view(), row.words);
        EXPECT_EQ(to_hex(entropy_from_mnemonic(row.words).value().view()), row.entropy);
        EXPECT_EQ(to_hex(seed_from_mnemonic(row.words, "TREZOR").value().view()), row.seed);
    }
}

TEST(SeedPhrase, is_new_each_time_and_survives_being_read) {
    SeededRandom random(1);
    std::set<std::string> seen;
    for (const std::uint32_t count : {12U, 24U}) {
        for (int i = 0; i < 50; ++i) {
            const auto phrase = generate_mnemonic(random, count);
            ASSERT_TRUE(phrase.ok());
            EXPECT_EQ(words_of(phrase.value().view()).size(), count);
            EXPECT_TRUE(seen.insert(std::string(phrase.value().view())).second);
            const auto entropy = entropy_from_mnemonic(phrase.value().view());
            ASSERT_TRUE(entropy.ok());
            EXPECT_EQ(mnemonic_from_entropy(entropy.value().view()).value().view(),
                      phrase.value().view());
        }
    }
}

TEST(SeedPhrase, is_made_only_with_12_or_24_words) {
    SeededRandom random(1);
    for (const std::uint32_t count : {0U, 11U, 13U, 15U, 25U, 48U}) {
        EXPECT_EQ(generate_mnemonic(random, count).error().code, ErrorCode::invalid_argument);
    }
    for (const std::size_t bytes : {0U, 12U, 15U, 17U, 33U, 36U}) {
        EXPECT_FALSE(mnemonic_from_entropy(std::string(bytes, 'a')).ok()) << bytes;
    }
}

// Breaks if a phrase typed from paper, with capitals and line ends, were refused.
TEST(SeedPhrase, is_read_whatever_its_case_and_spacing) {
    const auto entropy = entropy_from_mnemonic(
        "  LEGAL Winner\tthank year\r\nwave sausage  worth useful legal winner thank yellow\n");
    ASSERT_TRUE(entropy.ok());
    EXPECT_EQ(to_hex(entropy.value().view()), "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f");
    EXPECT_TRUE(
        seed_from_mnemonic("LEGAL  winner thank year wave sausage worth useful legal winner "
                           "thank yellow",
                           "TREZOR")
            .value()
            .equals(seed_from_mnemonic(twelve_words, "TREZOR").value()));
}

// Breaks if an error on a screen or in a log gave the phrase away.
TEST(SeedPhrase, an_error_names_the_wrong_word_and_no_other) {
    std::string phrase(twelve_words);
    phrase.replace(phrase.find("sausage"), 7, "sausege");
    const auto result = entropy_from_mnemonic(phrase);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(result.error().why, HasSubstr("Word 6, \"sausege\""));
    EXPECT_THAT(result.error().next, HasSubstr("sausage"));
    const std::string text = render_error(result.error());
    for (const std::string& word : words_of(twelve_words)) {
        if (word == "sausage") continue;
        EXPECT_THAT(text, Not(HasSubstr(word))) << word;
    }
}

TEST(SeedPhrase, an_unknown_word_is_shown_cut_and_harmless) {
    const std::string rest =
        " winner thank year wave sausage worth useful legal winner thank yellow";
    const auto hostile = entropy_from_mnemonic("\x1b[31m" + std::string(300, 'x') + rest);
    EXPECT_THAT(hostile.error().why, HasSubstr("\"????mxxxxxxxxxxx\""));
    EXPECT_THAT(hostile.error().next, HasSubstr("paper"));
    const auto beginning = entropy_from_mnemonic("legalize" + rest);
    EXPECT_THAT(beginning.error().next, HasSubstr("legal"));
}

// Breaks if a word in a wrong place went unnoticed: the wallet would look empty.
TEST(SeedPhrase, a_wrong_checksum_is_found) {
    const auto result = entropy_from_mnemonic(
        "winner legal thank year wave sausage worth useful legal winner thank yellow");
    ASSERT_FALSE(result.ok());
    EXPECT_THAT(result.error().why, HasSubstr("checksum"));
    EXPECT_THAT(render_error(result.error()), Not(HasSubstr("winner")));
}

TEST(SeedPhrase, a_wrong_number_of_words_is_named) {
    EXPECT_THAT(entropy_from_mnemonic("").error().why, HasSubstr("0 words"));
    EXPECT_THAT(entropy_from_mnemonic("legal winner").error().why, HasSubstr("2 words"));
    std::string many;
    for (int i = 0; i < 60; ++i) many += "zoo ";
    EXPECT_THAT(entropy_from_mnemonic(many).error().why, HasSubstr("more than 24 words"));
    EXPECT_THAT(entropy_from_mnemonic(std::string(2'000, 'a')).error().why, HasSubstr("too long"));
}

TEST(SeedPhrase, a_passphrase_changes_the_seed_and_must_be_ascii) {
    const auto plain = seed_from_mnemonic(twelve_words, "");
    const auto other = seed_from_mnemonic(twelve_words, "x");
    ASSERT_TRUE(plain.ok());
    ASSERT_TRUE(other.ok());
    EXPECT_FALSE(plain.value().equals(other.value()));
    EXPECT_EQ(seed_from_mnemonic(twelve_words, "caf\xC3\xA9").error().code, ErrorCode::unsupported);
    EXPECT_FALSE(seed_from_mnemonic("legal winner", "").ok());
}

}  // namespace
}  // namespace ait::wallet
