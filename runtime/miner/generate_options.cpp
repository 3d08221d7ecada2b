#include "runtime/miner/generate_options.hpp"

namespace ait::miner_process {
namespace {

/// Seeds stay below 2^53, so that they survive a client that keeps numbers as doubles.
constexpr unsigned seed_shift = 11;

}  // namespace

gpu::GenerateRequest to_generate_request(const InferenceRequest& request, std::uint32_t tokens,
                                         Random& random) {
    gpu::GenerateRequest out{
        .raw = request.raw, .tokens_max = request.tokens.value_or(tokens), .stop = request.stop};
    if (!request.messages.empty() || (!request.system.empty() && !request.raw)) {
        if (!request.system.empty()) out.messages.push_back({"system", request.system});
        for (const ChatTurn& turn : request.messages) {
            out.messages.push_back({turn.role, turn.content});
        }
        if (!request.prompt.empty()) out.messages.push_back({"user", request.prompt});
    } else {
        out.prompt = request.prompt;
    }
    gpu::SamplingOptions& sampling = out.sampling;
    if (request.temperature) sampling.temperature = static_cast<float>(*request.temperature);
    if (request.top_k) sampling.top_k = *request.top_k;
    if (request.top_p) sampling.top_p = static_cast<float>(*request.top_p);
    if (request.min_p) sampling.min_p = static_cast<float>(*request.min_p);
    if (request.repetition_penalty) {
        sampling.repetition_penalty = static_cast<float>(*request.repetition_penalty);
    }
    sampling.seed = request.seed ? *request.seed : from_big_endian(random.bytes(8)) >> seed_shift;
    return out;
}

std::string_view finish_name(gpu::FinishReason finish) noexcept {
    switch (finish) {
        case gpu::FinishReason::stop:
            return "stop";
        case gpu::FinishReason::length:
            return "length";
        case gpu::FinishReason::cancelled:
            return "cancelled";
        case gpu::FinishReason::deadline:
            return "deadline";
    }
    return "stop";
}

}  // namespace ait::miner_process
