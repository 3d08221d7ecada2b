#pragma once

// From what was asked to what the engine takes, and from what it did to what is answered.

#include "gpu/core/engine.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/miner/job_payload.hpp"

namespace ait::miner_process {

/// `tokens` is for a request that does not say how many. One without a seed gets one drawn for it,
/// so that its answer can be repeated.
gpu::GenerateRequest to_generate_request(const InferenceRequest& request, std::uint32_t tokens,
                                         Random& random);

/// "stop", "length", "cancelled", "deadline".
std::string_view finish_name(gpu::FinishReason finish) noexcept;

}  // namespace ait::miner_process
