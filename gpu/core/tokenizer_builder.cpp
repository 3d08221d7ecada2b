#include <algorithm>
#include <tuple>

#include "gpu/core/byte_alphabet.hpp"
#include "gpu/core/tokenizer.hpp"

namespace ait::gpu {
namespace {

/// What tokenizer.ggml.token_type says; other numbers are ordinary tokens that nobody merges to.
constexpr std::int64_t type_normal = 1;
constexpr std::int64_t type_control = 3;
constexpr std::int64_t type_user_defined = 4;

Error bad_tokenizer(ErrorCode code, std::string why) {
    return Error{code, "The model's tokenizer cannot be used.", std::move(why),
                 "Use a model with a byte-level BPE tokenizer, or convert it anew."};
}

}  // namespace

/// Fills a Tokenizer step by step; a step that fails ends the load.
class TokenizerBuilder {
  public:
    explicit TokenizerBuilder(const GgufFile& file) : file_(file) {}

    Result<Tokenizer> build() {
        if (auto status = read_kind(); !status.ok()) return status.error();
        if (auto status = read_vocabulary(); !status.ok()) return status.error();
        index_words();
        if (auto status = read_merges(); !status.ok()) return status.error();
        if (auto status = read_named_tokens(); !status.ok()) return status.error();
        return std::move(made_);
    }

  private:
    struct RankedMerge {
        std::uint32_t left;
        Tokenizer::Merge merge;
    };

    Status read_kind();
    Status read_vocabulary();
    Status add_token(std::string_view entry, std::int64_t type);
    void index_words();
    Status read_merges();
    Result<RankedMerge> read_merge(std::string_view text, std::uint32_t rank) const;
    void index_merges(std::vector<RankedMerge> merges);
    Status read_named_tokens();
    Result<std::optional<std::uint32_t>> read_token_id(std::string_view key) const;

    const GgufFile& file_;
    Tokenizer made_{};
};

Status TokenizerBuilder::read_kind() {
    const auto model = file_.find_string("tokenizer.ggml.model");
    if (model != "gpt2") {
        return bad_tokenizer(ErrorCode::unsupported,
                             model ? "Its kind is \"" + std::string(*model) + "\"."
                                   : "The file names no tokenizer kind.");
    }
    const auto name = file_.find_string("tokenizer.ggml.pre").value_or("default");
    const auto kind = find_pre_tokenizer(name);
    if (!kind) {
        return bad_tokenizer(ErrorCode::unsupported,
                             "Its pre-tokeniser \"" + std::string(name) + "\" is not known here.");
    }
    made_.pre_tokenizer_ = *kind;
    made_.whole_words_first_ = *kind == PreTokenizerKind::llama3;
    made_.adds_bos_ =
        file_.find_bool("tokenizer.ggml.add_bos_token").value_or(*kind == PreTokenizerKind::llama3);
    return {};
}

Status TokenizerBuilder::read_vocabulary() {
    const auto entries = file_.find_string_array("tokenizer.ggml.tokens");
    if (!entries || entries->empty()) {
        return bad_tokenizer(ErrorCode::malformed, "The file has no vocabulary.");
    }
    if (entries->size() > vocabulary_tokens_max) {
        return bad_tokenizer(ErrorCode::limit_reached,
                             "Its vocabulary has " + std::to_string(entries->size()) +
                                 " tokens; at most " + std::to_string(vocabulary_tokens_max) +
                                 " are accepted.");
    }
    const auto types = file_.find_int_array("tokenizer.ggml.token_type");
    if (types && types->size() != entries->size()) {
        return bad_tokenizer(ErrorCode::malformed,
                             "It has " + std::to_string(entries->size()) + " tokens but " +
                                 std::to_string(types->size()) + " token types.");
    }
    for (std::size_t i = 0; i < entries->size(); ++i) {
        auto status = add_token((*entries)[i], types ? (*types)[i] : type_normal);
        if (!status.ok()) return status;
    }
    std::sort(made_.specials_.begin(), made_.specials_.end(), [](const auto& a, const auto& b) {
        return a.text != b.text ? a.text < b.text : a.token < b.token;
    });
    return {};
}

Status TokenizerBuilder::add_token(std::string_view entry, std::int64_t type) {
    const auto token = static_cast<std::uint32_t>(made_.ends_.size());
    const bool is_special = type == type_control || type == type_user_defined;
    if (entry.size() > (is_special ? special_token_bytes_max : token_bytes_max)) {
        return bad_tokenizer(
            ErrorCode::limit_reached,
            "Token " + std::to_string(token) + " has " + std::to_string(entry.size()) + " bytes.");
    }
    made_.bytes_ += is_special ? std::string(entry) : spelled_bytes(entry);
    made_.ends_.push_back(made_.bytes_.size());
    made_.control_.push_back(type == type_control);
    if (type == type_normal) made_.words_.push_back(token);
    if (is_special && !entry.empty()) {
        made_.specials_.push_back({std::string(entry), token, type == type_control});
        made_.special_first_bytes_[static_cast<std::uint8_t>(entry[0])] = true;
    }
    return {};
}

void TokenizerBuilder::index_words() {
    // Of two tokens with equal bytes the first one is found.
    std::sort(made_.words_.begin(), made_.words_.end(), [this](auto a, auto b) {
        const int order = made_.token_bytes(a).compare(made_.token_bytes(b));
        return order != 0 ? order < 0 : a < b;
    });
    for (std::size_t byte = 0; byte < made_.byte_tokens_.size(); ++byte) {
        const char text = static_cast<char>(byte);
        made_.byte_tokens_[byte] = made_.find_word({&text, 1}).value_or(token_none);
    }
}

Status TokenizerBuilder::read_merges() {
    const auto texts = file_.find_string_array("tokenizer.ggml.merges");
    if (!texts) return bad_tokenizer(ErrorCode::malformed, "The file has no merges.");
    std::vector<RankedMerge> merges;
    merges.reserve(texts->size());
    for (std::uint32_t rank = 0; rank < texts->size(); ++rank) {
        auto merge = read_merge((*texts)[rank], rank);
        if (!merge.ok()) return merge.error();
        merges.push_back(merge.value());
    }
    index_merges(std::move(merges));
    return {};
}

Result<TokenizerBuilder::RankedMerge> TokenizerBuilder::read_merge(std::string_view text,
                                                                   std::uint32_t rank) const {
    // The byte alphabet has no space, so the first one separates.
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos || text.size() > 2 * token_bytes_max) {
        return bad_tokenizer(ErrorCode::malformed,
                             "Merge " + std::to_string(rank) + " is not a pair.");
    }
    const std::string left = spelled_bytes(text.substr(0, space));
    const std::string right = spelled_bytes(text.substr(space + 1));
    const auto left_token = made_.find_word(left);
    const auto right_token = made_.find_word(right);
    const auto merged = made_.find_word(left + right);
    if (!left_token || !right_token || !merged) {
        return bad_tokenizer(ErrorCode::malformed, "Merge " + std::to_string(rank) +
                                                       " names a token that is not in the "
                                                       "vocabulary.");
    }
    return RankedMerge{*left_token, {*right_token, rank, *merged}};
}

