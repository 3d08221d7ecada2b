#include "runtime/node/disk_watch.hpp"

#include <utility>

namespace ait::node {
namespace {

constexpr std::int64_t look_every_us = 250'000;
constexpr std::uint64_t mebibyte = 1024 * 1024;

}  // namespace

DiskWatch::DiskWatch(Probe probe, const Clock& clock) : probe_(std::move(probe)), clock_(clock) {}

std::optional<Error> DiskWatch::refusal() {
    const std::int64_t now_us = clock_.monotonic_us();
    auto look_again_us = look_again_us_.load();
    // One thread looks, the others go on with what was seen last.
    if (now_us >= look_again_us &&
        look_again_us_.compare_exchange_strong(look_again_us, now_us + look_every_us)) {
        auto seen = look();
        const std::lock_guard lock(mutex_);
        is_refusing_ = seen.has_value();
        refusal_ = std::move(seen);
    }
    if (!is_refusing_) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return refusal_;
}

std::optional<Error> DiskWatch::look() const {
    const auto space = probe_();
    if (!space.ok()) return space.error();
    if (!space.value().is_low()) return std::nullopt;
    return Error{ErrorCode::limit_reached, "The node's disk is almost full; it takes nothing new.",
                 std::to_string(space.value().bytes_free / mebibyte) + " MiB of " +
                     std::to_string(space.value().bytes_total / mebibyte) + " MiB are free.",
                 "Free some space on the disk of node.data_dir; the node goes on by itself."};
}

}  // namespace ait::node
