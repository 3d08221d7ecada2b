#include "tests/simulation/cluster.hpp"

#include <algorithm>
#include <array>

#include "actors/consensus/simplex/wire.hpp"

namespace ait::simulation {
namespace {

inline constexpr std::int64_t unix_ms_at_start = 1'700'000'000'000;

simplex::Config config_of(const Script& script) {
    simplex::Config config{.chain = "simulated", .epoch = 3};
    config.genesis.bytes[0] = 7;
    config.fault_model = script.model;
    config.delta_ms = script.delta_ms;
    config.timeout_ms_max = 12 * script.delta_ms;
    config.clock_skew_ms_max = 500;
    config.body_bytes_max = 64;
    config.final_blocks_per_answer_max = 4;
    config.journal_blocks_max = script.journal_blocks_max;
    for (std::uint32_t i = 0; i < script.members; ++i) {
        simplex::Member member{.weight = script.weights.empty() ? 1 : script.weights[i]};
        member.key.bytes[0] = static_cast<std::uint8_t>(i + 1);
        config.members.push_back(member);
    }
    return config;
}

std::string describe(const simplex::Input& input) {
    static constexpr std::array messages{"?",          "proposal",    "bundle",     "status",
                                         "question",   "answer",      "want_block", "block",
                                         "want_final", "final_blocks"};
    static constexpr std::array inputs{
        "starts",       "hears",           "looks at its clock", "is told of work",
        "is connected", "is disconnected", "has built",          "has nothing to build",
        "has executed", "has synced",      "has read",           "waits for a state"};
    const auto* received = std::get_if<simplex::Received>(&input);
    if (received == nullptr) return inputs[input.index()];
    const std::size_t kind =
        received->bytes.size() > 1 ? static_cast<std::uint8_t>(received->bytes[1]) : 0;
    return std::string("hears ") + (kind < messages.size() ? messages[kind] : "?") + " from " +
           std::to_string(received->peer);
}

Hash genesis_block() {
    Hash hash;
    hash.bytes[0] = 0xee;
    return hash;
}

}  // namespace

Signature WatchedAuthenticator::sign(const simplex::Statement& statement) const {
    cluster_.on_signed(node_, statement);
    return hash_.sign(statement);
}

Cluster::Cluster(const Script& script, const RunOptions& options)
    : script_(script),
      options_(options),
      random_(script.seed ^ 0x5eedULL),
      config_(config_of(script)),
      genesis_(genesis_block()),
      audit_(config_, genesis_),
      leaders_(simplex::leader_table(config_)) {
    const std::uint32_t instances = script.members + (script.has_liar ? 1 : 0) + script.followers;
    for (std::uint32_t i = 0; i < instances; ++i) {
        auto node = std::make_unique<Node>();
        node->member = i;
        if (script.has_liar && i == script.members) node->member = script.liar;
        if (i >= instances - script.followers) {
            node->is_follower = true;
            node->member = script.members + (i - (instances - script.followers));
        }
        node->is_liar = script.has_liar && node->member == script.liar && !node->is_follower;
        node->authenticator =
            std::make_unique<WatchedAuthenticator>(*this, i, node->member, config_.epoch);
        if (!node->is_follower) {
            simplex::Config own = config_;
            own.self = node->member;
            node->disk.set_first_record(
                simplex::first_guard_record(own, own.members[*own.self].key));
        }
        nodes_.push_back(std::move(node));
    }
    twin_of_sender_.fill(3);
    for (auto& side : twin_of_sender_) side = static_cast<std::uint8_t>(1 + random_.below(3));
    local_.reserve(16);
    slots_.reserve(256);
}

void Cluster::on_signed(std::uint32_t index, const simplex::Statement& statement) {
    Node& node = *nodes_[index];
    audit_.vote_signed(node.member, statement);
    if (node.is_unreadable) audit_.breached("a node votes on a journal that it cannot read");
    const bool is_synced =
        std::find(node.synced.begin(), node.synced.end(), statement) != node.synced.end();
    if (!is_honest(node) || is_synced) return;
    // What it takes from its journal was executed in the life before.
    const bool is_finalize = statement.kind == consensus::VoteKind::finalize;
    if (is_finalize && node.core && !node.app.knows(statement.block))
        audit_.breached("a node finalizes a block that it does not have");
    node.unsynced.push_back({statement, 0});
}

void Cluster::push(std::int64_t at, Event event) {
    std::uint32_t slot = 0;
    if (free_slots_.empty()) {
        slot = static_cast<std::uint32_t>(slots_.size());
        slots_.push_back(std::move(event));
    } else {
        slot = free_slots_.back();
        free_slots_.pop_back();
        slots_[slot] = std::move(event);
    }
    queue_.push({at, order_++, slot});
}

bool Cluster::run_until(std::int64_t end_ms) {
    static constexpr std::uint64_t events_max = 30'000;
    while (!queue_.empty() && queue_.top().at <= end_ms) {
        const Due due = queue_.top();
        queue_.pop();
        now_ms_ = std::max(now_ms_, due.at);
        Event event = std::move(slots_[due.slot]);
        free_slots_.push_back(due.slot);
        handle(event);
        if (!audit_.breach().empty()) return false;
        if (verdict_.events > events_max) {
            audit_.breached("the cluster never comes to rest");
            return false;
        }
    }
    now_ms_ = std::max(now_ms_, end_ms);
    return true;
}

void Cluster::handle(Event& event) {
    if (event.kind == EventKind::action) return apply(script_.actions[event.value]);
    Node& node = *nodes_[event.node];
    // A message outlives the life that it was sent to; ticks and answers of the disk do not.
    const bool is_message = event.kind == EventKind::deliver;
    if (!node.alive || (!is_message && event.life != node.life)) return;
    switch (event.kind) {
        case EventKind::deliver:
            if (event.bytes->size() < 2) break;
            node.last_received.emplace_back(event.from, event.bytes);
            if ((*event.bytes)[1] == static_cast<char>(simplex::WireKind::answer))
                node.old_answers.emplace_back(event.from, event.bytes);
            if (node.last_received.size() > 8) node.last_received.erase(node.last_received.begin());
            step(event.node, simplex::Received{event.from, *event.bytes});
            break;
        case EventKind::tick:
            if (node.tick_at != now_ms_) break;  // an earlier deadline came up since
            node.tick_at = 0;
            step(event.node, simplex::Tick{});
            break;
        case EventKind::sync: {
            const std::uint64_t sequence = node.disk.sync_through(event.value);
            if (sequence == 0) break;
            std::erase_if(node.unsynced, [&](const UnsyncedVote& vote) {
                if (vote.sequence == 0 || vote.sequence > sequence) return false;
                node.synced.push_back(vote.statement);
                return true;
            });
            step(event.node, simplex::Persisted{sequence});
            break;
        }
        case EventKind::executed:
            step(event.node, std::move(*event.executed));
            break;
        case EventKind::action:
            break;
    }
}

void Cluster::trace(std::uint32_t index, std::string_view what) {
    if (!options_.keep_trace) return;
    verdict_.trace.push_back(std::to_string(now_ms_) + " ms  node " + std::to_string(index) + "  " +
                             std::string(what));
}

void Cluster::start_node(std::uint32_t index) {
    Node& node = *nodes_[index];
    if (node.alive) return;
    node.alive = true;
    ++node.life;
    node.tick_at = 0;
    node.said_waiting = false;
    node.unsynced.clear();
    node.synced.clear();
    node.lies_told.clear();
    node.app.open(genesis_, node.disk.log());
    simplex::Config own = config_;
    if (!node.is_follower) own.self = node.member;
    own.incarnation = random_.next();
    // The liar's body limit is its own affair.
    if (node.is_liar) own.body_bytes_max = 1'024;
    simplex::Restored restored{.tip = node.app.tip(), .journal = node.disk.journal()};
    restored.guard_missing = !node.is_follower && node.disk.is_wiped();
    node.expects_mute = restored.guard_missing;
    trace(index, "starts");
#ifdef AIT_SIMPLEX_PLANTED
    simplex::planted_bug = options_.bug;
#endif
    AIT_ASSERT(!node.core);
    node.core.emplace(std::move(own), std::move(restored), *node.authenticator);
    // What it signs again while it reads its journal is on disk.
    for (const auto& vote : node.unsynced) node.synced.push_back(vote.statement);
    node.unsynced.clear();
    for (std::uint32_t other = 0; other < nodes_.size(); ++other) {
        if (other != index && nodes_[other]->alive) connect(index, other, true);
    }
    step(index, simplex::Start{});
    if (node.is_unreadable && !node.has_alarmed)
        audit_.breached("a journal of a newer version goes unnoticed");
    tell_waiting(index);
    for (const auto& [from, bytes] : node.old_answers) {
        push(now_ms_ + 1,
             {.kind = EventKind::deliver, .node = index, .from = from, .bytes = bytes});
    }
    node.old_answers.clear();
}

void Cluster::stop_node(std::uint32_t index) {
    Node& node = *nodes_[index];
    if (!node.alive) return;
    trace(index, "stops");
    node.alive = false;
    node.core.reset();
    node.disk.crash(random_);
    for (std::uint32_t other = 0; other < nodes_.size(); ++other) {
        if (other != index && nodes_[other]->alive) connect(index, other, false);
    }
}

void Cluster::tell_waiting(std::uint32_t index) {
    Node& node = *nodes_[index];
    if (!node.alive || node.is_follower) return;
    const bool waits = node.app.waiting() != 0;
    if (waits == node.said_waiting && !waits) return;
    node.said_waiting = waits;
    step(index, simplex::WorkWaiting{waits});
}

void Cluster::step(std::uint32_t index, simplex::Input input) {
    local_.emplace_back(index, std::move(input));
    if (local_.size() > 1) return;  // the call below takes it
    for (std::size_t next = 0; next < local_.size(); ++next) {
        const std::uint32_t at = local_[next].first;
        Node& node = *nodes_[at];
        if (!node.alive || !audit_.breach().empty()) continue;
        simplex::Input taken = std::move(local_[next].second);
        if (options_.keep_trace) trace(at, describe(taken));
        ++verdict_.events;
        verdict_.trace_hash = (verdict_.trace_hash ^ (static_cast<std::uint64_t>(now_ms_) * 131 +
                                                      at * 17 + taken.index())) *
                              0x100000001b3ULL;
#ifdef AIT_SIMPLEX_PLANTED
        // The liar's two instances know nothing of each other, and neither cares.
        simplex::planted_bug =
            node.is_liar ? simplex::Bug::wiped_guard_votes_at_once : options_.bug;
#endif
        auto outputs = node.core->step(
            std::move(taken), {now_ms_, unix_ms_at_start + now_ms_ + node.clock_offset_ms});
        handle_outputs(at, std::move(outputs));
        const auto deadline = node.core->next_deadline_ms();
        if (deadline && (node.tick_at == 0 || *deadline < node.tick_at)) {
            node.tick_at = std::max(*deadline, now_ms_ + 1);
            push(node.tick_at, {.kind = EventKind::tick, .node = at, .life = node.life});
        }
    }
    local_.clear();
}

void Cluster::handle_outputs(std::uint32_t index, simplex::Outputs outputs) {
    Node& node = *nodes_[index];
    for (auto& output : outputs) {
        if (const auto* persist = std::get_if<simplex::Persist>(&output)) {
            for (auto& vote : node.unsynced) {
                if (vote.sequence == 0) vote.sequence = persist->sequence;
            }
        }
    }
    for (auto& output : outputs) {
        verdict_.trace_hash = (verdict_.trace_hash ^ output.index()) * 0x100000001b3ULL;
        std::visit([&](auto& out) { on_output(index, out); }, output);
        if (!audit_.breach().empty()) return;
    }
}

}  // namespace ait::simulation
