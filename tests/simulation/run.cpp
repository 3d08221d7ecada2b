// The phases of a run: faults, their end, and what must hold then.

#include <algorithm>

#include "tests/simulation/cluster.hpp"

namespace ait::simulation {
namespace {

inline constexpr std::int64_t heal_bound_deltas = 160;
inline constexpr std::int64_t slow_bound_deltas = 600;

}  // namespace

Verdict run_script(const Script& script, const RunOptions& options) {
    Cluster cluster(script, options);
    return cluster.run();
}

bool Cluster::everybody_has(std::uint64_t operations) const {
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
        if (!node->alive || node->is_liar) return true;
        return (node->app.final().operations & operations) == operations;
    });
}

void Cluster::check_progress(std::uint64_t operations, std::int64_t bound_ms) {
    const std::int64_t begin = now_ms_;
    const std::int64_t slice = std::max<std::int64_t>(1, script_.delta_ms / 4);
    while (!everybody_has(operations)) {
        if (now_ms_ - begin > bound_ms) {
            std::string who;
            for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
                const Node& node = *nodes_[at];
                if (!node.alive || node.is_liar) continue;
                const auto position = node.core->position();
                who += " node " + std::to_string(at) + " is in view " +
                       std::to_string(position.view) + ", certified view " +
                       std::to_string(position.final_view) + ", height " +
                       std::to_string(node.app.final().height) + " of " +
                       std::to_string(position.final_height_known) + ", holds " +
                       std::to_string(position.blocks_held) + " blocks;";
            }
            return audit_.breached("no progress within " + std::to_string(bound_ms) +
                                   " ms after the faults:" + who);
        }
        if (!run_until(now_ms_ + slice)) return;
    }
    verdict_.healed_in_ms = std::max(verdict_.healed_in_ms, now_ms_ - begin);
}

void Cluster::check_at_end() {
    // Let what is on its way arrive; then nothing may be left over.
    if (!run_until(now_ms_ + 6 * script_.delta_ms)) return;
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
        const Node& node = *nodes_[at];
        if (!node.alive || node.is_liar) continue;
        const auto position = node.core->position();
        for (const Overlay& overlay : node.app.overlays()) {
            if (overlay.height + 2 <= node.app.final().height)
                return audit_.breached("overlays of dead blocks are never given back");
        }
        const std::uint64_t window = 2 * script_.members + 4;
        if (position.views_held > window + (position.view - position.final_view))
            return audit_.breached("votes of far views pile up");
    }
}

void Cluster::run_dead_leader() {
    // One member is gone for good, and operations come one by one. After its silence has shown, its
    // turns must cost next to nothing.
    for (int round = 0; round < 40; ++round) {
        std::uint32_t at = static_cast<std::uint32_t>(round) % script_.members;
        if (!nodes_[at]->alive) at = (at + 1) % script_.members;
        const std::int64_t begin = now_ms_;
        submit(at);
        check_progress(submitted_, heal_bound_deltas * script_.delta_ms);
        if (!audit_.breach().empty()) return;
        const std::int64_t took = now_ms_ - begin;
        if (round >= 20 && took > script_.delta_ms * 19 / 10) {
            return audit_.breached("a dead leader still costs " + std::to_string(took) +
                                   " ms in its " + std::to_string(round) + "th round");
        }
    }
}

Verdict Cluster::run() {
    faults_end_at_ms_ = now_ms_ + script_.faults_end_ms;
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) start_node(at);
    for (std::size_t i = 0; i < script_.actions.size(); ++i) {
        push(now_ms_ + script_.actions[i].at_ms, {.kind = EventKind::action, .value = i});
    }
    bool ok = run_until(faults_end_at_ms_);
    if (ok) heal();
    if (ok && script_.focus == Focus::dead_leader) {
        run_dead_leader();
    } else if (ok) {
        const bool is_slow = script_.focus == Focus::slow_network;
        const std::int64_t bound =
            (is_slow ? slow_bound_deltas : heal_bound_deltas) * script_.delta_ms;
        if (script_.focus != Focus::idle) {
            std::uint32_t at = static_cast<std::uint32_t>(random_.below(script_.members));
            while (!nodes_[at]->alive || nodes_[at]->is_liar) at = (at + 1) % script_.members;
            submit(at);
        }
        check_progress(submitted_, bound);
    }
    if (audit_.breach().empty()) check_at_end();
    verdict_.failure = audit_.breach();
    verdict_.final_height = audit_.final_height();
    return std::move(verdict_);
}

}  // namespace ait::simulation
