#pragma once

// What a run measures: latencies in a histogram of bounded size and error, and the CPU time of this
// process, of the server beside it and of the whole machine.

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace ait::benchmarks {

/// Counts durations in buckets that are at most 1/32 wide, from a microsecond to an hour. A copy is
/// a snapshot.
class Histogram {
  public:
    void add(std::int64_t duration_us);
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::int64_t max_us() const noexcept { return max_us_; }
    /// The upper end of the bucket in which this share of all durations ends; 0 without any.
    [[nodiscard]] std::int64_t quantile_us(double share) const;

  private:
    static constexpr std::uint32_t steps_log2 = 5;  ///< buckets of each power of two
    static constexpr std::size_t bucket_count = 1'024;
    static std::size_t bucket_of(std::uint64_t duration_us);
    static std::int64_t upper_end_us(std::size_t bucket);

    std::array<std::uint64_t, bucket_count> buckets_{};
    std::uint64_t count_ = 0;
    std::int64_t max_us_ = 0;
};

/// Where the processors' time went up to one moment, in microseconds.
struct CpuTimes {
    std::int64_t own_us = 0;
    std::int64_t server_us = 0;        ///< of processes that were named and have not gone
    std::int64_t machine_us = 0;       ///< busy time of all processors together
    std::int64_t machine_wait_us = 0;  ///< they had nothing to do but wait for the disk
};
CpuTimes read_cpu_times(std::span<const std::int32_t> server_pids);
CpuTimes operator-(const CpuTimes& after, const CpuTimes& before);

/// Resident memory of all these processes in bytes, as far as it can be read.
std::uint64_t resident_bytes(std::span<const std::int32_t> pids);

}  // namespace ait::benchmarks
