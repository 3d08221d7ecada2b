#pragma once

// Text to token ids and back, as the model was trained: byte-level BPE from a GGUF file's own
// vocabulary and merges. Every table is ordered, so that no file can make a lookup slow.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/core/gguf.hpp"
#include "gpu/core/pretokenizer.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

inline constexpr std::uint32_t token_bytes_max = 4'096;        ///< of one vocabulary entry
inline constexpr std::uint32_t special_token_bytes_max = 256;  ///< of one special token's text
inline constexpr std::uint32_t vocabulary_tokens_max = 1'000'000;

/// Immutable after creation; const functions from any thread. Owns all it needs: the file may go.
class Tokenizer {
  public:
    /// Reads tokenizer.ggml.*. Errors: unsupported (not byte-level BPE, unknown pre-tokeniser),
    /// malformed (missing or contradicting tables), limit_reached.
    static Result<Tokenizer> from_gguf(const GgufFile& file);

    /// Token ids of a text, nothing added. User-defined tokens are always recognised, control
    /// tokens (such as <|im_end|>) only with `parse_special`: never set it for text of users.
    /// Bytes that are not UTF-8 are taken one by one; a byte that the vocabulary lacks is left out.
    /// O(n log n) in the bytes of `text`, which the caller bounds.
    [[nodiscard]] std::vector<std::uint32_t> encode(std::string_view text,
                                                    bool parse_special) const;

    /// The raw bytes of a token: possibly a part of a UTF-8 sequence; the spelling for special
    /// tokens; empty for ids outside the vocabulary. Valid while the tokenizer lives.
    [[nodiscard]] std::string_view token_bytes(std::uint32_t token) const noexcept;
    /// Concatenated bytes, control tokens left out. Not necessarily UTF-8 (see StreamDecoder).
    [[nodiscard]] std::string decode(std::span<const std::uint32_t> tokens) const;

    [[nodiscard]] std::uint32_t vocabulary() const noexcept {
        return static_cast<std::uint32_t>(ends_.size());
    }
    [[nodiscard]] bool is_control(std::uint32_t token) const noexcept;
    /// True for tokens after which generation stops: eos and the end-of-turn tokens by their names.
    [[nodiscard]] bool ends_generation(std::uint32_t token) const noexcept;
    /// Control or user-defined token by its exact text.
    [[nodiscard]] std::optional<std::uint32_t> find_special(std::string_view text) const noexcept;
    [[nodiscard]] std::optional<std::uint32_t> bos() const noexcept { return bos_; }
    [[nodiscard]] std::optional<std::uint32_t> eos() const noexcept { return eos_; }
    /// Whether plain prompts begin with bos() (chat templates place theirs themselves).
    [[nodiscard]] bool adds_bos() const noexcept { return adds_bos_; }

  private:
    friend class TokenizerBuilder;

    struct Merge {
        std::uint32_t right;
        std::uint32_t rank;
        std::uint32_t merged;
    };
    struct Special {
        std::string text;
        std::uint32_t token;
        bool control;
    };
    class WordMerger;

    Tokenizer() = default;
    [[nodiscard]] const Merge* find_merge(std::uint32_t left, std::uint32_t right) const noexcept;
    [[nodiscard]] std::optional<std::uint32_t> find_word(std::string_view bytes) const noexcept;
    [[nodiscard]] const Special* special_at(std::string_view text, bool control) const noexcept;
    void encode_plain(std::string_view text, WordMerger& merger) const;

    PreTokenizerKind pre_tokenizer_ = PreTokenizerKind::gpt2;
    bool whole_words_first_ = false;  ///< a word that is a token is not merged (Llama 3)
    bool adds_bos_ = false;
    std::optional<std::uint32_t> bos_{};
    std::optional<std::uint32_t> eos_{};
    std::string bytes_{};                           ///< of all tokens, one after the other
    std::vector<std::uint64_t> ends_{};             ///< of each token within bytes_
    std::vector<bool> control_{};                   ///< by token
    std::vector<std::uint32_t> ending_{};           ///< tokens that end generation, sorted
    std::array<std::uint32_t, 256> byte_tokens_{};  ///< token_none where the vocabulary has none
    std::vector<std::uint32_t> words_{};            ///< ordinary tokens, sorted by their bytes
    std::vector<std::uint64_t> merge_starts_{};     ///< by left token, into merges_; one more
    std::vector<Merge> merges_{};                   ///< per left token sorted by the right one
    std::vector<Special> specials_{};               ///< sorted by text
    std::array<bool, 256> special_first_bytes_{};
};

inline constexpr std::uint32_t token_none = 0xffff'ffff;

/// Turns a stream of tokens into text that is valid UTF-8 at every step: bytes of an unfinished
/// sequence wait for the next token, bytes that can never become valid are replaced by U+FFFD.
/// Control tokens give no text. One stream each; not shared between threads.
class StreamDecoder {
  public:
    /// The tokenizer outlives the decoder.
    explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}
    /// The text that became certain with this token; may be empty.
    std::string push(std::uint32_t token);
    /// What is still held back (at most one U+FFFD). The decoder is then as new.
    std::string finish();

  private:
    const Tokenizer* tokenizer_;
    std::string held_{};  ///< the start of a sequence, at most 3 bytes between calls
};

}  // namespace ait::gpu
