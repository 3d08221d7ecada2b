#include "actors/consensus/simplex/engine.hpp"

#include <algorithm>

#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {

Core::Core(Config config, Restored restored, const Authenticator& authenticator)
    : engine_(std::make_unique<Engine>(std::move(config), std::move(restored), authenticator)) {}
Core::~Core() = default;
Core::Core(Core&&) noexcept = default;
Core& Core::operator=(Core&&) noexcept = default;

Outputs Core::step(Input input, Now now) {
    return engine_->step(std::move(input), now);
}

std::optional<std::int64_t> Core::next_deadline_ms() const {
    const std::int64_t deadline = engine_->next_deadline_ms();
    if (deadline == never_ms) return std::nullopt;
    return deadline;
}

Position Core::position() const {
    return engine_->position();
}
std::uint64_t Core::blocks_behind() const {
    return engine_->blocks_behind();
}
const Counters& Core::counters() const {
    return engine_->counters();
}
KeyStanding Core::key_standing() const {
    return engine_->key_standing();
}

Core::Engine::Engine(Config config, Restored restored, const Authenticator& authenticator)
    : config_(std::move(config)),
      authenticator_(authenticator),
      quorum_(quorum_weight(config_)),
      leaders_(leader_table(config_)),
      guard_(config_, authenticator),
      answers_(config_.members.size()),
      members_(config_.members.size()),
      activity_(config_.members.size()) {
    AIT_ASSERT(!config_.members.empty());
    AIT_ASSERT(config_.members.size() <= members_max);
    AIT_ASSERT(!config_.self || *config_.self < config_.members.size());
    for (const auto& member : config_.members) {
        AIT_ASSERT(member.weight > 0);
        AIT_ASSERT(!__builtin_add_overflow(total_weight_, member.weight, &total_weight_));
    }
    AIT_ASSERT(total_weight_ <= static_cast<std::uint64_t>(never_ms));
    restore(std::move(restored));
}

Outputs Core::Engine::step(Input input, Now now) {
    // A clock that runs backwards is somebody else's bug; time stands still until it is past it.
    now_ = {.steady_ms = std::max(now.steady_ms, now_.steady_ms), .unix_ms = now.unix_ms};
    std::visit([this](auto&& value) { take(std::forward<decltype(value)>(value)); },
               std::move(input));
    if (standing_ != Standing::unsettled) {
        run_timers();
        settle();
    }
    flush();
    for (auto& output : work_) out_.push_back(std::move(output));
    work_.clear();
    Outputs out;
    out.swap(out_);
    return out;
}

void Core::Engine::settle() {
    // Each round enters a view, decides a block or signs a vote, so their number is bounded by what
    // is known; the bound here only keeps one step short.
    static constexpr int rounds_max = 64;
    for (int round = 0; round < rounds_max && changed_; ++round) {
        changed_ = false;
        advance();
        update_standing();
        execute_ready();
        notarize();
        finalize();
        deliver();
        if (changed_) continue;
        refresh_wants();
        propose();
        arm();
    }
}

void Core::Engine::take(Start) {
    if (standing_ != Standing::unsettled) return;
    entered_ms_ = now_.steady_ms;
    begin_standing();
    // A torn batch may have left one copy of a vote; before it is said, it stands there twice
    // again.
    if (restarts_journal_ && !guard_.stopped() && standing_ != Standing::asking)
        begin_journal_anew();
    beacon_at_ms_ = now_.steady_ms;
    changed_ = true;
}

void Core::Engine::take(Received input) {
    PeerState* peer = peer_state(input.peer);
    if (peer == nullptr || is_self(input.peer) || standing_ == Standing::unsettled) return;
    const auto prefix = read_wire_prefix(input.bytes);
    if (!prefix.ok()) {
        ++counters_.malformed;
        return;
    }
    const WireKind kind = prefix.value().kind;
    // A final block proves itself; nothing else of a follower's is needed here.
    const bool is_for_all = kind == WireKind::status || kind == WireKind::want_block ||
                            kind == WireKind::want_final ||
                            (kind == WireKind::final_blocks && sync_peer_ == input.peer);
    if (now_.steady_ms < peer->ignored_until_ms || (!is_member(input.peer) && !is_for_all)) {
        ++counters_.refused_requests;  // followers ask; only members tell
        return;
    }
    // Where peers stand and blocks that are final are the same in all epochs.
    const bool any_epoch =
        kind == WireKind::status || kind == WireKind::want_final || kind == WireKind::final_blocks;
    const bool is_of_epoch = prefix.value().epoch == config_.epoch;
    if (!is_of_epoch && !any_epoch) return on_other_epoch(input.peer, prefix.value());
    switch (kind) {
        case WireKind::proposal:
            return on_proposal(input.peer, input.bytes);
        case WireKind::bundle:
            return on_bundle(input.peer, input.bytes);
        case WireKind::status:
            return on_status(input.peer, input.bytes, is_of_epoch);
        case WireKind::question:
            return on_question(input.peer, input.bytes);
        case WireKind::answer:
            return on_answer(input.peer, input.bytes);
        case WireKind::want_block:
            return on_want_block(input.peer, input.bytes);
        case WireKind::block:
            return on_block(input.peer, input.bytes);
        case WireKind::want_final:
            return on_want_final(input.peer, input.bytes);
        case WireKind::final_blocks:
            return on_final_blocks(input.peer, input.bytes);
    }
}

