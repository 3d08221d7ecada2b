#include "gpu/core/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "gpu/core/byte_alphabet.hpp"
#include "gpu/core/gguf_writer.hpp"
#include "runtime/base/bytes.hpp"
#include "runtime/base/clock.hpp"
#include "tests/unit/gpu/core/test_files.hpp"

namespace ait::gpu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A vocabulary that a test can read: 256 bytes, then the words, then special tokens.
struct SmallVocabulary {
    std::vector<std::string> words{};   ///< spelled
    std::vector<std::string> merges{};  ///< "left right", spelled
    std::vector<std::string> control{};
    std::vector<std::string> user_defined{};
    std::string pre = "gpt-2";
};

GgufFile make_file(const SmallVocabulary& vocabulary) {
    std::vector<std::string> tokens;
    for (unsigned byte = 0; byte < 256; ++byte) {
        const char text = static_cast<char>(byte);
        tokens.push_back(spell_bytes({&text, 1}));
    }
    tokens.insert(tokens.end(), vocabulary.words.begin(), vocabulary.words.end());
    std::vector<std::int32_t> types(tokens.size(), 1);
    tokens.insert(tokens.end(), vocabulary.control.begin(), vocabulary.control.end());
    types.resize(tokens.size(), 3);
    tokens.insert(tokens.end(), vocabulary.user_defined.begin(), vocabulary.user_defined.end());
    types.resize(tokens.size(), 4);
    GgufWriter writer;
    writer.add_string("tokenizer.ggml.model", "gpt2");
    writer.add_string("tokenizer.ggml.pre", vocabulary.pre);
    writer.add_string_array("tokenizer.ggml.tokens", tokens);
    writer.add_int_array("tokenizer.ggml.token_type", types);
    writer.add_string_array("tokenizer.ggml.merges", vocabulary.merges);
    return GgufFile::adopt(writer.finish()).value();
}

Tokenizer make_tokenizer(const SmallVocabulary& vocabulary) {
    auto made = Tokenizer::from_gguf(make_file(vocabulary));
    AIT_ASSERT(made.ok());
    return std::move(made).value();
}

/// The real model's tokenizer, read once; skips the test when the file is absent.
class RealTokenizer : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        const auto path = test::find_test_model();
        if (!path) return;
        const auto file = GgufFile::open(*path);
        AIT_ASSERT(file.ok());
        auto made = Tokenizer::from_gguf(file.value());
        AIT_ASSERT(made.ok());
        tokenizer_ = std::make_unique<Tokenizer>(std::move(made).value());
    }
    static void TearDownTestSuite() { tokenizer_.reset(); }
    void SetUp() override {
        if (!tokenizer_) GTEST_SKIP() << test::test_model_missing;
    }

    static inline std::unique_ptr<Tokenizer> tokenizer_{};
};

// Breaks if any string is cut differently than in training: the model would read nonsense.
TEST_F(RealTokenizer, the_golden_strings_give_the_golden_tokens) {
    const auto golden = test::read_golden();
    if (golden.is_null()) GTEST_SKIP() << test::golden_missing;
    ASSERT_GE(golden["tokens"].size(), 50U);
    for (const auto& entry : golden["tokens"]) {
        const auto text = entry["text"].get<std::string>();
        EXPECT_EQ(tokenizer_->encode(text, true), entry["ids"].get<std::vector<std::uint32_t>>())
            << text;
    }
    for (const auto& entry : golden["greedy"]) {
        EXPECT_EQ(tokenizer_->encode(entry["prompt"].get<std::string>(), false),
                  entry["prompt_ids"].get<std::vector<std::uint32_t>>());
        EXPECT_EQ(tokenizer_->decode(entry["ids"].get<std::vector<std::uint32_t>>()),
                  entry["text"].get<std::string>());
    }
}

