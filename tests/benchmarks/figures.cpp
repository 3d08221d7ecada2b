#include "tests/benchmarks/figures.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <ctime>
#include <fstream>

namespace ait::benchmarks {
namespace {

std::int64_t microseconds(const timeval& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec;
}

std::int64_t process_cpu_us(std::int32_t pid) {
    clockid_t clock{};
    timespec time{};
    if (pid <= 0 || ::clock_getcpuclockid(pid, &clock) != 0) return 0;
    if (::clock_gettime(clock, &time) != 0) return 0;
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1'000;
}

}  // namespace

std::size_t Histogram::bucket_of(std::uint64_t duration_us) {
    constexpr std::uint64_t steps = std::uint64_t{1} << steps_log2;
    if (duration_us < steps) return duration_us;
    const auto power = static_cast<std::uint32_t>(std::bit_width(duration_us)) - 1 - steps_log2;
    const std::size_t bucket = (power + 1) * steps + ((duration_us >> power) - steps);
    return std::min(bucket, bucket_count - 1);
}

std::int64_t Histogram::upper_end_us(std::size_t bucket) {
    constexpr std::uint64_t steps = std::uint64_t{1} << steps_log2;
    if (bucket < steps) return static_cast<std::int64_t>(bucket);
    const std::uint64_t power = bucket / steps - 1;
    return static_cast<std::int64_t>(((bucket % steps + steps + 1) << power) - 1);
}

void Histogram::add(std::int64_t duration_us) {
    const std::int64_t positive = std::max<std::int64_t>(duration_us, 0);
    ++buckets_[bucket_of(static_cast<std::uint64_t>(positive))];
    ++count_;
    max_us_ = std::max(max_us_, positive);
}

std::int64_t Histogram::quantile_us(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < bucket_count; ++bucket) {
        seen += buckets_[bucket];
        if (seen > 0 && seen >= wanted) return std::min(upper_end_us(bucket), max_us_);
    }
    return 0;
}

CpuTimes read_cpu_times(std::span<const std::int32_t> server_pids) {
    CpuTimes times;
    for (const std::int32_t pid : server_pids) times.server_us += process_cpu_us(pid);
    rusage own{};
    if (::getrusage(RUSAGE_SELF, &own) == 0) {
        times.own_us = microseconds(own.ru_utime) + microseconds(own.ru_stime);
    }
    // proc(5): user nice system idle iowait irq softirq steal, in clock ticks.
    std::ifstream stat("/proc/stat");
    std::string label;
    std::array<std::int64_t, 8> ticks{};
    stat >> label;
    for (std::int64_t& tick : ticks) stat >> tick;
    const std::int64_t tick_us = 1'000'000 / ::sysconf(_SC_CLK_TCK);
    times.machine_us = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7]) * tick_us;
    times.machine_wait_us = ticks[4] * tick_us;
    return times;
}

CpuTimes operator-(const CpuTimes& after, const CpuTimes& before) {
    return {.own_us = after.own_us - before.own_us,
            .server_us = after.server_us - before.server_us,
            .machine_us = after.machine_us - before.machine_us,
            .machine_wait_us = after.machine_wait_us - before.machine_wait_us};
}

std::uint64_t resident_bytes(std::span<const std::int32_t> pids) {
    std::uint64_t pages = 0;
    for (const std::int32_t pid : pids) {
        std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
        std::uint64_t total = 0;
        std::uint64_t resident = 0;
        if (statm >> total >> resident) pages += resident;
    }
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace ait::benchmarks
