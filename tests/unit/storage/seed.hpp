#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

// Random tests run with one seed, which a failure prints with the way to replay it.

namespace ait::storage {

inline std::uint64_t test_seed() {
    static const std::uint64_t seed = [] {
        const char* given = std::getenv("STORAGE_SEED");
        if (given != nullptr) return std::uint64_t{std::strtoull(given, nullptr, 10)};
        std::random_device device;
        return (std::uint64_t{device()} << 32U) | device();
    }();
    return seed;
}

inline std::string replay_hint() {
    return "replay: STORAGE_SEED=" + std::to_string(test_seed()) + " ctest -R storage";
}

}  // namespace ait::storage
