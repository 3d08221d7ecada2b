// What the rules allow: votes, certificates, and the way from view to view.
//
// Why it is safe (CONSENSUS 1.4). Two certificates share a member that obeys R1 to R4: byzantine
// 2q > W + F, crash 2q > W with every record surviving its restarts.
//   L1  Two notarizations of one view need a member that broke R1.
//   L2  F(v) and X(v) need a member that broke R3 or R4.
//   L3  F(v, b) implies N(v, b): q > F, so an honest signer checked it.
//   L4  Every ancestor of a notarized block is notarized (R2).
// Let F(a) and F(b) exist, view a < view b. If a is no ancestor of b, some block on b's chain jumps
// over a's view; R2 demanded X there; contradiction with L2. Equal views: L1 with L3. Timers,
// clocks, leaders and the network appear nowhere.

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {

void Core::Engine::record_vote(const SignedStatement& vote) {
    const Statement& statement = vote.statement;
    AIT_ASSERT(statement.view > certified_view_);  // invariant 4
    changed_ = true;
    ViewState& state = views_.at(statement.view);
    const auto excluded = statement.kind == VoteKind::finalize  ? VoteKind::nullify
                          : statement.kind == VoteKind::nullify ? VoteKind::finalize
                                                                : VoteKind::notarize;
    if (excluded != statement.kind) {
        if (const Tally::Ballot* other = state.tally(excluded).find(vote.member)) {
            report({vote.member, {excluded, statement.view, other->block}, other->signature}, vote);
        }
    }
    MemberActivity& activity = activity_[vote.member];
    if (statement.view >= activity.last_view || !activity.last_vote) {
        activity.last_view = statement.view;
        activity.last_vote = vote;
    }
    if (state.tally(statement.kind).add(vote, config_) >= quorum_)
        on_certificate(state.tally(statement.kind).proof(statement));
}

void Core::Engine::on_certificate(ProofPtr proof) {
    const Statement& statement = proof->statement;
    if (statement.view <= certified_view_) return;
    MemberActivity& leader = activity_[leader_of(statement.view)];
    if (statement.kind == VoteKind::finalize) {
        certified_view_ = statement.view;
        certified_ = proof;
        notarized_view_ = std::max(notarized_view_, statement.view);
        if (BlockNode* node = blocks_.find(statement.block)) node->final = proof;
        views_.drop_through(certified_view_);
    } else {
        ViewState& state = views_.at(statement.view);
        ProofPtr& known = statement.kind == VoteKind::notarize ? state.notarized : state.nullified;
        if (known) return;
        known = proof;
        if (statement.kind == VoteKind::notarize) {
            notarized_view_ = std::max(notarized_view_, statement.view);
            leader.failed_turns = leader.skipped_turns = 0;
        } else if (!state.notarized) {
            ++leader.failed_turns;
        }
    }
    decided_view_ = std::max(decided_view_, statement.view);
    if (decided_view_ == statement.view) entry_ = proof;
    proofs_to_send_.push_back(std::move(proof));  // forwarded once, to all
    changed_ = true;
}

void Core::Engine::advance() {
    if (decided_view_ >= view_) enter(decided_view_ + 1);
}

void Core::Engine::enter(std::uint64_t view) {
    AIT_ASSERT(view > view_);
    view_ = view;
    entered_ms_ = now_.steady_ms;
    armed_ = false;
    leader_timer_done_ = false;
    leader_at_ms_ = advance_at_ms_ = resend_at_ms_ = empty_at_ms_ = never_ms;
    changed_ = true;
}

bool Core::Engine::fits_parent(const BlockNode& node) const {
    const BlockNode* parent = blocks_.find(node.parent);
    const bool on_tip = node.parent == tip_.hash;
    const std::uint64_t view = on_tip ? tip_.view : parent->view;
    const std::uint64_t height = on_tip ? tip_.height : parent->height;
    const std::int64_t time = on_tip ? tip_.time_unix_ms : parent->time_unix_ms;
    if (node.parent_view != view || node.height != height + 1) return false;
    if (node.time_unix_ms < time && !planted(Bug::block_time_back_accepted)) return false;
    return node.transaction_count == 0 || !extends_unfinal_epoch_end(node.parent);
}

void Core::Engine::execute_ready() {
    if (ended_ || halted_) return;
    for (const auto& node : blocks_.nodes()) {
        if (node->state != BlockState::waiting) continue;
        if (node->parent != tip_.hash) {
            const BlockNode* parent = blocks_.find(node->parent);
            if (parent == nullptr) continue;
            if (parent->state == BlockState::invalid) {
                node->state = BlockState::invalid;
                changed_ = true;
            }
            if (parent->state != BlockState::valid) continue;
        }
        changed_ = true;
        if (!fits_parent(*node)) {
            node->state = BlockState::invalid;
            continue;
        }
        node->state = BlockState::executing;
        work_.push_back(Execute{node->hash, node->parent, node->height, node->block});
    }
}

bool Core::Engine::is_ahead_of_time(const BlockNode& node) const {
    // A quorum has agreed to the parent's time: a block that does not go beyond it stands, or a
    // clock that was set back would stop the chain.
    const BlockNode* parent = blocks_.find(node.parent);
    const std::int64_t agreed = parent != nullptr          ? parent->time_unix_ms
                                : node.parent == tip_.hash ? tip_.time_unix_ms
                                                           : node.time_unix_ms;
    const std::int64_t own = now_.unix_ms + 2 * config_.delta_ms + config_.clock_skew_ms_max;
    return node.time_unix_ms > std::max(own, agreed);
}

bool Core::Engine::gather_grounds(const BlockNode& node, NotarizeGrounds& grounds) const {
    grounds.parent_view = node.parent_view;
    grounds.parent = node.parent;
    if (node.parent != tip_.hash && !planted(Bug::parent_on_trust)) {
        const ViewState* parent = views_.find(node.parent_view);
        if (parent != nullptr && parent->notarized &&
            parent->notarized->statement.block == node.parent) {
            grounds.parent_proof = parent->notarized.get();
        } else if (certified_ && certified_->statement.block == node.parent) {
            grounds.parent_proof = certified_.get();
        } else {
            return false;
        }
    }
    for (std::uint64_t view = node.parent_view + 1; view < node.view; ++view) {
        const ViewState* between = views_.find(view);
        if (between == nullptr || !between->nullified) return planted(Bug::gaps_not_proved);
        grounds.nullified.push_back(between->nullified.get());
    }
    return true;
}

void Core::Engine::notarize() {
    if (!may_vote(view_)) return;
    ViewState* state = views_.find(view_);
    if (state == nullptr) return;
    const bool leader_gave_up =
        state->tally(VoteKind::nullify).find(leader_of(view_)) != nullptr && !state->proposal;
    if (leader_gave_up) return nullify(view_);
    if (!state->proposal || (state->own_notarize && !planted(Bug::notarize_twice))) return;
    if (state->own_notarize == state->proposal) return;
    const BlockNode* node = blocks_.find(*state->proposal);
    if (node == nullptr) {
        if (state->proposal_bad) nullify(view_);
        return;
    }
    const bool too_early = is_ahead_of_time(*node) && !planted(Bug::block_time_ahead_accepted);
    if (state->proposal_bad || node->state == BlockState::invalid || too_early ||
        node->parent_view < certified_view_) {
        if (!state->proposal_bad) ++counters_.bad_blocks;
        state->proposal_bad = true;
        return nullify(view_);  // at once: nobody need wait for the timer
    }
    if (node->state != BlockState::valid) return;
    NotarizeGrounds grounds;
    if (!gather_grounds(*node, grounds)) {
        ask_once_in_a_while(leader_of(view_));  // it must have them
        return;
    }
    journal_certificates();
    if (!node->in_journal) journal_chain(*node);
    cast(guard_.notarize(view_, node->hash, grounds));
}

void Core::Engine::finalize() {
    for (std::size_t i = 0; i < views_.size(); ++i) {
        const ViewState& state = **(views_.begin() + static_cast<std::ptrdiff_t>(i));
        if (!state.notarized || state.own_finalize || !may_vote(state.view)) continue;
        if (state.own_nullify && !planted(Bug::finalize_after_nullify)) continue;  // R3
        const Hash block = state.notarized->statement.block;
        const BlockNode* node = blocks_.find(block);
        const bool is_here = node != nullptr && node->state == BlockState::valid;
        if (!is_here && !planted(Bug::finalize_without_body)) continue;
        // The block and its certificate go to disk with the vote: after a crash this node may be
        // the only one that can show them (CONSENSUS 1.5.5).
        if (node != nullptr) journal_chain(*node);
        journal_certificates();
        const ProofPtr proof = state.notarized;
        cast(guard_.finalize(state.view, block, *proof));
        i = static_cast<std::size_t>(-1);  // the vote may have made views final: look afresh
    }
}

void Core::Engine::nullify(std::uint64_t view) {
    if (!may_vote(view) || view > view_) return;
    ViewState& state = views_.at(view);
    if (state.own_nullify) return;
    if (state.own_finalize && !planted(Bug::nullify_after_finalize)) return;  // R4
    cast(guard_.nullify(view));
}

void Core::Engine::cast(Result<SignedStatement> vote) {
    if (!vote.ok()) {
        // Invariant 2: one of the two records is wrong, so this key says nothing more.
        guard_.stop();
        standing_ = Standing::stopped;
        alarm(AlarmKind::guard_refused, vote.error().what + " " + vote.error().why);
        return;
    }
    const SignedStatement& signed_vote = vote.value();
    const Statement& statement = signed_vote.statement;
    ViewState& state = views_.at(statement.view);
    switch (statement.kind) {
        case VoteKind::notarize:
            state.own_notarize = statement.block;
            break;
        case VoteKind::nullify:
            state.own_nullify = true;
            break;
        case VoteKind::finalize:
            state.own_finalize = statement.block;
            break;
    }
    has_voted_ = true;
    changed_ = true;
    votes_to_journal_.push_back(signed_vote);
    votes_to_send_.push_back(signed_vote);
    if (state.tally(statement.kind).find(signed_vote.member) == nullptr) record_vote(signed_vote);
}

void Core::Engine::journal_chain(const BlockNode& node) {
    std::vector<BlockNode*> chain;
    for (BlockNode* at = blocks_.find(node.hash); at != nullptr && !at->in_journal;
         at = blocks_.find(at->parent)) {
        chain.push_back(at);
    }
    for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
        records_.push_back(writer_.block(*(*at)->block));
        (*at)->in_journal = true;
    }
}

void Core::Engine::journal_certificates() {
    for (const auto& state : views_) {
        if (state->notarized && !state->notarized_in_journal) {
            records_.push_back(writer_.proof(*state->notarized));
            state->notarized_in_journal = true;
        }
        if (state->nullified && !state->nullified_in_journal) {
            records_.push_back(writer_.proof(*state->nullified));
            state->nullified_in_journal = true;
        }
    }
}

}  // namespace ait::consensus::simplex
