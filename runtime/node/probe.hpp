#pragma once

// Whether the node really takes work, and not merely listens: a job that changes nothing makes the
// round trip through the chain (pool, rules, answer), and blocks come while operations wait.
// Looked at on demand, so that an idle node does nothing.

#include <memory>
#include <string>

#include "actors/services.hpp"

namespace ait::node {

inline constexpr std::int64_t probe_interval_ms = 1'000;  ///< younger answers are good enough
inline constexpr std::int64_t probe_answer_ms_max = 5'000;

class Probe {
  public:
    /// Both outlive the actors of the node.
    Probe(NodeServices& services, const consensus::ChainFigures& figures);

    /// Sends a probe job, unless one is under way or the last is young. Any thread.
    void look();

    struct State {
        std::string problem{};  ///< empty: sound
        std::uint64_t round_trip_us = 0;
        std::uint64_t age_ms = 0;  ///< since the last answer
    };
    [[nodiscard]] State state() const;

  private:
    struct Shared;  ///< outlives the probe for answers that come late
    NodeServices& services_;
    const consensus::ChainFigures& figures_;
    std::shared_ptr<Shared> shared_;
};

}  // namespace ait::node
