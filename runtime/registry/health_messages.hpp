#pragma once

// What a node tells of its own health and of a reload of its configuration. Figures only: what is
// good or bad about them is decided by whoever asks (`aitbc doctor`).

#include <string>
#include <tuple>
#include <vector>

#include "runtime/base/fields.hpp"

namespace ait::node {

/// A miner that this node has heard of since it started.
struct HeardMinerView {
    std::string miner_id{};
    std::uint64_t heard_ms_ago = 0;
    bool alive = false;
    std::string inference_url{};
    static constexpr auto fields() {
        using T = HeardMinerView;
        return std::tuple{
            field("miner_id", &T::miner_id, "Its id."),
            field("heard_ms_ago", &T::heard_ms_ago, "Since its last heartbeat."),
            field("alive", &T::alive, "Heard of within the chain's miner_lost_ms."),
            field("inference_url", &T::inference_url, "Where its models answer, if it said so.")};
    }
};

/// What a drain has come to.
struct DrainView {
    bool draining = false;
    UnixMs since{};
    std::uint64_t jobs_running = 0;
    std::uint64_t miners = 0;
    static constexpr auto fields() {
        using T = DrainView;
        return std::tuple{
            field("draining", &T::draining, "Whether the node takes nothing new."),
            field("since", &T::since, "When that began; null while it takes new work."),
            field("jobs_running", &T::jobs_running, "Leases that miners hold on the chain."),
            field("miners", &T::miners, "Miners that were asked for this.")};
    }
};

struct HealthView {
    bool ready = false;
    std::string problem{};
    std::string version{};
    UnixMs time{};
    std::uint64_t uptime_ms = 0;
    std::uint64_t memory_bytes = 0;
    std::string chain{};
    std::uint64_t height = 0;
    UnixMs block_time{};
    std::uint64_t pool_operations = 0;
    std::uint64_t probe_us = 0;
    std::uint64_t probe_age_ms = 0;
    std::uint64_t syncs = 0;
    std::uint64_t sync_mean_us = 0;
    std::uint64_t replayed_blocks = 0;
    std::uint64_t replay_ms = 0;
    std::uint64_t log_bytes_cut = 0;
    std::uint64_t disk_free_bytes = 0;
    std::uint64_t disk_total_bytes = 0;
    std::uint64_t data_bytes = 0;
    std::uint64_t data_bytes_at_start = 0;
    std::uint64_t requests_in_flight = 0;
    std::uint64_t requests_in_flight_max = 0;
    std::uint64_t jobs_open = 0;
    std::vector<HeardMinerView> miners{};
    UnixMs config_read_at{};
    std::vector<std::string> config_needs_restart{};
    static constexpr auto fields() {
        using T = HealthView;
        return std::tuple{
            field("ready", &T::ready, "Whether it serves, as /readyz says."),
            field("problem", &T::problem, "Why not; empty when ready."),
            field("version", &T::version, "Of the program."),
            field("time", &T::time, "Its clock."),
            field("uptime_ms", &T::uptime_ms, "Since it was ready."),
            field("memory_bytes", &T::memory_bytes, "Resident memory."),
            field("chain", &T::chain, "Name of the chain."),
            field("height", &T::height, "Last applied block."),
            field("block_time", &T::block_time, "Time of that block."),
            field("pool_operations", &T::pool_operations, "Operations that wait for a block."),
            field("probe_us", &T::probe_us, "Round trip of the last probe job."),
            field("probe_age_ms", &T::probe_age_ms, "How long ago that was."),
            field("syncs", &T::syncs, "Blocks made durable since the start."),
            field("sync_mean_us", &T::sync_mean_us, "Mean time of write and sync; 0 without any."),
            field("replayed_blocks", &T::replayed_blocks, "Blocks replayed at the start."),
            field("replay_ms", &T::replay_ms, "How long that took."),
            field("log_bytes_cut", &T::log_bytes_cut, "Torn bytes cut from the log's end."),
            field("disk_free_bytes", &T::disk_free_bytes, "Free for the node."),
            field("disk_total_bytes", &T::disk_total_bytes, "Size of that file system."),
            field("data_bytes", &T::data_bytes, "What the data directory holds."),
            field("data_bytes_at_start", &T::data_bytes_at_start, "The same when it started."),
            field("requests_in_flight", &T::requests_in_flight, "Being worked on."),
            field("requests_in_flight_max", &T::requests_in_flight_max, "The most at once."),
            field("jobs_open", &T::jobs_open, "Jobs that have not ended."),
            field("miners", &T::miners, "Heard of here, at most 100.", 100),
            field("config_read_at", &T::config_read_at, "When the configuration was last read."),
            field("config_needs_restart", &T::config_needs_restart,
                  "Keys that were changed and wait for a restart.", 256)};
    }
};

/// One key whose value differs from the one in effect.
struct ConfigChangeView {
    std::string key{};
    std::string before{};
    std::string after{};
    static constexpr auto fields() {
        using T = ConfigChangeView;
        return std::tuple{field("key", &T::key, "Which key."),
                          field("before", &T::before, "As it was."),
                          field("after", &T::after, "As the configuration says now.")};
    }
};

struct ReloadView {
    std::vector<std::string> files{};
    std::vector<ConfigChangeView> applied{};
    std::vector<ConfigChangeView> by_miner{};
    std::vector<ConfigChangeView> needs_restart{};
    static constexpr auto fields() {
        using T = ReloadView;
        return std::tuple{
            field("files", &T::files, "Files that were read.", 256),
            field("applied", &T::applied, "In effect from now on.", 256),
            field("by_miner", &T::by_miner,
                  "For the miner process, which its supervisor restarts for it.", 256),
            field("needs_restart", &T::needs_restart, "Will be in effect after a restart.", 256)};
    }
};

}  // namespace ait::node
