#include "actors/consensus/gathering.hpp"

namespace ait::consensus {
namespace {

/// Of chain.block_wait_ms, while blocks are under way.
constexpr std::int64_t waits_under_way = 3;

}  // namespace

Gathering::Answer Gathering::ask(const Waiting& waiting) {
    const bool is_idle = waiting.under_way == 0;
    // What is in blocks under way already is worth no other.
    if (waiting.fresh == 0) return {.builds = is_idle || waiting.is_due, .wait_ms = 0};
    const std::size_t enough = is_idle ? crowd_ - crowd_ / 8 : 2 * waiting.under_way;
    if (waiting.fresh >= enough || block_wait_ms_ == 0) return {.builds = true, .wait_ms = 0};
    if (view_ == waiting.view) return {.builds = is_over_, .wait_ms = 0};
    view_ = waiting.view;
    is_over_ = false;
    return {.builds = false,
            .wait_ms = std::int64_t{block_wait_ms_} * (is_idle ? 1 : waits_under_way)};
}

bool Gathering::over(std::uint64_t view) {
    if (view_ != view) return false;
    is_over_ = true;
    return true;
}

}  // namespace ait::consensus
