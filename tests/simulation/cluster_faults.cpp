// What happens to a cluster: each action of a script, and the end of all faults.

#include "tests/simulation/cluster.hpp"

namespace ait::simulation {

void Cluster::connect(std::uint32_t first, std::uint32_t second, bool up) {
    for (const auto& [at, peer] : {std::pair{first, second}, std::pair{second, first}}) {
        Node& node = *nodes_[at];
        const std::uint32_t number = nodes_[peer]->member;
        if (!node.alive || !node.core || node.member == number) continue;
        if (up)
            step(at, simplex::PeerConnected{number});
        else
            step(at, simplex::PeerGone{number});
    }
}

void Cluster::submit(std::uint32_t index) {
    if (next_operation_ >= 64) return;
    const std::uint64_t operation = std::uint64_t{1} << next_operation_++;
    submitted_ |= operation;
    trace(index, "is given operation " + std::to_string(next_operation_ - 1));
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
        Node& node = *nodes_[at];
        // Gossip reaches most; a client's own node always has it.
        const bool reached = at == index || healed_ || (node.alive && random_.percent(80));
        if (!node.alive || !reached) continue;
        node.app.learn(operation);
        tell_waiting(at);
    }
}

void Cluster::replay(std::uint32_t index) {
    Node& node = *nodes_[index];
    if (!node.alive || node.last_received.empty()) return;
    const auto received = node.last_received;
    const auto& last = received.back();
    static constexpr int copies = 12;
    std::uint64_t before = node.core->counters().signatures_checked;
    for (int copy = 0; copy < copies && node.alive; ++copy) {
        step(index, simplex::Received{last.first, *last.second});
        // What was taken once is known before a signature is looked at. The first copies may still
        // teach something (its view was entered meanwhile).
        if (copy == 2) before = node.core->counters().signatures_checked;
    }
    const bool may_be_false = script_.has_liar;  // false signatures are never remembered
    if (!may_be_false && node.core->counters().signatures_checked > before)
        audit_.breached("known votes are verified again and again");
}

void Cluster::apply(const Action& action) {
    const std::uint32_t index = action.node % static_cast<std::uint32_t>(nodes_.size());
    trace(index, "-- " + std::string(name_of(action.kind)) + " " + std::to_string(action.value));
    switch (action.kind) {
        case ActionKind::submit:
            return submit(index);
        case ActionKind::crash:
        case ActionKind::restart:
        case ActionKind::power_cut:
        case ActionKind::restart_all:
        case ActionKind::wipe:
        case ActionKind::rot:
        case ActionKind::downgrade:
            return apply_to_life(action.kind, index);
        case ActionKind::split:
        case ActionKind::one_way:
        case ActionKind::mend:
        case ActionKind::lose_kind:
        case ActionKind::lose_some:
        case ActionKind::flap:
            return apply_to_network(action.kind, index, action.value);
        case ActionKind::slow_disk:
            nodes_[index]->sync_ms = action.value;
            return;
        case ActionKind::slow_execute:
            nodes_[index]->execute_ms = action.value;
            return;
        case ActionKind::clock_jump:
            nodes_[index]->clock_offset_ms = action.value;
            return;
        case ActionKind::replay:
            return replay(index);
        case ActionKind::forge:
            return forge(action.value);
        case ActionKind::lie_height:
            return forge(100);
        case ActionKind::flood:
            return forge(101);
    }
}

void Cluster::apply_to_life(ActionKind kind, std::uint32_t index) {
    Node& node = *nodes_[index];
    if (kind == ActionKind::restart) return start_node(index);
    if (kind == ActionKind::restart_all) {
        for (std::uint32_t at = 0; at < nodes_.size(); ++at) start_node(at);
        return;
    }
    if (kind == ActionKind::power_cut) {
        for (std::uint32_t at = 0; at < nodes_.size(); ++at) stop_node(at);
        return;
    }
    stop_node(index);
    if (kind == ActionKind::rot) node.disk.rot(random_);
    if (kind == ActionKind::wipe) {
        node.disk.wipe();
        if (!node.is_follower) audit_.forgot(node.member);
    }
    if (kind == ActionKind::downgrade) {
        node.disk.downgrade();
        node.is_unreadable = true;
    }
}

void Cluster::apply_to_network(ActionKind kind, std::uint32_t index, std::int64_t value) {
    const std::uint32_t member = nodes_[index]->member;
    const std::uint32_t members = script_.members;
    if (kind == ActionKind::mend) cut_ = {};
    if (kind == ActionKind::lose_kind) lose_kind_ = static_cast<std::uint8_t>(value);
    if (kind == ActionKind::lose_some) lose_percent_ = static_cast<std::uint32_t>(value);
    if (kind == ActionKind::one_way) {
        for (std::uint32_t other = 0; other < members; ++other)
            (value != 0 ? cut_[member][other] : cut_[other][member]) = true;
    }
    if (kind == ActionKind::split) {
        for (std::uint32_t from = 0; from < members; ++from) {
            for (std::uint32_t to = 0; to < members; ++to) {
                const bool apart = ((value >> from) & 1) != ((value >> to) & 1);
                cut_[from][to] = cut_[from][to] || apart;
            }
        }
    }
    if (kind == ActionKind::flap) {
        const auto other = static_cast<std::uint32_t>(value) % members;
        if (other == index || !nodes_[other]->alive) return;
        connect(index, other, false);
        connect(index, other, true);
    }
}

void Cluster::heal() {
    healed_ = true;
    cut_ = {};
    lose_kind_ = 0;
    lose_percent_ = 0;
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
        Node& node = *nodes_[at];
        node.sync_ms = 1;
        node.execute_ms = 0;
        node.clock_offset_ms = 0;
        const bool stays_dead =
            !node.is_follower && ((script_.dead_at_end >> node.member) & 1U) != 0;
        if (stays_dead)
            stop_node(at);
        else
            start_node(at);
    }
    // Clients ask again, as they do without an answer.
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
        if (nodes_[at]->alive) nodes_[at]->app.learn(submitted_);
        tell_waiting(at);
    }
}

}  // namespace ait::simulation