TEST_F(RealTokenizer, text_of_every_script_comes_back_from_its_tokens) {
    std::mt19937 random(20261121);
    for (int round = 0; round < 200; ++round) {
        std::string text;
        for (int i = 0; i < 40; ++i) {
            // Planes that the vocabulary has bytes for; surrogates are no characters.
            auto c = static_cast<char32_t>(random() % (round % 2 == 0 ? 0x500 : 0x30000));
            if (c < 0x20 || (c >= 0xd800 && c < 0xe000)) c = U' ';
            if (c < 0x80) {
                text += static_cast<char>(c);
            } else if (c < 0x800) {
                text += {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
            } else if (c < 0x10000) {
                text += {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
                         static_cast<char>(0x80 | (c & 63))};
            } else {
                text +=
                    {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
                     static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
            }
        }
        ASSERT_EQ(tokenizer_->decode(tokenizer_->encode(text, false)), text);
    }
}

// Breaks if a user can write a control token: they could speak as the system.
TEST_F(RealTokenizer, control_tokens_are_text_unless_asked_for) {
    EXPECT_THAT(tokenizer_->encode("<|im_end|>", true), ElementsAre(2));
    const auto as_text = tokenizer_->encode("<|im_end|>", false);
    EXPECT_THAT(as_text, testing::Each(testing::Gt(16U)));
    EXPECT_EQ(tokenizer_->decode(as_text), "<|im_end|>");
    EXPECT_TRUE(tokenizer_->ends_generation(2));
    EXPECT_TRUE(tokenizer_->ends_generation(0));
    EXPECT_FALSE(tokenizer_->ends_generation(1));
    EXPECT_EQ(tokenizer_->eos(), 2U);
    EXPECT_FALSE(tokenizer_->adds_bos());
    EXPECT_EQ(tokenizer_->vocabulary(), 49'152U);
}

// Breaks if merging is quadratic: one long word of a client would hold the engine for minutes.
TEST_F(RealTokenizer, a_word_of_256_KiB_is_merged_in_less_than_two_seconds) {
    for (const std::string& unit : {std::string("a"), std::string("abcdefgh"), std::string(" ")}) {
        std::string text;
        while (text.size() < 256 * 1024) text += unit;
        const auto start_us = system_clock().monotonic_us();
        const auto tokens = tokenizer_->encode(text, true);
        EXPECT_LT(system_clock().monotonic_us() - start_us, 2'000'000);
        EXPECT_EQ(tokenizer_->decode(tokens), text);
    }
}

TEST(Tokenizer, the_better_rank_merges_first_and_then_the_leftmost) {
    const auto tokenizer = make_tokenizer({.words = {"ab", "bc", "abc", "aa", "aaa"},
                                           .merges = {"b c", "a b", "a bc", "a a", "aa a"}});
    EXPECT_THAT(tokenizer.encode("abc", false), ElementsAre(258));
    EXPECT_THAT(tokenizer.encode("ab", false), ElementsAre(256));
    EXPECT_THAT(tokenizer.encode("aaa", false), ElementsAre(260));
    // Leftmost first: (aa)(aa) and not a(aa)a; then (aa)a cannot form.
    EXPECT_THAT(tokenizer.encode("aaaa", false), ElementsAre(259, 259));
}

TEST(Tokenizer, merges_do_not_cross_words) {
    const auto tokenizer =
        make_tokenizer({.words = {"ab", "b!", "1a"}, .merges = {"a b", "b !", "1 a"}});
    EXPECT_THAT(tokenizer.encode("b!", false), ElementsAre('b', '!'));
    EXPECT_THAT(tokenizer.encode("1ab", false), ElementsAre('1', 256));
}

TEST(Tokenizer, a_llama_3_word_that_is_a_token_is_not_merged) {
    SmallVocabulary vocabulary{.words = {"ab", "abc"}, .merges = {"a b"}};
    EXPECT_THAT(make_tokenizer(vocabulary).encode("abc", false), ElementsAre(256, 'c'));
    vocabulary.pre = "llama-bpe";
    EXPECT_THAT(make_tokenizer(vocabulary).encode("abc", false), ElementsAre(257));
}

TEST(Tokenizer, the_longest_special_token_wins) {
    const auto tokenizer = make_tokenizer({.control = {"<a>", "<a><b>", "<"}});
    EXPECT_THAT(tokenizer.encode("<a><b><a>x<", true), ElementsAre(257, 256, 'x', 258));
    EXPECT_EQ(tokenizer.find_special("<a>"), 256U);
    EXPECT_FALSE(tokenizer.find_special("<b>"));
    EXPECT_EQ(tokenizer.decode(std::vector<std::uint32_t>{256, 'x', 99'999}), "x");
}

TEST(Tokenizer, user_defined_tokens_are_always_recognised) {
    const auto tokenizer = make_tokenizer({.control = {"<c>"}, .user_defined = {"<u>"}});
    EXPECT_THAT(tokenizer.encode("<u>", false), ElementsAre(257));
    EXPECT_EQ(tokenizer.encode("<c>", false).size(), 3U);
    EXPECT_EQ(tokenizer.decode(std::vector<std::uint32_t>{257}), "<u>");
}

TEST(Tokenizer, bytes_that_are_not_utf_8_come_back_unchanged) {
    const auto tokenizer = make_tokenizer({});
    const std::string text = "a\xff\xfe\xc0\x80\xed\xa0\x80 \xf4\x90\x80\x80\xe2\x82";
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true)), text);
}

void expect_refused(const GgufWriter& writer, ErrorCode code, const std::string& why) {
    auto copy = writer;
    const auto file = GgufFile::adopt(copy.finish());
    ASSERT_TRUE(file.ok());
    const auto made = Tokenizer::from_gguf(file.value());
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, code);
    EXPECT_THAT(made.error().why, HasSubstr(why));
}

TEST(Tokenizer, tables_that_are_missing_or_contradict_each_other_are_refused) {
    const std::vector<std::string> tokens{"a", "b", "ab"};
    GgufWriter writer;
    expect_refused(writer, ErrorCode::unsupported, "no tokenizer kind");
    GgufWriter sentence_piece;
    sentence_piece.add_string("tokenizer.ggml.model", "llama");
    expect_refused(sentence_piece, ErrorCode::unsupported, "\"llama\"");
    writer.add_string("tokenizer.ggml.model", "gpt2");
    GgufWriter other_pre = writer;
    other_pre.add_string("tokenizer.ggml.pre", "deepseek-coder");
    expect_refused(other_pre, ErrorCode::unsupported, "deepseek-coder");
    expect_refused(writer, ErrorCode::malformed, "no vocabulary");
    writer.add_string_array("tokenizer.ggml.tokens", tokens);
    expect_refused(writer, ErrorCode::malformed, "no merges");
    GgufWriter types = writer;
    types.add_int_array("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1});
    expect_refused(types, ErrorCode::malformed, "2 token types");
    for (const std::string merge : {"ab", "a c", "b a", ""}) {
        GgufWriter merges = writer;
        merges.add_string_array("tokenizer.ggml.merges", std::vector<std::string>{"a b", merge});
        expect_refused(merges, ErrorCode::malformed, "Merge 1");
    }
    writer.add_string_array("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
    for (const std::string key : {"bos", "eos", "eot"}) {
        GgufWriter named = writer;
        named.add_unsigned("tokenizer.ggml." + key + "_token_id", 3);
        expect_refused(named, ErrorCode::malformed, key);
    }
}

TEST(Tokenizer, an_entry_that_is_too_long_is_refused) {
    GgufWriter writer;
    writer.add_string("tokenizer.ggml.model", "gpt2");
    writer.add_string_array("tokenizer.ggml.tokens",
                            std::vector<std::string>{std::string(4'097, 'x')});
    expect_refused(writer, ErrorCode::limit_reached, "4097");
}

TEST(StreamDecoder, a_character_split_over_tokens_comes_out_whole) {
    const auto tokenizer = make_tokenizer({});
    StreamDecoder decoder(tokenizer);
    EXPECT_EQ(decoder.push('a'), "a");
    EXPECT_EQ(decoder.push(0xe2), "");
    EXPECT_EQ(decoder.push(0x82), "");
    EXPECT_EQ(decoder.push(0xac), "\xe2\x82\xac");
    EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, what_can_never_become_a_character_is_replaced_at_once) {
    const auto tokenizer = make_tokenizer({.control = {"<c>"}});
    StreamDecoder decoder(tokenizer);
    EXPECT_EQ(decoder.push(0xff), "\xef\xbf\xbd");
    EXPECT_EQ(decoder.push(0xe2), "");
    EXPECT_EQ(decoder.push(256), "") << "control tokens give no text";
    EXPECT_EQ(decoder.push('x'), "\xef\xbf\xbdx");
    EXPECT_EQ(decoder.push(0xf0), "");
    EXPECT_EQ(decoder.finish(), "\xef\xbf\xbd");
    EXPECT_EQ(decoder.finish(), "");
}

// Breaks if any byte sequence leaves the decoder invalid: JSON answers would be refused by clients.
TEST(StreamDecoder, any_bytes_give_valid_utf_8_and_valid_bytes_are_unchanged) {
    const auto tokenizer = make_tokenizer({});
    std::mt19937 random(7);
    for (int round = 0; round < 2'000; ++round) {
        StreamDecoder decoder(tokenizer);
        std::string bytes;
        std::string text;
        for (int i = 0; i < 12; ++i) {
            const auto byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() % 128
                                                                          : 128 + random() % 128);
            bytes += static_cast<char>(byte);
            text += decoder.push(byte);
            ASSERT_TRUE(is_utf8(text));
        }
        text += decoder.finish();
        ASSERT_TRUE(is_utf8(text));
        if (is_utf8(bytes)) {
            ASSERT_EQ(text, bytes);
        }
    }
}

}  // namespace
}  // namespace ait::gpu
