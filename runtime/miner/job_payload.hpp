#pragma once

// What a job or a request of the inference port asks a model to do. One reader for all of them: the
// names of Ollama and ours mean the same, at the top or inside "options".

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/codec/json.hpp"

namespace ait::miner_process {

inline constexpr std::uint32_t tokens_default = 128;    ///< of a job that does not say
inline constexpr std::uint32_t tokens_max = 1'000'000;  ///< the context ends it much earlier
inline constexpr std::size_t messages_max = 1'024;

struct ChatTurn {
    std::string role{};
    std::string content{};
};

/// Either a prompt or messages. A prompt is one message of the user, unless `raw`.
struct InferenceRequest {
    std::string model{};  ///< as asked for; may be empty
    std::string prompt{};
    std::string system{};
    std::vector<ChatTurn> messages{};
    bool raw = false;
    std::optional<std::uint32_t> tokens{};  ///< to write at most
    std::vector<std::string> stop{};
    std::optional<double> temperature{};
    std::optional<double> top_p{};
    std::optional<double> min_p{};
    std::optional<double> repetition_penalty{};
    std::optional<std::uint32_t> top_k{};
    std::optional<std::uint64_t> seed{};
};

/// Reads {"model","prompt"|"messages","system","raw","temperature","top_k","top_p","min_p","seed",
/// "stop","max_tokens" (num_predict),"repetition_penalty" (repeat_penalty),"options":{the same}}.
/// Other fields belong to the caller. Errors: invalid_argument, too_large, limit_reached, naming
/// the field. Pure; any thread.
Result<InferenceRequest> read_inference_request(const Json& input);

/// A job's payload, which must have something to say to a model. Errors: as above, malformed.
Result<InferenceRequest> read_job_payload(std::string_view payload);

}  // namespace ait::miner_process
