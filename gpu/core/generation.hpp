#pragma once

// One request on its way through an engine, from checked options to the last token. Internal to
// gpu/core.

#include <stop_token>
#include <vector>

#include "gpu/core/engine_parts.hpp"
#include "gpu/core/sampler.hpp"
#include "gpu/core/stop_filter.hpp"

namespace ait::gpu {

/// What the prompt of a request looks like to the model. Errors: invalid_argument, too_large,
/// limit_reached (no room for a token after it).
Result<std::vector<std::uint32_t>> prompt_tokens(const Tokenizer& tokenizer,
                                                 const ChatTemplate& chat,
                                                 const GenerateRequest& request,
                                                 std::uint32_t context_tokens);
/// Error: invalid_argument, limit_reached. The prompt is not looked at.
Status check_request(const GenerateRequest& request);

/// Serves one caller, who holds the engine's turn while it lives.
class Generation {
  public:
    /// Everything outlives the object. `prompt` is from prompt_tokens, `request` checked.
    Generation(KvCache& cache, LlamaForward& forward, const Tokenizer& tokenizer,
               const GenerateRequest& request, std::vector<std::uint32_t> prompt,
               std::vector<std::string> stops);

    /// Errors: internal (damaged weights). `known` are the tokens that the cache holds; afterwards
    /// those it holds now.
    Result<GenerateOutcome> run(std::vector<std::uint32_t>& known, const TokenCallback& on_token,
                                const std::stop_token& stop);

  private:
    /// What to do after a step.
    enum class Next : std::uint8_t { step, finish };

    [[nodiscard]] bool is_late() const;
    [[nodiscard]] bool should_end(const std::stop_token& stop) const;
    Status evaluate(std::span<const std::uint32_t> tokens, const std::stop_token& stop);
    void reuse_prefix(const std::vector<std::uint32_t>& known);
    Status decode(const TokenCallback& on_token, const std::stop_token& stop);
    Result<Next> take_step(const TokenCallback& on_token);
    Next end_turn(TokenStep step, const TokenCallback& on_token);
    Next deliver(TokenStep step, const TokenCallback& on_token);
    [[nodiscard]] std::vector<TokenScore> score(std::span<const float> logits) const;

    KvCache* cache_;
    LlamaForward* forward_;
    const Tokenizer* tokenizer_;
    const GenerateRequest* request_;
    std::vector<std::uint32_t> tokens_;  ///< the prompt, then the answer
    std::uint32_t budget_;               ///< tokens that the answer may have
    Sampler sampler_;
    StreamDecoder decoder_;
    StopFilter filter_;
    GenerateOutcome outcome_{};
};

}  // namespace ait::gpu
