// What the figures of a health check mean. Pure.

#include <algorithm>

#include "runtime/cli/doctor.hpp"

namespace ait::cli {
namespace {

constexpr std::uint64_t mebibyte = 1024ULL * 1024;
constexpr std::uint64_t gibibyte = 1024 * mebibyte;
constexpr std::uint64_t day_ms = 86'400'000;

/// The bounds at which a node refuses transactions (storage/data_directory.hpp).
constexpr std::uint64_t refuse_percent = 5;
constexpr std::uint64_t refuse_bytes = 64 * mebibyte;
constexpr std::uint64_t ample_bytes = 10 * gibibyte;
constexpr std::uint64_t warn_percent = 10;
constexpr std::uint64_t forecast_ms_min = 600'000;  ///< a shorter time foretells nothing
constexpr std::uint64_t warn_days = 14;

constexpr std::uint64_t sync_warn_us = 10'000;
constexpr std::uint64_t sync_fail_us = 1'000'000;

constexpr std::int64_t skew_warn_ms = 2'000;
constexpr std::int64_t skew_fail_ms = 30'000;

std::string bytes_text(std::uint64_t bytes) {
    if (bytes >= gibibyte) return std::to_string(bytes / gibibyte) + " GiB";
    return std::to_string(bytes / mebibyte) + " MiB";
}

std::string ms_text(std::uint64_t us) {
    const std::uint64_t tenths = us / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

/// Free space at which the node begins to refuse.
std::uint64_t refusing_at(const DiskFacts& facts) {
    const std::uint64_t share = facts.bytes_total / 100 * refuse_percent;
    return std::max(refuse_bytes, std::min(share, ample_bytes));
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

Finding judge_disk(const DiskFacts& facts) {
    Finding finding{.check = "disk"};
    const std::uint64_t floor = refusing_at(facts);
    finding.what = bytes_text(facts.bytes_free) + " of " + bytes_text(facts.bytes_total) + " free";
    if (facts.bytes_free <= floor) {
        finding.status = Health::fail;
        finding.why = "Below " + bytes_text(floor) + " the node refuses new transactions.";
        finding.next = "Free space on that file system; the node goes on by itself then.";
        return finding;
    }
    if (facts.over_ms >= forecast_ms_min && facts.bytes_grown > 0) {
        __extension__ using Wide = unsigned __int128;
        const auto days = static_cast<std::uint64_t>(Wide{facts.bytes_free - floor} *
                                                     facts.over_ms / facts.bytes_grown / day_ms);
        finding.what +=
            "; at the pace since the node's start the node refuses in " +
            (days > 3'650 ? std::string("more than ten years") : std::to_string(days) + " days");
        if (days < warn_days) {
            finding.status = Health::warn;
            finding.why = "The data directory grew by " + bytes_text(facts.bytes_grown) + " in " +
                          std::to_string(facts.over_ms / 60'000) + " minutes.";
            finding.next = "Plan more space, or look what writes so much: aitbc node health";
            return finding;
        }
    }
    if (facts.bytes_free / warn_percent < facts.bytes_total / 100 &&
        facts.bytes_free < 2 * ample_bytes) {
        finding.status = Health::warn;
        finding.why = "Less than " + std::to_string(warn_percent) + " % is free; below " +
                      bytes_text(floor) + " the node refuses new transactions.";
        finding.next = "Free space before that.";
    }
    return finding;
}

Finding judge_sync(std::uint64_t mean_us, std::uint64_t count, std::string_view measured_how) {
    Finding finding{.check = "sync"};
    finding.what = ms_text(mean_us) + " to make a block durable (" + std::string(measured_how) +
                   ", mean of " + std::to_string(count) + ")";
    if (mean_us < sync_warn_us) return finding;
    finding.status = mean_us < sync_fail_us ? Health::warn : Health::fail;
    finding.why = "Every acknowledgement waits for it; below 10 ms is usual.";
    finding.next = "Look for other writers on that disk (iostat -x 1), or use a faster one.";
    return finding;
}

Finding judge_clock(const ClockFacts& facts) {
    Finding finding{.check = "clock"};
    const std::int64_t skew = std::abs(facts.node_ahead_ms);
    if (facts.last_block_ahead_ms > skew_warn_ms) {
        finding.status = Health::fail;
        finding.what = "the last block is " + std::to_string(facts.last_block_ahead_ms / 1'000) +
                       " s ahead of the node's clock";
        finding.why =
            "The clock was set back; block time stands still until it has caught up, and "
            "leases and deadlines with it.";
        finding.next = "Correct the clock (timedatectl), or wait that long.";
        return finding;
    }
    if (skew > skew_warn_ms) {
        finding.status = skew > skew_fail_ms ? Health::fail : Health::warn;
        finding.what = "the node's clock is " + std::to_string(skew / 1'000) + " s " +
                       (facts.node_ahead_ms > 0 ? "ahead of" : "behind") + " this machine's";
        finding.why = "Sessions and deadlines carry times; far apart they are refused.";
        finding.next = "Let both follow a time server: timedatectl set-ntp true";
        return finding;
    }
    if (facts.is_synchronised) {
        finding.what = "kept by a time server";
        return finding;
    }
    finding.status = Health::warn;
    finding.what = "right as far as can be seen, but kept by no time server";
    finding.why = "The kernel says that nobody corrects it, so it will drift.";
    finding.next = "timedatectl set-ntp true, or install chrony; in a container the host's counts.";
    return finding;
}

bool is_file_of_model(std::string_view file, std::string_view model) {
    constexpr std::string_view ending = ".gguf";
    constexpr std::string_view latest = ":latest";
    if (model.ends_with(latest)) model.remove_suffix(latest.size());
    if (file.size() < ending.size() + model.size() || !file.ends_with(ending) || model.empty())
        return false;
    file.remove_suffix(ending.size());
    for (std::size_t i = 0; i < model.size(); ++i) {
        const char wanted = model[i] == ':' ? '.' : lower(model[i]);
        if (lower(file[i]) != wanted) return false;
    }
    return file.size() == model.size() || file[model.size()] == '.' || file[model.size()] == '-';
}

}  // namespace ait::cli
