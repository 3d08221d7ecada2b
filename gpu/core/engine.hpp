#pragma once

// The public face of inference on this machine: a model file in, text out. What lies behind it
// (kernels, caches, threads) is nobody else's concern.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/core/chat_template.hpp"
#include "gpu/core/sampler.hpp"
#include "gpu/cpu/kernels.hpp"
#include "runtime/base/result.hpp"

namespace ait::gpu {

class GgufFile;

inline constexpr std::uint32_t context_tokens_default_max = 8'192;
inline constexpr std::size_t stop_strings_max = 16;
inline constexpr std::size_t stop_string_bytes_max = 256;

struct EngineOptions {
    unsigned threads = 0;  ///< 0: one a core
    KernelChoice kernels = KernelChoice::automatic;
    /// Positions of the KV cache; 0: what the model was trained for, at most
    /// context_tokens_default_max.
    std::uint32_t context_tokens = 0;
};

/// What is known about an open model.
struct ModelFacts {
    std::string name{};
    std::string architecture{};
    std::string quantisation{};  ///< the type of most weights, e.g. "Q4_1"
    std::string kernels{};       ///< the kernels in use, e.g. "avx2"
    std::uint64_t parameters = 0;
    std::uint64_t file_bytes = 0;
    std::uint32_t vocabulary = 0;
    std::uint32_t width = 0;  ///< of an embedding
    std::uint32_t layers = 0;
    std::uint32_t context_tokens = 0;      ///< usable here
    std::uint32_t context_tokens_max = 0;  ///< trained for
    unsigned threads = 0;
};

/// Either `prompt` or `messages` is given. A prompt is one message of the user, unless `raw`.
struct GenerateRequest {
    std::string prompt{};
    std::vector<ChatMessage> messages{};
    /// The prompt goes to the model as it is, and texts like <|im_start|> in it are control tokens:
    /// who sets this speaks for all roles.
    bool raw = false;
    std::uint32_t tokens_max = 256;   ///< at least 1; a full context ends generation earlier
    std::vector<std::string> stop{};  ///< texts that end generation and are not part of the answer
    std::uint32_t top_logprobs = 0;   ///< scores a token; at most top_logprobs_max
    SamplingOptions sampling{};
    std::int64_t deadline_monotonic_us = 0;  ///< of the system clock; 0: none
};

/// A candidate for a place in the answer. `text` is its bytes, made valid UTF-8.
struct TokenScore {
    std::uint32_t token = 0;
    std::string text{};
    float logit = 0.0F;
    float logprob = 0.0F;  ///< natural logarithm, over the whole vocabulary, before any option
};

/// One token of the answer. The texts of all steps, one after the other, are the answer; a step may
/// have none while bytes of a character or a possible stop string are held back. When the model
/// ends its turn with text held back, a last step carries that text and the ending token.
struct TokenStep {
    std::uint32_t token = 0;
    std::string text{};
    std::vector<TokenScore> top{};  ///< best first; empty unless asked for
};

enum class FinishReason : std::uint8_t {
    stop,       ///< the model ended its turn, or a stop string came
    length,     ///< tokens_max or the context's end
    cancelled,  ///< by the stop token or the callback
    deadline,
};

struct GenerateOutcome {
    std::string text{};
    FinishReason finish = FinishReason::stop;
    std::uint32_t prompt_tokens = 0;
    std::uint32_t prompt_tokens_cached = 0;  ///< of them, known from the request before
    std::uint32_t completion_tokens = 0;     ///< without the ending token
    std::int64_t prompt_us = 0;
    std::int64_t decode_us = 0;
    std::vector<TokenStep> steps{};  ///< empty unless top_logprobs > 0
};

/// Called for every step on the thread that called generate; false cancels. Must not throw.
using TokenCallback = std::function<bool(const TokenStep&)>;

/// One model, one sequence at a time. All functions block and may be called from any thread; a
/// second caller waits until its deadline or its stop token.
class Engine {
  public:
    /// `source` is a path of a GGUF file or a synthetic:// address. An empty name takes the file's.
    /// Errors: not_found, malformed, unsupported, limit_reached (the file), invalid_argument (the
    /// options), unavailable (memory, or kernels that this processor lacks).
    static Result<std::unique_ptr<Engine>> open(const std::string& source, std::string model_name,
                                                const EngineOptions& options);
    /// The same for a file that is read already, so that whoever opened it decides which it is.
    static Result<std::unique_ptr<Engine>> open_file(const GgufFile& file, std::string model_name,
                                                     const EngineOptions& options);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Cancellation and deadlines are outcomes, checked at least once a layer. Errors:
    /// invalid_argument (an option), too_large (the prompt), limit_reached (it leaves no room in
    /// the context), internal (damaged weights).
    Result<GenerateOutcome> generate(const GenerateRequest& request, const TokenCallback& on_token,
                                     std::stop_token stop);

    [[nodiscard]] const ModelFacts& facts() const noexcept;
    /// Ids of a text as a raw prompt reads it: control tokens are recognised. Error: too_large.
    [[nodiscard]] Result<std::vector<std::uint32_t>> tokenize(std::string_view text) const;

    /// Logits after each of the last `rows` tokens, float[rows, vocabulary], computed anew without
    /// any cached prefix: for tests and for checking another backend. Errors as LlamaForward's.
    Result<std::vector<float>> evaluate(std::span<const std::uint32_t> tokens, std::uint32_t rows);

  private:
    struct Parts;
    explicit Engine(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

/// Reads all that an engine would read of a file (hyperparameters, shapes, vocabulary, chat form)
/// and keeps nothing: for a process that has nothing to lose. Errors: malformed, unsupported,
/// limit_reached.
Status check_model(const GgufFile& file);

}  // namespace ait::gpu
