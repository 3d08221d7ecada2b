#include "gpu/core/pretokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "gpu/core/unicode.hpp"

namespace ait::gpu {
namespace {

using testing::ElementsAre;

auto gpt2(std::string_view text) {
    return split_words(PreTokenizerKind::gpt2, text);
}
auto smollm(std::string_view text) {
    return split_words(PreTokenizerKind::smollm, text);
}
auto llama3(std::string_view text) {
    return split_words(PreTokenizerKind::llama3, text);
}

// The expectations are those of the regular expressions, checked once against a regex engine.
TEST(SplitWords, gpt2_keeps_a_space_with_the_word_after_it) {
    EXPECT_THAT(gpt2("Hello  world, it's 42!"),
                ElementsAre("Hello", " ", " world", ",", " it", "'s", " 42", "!"));
    EXPECT_THAT(gpt2("a\n\n b"), ElementsAre("a", "\n\n", " b"));
    EXPECT_THAT(gpt2("a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
    EXPECT_THAT(gpt2("x   "), ElementsAre("x", "   "));
    EXPECT_THAT(gpt2("I'LL don'tx"), ElementsAre("I", "'", "LL", " don", "'t", "x"));
    EXPECT_THAT(gpt2(" 's"), ElementsAre(" '", "s"));
    EXPECT_THAT(gpt2(""), ElementsAre());
}

TEST(SplitWords, smollm_gives_each_digit_a_word_and_leaves_its_space_alone) {
    EXPECT_THAT(smollm("in 1984x"), ElementsAre("in", " ", "1", "9", "8", "4", "x"));
    EXPECT_THAT(smollm("a  7"), ElementsAre("a", "  ", "7"));
    EXPECT_THAT(smollm("\xe2\x85\xa7\xc2\xbd"), ElementsAre("\xe2\x85\xa7", "\xc2\xbd"));
}

TEST(SplitWords, llama3_takes_numbers_by_three_and_keeps_line_ends_with_symbols) {
    EXPECT_THAT(llama3("1234567"), ElementsAre("123", "456", "7"));
    EXPECT_THAT(llama3("(x);\n\n  y"), ElementsAre("(x", ");\n\n", " ", " y"));
    EXPECT_THAT(llama3("a \n \n b"), ElementsAre("a", " \n \n", " b"));
    EXPECT_THAT(llama3("\tword"), ElementsAre("\tword"));
    EXPECT_THAT(llama3("\nword"), ElementsAre("\n", "word"));
    EXPECT_THAT(llama3("I'LL 'twas"), ElementsAre("I", "'LL", " '", "twas"));
    EXPECT_THAT(llama3(" 12  34"), ElementsAre(" ", "12", " ", " ", "34"));
}

TEST(SplitWords, the_words_of_any_bytes_are_the_bytes) {
    std::mt19937 random(11);
    constexpr std::string_view alphabet = " \n\r\ta'sS1!\xc3\xa9\xe2\x80\x83\xff\xf0\x9f\x98\x80";
    for (int round = 0; round < 3'000; ++round) {
        std::string text;
        for (int i = 0; i < 20; ++i) text += alphabet[random() % alphabet.size()];
        for (const auto kind :
             {PreTokenizerKind::gpt2, PreTokenizerKind::smollm, PreTokenizerKind::llama3}) {
            std::string joined;
            for (const auto word : split_words(kind, text)) {
                ASSERT_FALSE(word.empty());
                joined += word;
            }
            ASSERT_EQ(joined, text);
        }
    }
}

TEST(SplitWords, names_of_files_are_known) {
    EXPECT_EQ(find_pre_tokenizer("smollm"), PreTokenizerKind::smollm);
    EXPECT_EQ(find_pre_tokenizer("llama-bpe"), PreTokenizerKind::llama3);
    EXPECT_EQ(find_pre_tokenizer("default"), PreTokenizerKind::gpt2);
    EXPECT_EQ(find_pre_tokenizer("tekken"), std::nullopt);
}

TEST(CharacterClass, letters_numbers_and_white_space_of_all_planes_are_known) {
    for (const char32_t c :
         {U'a', U'Z', U'\u00e9', U'\u0430', U'\u05d0', U'\u65e5', U'\U0001d49c'}) {
        EXPECT_EQ(character_class(c), CharacterClass::letter) << static_cast<std::uint32_t>(c);
    }
    for (const char32_t c : {U'0', U'\u0663', U'\u00bd', U'\u2167', U'\uff11', U'\U0001d7d8'}) {
        EXPECT_EQ(character_class(c), CharacterClass::number) << static_cast<std::uint32_t>(c);
    }
    for (const char32_t c : {U' ', U'\n', U'\u0085', U'\u00a0', U'\u2003', U'\u2028', U'\u3000'}) {
        EXPECT_EQ(character_class(c), CharacterClass::whitespace) << static_cast<std::uint32_t>(c);
    }
    for (const char32_t c : {U'!', U'\u0301', U'\u200b', U'\ufeff', U'\U0001f642', char32_t{0x1c},
                             code_point_invalid}) {
        EXPECT_EQ(character_class(c), CharacterClass::other) << static_cast<std::uint32_t>(c);
    }
}

}  // namespace
}  // namespace ait::gpu
