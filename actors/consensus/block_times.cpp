#include "actors/consensus/block_times.hpp"

#include <algorithm>

namespace ait::consensus {
namespace {

/// Blocks whose turn passed never end; the oldest make room.
constexpr std::size_t under_way_max = 64;

}  // namespace

std::string_view stage_name(BlockStage stage) {
    switch (stage) {
        case BlockStage::build:
            return "build";
        case BlockStage::execute:
            return "execute";
        case BlockStage::journal:
            return "journal";
        case BlockStage::agree:
            return "agree";
        case BlockStage::log:
            return "log";
        case BlockStage::publish:
            return "publish";
    }
    return "";
}

void BlockTimes::begin(BlockStage stage, std::uint64_t number) {
    UnderWay& under_way = under_way_.at(static_cast<std::size_t>(stage));
    std::erase_if(under_way, [&](const auto& each) { return each.first == number; });
    if (under_way.size() == under_way_max) under_way.pop_front();
    under_way.emplace_back(number, clock_.monotonic_us());
}

void BlockTimes::end(BlockStage stage, std::uint64_t number) {
    UnderWay& under_way = under_way_.at(static_cast<std::size_t>(stage));
    const auto found = std::find_if(under_way.begin(), under_way.end(),
                                    [&](const auto& each) { return each.first == number; });
    if (found == under_way.end()) return;
    StageTime& time = times_.at(static_cast<std::size_t>(stage));
    const std::int64_t took_us = std::max<std::int64_t>(clock_.monotonic_us() - found->second, 0);
    under_way.erase(found);
    ++time.count;
    time.us_total += static_cast<std::uint64_t>(took_us);
}

}  // namespace ait::consensus
