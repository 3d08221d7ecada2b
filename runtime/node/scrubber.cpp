#include "runtime/node/scrubber.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/base/assert.hpp"
#include "storage/log_check.hpp"

namespace ait::node {
namespace {

constexpr std::uint64_t step_bytes = 1024 * 1024;

}  // namespace

Scrubber::Scrubber(Parts parts) : parts_(std::move(parts)) {
    AIT_ASSERT(parts_.bytes_per_second > 0);
    if (parts_.interval_ms > 0) thread_ = std::thread([this] { run(); });
}

Scrubber::~Scrubber() {
    {
        const std::lock_guard lock(mutex_);
        stops_ = true;
    }
    stopping_.notify_all();
    if (thread_.joinable()) thread_.join();
}

Scrubber::Figures Scrubber::figures() const {
    const std::lock_guard lock(mutex_);
    return figures_;
}

void Scrubber::run() {
    std::uint64_t pause_ms = std::min(parts_.interval_ms, parts_.first_pass_ms_max);
    while (wait_ms(pause_ms)) {
        const std::int64_t started_us = parts_.clock.monotonic_us();
        pass();
        const auto took_ms =
            static_cast<std::uint64_t>((parts_.clock.monotonic_us() - started_us) / 1000);
        pause_ms = parts_.interval_ms - std::min(parts_.interval_ms, took_ms);
    }
}

void Scrubber::pass() {
    check_log();
    check_tables();
    const std::lock_guard lock(mutex_);
    if (stops_) return;
    ++figures_.passes_total;
    figures_.last_pass_unix_ms = parts_.clock.now_unix_ms();
    spdlog::info("scrub_pass bytes_total={} damage_total={}", figures_.bytes_total,
                 figures_.damage_total);
}

void Scrubber::check_log() {
    storage::LogCheck check(parts_.files, parts_.log_directory, parts_.height_durable());
    while (!check.is_done()) {
        const auto read = check.step(step_bytes);
        if (!read.ok()) {
            found(read.error());
            // Without the list of segments there is nothing to go on with.
            if (read.error().code != ErrorCode::corrupt_data) return;
        }
        if (!pace(read.ok() ? read.value() : step_bytes)) return;
    }
}

/// Blobs, blocks, indexes and state alike: each block of a table has its checksum.
void Scrubber::check_tables() {
    for (const auto& [name, bytes] : parts_.database.table_files()) {
        const Status verified = parts_.database.verify_table_file(name);
        if (!verified.ok()) {
            found(verified.error());
            // The next start must not trust what this one may never read.
            const Status marked = parts_.database.suspect(verified.error());
            if (!marked.ok()) spdlog::error("scrub_mark_failed why=\"{}\"", marked.error().why);
        }
        if (!pace(bytes)) return;
    }
}

bool Scrubber::pace(std::uint64_t bytes) {
    {
        const std::lock_guard lock(mutex_);
        figures_.bytes_total += bytes;
    }
    return wait_ms(bytes * 1000 / parts_.bytes_per_second);
}

bool Scrubber::wait_ms(std::uint64_t ms) {
    std::unique_lock lock(mutex_);
    return !stopping_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stops_; });
}

void Scrubber::found(const Error& error) {
    spdlog::critical("scrub_damage what=\"{}\" why=\"{}\" next=\"{}\"", error.what, error.why,
                     error.next);
    const std::lock_guard lock(mutex_);
    ++figures_.damage_total;
    if (!figures_.first_damage) figures_.first_damage = error;
}

}  // namespace ait::node
