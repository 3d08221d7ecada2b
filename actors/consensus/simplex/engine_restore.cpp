// What a core knows again after a start: the store's tip, and from the journal own votes,
// certificates and blocks that were not final yet. Restart and catch-up are the same code from
// here.

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {

void Core::Engine::restore(Restored restored) {
    tip_ = restored.tip;
    certified_view_ = decided_view_ = notarized_view_ = tip_.view;
    view_ = tip_.view + 1;
    if (!config_.self) return;
    if (restored.key_stopped) return guard_.stop();
    auto content = read_journal(restored.journal);
    Status taken;
    if (content.ok())
        taken = guard_.restore(content.value(), tip_);
    else
        taken = content.error();
    if (!taken.ok()) {
        guard_.stop();
        early_alarms_.push_back(taken.error().code == ErrorCode::conflict
                                    ? AlarmKind::key_used_elsewhere
                                    : AlarmKind::guard_unreadable);
        early_alarm_text_ = taken.error().what + " " + taken.error().why;
        return;
    }
    const JournalContent& journal = content.value();
    writer_ = JournalWriter(journal.next_index);
    restarts_journal_ = restored.journal.size() > 1 || restored.begins_epoch;
    // One record may be damaged without harm, because votes are there twice.
    const bool has_holes = journal.missing_run_max > 1;
    const bool has_no_guard = journal.guards.empty() && !restored.journal.empty();
    guard_doubtful_ = restored.guard_missing || has_holes || has_no_guard;
    if (guard_doubtful_ && !planted(Bug::wiped_guard_votes_at_once)) {
        asking_why_ = restored.guard_missing ? "The record of this key's votes is missing."
                                             : "The record of this key's votes is damaged.";
    }
    // A certificate is of the epoch of its journal's guard. A node that died between two epochs
    // still has the journal of the first, and only signatures tell that it proves nothing here.
    const bool is_known = is_of_this_epoch(journal) || planted(Bug::epoch_of_header_unchecked);
    for (const auto& proof : journal.proofs) {
        const bool fits = proof.signatures.back().member < config_.members.size();
        if (proof.statement.view <= certified_view_ || !fits) continue;
        if (!is_known && !is_genuine(proof)) continue;
        on_certificate(std::make_shared<Proof>(proof));
        if (ViewState* state = views_.find(proof.statement.view)) {
            state->notarized_in_journal |= proof.statement.kind == VoteKind::notarize;
            state->nullified_in_journal |= proof.statement.kind == VoteKind::nullify;
        }
    }
    restore_votes();
    restore_blocks(journal);
    view_ = std::max({view_, decided_view_ + 1, guard_.view_max()});
    proofs_to_send_.clear();  // peers have them, or will ask
}

bool Core::Engine::is_of_this_epoch(const JournalContent& journal) const {
    return !journal.guards.empty() &&
           std::all_of(journal.guards.begin(), journal.guards.end(),
                       [&](const GuardRecord& guard) { return guard.epoch == config_.epoch; });
}

bool Core::Engine::is_genuine(const Proof& proof) const {
    const auto is_valid = [&](const MemberSignature& vote) {
        return authenticator_.verify(vote.member, proof.statement, vote.signature);
    };
    const auto weight = [&](std::uint32_t member) {
        return member < config_.members.size() ? std::optional(config_.members[member].weight)
                                               : std::nullopt;
    };
    return check_signatures(proof.signatures, quorum_, weight, is_valid).ok();
}

void Core::Engine::restore_votes() {
    if (guard_.stopped()) return;
    for (const auto& vote : guard_.votes()) {
        const Statement& statement = vote.statement;
        if (statement.view <= certified_view_) continue;
        ViewState& state = views_.at(statement.view);
        switch (statement.kind) {
            case VoteKind::notarize:
                state.own_notarize = statement.block;
                if (is_self(leader_of(statement.view))) state.proposal = statement.block;
                break;
            case VoteKind::nullify:
                state.own_nullify = true;
                break;
            case VoteKind::finalize:
                state.own_finalize = statement.block;
                break;
        }
        // The local tally counts own votes of an earlier life too (pitfall 5).
        if (planted(Bug::own_votes_not_redelivered)) continue;
        if (state.tally(statement.kind).find(vote.member) == nullptr) record_vote(vote);
    }
}

void Core::Engine::restore_blocks(const JournalContent& content) {
    for (const auto& block : content.blocks) {
        const auto header = checked_header(block->header);
        if (!header || header->height <= tip_.height || header->view <= tip_.view) continue;
        const Hash hash = header_hash(block->header);
        if (blocks_.find(hash) != nullptr) continue;
        if (BlockNode* node = add_block(*header, hash, block)) node->in_journal = true;
    }
}

}  // namespace ait::consensus::simplex
