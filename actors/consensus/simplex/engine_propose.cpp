// A leader's turn: which parent, whether a block is worth it, and what goes out with it.

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {
namespace {

/// So many blocks above the final tip, and new ones stay empty: they only serve to finish it.
inline constexpr std::uint64_t unfinal_depth_max = 8;

}  // namespace

bool Core::Engine::tip_is_unfinal() const {
    return notarized_view_ > certified_view_ && !planted(Bug::idle_tip_left_unfinal);
}

std::uint64_t Core::Engine::notarized_depth() const {
    std::uint64_t height = tip_.height;
    for (const auto& node : blocks_.nodes()) {
        const ViewState* state = views_.find(node->view);
        if (state != nullptr && state->notarized && state->notarized->statement.block == node->hash)
            height = std::max(height, node->height);
    }
    return height - tip_.height;
}

bool Core::Engine::extends_unfinal_epoch_end(const Hash& parent) const {
    for (const BlockNode* at = blocks_.find(parent); at != nullptr; at = blocks_.find(at->parent)) {
        if (at->ends_epoch) return true;
    }
    return false;
}

bool Core::Engine::choose_parent(Build& build) const {
    // The highest notarized view below which nothing is missing. Where N and X both exist and the
    // block is not here, the view is skipped: either choice is safe (pitfall 9).
    for (std::uint64_t view = view_ - 1; view > certified_view_; --view) {
        const ViewState* state = views_.find(view);
        if (state == nullptr) return false;
        if (state->notarized) {
            const BlockNode* node = blocks_.find(state->notarized->statement.block);
            if (node != nullptr && node->state == BlockState::valid) {
                build.parent = node->hash;
                build.parent_view = node->view;
                build.height = node->height + 1;
                build.time_unix_ms_min = node->time_unix_ms;
                return true;
            }
        }
        if (!state->nullified) return false;
    }
    if (certified_view_ == tip_.view) {
        build.parent = tip_.hash;
        build.parent_view = tip_.view;
        build.height = tip_.height + 1;
        build.time_unix_ms_min = tip_.time_unix_ms;
        return true;
    }
    const BlockNode* node = certified_ ? blocks_.find(certified_->statement.block) : nullptr;
    if (node == nullptr || node->state != BlockState::valid) return false;  // still catching up
    build.parent = node->hash;
    build.parent_view = node->view;
    build.height = node->height + 1;
    build.time_unix_ms_min = node->time_unix_ms;
    return true;
}

void Core::Engine::propose() {
    if (!may_vote(view_) || !is_self(leader_of(view_)) || build_view_ == view_) return;
    const ViewState* state = views_.find(view_);
    if (state != nullptr && (state->own_notarize || state->own_nullify) &&
        !planted(Bug::leader_proposes_again)) {
        return;  // R1: also when the vote is of an earlier life (pitfall 17)
    }
    const bool finish_tip = tip_is_unfinal() && refused_empty_view_ != view_ &&
                            now_.steady_ms >= entered_ms_ + timeout_ms();
    // Deep above the final tip only the clock makes blocks, and they are empty: they shall finish
    // what is there, not run ahead of it at the speed of the network.
    const bool is_deep = notarized_depth() >= unfinal_depth_max;
    const bool has_work = work_waiting_ && idle_view_ != view_ && !is_deep;
    if (!has_work && !finish_tip) {
        empty_at_ms_ = tip_is_unfinal() ? entered_ms_ + timeout_ms() : never_ms;
        return;
    }
    Build build{.view = view_, .leader = config_.members[*config_.self].key};
    if (!choose_parent(build)) {
        // A certificate below was lost with everybody's memory of it: the others help to end it.
        for (Peer peer = 0; peer < members_.size(); ++peer) {
            if (!is_self(peer) && first_missing_view() < view_) ask_once_in_a_while(peer);
        }
        return;
    }
    empty_at_ms_ = never_ms;
    build_view_ = view_;
    build.empty = !has_work || extends_unfinal_epoch_end(build.parent);
    build_is_empty_ = build.empty;
    work_.push_back(build);
}

void Core::Engine::take(NothingToBuild input) {
    if (input.view != build_view_ || input.view != view_) return;
    build_view_ = 0;
    idle_view_ = view_;
    if (build_is_empty_) refused_empty_view_ = view_;  // such an application is not asked twice
    changed_ = true;
}

void Core::Engine::take(Built input) {
    const Hash hash = input.block ? header_hash(input.block->header) : Hash{};
    const auto header = input.block ? checked_header(input.block->header) : std::nullopt;
    const bool in_turn = input.view == build_view_ && input.view == view_ && header &&
                         header->view == view_ && may_vote(view_) && is_self(leader_of(view_)) &&
                         blocks_.find(hash) == nullptr;
    const ViewState* state = views_.find(input.view);
    const bool is_free =
        state == nullptr || !state->own_notarize || planted(Bug::leader_proposes_again);
    BlockNode* node = in_turn && is_free ? add_block(*header, hash, input.block) : nullptr;
    if (node == nullptr) {
        out_.push_back(Abandoned{hash});  // too late, or not what was asked for
        return;
    }
    build_view_ = 0;
    node->ends_epoch = input.ends_epoch;
    const bool on_known = node->parent == tip_.hash || blocks_.find(node->parent) != nullptr;
    if (!on_known || !fits_parent(*node) || is_ahead_of_time(*node)) {
        ++counters_.bad_blocks;  // an own block that others would refuse: this turn passes
        idle_view_ = refused_empty_view_ = view_;
        blocks_.remove(hash);
        out_.push_back(Abandoned{hash});
        return;
    }
    node->state = BlockState::valid;
    ViewState& own = views_.at(view_);
    own.proposal = hash;
    if (planted(Bug::leader_proposes_again)) own.own_notarize.reset();
    const std::uint64_t view = view_;
    const BlockPtr block = node->block;
    const ProofList proofs = proposal_proofs(*node);
    notarize();
    // The own notarize vote is what makes the block a proposal.
    const auto vote = std::find_if(
        votes_to_send_.begin(), votes_to_send_.end(), [&](const SignedStatement& sent) {
            return sent.statement == Statement{VoteKind::notarize, view, hash};
        });
    if (vote == votes_to_send_.end()) return;
    proposal_to_send_ = encode_proposal(config_.epoch, *block, vote->signature, proofs);
    votes_to_send_.erase(vote);
}

ProofList Core::Engine::proposal_proofs(const BlockNode& node) const {
    ProofList proofs;
    if (planted(Bug::proposal_without_proofs)) return proofs;
    const ViewState* parent = views_.find(node.parent_view);
    if (parent != nullptr && parent->notarized)
        proofs.list.push_back(to_wire(*parent->notarized));
    else if (certified_ && certified_->statement.block == node.parent)
        proofs.list.push_back(to_wire(*certified_));
    for (std::uint64_t view = node.parent_view + 1; view < node.view; ++view) {
        const ViewState* between = views_.find(view);
        // A longer gap is asked for by those who lack it (Status::missing).
        if (proofs.list.size() == bundle_proofs_max || between == nullptr) break;
        if (between->nullified) proofs.list.push_back(to_wire(*between->nullified));
    }
    return proofs;
}

}  // namespace ait::consensus::simplex
