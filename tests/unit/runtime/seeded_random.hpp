#pragma once

// Random bytes that are the same in every run, so that a test can name what it expects.

#include <string>

#include "runtime/base/clock.hpp"

namespace ait {

/// SplitMix64; one thread.
class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
    std::string bytes(std::size_t count) override {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<char>(next() & 0xffU));
        return out;
    }
    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }

  private:
    std::uint64_t state_;
};

}  // namespace ait
