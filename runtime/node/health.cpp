#include "runtime/node/health.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "actors/coordinator/job.hpp"
#include "actors/miner/registry.hpp"
#include "actors/miner/sessions.hpp"
#include "runtime/base/version.hpp"
#include "storage/data_directory.hpp"

namespace ait::node {
namespace {

constexpr std::size_t files_max = 100'000;
constexpr std::uint64_t block_bytes = 512;  ///< st_blocks counts in these, whatever the disk

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t size_pages = 0, resident_pages = 0;
    file >> size_pages >> resident_pages;
    return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::vector<HeardMinerView> heard_miners(const HealthInput& input, std::int64_t lost_ms) {
    const std::int64_t now_ms = input.services.clock().now_unix_ms();
    std::vector<HeardMinerView> views;
    for (const auto& [address, heard] : input.liveness.all(heard_miners_shown_max)) {
        const std::int64_t ago_ms =
            std::max<std::int64_t>(0, now_ms - heard.last_heartbeat_unix_ms);
        views.push_back({.miner_id = miner::miner_id_of(address),
                         .heard_ms_ago = static_cast<std::uint64_t>(ago_ms),
                         .alive = ago_ms <= lost_ms,
                         .inference_url = heard.inference_url});
    }
    return views;
}

}  // namespace

std::uint64_t bytes_below(const std::string& folder) {
    namespace fs = std::filesystem;
    std::uint64_t bytes = 0;
    std::size_t seen = 0;
    std::error_code failure;
    for (fs::recursive_directory_iterator entry(folder, failure), end;
         !failure && entry != end && ++seen < files_max; entry.increment(failure)) {
        struct stat facts{};
        if (::lstat(entry->path().c_str(), &facts) == 0 && S_ISREG(facts.st_mode))
            bytes += static_cast<std::uint64_t>(facts.st_blocks) * block_bytes;
    }
    return bytes;
}

HealthView health_of(const HealthInput& input) {
    const auto reader = input.services.reader();
    const auto lost_ms = static_cast<std::int64_t>(reader->genesis().parameters.miner_lost_ms);
    const auto space = storage::disk_space(input.data_dir);
    const auto probe = input.probe.state();
    const auto config = input.config.reading();
    const std::int64_t uptime_us = input.services.clock().monotonic_us() - input.started_us;
    const std::uint64_t height = reader->height();
    const std::uint64_t syncs = height - std::min(height, input.height_at_start);
    HealthView view{.ready = input.problem.empty(),
                    .problem = input.problem,
                    .version = std::string(version),
                    .time = {input.services.clock().now_unix_ms()},
                    .uptime_ms = static_cast<std::uint64_t>(uptime_us / 1'000),
                    .memory_bytes = resident_bytes(),
                    .chain = reader->genesis().chain,
                    .height = height,
                    .block_time = {height == 0 ? 0 : reader->block_time_unix_ms()},
                    .pool_operations = input.figures.pool_operations,
                    .probe_us = probe.round_trip_us,
                    .probe_age_ms = probe.age_ms,
                    .syncs = syncs,
                    .sync_mean_us = syncs == 0 ? 0 : input.figures.sync_us_total / syncs,
                    .replayed_blocks = input.recovery.replayed_blocks,
                    .replay_ms = static_cast<std::uint64_t>(input.recovery.took_us / 1'000),
                    .log_bytes_cut = input.recovery.log_bytes_cut,
                    .data_bytes = bytes_below(input.data_dir),
                    .data_bytes_at_start = input.data_bytes_at_start,
                    .requests_in_flight = input.gateway.in_flight,
                    .requests_in_flight_max = config.requests_in_flight_max,
                    .jobs_open = coordinator::load_counters(reader->state()).open,
                    .miners = heard_miners(input, lost_ms),
                    .config_read_at = config.read_at,
                    .config_needs_restart = config.needs_restart};
    if (space.ok()) {
        view.disk_free_bytes = space.value().bytes_free;
        view.disk_total_bytes = space.value().bytes_total;
    }
    return view;
}

}  // namespace ait::node
