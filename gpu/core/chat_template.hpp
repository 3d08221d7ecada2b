#pragma once

// A chat model wants its turns written the way it was trained. The forms here are the usual ones,
// recognised by the template text in the model file (which is a program in Jinja and is not run).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/core/gguf.hpp"
#include "gpu/core/tokenizer.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

/// Roles: system, user, assistant, tool.
struct ChatMessage {
    std::string role{};
    std::string content{};
};

enum class ChatForm : std::uint8_t {
    plain,   ///< "User: ...": for models without a template that we know
    chatml,  ///< <|im_start|>role ... <|im_end|>
    llama3,  ///< <|start_header_id|>role<|end_header_id|> ... <|eot_id|>
};

inline constexpr std::size_t chat_messages_max = 1'024;

/// Immutable; any thread.
class ChatTemplate {
  public:
    /// Never fails: an unknown template, or one whose control tokens the vocabulary lacks, is
    /// plain.
    static ChatTemplate from_gguf(const GgufFile& file, const Tokenizer& tokenizer);

    [[nodiscard]] ChatForm form() const noexcept { return form_; }
    /// What the model's template says when the first message is not from `system`; may be empty.
    [[nodiscard]] const std::string& system_default() const noexcept { return system_default_; }

    /// The prompt of a conversation, ending where the assistant begins to speak. Content is never
    /// read as control tokens, so that a user cannot speak in another role. The tokenizer is the
    /// one given to `from_gguf`. Errors: invalid_argument (no message, unknown role),
    /// limit_reached.
    [[nodiscard]] Result<std::vector<std::uint32_t>> encode(
        const Tokenizer& tokenizer, std::span<const ChatMessage> messages) const;

    /// Texts that end the assistant's turn and are not tokens; empty but for the plain form.
    [[nodiscard]] std::span<const std::string_view> stop_texts() const noexcept;

  private:
    ChatForm form_ = ChatForm::plain;
    std::string system_default_{};
};

}  // namespace ait::gpu