void Core::Engine::take(Tick) {}

void Core::Engine::take(WorkWaiting input) {
    if (input.waiting) idle_view_ = 0;
    if (work_waiting_ == input.waiting && !input.waiting) return;
    work_waiting_ = input.waiting;
    changed_ = true;
}

void Core::Engine::take(PeerConnected input) {
    PeerState* peer = peer_state(input.peer);
    if (peer == nullptr) return;
    // Claims of an earlier connection are void: a node may come back with less than it had.
    *peer = {.connected = true, .tokens = peer->tokens, .tokens_at_ms = peer->tokens_at_ms};
    if (standing_ == Standing::unsettled) return;
    send_status(Audience::one, input.peer, true);
    changed_ = true;
}

void Core::Engine::take(PeerGone input) {
    if (is_member(input.peer)) {
        members_[input.peer].connected = false;
        if (sync_peer_ == input.peer) sync_at_ms_ = now_.steady_ms;
        changed_ = true;
    } else {
        followers_.erase(input.peer);
    }
}

void Core::Engine::take(Executed input) {
    BlockNode* node = blocks_.find(input.hash);
    if (node == nullptr || node->state != BlockState::executing) return;
    if (input.body_differs) {
        // Whoever sent this body lied; the block itself may be good. As a proposal it is not.
        ++counters_.bad_blocks;
        ViewState* state = views_.find(node->view);
        if (state != nullptr && state->proposal == input.hash) state->proposal_bad = true;
        blocks_.remove(input.hash);
        changed_ = true;
        return;
    }
    const bool ok = input.ok || planted(Bug::refused_execution_ignored);
    node->state = ok ? BlockState::valid : BlockState::invalid;
    node->ends_epoch = input.ends_epoch;
    if (!ok && node->is_final && !halted_) {
        halted_ = true;
        guard_.stop();
        alarm(AlarmKind::state_diverged,
              "Block " + std::to_string(node->height) +
                  " is final, but its execution here fails: " + input.reason +
                  " This node follows no further; compare its state.");
    }
    changed_ = true;
}

void Core::Engine::take(Persisted input) {
    if (input.sequence <= persist_done_ || input.sequence > persist_issued_) return;
    persist_done_ = input.sequence;
    release();
}

void Core::Engine::take(FinalRead input) {
    FinalBlocksMessage message{.from_height = input.from_height, .final_height = tip_.height};
    std::size_t bytes = 0;
    for (const auto& final : input.blocks) {
        bytes += final.block->header.size() + final.block->body.size();
        if (!message.blocks.empty() && bytes > config_.final_bytes_per_answer_max) break;
        if (message.blocks.size() == config_.final_blocks_per_answer_max) break;
        message.blocks.push_back({Blob{final.block->header}, Blob{final.block->body}, final.proof});
    }
    send_now(Audience::one, input.peer, Priority::catch_up,
             encode_message(WireKind::final_blocks, config_.epoch, message));
}

std::int64_t Core::Engine::next_deadline_ms() const {
    std::int64_t next = std::min({leader_at_ms_, advance_at_ms_, resend_at_ms_, empty_at_ms_,
                                  sync_at_ms_, listen_until_ms_, ask_at_ms_, beacon_at_ms_});
    for (const auto& want : wants_) next = std::min(next, want.next_ms);
    return next;
}

std::uint64_t Core::Engine::blocks_behind() const {
    std::uint64_t claimed = tip_.height;
    for (const PeerState& member : members_) claimed = std::max(claimed, member.final_height);
    return claimed - tip_.height;
}

Position Core::Engine::position() const {
    Position position{.view = view_,
                      .final_height = tip_.height,
                      .final_view = certified_view_,
                      .final_height_known = tip_.height,
                      .final_hash = tip_.hash,
                      .leader = leader_of(view_),
                      .may_vote = may_vote(view_),
                      .active = armed_,
                      .views_held = views_.size(),
                      .blocks_held = blocks_.size()};
    // A height that more weight claims than may lie is real.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> claims;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        position.peer_heights.push_back(
            is_self(static_cast<std::uint32_t>(i)) ? tip_.height : members_[i].final_height);
        claims.emplace_back(position.peer_heights.back(), config_.members[i].weight);
    }
    std::sort(claims.rbegin(), claims.rend());
    std::uint64_t weight = 0;
    for (const auto& [height, share] : claims) {
        weight += share;
        if (weight <= total_weight_ - quorum_) continue;
        position.final_height_known = std::max(position.final_height_known, height);
        break;
    }
    for (const auto& node : blocks_.nodes()) {
        if (node->is_final)
            position.final_height_known = std::max(position.final_height_known, node->height);
    }
    return position;
}

}  // namespace ait::consensus::simplex
