#pragma once

// Byte-level BPE merges only within words. What a word is was fixed by a regular expression at
// training time; these are those expressions as hand-written matchers over Unicode classes.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ait::gpu {

enum class PreTokenizerKind : std::uint8_t {
    gpt2,    ///< 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    smollm,  ///< each \p{N} a word of its own, GPT-2 between them
    llama3,  ///< the Llama 3 expression: numbers by three, line ends stay with what is before them
};

/// By the name in tokenizer.ggml.pre; "default" is GPT-2's.
std::optional<PreTokenizerKind> find_pre_tokenizer(std::string_view name) noexcept;

/// The words of a text, in order; together they are the text. Views into `text`.
/// Linear in the text; any bytes (one that is not UTF-8 counts as a symbol). Pure; any thread.
std::vector<std::string_view> split_words(PreTokenizerKind kind, std::string_view text);

}  // namespace ait::gpu
