// Where peers stand, and answers to those who lack something. A node in a later view still answers
// for earlier ones: without that, a view can stay undecidable for the laggards (CONSENSUS 1.3.8).

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {
namespace {

inline constexpr std::int64_t tokens_max = 32;
inline constexpr std::size_t followers_max = 1'024;
inline constexpr std::size_t proofs_per_answer_max = 32;
inline constexpr std::size_t votes_per_answer_max = 16;
inline constexpr std::uint64_t jumped_views_max = 8;

}  // namespace

PeerState* Core::Engine::peer_state(Peer peer) {
    if (is_member(peer)) return &members_[peer];
    const auto known = followers_.find(peer);
    if (known != followers_.end()) return &known->second;
    if (followers_.size() >= followers_max) return nullptr;
    return &followers_[peer];
}

bool Core::Engine::spend(Peer peer, std::int64_t tokens) {
    PeerState* state = peer_state(peer);
    if (state == nullptr) return false;
    const std::int64_t refill_every_ms = std::max<std::int64_t>(1, config_.delta_ms / 8);
    const std::int64_t refill = (now_.steady_ms - state->tokens_at_ms) / refill_every_ms;
    if (refill > 0 || state->tokens_at_ms == 0) {
        state->tokens =
            state->tokens_at_ms == 0 ? tokens_max : std::min(tokens_max, state->tokens + refill);
        state->tokens_at_ms = std::max<std::int64_t>(1, now_.steady_ms);
    }
    if (state->tokens < tokens) {
        ++counters_.refused_requests;
        return false;
    }
    state->tokens -= tokens;
    return true;
}

std::uint64_t Core::Engine::first_missing_view() const {
    std::uint64_t expected = certified_view_ + 1;
    for (const auto& state : views_) {
        if (state->view != expected || (!state->notarized && !state->nullified)) break;
        ++expected;
    }
    return expected;
}

void Core::Engine::send_status(Audience audience, Peer peer, bool ask) {
    StatusMessage status{.final_height = tip_.height,
                         .final_view = certified_view_,
                         .view = view_,
                         .missing = std::min(first_missing_view(), view_),
                         .ask = ask};
    if (audience == Audience::one && is_member(peer) && activity_[peer].last_vote)
        status.yours = to_wire(*activity_[peer].last_vote);
    send_now(audience, peer, Priority::certificate,
             encode_message(WireKind::status, config_.epoch, status));
}

void Core::Engine::on_other_epoch(Peer peer, const WirePrefix& prefix) {
    ++counters_.other_epoch;
    // Who is in an earlier epoch hears that there are final blocks which it lacks, with the last
    // one of its epoch among them; who is in a later one has what this node lacks.
    tell_once_in_a_while(peer, prefix.epoch > config_.epoch);
}

void Core::Engine::tell_once_in_a_while(Peer peer, bool ask) {
    PeerState* state = peer_state(peer);
    if (state == nullptr || now_.steady_ms < state->asked_at_ms + config_.delta_ms) return;
    state->asked_at_ms = now_.steady_ms;
    send_status(Audience::one, peer, ask);
}

void Core::Engine::on_status(Peer peer, std::string_view message, bool is_of_epoch) {
    auto read = decode_message<StatusMessage>(message);
    PeerState* state = peer_state(peer);
    if (!read.ok() || state == nullptr) {
        ++counters_.malformed;
        return;
    }
    const StatusMessage& status = read.value();
    state->view = status.view;
    // What is final stays final. A lower height than before is a lie or an old message: either way
    // others are asked first for a while.
    if (status.final_height < state->final_height && !planted(Bug::liar_asked_forever))
        state->demoted_until_ms = now_.steady_ms + 20 * config_.delta_ms;
    state->final_height = status.final_height;
    if (state->final_height > tip_.height) changed_ = true;  // there may be something to fetch
    if (!is_of_epoch) {
        // Its views and votes mean nothing here; how far it is may help one of the two.
        if (status.ask) tell_once_in_a_while(peer, false);
        return;
    }
    const bool listens = standing_ == Standing::listening || standing_ == Standing::muted ||
                         standing_ == Standing::voting;
    if (status.yours && is_self(status.yours->member) && listens) {
        const SignedStatement mine = from_wire(*status.yours);
        if (!guard_.knows(mine.statement) && verify(peer, mine))
            on_own_vote_from_elsewhere(mine.statement);
    }
    if (status.ask) answer_status(peer, status);
    if (is_member(peer) && status.view > view_) ask_once_in_a_while(peer);
}

BundleMessage Core::Engine::what_helps(const StatusMessage& status) {
    BundleMessage bundle;
    auto& proofs = bundle.proofs.list;
    if (certified_ && status.final_view < certified_view_) proofs.push_back(to_wire(*certified_));
    // What leads into this view lets the peer jump; what it misses below lets it vote here.
    if (entry_ && entry_->statement.view >= status.view && entry_ != certified_)
        proofs.push_back(to_wire(*entry_));
    for (const auto& state : views_) {
        if (state->view >= status.missing && proofs.size() < proofs_per_answer_max) {
            if (state->notarized) proofs.push_back(to_wire(*state->notarized));
            if (state->nullified) proofs.push_back(to_wire(*state->nullified));
        }
        if (!config_.self) continue;
        for (const auto kind : {VoteKind::notarize, VoteKind::nullify, VoteKind::finalize}) {
            // A lost finalize vote matters below what the peer misses too (an idle tip, 1.7).
            const std::uint64_t from =
                kind == VoteKind::finalize ? 0 : std::min(status.missing, status.view);
            const Tally::Ballot* ballot = state->tally(kind).find(*config_.self);
            if (ballot == nullptr || state->view < from ||
                bundle.votes.size() >= votes_per_answer_max) {
                continue;
            }
            bundle.votes.push_back(
                to_wire({*config_.self, {kind, state->view, ballot->block}, ballot->signature}));
        }
    }
    return bundle;
}

void Core::Engine::answer_status(Peer peer, const StatusMessage& status) {
    if (!spend(peer, 1)) return;
    if (planted(Bug::laggard_not_answered)) return;
    // A peer is stuck in a view that was jumped over here: help to end it (R4 permitting).
    const std::uint64_t last = std::min(view_, status.missing + jumped_views_max);
    for (std::uint64_t view = std::max(status.missing, certified_view_ + 1); view < last; ++view) {
        const ViewState* state = views_.find(view);
        if (state == nullptr || (!state->notarized && !state->nullified) ||
            planted(Bug::nullify_after_finalize)) {
            nullify(view);
        }
    }
    const BundleMessage bundle = what_helps(status);
    if (!bundle.votes.empty() || !bundle.proofs.list.empty()) {
        hold(Send{.peer = peer,
                  .priority = Priority::certificate,
                  .bytes = encode_message(WireKind::bundle, config_.epoch, bundle)});
    }
    const bool has_news = !is_member(peer) || activity_[peer].last_vote.has_value();
    if (status.final_height != tip_.height || status.view != view_ || has_news)
        send_status(Audience::one, peer, false);
}

}  // namespace ait::consensus::simplex
