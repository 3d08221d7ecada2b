#include "gpu/core/tokenizer.hpp"

#include <algorithm>
#include <limits>

namespace ait::gpu {

/// Merges the bytes of one word, best rank first. The word is a linked list in arrays; candidates
/// wait in a heap and are checked again when their turn comes, because a neighbour may have been
/// merged away. Each merge removes one symbol and adds at most two candidates: O(n log n).
class Tokenizer::WordMerger {
  public:
    WordMerger(const Tokenizer& tokenizer, std::vector<std::uint32_t>& tokens)
        : tokenizer_(tokenizer), tokens_(tokens) {}

    void append(std::string_view word) {
        AIT_ASSERT(word.size() < token_none);
        if (tokenizer_.whole_words_first_) {
            if (const auto whole = tokenizer_.find_word(word)) {
                tokens_.push_back(*whole);
                return;
            }
        }
        start(word);
        while (!heap_.empty()) {
            std::pop_heap(heap_.begin(), heap_.end(), comes_later);
            const Candidate best = heap_.back();
            heap_.pop_back();
            if (is_current(best)) merge(best);
        }
        for (std::uint32_t i = 0; i != symbol_none; i = symbols_[i].next) {
            // A byte that the vocabulary lacks has no token; it kept its neighbours apart.
            if (symbols_[i].token != token_none) tokens_.push_back(symbols_[i].token);
        }
    }

  private:
    static constexpr std::uint32_t symbol_none = token_none;

    struct Symbol {
        std::uint32_t token;
        std::uint32_t previous;
        std::uint32_t next;
    };
    struct Candidate {
        std::uint32_t rank;
        std::uint32_t position;  ///< of the left symbol
        std::uint32_t left;
        std::uint32_t right;
        std::uint32_t merged;
    };

    /// Lower ranks first; of equal ones the leftmost.
    static bool comes_later(const Candidate& a, const Candidate& b) noexcept {
        return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
    }

    void start(std::string_view word) {
        AIT_ASSERT(!word.empty());
        symbols_.clear();
        heap_.clear();
        const auto count = static_cast<std::uint32_t>(word.size());
        for (std::uint32_t i = 0; i < count; ++i) {
            symbols_.push_back({tokenizer_.byte_tokens_[static_cast<std::uint8_t>(word[i])],
                                i == 0 ? symbol_none : i - 1,
                                i + 1 == count ? symbol_none : i + 1});
        }
        for (std::uint32_t i = 0; i + 1 < count; ++i) consider(i);
    }

    void consider(std::uint32_t position) {
        const std::uint32_t next = symbols_[position].next;
        if (next == symbol_none) return;
        const std::uint32_t left = symbols_[position].token;
        const std::uint32_t right = symbols_[next].token;
        const Merge* const merge = tokenizer_.find_merge(left, right);
        if (merge == nullptr) return;
        heap_.push_back({merge->rank, position, left, right, merge->merged});
        std::push_heap(heap_.begin(), heap_.end(), comes_later);
    }

    [[nodiscard]] bool is_current(const Candidate& candidate) const noexcept {
        const Symbol& left = symbols_[candidate.position];
        return left.token == candidate.left && left.next != symbol_none &&
               symbols_[left.next].token == candidate.right;
    }

    void merge(const Candidate& candidate) {
        Symbol& left = symbols_[candidate.position];
        const std::uint32_t removed = left.next;
        left.token = candidate.merged;
        left.next = symbols_[removed].next;
        if (left.next != symbol_none) symbols_[left.next].previous = candidate.position;
        symbols_[removed] = {token_none, symbol_none, symbol_none};
        if (left.previous != symbol_none) consider(left.previous);
        consider(candidate.position);
    }

