#include "gpu/core/pretokenizer.hpp"

#include <array>

#include "gpu/core/unicode.hpp"
#include "runtime/base/assert.hpp"

namespace ait::gpu {
namespace {

struct Character {
    char32_t code_point;
    CharacterClass kind;
    std::uint32_t bytes;  ///< 0 at the end of the text
};

Character character_at(std::string_view text, std::size_t offset) noexcept {
    if (offset == text.size()) return {code_point_invalid, CharacterClass::other, 0};
    const Utf8Character read = first_character(text.substr(offset));
    return {read.code_point, character_class(read.code_point), read.bytes};
}

bool is_line_end(char32_t c) noexcept {
    return c == U'\r' || c == U'\n';
}

/// The end of the run of one class that begins at `offset`, at most `characters_max` long.
std::size_t run_end(std::string_view text, std::size_t offset, CharacterClass kind,
                    std::size_t characters_max = std::string_view::npos) noexcept {
    for (std::size_t count = 0; count < characters_max; ++count) {
        const Character c = character_at(text, offset);
        if (c.bytes == 0 || c.kind != kind) return offset;
        offset += c.bytes;
    }
    return offset;
}

/// 's 't 're 've 'm 'll 'd: the bytes of such an ending at the start of `text`, or 0. Without
/// regard to case, the long s folds to s, as it does in the regular expression.
std::size_t contraction_bytes(std::string_view text, bool any_case) noexcept {
    if (text.empty() || text[0] != '\'') return 0;
    constexpr std::string_view long_s = "\xc5\xbf";
    if (any_case && text.substr(1, long_s.size()) == long_s) return 1 + long_s.size();
    constexpr std::array<std::string_view, 7> endings{"s", "t", "re", "ve", "m", "ll", "d"};
    for (const std::string_view ending : endings) {
        bool equal = text.size() > ending.size();
        for (std::size_t i = 0; equal && i < ending.size(); ++i) {
            const char c = text[i + 1];
            const bool upper = any_case && c >= 'A' && c <= 'Z';
            equal = (upper ? static_cast<char>(c - 'A' + 'a') : c) == ending[i];
        }
        if (equal) return 1 + ending.size();
    }
    return 0;
}

/// \s+(?!\S)|\s+ at white space: all of a run that ends the text, else all but its last character,
/// which belongs to the next word; a single one stands alone.
std::size_t whitespace_end(std::string_view text, std::size_t offset) noexcept {
    std::size_t end = offset;
    std::size_t last = offset;
    for (Character c = character_at(text, end); c.bytes != 0; c = character_at(text, end)) {
        if (c.kind != CharacterClass::whitespace) return last == offset ? end : last;
        last = end;
        end += c.bytes;
    }
    return end;
}

std::size_t gpt2_word_end(std::string_view text, std::size_t offset) noexcept {
    if (const std::size_t bytes = contraction_bytes(text.substr(offset), false); bytes != 0) {
        return offset + bytes;
    }
    const Character first = character_at(text, offset);
    if (first.kind != CharacterClass::whitespace) return run_end(text, offset, first.kind);
    const Character second = character_at(text, offset + first.bytes);
    if (first.code_point == U' ' && second.bytes != 0 &&
        second.kind != CharacterClass::whitespace) {
        return run_end(text, offset + first.bytes, second.kind);
    }
    return whitespace_end(text, offset);
}

/// \s*[\r\n]+ at white space: up to the last line end of the run; `offset` when it has none.
std::size_t last_line_end(std::string_view text, std::size_t offset) noexcept {
    std::size_t end = offset;
    for (std::size_t cursor = offset; cursor < text.size();) {
        const Character c = character_at(text, cursor);
        if (c.kind != CharacterClass::whitespace) break;
        cursor += c.bytes;
        if (is_line_end(c.code_point)) end = cursor;
    }
    return end;
}

/// [^\s\p{L}\p{N}]+[\r\n]* at a symbol.
std::size_t symbols_end(std::string_view text, std::size_t offset) noexcept {
    std::size_t end = run_end(text, offset, CharacterClass::other);
    while (end < text.size() && is_line_end(static_cast<unsigned char>(text[end]))) ++end;
    return end;
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
/// |\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t llama3_word_end(std::string_view text, std::size_t offset) noexcept {
    if (const std::size_t bytes = contraction_bytes(text.substr(offset), true); bytes != 0) {
        return offset + bytes;
    }
    const Character first = character_at(text, offset);
    if (first.kind == CharacterClass::letter) return run_end(text, offset, first.kind);
    if (first.kind == CharacterClass::number) return run_end(text, offset, first.kind, 3);
    const std::size_t after = offset + first.bytes;
    const Character second = character_at(text, after);
    if (second.kind == CharacterClass::letter && !is_line_end(first.code_point)) {
        return run_end(text, after, CharacterClass::letter);
    }
    if (first.kind == CharacterClass::other) return symbols_end(text, offset);
    if (first.code_point == U' ' && second.bytes != 0 && second.kind == CharacterClass::other) {
        return symbols_end(text, after);
    }
    if (const std::size_t end = last_line_end(text, offset); end != offset) return end;
    return whitespace_end(text, offset);
}

void append_gpt2_words(std::string_view text, std::vector<std::string_view>& words) {
    for (std::size_t offset = 0; offset < text.size();) {
        const std::size_t end = gpt2_word_end(text, offset);
        AIT_ASSERT(end > offset);
        words.push_back(text.substr(offset, end - offset));
        offset = end;
    }
}

void append_llama3_words(std::string_view text, std::vector<std::string_view>& words) {
    for (std::size_t offset = 0; offset < text.size();) {
        const std::size_t end = llama3_word_end(text, offset);
        AIT_ASSERT(end > offset);
        words.push_back(text.substr(offset, end - offset));
        offset = end;
    }
}

/// The text between numbers is split as if it stood alone, so that a space before a number is a
/// word of its own.
void append_smollm_words(std::string_view text, std::vector<std::string_view>& words) {
    std::size_t start = 0;
    for (std::size_t offset = 0; offset < text.size();) {
        const Character c = character_at(text, offset);
        if (c.kind == CharacterClass::number) {
            append_gpt2_words(text.substr(start, offset - start), words);
            words.push_back(text.substr(offset, c.bytes));
            start = offset + c.bytes;
        }
        offset += c.bytes;
    }
    append_gpt2_words(text.substr(start), words);
}

}  // namespace

std::optional<PreTokenizerKind> find_pre_tokenizer(std::string_view name) noexcept {
    if (name == "gpt-2" || name == "default") return PreTokenizerKind::gpt2;
    if (name == "smollm") return PreTokenizerKind::smollm;
    if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
        return PreTokenizerKind::llama3;
    }
    return std::nullopt;
}

std::vector<std::string_view> split_words(PreTokenizerKind kind, std::string_view text) {
    std::vector<std::string_view> words;
    switch (kind) {
        case PreTokenizerKind::gpt2:
            append_gpt2_words(text, words);
            break;
        case PreTokenizerKind::smollm:
            append_smollm_words(text, words);
            break;
        case PreTokenizerKind::llama3:
            append_llama3_words(text, words);
            break;
    }
    return words;
}

}  // namespace ait::gpu
