#pragma once

// Time and randomness as inputs: shells take a Clock and a Random, tests give manual ones. The
// system's own clock is read in one file, clock.cpp.

#include <atomic>
#include <cstdint>
#include <string>

namespace ait {

class Clock {
  public:
    virtual ~Clock() = default;
    /// Milliseconds since 1970-01-01 UTC. May jump; for stamps and deadlines that travel.
    [[nodiscard]] virtual std::int64_t now_unix_ms() const = 0;
    /// Microseconds that never run backwards; for durations.
    [[nodiscard]] virtual std::int64_t monotonic_us() const = 0;
};

/// The machine's clock; one object for the whole process. Any thread.
const Clock& system_clock();

class ManualClock final : public Clock {
  public:
    explicit ManualClock(std::int64_t unix_ms = 1'700'000'000'000) : unix_ms_(unix_ms) {}
    [[nodiscard]] std::int64_t now_unix_ms() const override { return unix_ms_.load(); }
    [[nodiscard]] std::int64_t monotonic_us() const override { return unix_ms_.load() * 1000; }
    void advance_ms(std::int64_t ms) { unix_ms_ += ms; }

  private:
    std::atomic<std::int64_t> unix_ms_;
};

class Random {
  public:
    virtual ~Random() = default;
    /// `count` bytes that nobody can guess (the system's), or a seeded stream in tests.
    virtual std::string bytes(std::size_t count) = 0;
};

/// The kernel's generator through libsodium. Any thread.
Random& system_random();

/// "2026-11-21T08:15:30.123Z". Any int64 gives a text; years outside 0..9999 are clamped.
std::string to_rfc3339(std::int64_t unix_ms);

}  // namespace ait