    const Tokenizer& tokenizer_;
    std::vector<std::uint32_t>& tokens_;
    std::vector<Symbol> symbols_{};
    std::vector<Candidate> heap_{};
};

std::vector<std::uint32_t> Tokenizer::encode(std::string_view text, bool parse_special) const {
    std::vector<std::uint32_t> tokens;
    WordMerger merger(*this, tokens);
    std::size_t start = 0;
    for (std::size_t offset = 0; offset < text.size();) {
        const Special* const special = special_at(text.substr(offset), parse_special);
        if (special == nullptr) {
            ++offset;
            continue;
        }
        encode_plain(text.substr(start, offset - start), merger);
        tokens.push_back(special->token);
        offset += special->text.size();
        start = offset;
    }
    encode_plain(text.substr(start), merger);
    return tokens;
}

void Tokenizer::encode_plain(std::string_view text, WordMerger& merger) const {
    for (const std::string_view word : split_words(pre_tokenizer_, text)) merger.append(word);
}

/// The longest special token at the start of `text`, found by narrowing the sorted list byte by
/// byte, so that many tokens with a common beginning cost no more than few.
const Tokenizer::Special* Tokenizer::special_at(std::string_view text,
                                                bool control) const noexcept {
    if (!special_first_bytes_[static_cast<std::uint8_t>(text[0])]) return nullptr;
    const Special* longest = nullptr;
    auto first = specials_.begin();
    auto last = specials_.end();
    for (std::size_t depth = 0; depth < text.size(); ++depth) {
        const auto byte = static_cast<std::uint8_t>(text[depth]);
        const auto at = [depth](const Special& special) {
            return depth < special.text.size()
                       ? static_cast<int>(static_cast<std::uint8_t>(special.text[depth]))
                       : -1;
        };
        first = std::partition_point(first, last, [&](const Special& s) { return at(s) < byte; });
        last = std::partition_point(first, last, [&](const Special& s) { return at(s) <= byte; });
        if (first == last) break;
        const bool is_whole = first->text.size() == depth + 1;
        if (is_whole && (control || !first->control)) longest = &*first;
    }
    return longest;
}

const Tokenizer::Merge* Tokenizer::find_merge(std::uint32_t left,
                                              std::uint32_t right) const noexcept {
    if (left == token_none || right == token_none) return nullptr;
    const auto begin = merges_.begin() + static_cast<std::ptrdiff_t>(merge_starts_[left]);
    const auto end = merges_.begin() + static_cast<std::ptrdiff_t>(merge_starts_[left + 1]);
    const auto place = std::lower_bound(
        begin, end, right, [](const Merge& merge, std::uint32_t r) { return merge.right < r; });
    return place != end && place->right == right ? &*place : nullptr;
}

std::optional<std::uint32_t> Tokenizer::find_word(std::string_view bytes) const noexcept {
    const auto place = std::lower_bound(
        words_.begin(), words_.end(), bytes,
        [this](std::uint32_t token, std::string_view b) { return token_bytes(token) < b; });
    if (place == words_.end() || token_bytes(*place) != bytes) return std::nullopt;
    return *place;
}

std::string_view Tokenizer::token_bytes(std::uint32_t token) const noexcept {
    if (token >= ends_.size()) return {};
    const std::uint64_t start = token == 0 ? 0 : ends_[token - 1];
    return std::string_view(bytes_).substr(start, ends_[token] - start);
}

std::string Tokenizer::decode(std::span<const std::uint32_t> tokens) const {
    std::string text;
    for (const std::uint32_t token : tokens) {
        if (!is_control(token)) text += token_bytes(token);
    }
    return text;
}

bool Tokenizer::is_control(std::uint32_t token) const noexcept {
    return token < control_.size() && control_[token];
}

bool Tokenizer::ends_generation(std::uint32_t token) const noexcept {
    return std::binary_search(ending_.begin(), ending_.end(), token);
}

std::optional<std::uint32_t> Tokenizer::find_special(std::string_view text) const noexcept {
    const auto place = std::lower_bound(
        specials_.begin(), specials_.end(), text,
        [](const Special& special, std::string_view t) { return special.text < t; });
    if (place == specials_.end() || place->text != text) return std::nullopt;
    return place->token;
}

}  // namespace ait::gpu
