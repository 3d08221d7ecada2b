#pragma once

// How long a replicated chain's blocks take, stage by stage: where the time between a client's
// request and its answer goes. Sums and counts only. One thread.

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>

#include "runtime/base/clock.hpp"

namespace ait::consensus {

enum class BlockStage : std::uint8_t {
    build,    ///< a proposal of this node's, on the overlay of its parent
    execute,  ///< another's proposal
    journal,  ///< votes, with what they rest on, from being cast to being synced
    agree,    ///< from this node's proposal to its finality certificate
    log,      ///< a final block, until it is synced
    publish   ///< final blocks into the state, their clients answered, the rest looked at again
};
inline constexpr std::size_t block_stage_count = 6;
std::string_view stage_name(BlockStage stage);

struct StageTime {
    std::uint64_t count = 0;
    std::uint64_t us_total = 0;
};
using StageTimes = std::array<StageTime, block_stage_count>;

class BlockTimes {
  public:
    /// It must outlive this.
    explicit BlockTimes(const Clock& clock) : clock_(clock) {}

    /// `number` tells what goes through a stage at the same time apart: view, sequence, height.
    /// What began before and did not end begins anew.
    void begin(BlockStage stage, std::uint64_t number);
    /// Counts it, if its begin is known.
    void end(BlockStage stage, std::uint64_t number);
    [[nodiscard]] const StageTimes& times() const { return times_; }

  private:
    using UnderWay = std::deque<std::pair<std::uint64_t, std::int64_t>>;

    const Clock& clock_;
    std::array<UnderWay, block_stage_count> under_way_{};
    StageTimes times_{};
};

}  // namespace ait::consensus
