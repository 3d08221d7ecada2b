#include "gpu/core/chat_template.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace ait::gpu {
namespace {

/// Collects a prompt: control tokens as such, and all text between two of them as one piece,
/// because the pre-tokeniser must see it whole.
class PromptBuilder {
  public:
    explicit PromptBuilder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

    PromptBuilder& text(std::string_view text) {
        pending_ += text;
        return *this;
    }

    /// `name` is in the vocabulary: from_gguf chose the form by that.
    PromptBuilder& control(std::string_view name) {
        const auto token = tokenizer_.find_special(name);
        AIT_ASSERT(token.has_value());
        return control(*token);
    }

    PromptBuilder& control(std::uint32_t token) {
        flush();
        tokens_.push_back(token);
        return *this;
    }

    std::vector<std::uint32_t> finish() {
        flush();
        return std::move(tokens_);
    }

  private:
    void flush() {
        const auto tokens = tokenizer_.encode(pending_, /*parse_special=*/false);
        tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
        pending_.clear();
    }

    const Tokenizer& tokenizer_;
    std::string pending_{};
    std::vector<std::uint32_t> tokens_{};
};

bool knows_all(const Tokenizer& tokenizer, std::initializer_list<std::string_view> names) {
    return std::all_of(names.begin(), names.end(), [&](std::string_view name) {
        return tokenizer.find_special(name).has_value();
    });
}

/// The words that a ChatML template itself puts into a system turn: a literal between the turn's
/// marks. A turn whose text comes from a message has a quote or a brace there instead.
std::string literal_system_text(std::string_view jinja) {
    constexpr std::string_view opening = "<|im_start|>system";
    constexpr std::string_view closing = "<|im_end|>";
    for (std::size_t at = jinja.find(opening); at != std::string_view::npos;
         at = jinja.find(opening, at + 1)) {
        std::string_view rest = jinja.substr(at + opening.size());
        // The line end stands there as such or as the two characters of its escape.
        for (const std::string_view line_end : {"\n", "\\n"}) {
            if (!rest.starts_with(line_end)) continue;
            rest.remove_prefix(line_end.size());
            const std::string_view text = rest.substr(0, rest.find(closing));
            const bool is_literal = text.size() < rest.size() &&
                                    text.find_first_of("'\"{}\\") == std::string_view::npos;
            if (is_literal) return std::string(text);
            break;
        }
    }
    return {};
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view spaces = " \t\r\n\v\f";
    const std::size_t first = text.find_first_not_of(spaces);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

void add_chatml_turn(PromptBuilder& prompt, std::string_view role, std::string_view content) {
    prompt.control("<|im_start|>").text(role).text("\n").text(content);
    prompt.control("<|im_end|>").text("\n");
}

std::vector<std::uint32_t> chatml_prompt(const Tokenizer& tokenizer,
                                         std::span<const ChatMessage> messages,
                                         std::string_view system_default) {
    PromptBuilder prompt(tokenizer);
    if (messages.front().role != "system" && !system_default.empty()) {
        add_chatml_turn(prompt, "system", system_default);
    }
    for (const ChatMessage& message : messages) {
        add_chatml_turn(prompt, message.role, message.content);
    }
    return prompt.control("<|im_start|>").text("assistant\n").finish();
}

PromptBuilder& add_llama3_header(PromptBuilder& prompt, std::string_view role) {
    prompt.control("<|start_header_id|>").text(role).control("<|end_header_id|>");
    return prompt.text("\n\n");
}

std::vector<std::uint32_t> llama3_prompt(const Tokenizer& tokenizer,
                                         std::span<const ChatMessage> messages) {
    PromptBuilder prompt(tokenizer);
    if (tokenizer.bos()) prompt.control(*tokenizer.bos());
    for (const ChatMessage& message : messages) {
        add_llama3_header(prompt, message.role).text(trimmed(message.content));
        prompt.control("<|eot_id|>");
    }
    return add_llama3_header(prompt, "assistant").finish();
}

struct Role {
    std::string_view name;
    std::string_view title;  ///< in the plain form
};

constexpr std::array roles{Role{"system", "System: "}, Role{"user", "User: "},
                           Role{"assistant", "Assistant: "}, Role{"tool", "Tool: "}};

constexpr std::array<std::string_view, 3> plain_stop_texts{"\nUser:", "\nSystem:", "\nTool:"};

const Role* find_role(std::string_view name) noexcept {
    const auto role =
        std::find_if(roles.begin(), roles.end(), [&](const Role& r) { return r.name == name; });
    return role == roles.end() ? nullptr : &*role;
}

std::vector<std::uint32_t> plain_prompt(const Tokenizer& tokenizer,
                                        std::span<const ChatMessage> messages) {
    PromptBuilder prompt(tokenizer);
    if (tokenizer.adds_bos()) prompt.control(*tokenizer.bos());
    for (const ChatMessage& message : messages) {
        const Role* const role = find_role(message.role);
        AIT_ASSERT(role != nullptr);
        prompt.text(role->title).text(trimmed(message.content)).text("\n\n");
    }
    return prompt.text("Assistant:").finish();
}

Status check_messages(std::span<const ChatMessage> messages) {
    if (messages.empty()) {
        return Error{ErrorCode::invalid_argument, "There is nothing to answer.",
                     "The list of messages is empty.", "Send at least one message."};
    }
    if (messages.size() > chat_messages_max) {
        return Error{ErrorCode::too_large, "The conversation is too long.",
                     "It has " + std::to_string(messages.size()) + " messages; at most " +
                         std::to_string(chat_messages_max) + " are accepted.",
                     "Leave out the oldest messages."};
    }
    for (const ChatMessage& message : messages) {
        if (find_role(message.role) != nullptr) continue;
        return Error{ErrorCode::invalid_argument, "A message has an unknown role.",
                     "The role is \"" + message.role.substr(0, 64) + "\".",
                     "Use system, user, assistant or tool."};
    }
    return {};
}

}  // namespace

ChatTemplate ChatTemplate::from_gguf(const GgufFile& file, const Tokenizer& tokenizer) {
    ChatTemplate made;
    const auto jinja = file.find_string("tokenizer.chat_template").value_or("");
    const auto mentions = [&](std::string_view mark) {
        return jinja.find(mark) != std::string_view::npos;
    };
    if (mentions("<|im_start|>") && knows_all(tokenizer, {"<|im_start|>", "<|im_end|>"})) {
        made.form_ = ChatForm::chatml;
        made.system_default_ = literal_system_text(jinja);
    } else if (mentions("<|start_header_id|>") &&
               knows_all(tokenizer, {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"})) {
        made.form_ = ChatForm::llama3;
    }
    return made;
}

Result<std::vector<std::uint32_t>> ChatTemplate::encode(
    const Tokenizer& tokenizer, std::span<const ChatMessage> messages) const {
    if (auto status = check_messages(messages); !status.ok()) return status.error();
    switch (form_) {
        case ChatForm::chatml:
            return chatml_prompt(tokenizer, messages, system_default_);
        case ChatForm::llama3:
            return llama3_prompt(tokenizer, messages);
        case ChatForm::plain:
            break;
    }
    return plain_prompt(tokenizer, messages);
}

std::span<const std::string_view> ChatTemplate::stop_texts() const noexcept {
    if (form_ != ChatForm::plain) return {};
    return plain_stop_texts;
}

}  // namespace ait::gpu
