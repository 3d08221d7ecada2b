#pragma once

// Weights for models that nobody wants to download: random numbers addressed by position, so that
// any part can be made alone, in any order, on any device, bit for bit the same.

#include <array>
#include <cstdint>

namespace ait::gpu {

/// Philox 4x32 with 10 rounds: four random words for a counter under a key. Pure; any thread.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key) noexcept {
    constexpr std::uint64_t multiplier_even = 0xd2511f53;
    constexpr std::uint64_t multiplier_odd = 0xcd9e8d57;
    constexpr std::uint32_t weyl_even = 0x9e3779b9;
    constexpr std::uint32_t weyl_odd = 0xbb67ae85;
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t even = multiplier_even * counter[0];
        const std::uint64_t odd = multiplier_odd * counter[2];
        counter = {static_cast<std::uint32_t>(odd >> 32) ^ counter[1] ^ key[0],
                   static_cast<std::uint32_t>(odd),
                   static_cast<std::uint32_t>(even >> 32) ^ counter[3] ^ key[1],
                   static_cast<std::uint32_t>(even)};
        key = {key[0] + weyl_even, key[1] + weyl_odd};
    }
    return counter;
}

}  // namespace ait::gpu
