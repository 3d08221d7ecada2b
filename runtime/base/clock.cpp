#include "runtime/base/clock.hpp"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "runtime/base/assert.hpp"

namespace ait {
namespace {

class SystemClock final : public Clock {
  public:
    [[nodiscard]] std::int64_t now_unix_ms() const override {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    }
    [[nodiscard]] std::int64_t monotonic_us() const override {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    }
};

class SystemRandom final : public Random {
  public:
    SystemRandom() { AIT_ASSERT(sodium_init() >= 0); }
    std::string bytes(std::size_t count) override {
        std::string out(count, '\0');
        randombytes_buf(out.data(), out.size());
        return out;
    }
};

}  // namespace

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

Random& system_random() {
    static SystemRandom random;
    return random;
}

std::string to_rfc3339(std::int64_t unix_ms) {
    constexpr std::int64_t year_zero_ms = -62'167'219'200'000;
    constexpr std::int64_t year_9999_ms = 253'402'300'799'999;
    const std::int64_t ms = std::clamp(unix_ms, year_zero_ms, year_9999_ms);
    std::int64_t seconds = ms / 1000;
    std::int64_t rest = ms % 1000;
    if (rest < 0) {
        rest += 1000;
        --seconds;
    }
    const std::time_t time = seconds;
    std::tm parts{};
    gmtime_r(&time, &parts);
    // By hand: an answer holds several times, and printf is slow.
    std::string text("0000-00-00T00:00:00.000Z");
    const auto put = [&text](std::size_t last, int number) {
        for (; number != 0; number /= 10) text[last--] = static_cast<char>('0' + number % 10);
    };
    put(3, parts.tm_year + 1900);
    put(6, parts.tm_mon + 1);
    put(9, parts.tm_mday);
    put(12, parts.tm_hour);
    put(15, parts.tm_min);
    put(18, parts.tm_sec);
    put(22, static_cast<int>(rest));
    return text;
}

}  // namespace ait
