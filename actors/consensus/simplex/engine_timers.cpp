// Clocks run only while something is unfinished (CONSENSUS 1.7), grow with the views since the last
// final one, and never touch safety.

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {
namespace {

inline constexpr std::uint64_t unseen_views_max = 10;
inline constexpr std::uint32_t failed_turns_max = 2;
inline constexpr std::uint32_t skipped_turns_bits_max = 4;
inline constexpr std::size_t standstill_votes_max = 16;
inline constexpr std::int64_t beacon_deltas = 20;

}  // namespace

std::int64_t Core::Engine::timeout_ms() const {
    // Pitfall 12: growth ends with a final view, not with a notarized one. Two views are ahead of
    // the final one in good times.
    const std::uint64_t base =
        planted(Bug::timeout_reset_by_notarization) ? notarized_view_ : certified_view_;
    const std::int64_t cap = std::max(config_.delta_ms, config_.timeout_ms_max / 3);
    std::int64_t timeout = config_.delta_ms;
    for (std::uint64_t view = base + 2; view < view_ && timeout < cap; ++view) {
        if (planted(Bug::timeout_never_grows)) break;
        const std::int64_t grown = timeout * config_.timeout_growth_percent / 100;
        timeout = std::min(cap, std::max(timeout + 1, grown));
    }
    return timeout;
}

bool Core::Engine::is_active() const {
    if (members_.size() == 1) return false;
    const ViewState* state = views_.find(view_);
    const bool is_leader = is_self(leader_of(view_));
    if (work_waiting_ && (is_leader || !planted(Bug::only_leader_starts_clock))) return true;
    if (tip_is_unfinal()) return true;
    // A peer waits for something in this view: who has an operation alone still ends its view.
    return state != nullptr && state->has_votes() && !planted(Bug::only_leader_starts_clock);
}

bool Core::Engine::should_skip(std::uint32_t leader) const {
    if (is_self(leader) || planted(Bug::dead_leader_never_skipped)) return false;
    // Only while a quorum is active: a node that is cut off would nullify whatever it sees.
    std::uint64_t active = 0;
    std::uint64_t silent = 0;
    bool is_silent = false;
    for (std::uint32_t i = 0; i < members_.size(); ++i) {
        const std::uint64_t weight = config_.members[i].weight;
        const bool is_gone = !is_self(i) && (!members_[i].connected ||
                                             activity_[i].last_view + unseen_views_max < view_);
        if (!is_gone) {
            active += weight;
        } else if (silent + weight <= total_weight_ - quorum_) {
            silent += weight;
            is_silent = is_silent || i == leader;
        }
    }
    if (active < quorum_) return false;
    if (is_silent) return true;
    // A leader whose turns fail though it is there gets every second, fourth, ... turn only.
    const MemberActivity& activity = activity_[leader];
    if (activity.failed_turns <= failed_turns_max) return false;
    const std::uint32_t bits =
        std::min(activity.failed_turns - failed_turns_max, skipped_turns_bits_max);
    return (view_ / leaders_.size()) % (std::uint64_t{1} << bits) != 0;
}

void Core::Engine::arm() {
    if (standing_ != Standing::voting || ended_ || halted_ || !is_active()) {
        if (armed_ && !is_active()) {
            armed_ = false;
            leader_at_ms_ = advance_at_ms_ = resend_at_ms_ = never_ms;
        }
        return;
    }
    const ViewState* state = views_.find(view_);
    if (state != nullptr && state->proposal) leader_at_ms_ = never_ms;  // its leader is there
    if (armed_) return;
    armed_ = true;
    const std::int64_t timeout = timeout_ms();
    const bool has_proposal = state != nullptr && state->proposal;
    if (!has_proposal) {
        leader_at_ms_ = now_.steady_ms + (should_skip(leader_of(view_)) ? 0 : 2 * timeout);
    }
    advance_at_ms_ = now_.steady_ms + 3 * timeout;
    // A nullify of an earlier life needs its timer too (pitfall 4).
    if (state != nullptr && state->own_nullify && !planted(Bug::restored_nullify_not_resent))
        resend_at_ms_ = now_.steady_ms + timeout;
    if (leader_at_ms_ <= now_.steady_ms) run_timers();
}

void Core::Engine::run_timers() {
    const std::int64_t now = now_.steady_ms;
    if (listen_until_ms_ <= now) {
        listen_until_ms_ = never_ms;
        if (standing_ == Standing::listening) standing_ = Standing::voting;
        changed_ = true;
    }
    if (ask_at_ms_ <= now) ask_views();
    const ViewState* state = views_.find(view_);
    const bool executes =
        planted(Bug::timers_wait_for_execution) && state != nullptr && state->proposal;
    const std::int64_t fires = std::min(leader_at_ms_, advance_at_ms_);
    if (fires <= now && !executes) {
        leader_at_ms_ = never_ms;
        if (advance_at_ms_ <= now) advance_at_ms_ = never_ms;
        nullify(view_);
        if (resend_at_ms_ == never_ms &&
            !(planted(Bug::restored_nullify_not_resent) && !has_voted_)) {
            resend_at_ms_ = now + timeout_ms();
        }
    }
    if (resend_at_ms_ <= now) standstill();
    if (empty_at_ms_ <= now) {
        empty_at_ms_ = never_ms;
        changed_ = true;
    }
    if (beacon_at_ms_ <= now) beacon();
    fetch();
}

void Core::Engine::beacon() {
    // An idle chain is silent otherwise, and who missed its last block would never know. The first
    // one asks: it is this node's greeting.
    const bool is_first = beacon_at_ms_ == entered_ms_;
    beacon_at_ms_ = now_.steady_ms + beacon_deltas * config_.delta_ms;
    if (members_.size() == 1 && config_.self && followers_.empty()) return;
    for (Peer peer = 0; peer < members_.size(); ++peer) {
        if (members_[peer].connected && !is_self(peer)) {
            send_status(Audience::one, peer, is_first);
        }
    }
    for (const auto& [peer, state] : followers_) send_status(Audience::one, peer, false);
}

void Core::Engine::standstill() {
    // Bounded in size and rate, whatever has piled up: the answers bring the rest (pitfall 13).
    const std::int64_t jitter =
        static_cast<std::int64_t>((view_ + 7 * config_.self.value_or(0)) % 16) * config_.delta_ms /
        32;
    resend_at_ms_ = now_.steady_ms + std::min(timeout_ms(), 4 * config_.delta_ms) + jitter;
    BundleMessage bundle;
    if (entry_) bundle.proofs.list.push_back(to_wire(*entry_));
    const std::size_t votes_max =
        planted(Bug::standstill_resends_all) ? bundle_votes_max : standstill_votes_max;
    for (auto at = views_.end(); at != views_.begin();) {
        const ViewState& state = **--at;
        if (planted(Bug::standstill_resends_all)) {
            if (state.notarized && bundle.proofs.list.size() < bundle_proofs_max)
                bundle.proofs.list.push_back(to_wire(*state.notarized));
            if (state.nullified && bundle.proofs.list.size() < bundle_proofs_max)
                bundle.proofs.list.push_back(to_wire(*state.nullified));
        }
        for (const auto kind : {VoteKind::notarize, VoteKind::nullify, VoteKind::finalize}) {
            // Votes of this view, and stored finalize votes of earlier ones; none is made anew.
            if (state.view != view_ && kind != VoteKind::finalize) continue;
            const Tally::Ballot* ballot = state.tally(kind).find(*config_.self);
            if (ballot == nullptr || bundle.votes.size() >= votes_max) continue;
            bundle.votes.push_back(
                to_wire({*config_.self, {kind, state.view, ballot->block}, ballot->signature}));
        }
    }
    hold(Send{.audience = Audience::members,
              .priority = Priority::vote,
              .bytes = encode_message(WireKind::bundle, config_.epoch, bundle)});
    send_status(Audience::members, 0, true);
}

}  // namespace ait::consensus::simplex
