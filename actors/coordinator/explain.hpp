#pragma once

// `aitbc explain job`: why a job is where it is, from state alone and by the same matcher that
// hands out jobs. Pure; recomputed on every read.

#include "actors/consensus/genesis.hpp"
#include "actors/coordinator/job.hpp"
#include "actors/coordinator/messages.hpp"

namespace ait::coordinator {

/// Miners that one explanation looks at.
inline constexpr std::size_t explain_miners_max = 10'000;

struct ExplainMoment {
    const consensus::ChainParameters& parameters;
    std::int64_t now_ms = 0;  ///< block time
    std::uint64_t height = 0;
    std::size_t miners_shown_max = 50;
};

ExplainView explain(const storage::StateReader& reader, const Job& job,
                    const ExplainMoment& moment);

}  // namespace ait::coordinator