void TokenizerBuilder::index_merges(std::vector<RankedMerge> merges) {
    // Of a pair that is listed twice the better rank comes first and is the one found.
    std::sort(merges.begin(), merges.end(), [](const RankedMerge& a, const RankedMerge& b) {
        return std::tie(a.left, a.merge.right, a.merge.rank) <
               std::tie(b.left, b.merge.right, b.merge.rank);
    });
    made_.merge_starts_.assign(made_.ends_.size() + 1, 0);
    made_.merges_.reserve(merges.size());
    for (const RankedMerge& merge : merges) {
        ++made_.merge_starts_[merge.left + 1];
        made_.merges_.push_back(merge.merge);
    }
    for (std::size_t i = 1; i < made_.merge_starts_.size(); ++i) {
        made_.merge_starts_[i] += made_.merge_starts_[i - 1];
    }
    AIT_ASSERT(made_.merge_starts_.back() == made_.merges_.size());
}

Result<std::optional<std::uint32_t>> TokenizerBuilder::read_token_id(std::string_view key) const {
    if (!file_.contains(key)) return std::optional<std::uint32_t>{};
    const auto token = file_.find_unsigned(key);
    if (!token || *token >= made_.ends_.size()) {
        return bad_tokenizer(ErrorCode::malformed,
                             "The key \"" + std::string(key) + "\" names no token.");
    }
    return std::optional(static_cast<std::uint32_t>(*token));
}

Status TokenizerBuilder::read_named_tokens() {
    const auto bos = read_token_id("tokenizer.ggml.bos_token_id");
    if (!bos.ok()) return bos.error();
    made_.bos_ = bos.value();
    made_.adds_bos_ = made_.adds_bos_ && made_.bos_.has_value();
    for (const std::string_view key :
         {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
        const auto token = read_token_id(key);
        if (!token.ok()) return token.error();
        if (!made_.eos_) made_.eos_ = token.value();
        if (token.value()) made_.ending_.push_back(*token.value());
    }
    // Files often name one end token where the model uses two: end of text and end of turn.
    for (const std::string_view text :
         {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"}) {
        if (const auto token = made_.find_special(text)) made_.ending_.push_back(*token);
    }
    std::sort(made_.ending_.begin(), made_.ending_.end());
    return {};
}

Result<Tokenizer> Tokenizer::from_gguf(const GgufFile& file) {
    return TokenizerBuilder(file).build();
}

}  // namespace ait::gpu
