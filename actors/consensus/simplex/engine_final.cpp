// From certificates to final blocks, in order of height, each once, each executed before.

#include <algorithm>

#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {

void Core::Engine::mark_final() {
    // Ancestors may arrive after their descendants were marked, so each walk begins at what is
    // known.
    for (const auto& known : blocks_.nodes()) {
        if (known->final && !known->final_by) known->final_by = known->final;
        if (!known->final_by) continue;
        known->is_final = true;
        for (BlockNode* node = blocks_.find(known->parent); node != nullptr && !node->final_by;
             node = blocks_.find(node->parent)) {
            node->is_final = true;
            node->final_by = known->final_by;
        }
    }
}

BlockNode* Core::Engine::next_final() {
    for (const auto& node : blocks_.nodes()) {
        if (!node->is_final) continue;
        if (node->parent == tip_.hash) return node.get();
        if (planted(Bug::final_without_ancestors) && node->state == BlockState::valid &&
            node->final) {
            return node.get();
        }
        if (node->height == tip_.height + 1 && !halted_) {
            halted_ = true;
            guard_.stop();
            alarm(AlarmKind::final_block_conflict,
                  "Two final blocks stand at height " + std::to_string(node->height) +
                      ": more members lie than this chain tolerates. This node stops here.");
        }
    }
    return nullptr;
}

void Core::Engine::deliver() {
    mark_final();
    while (!halted_ && !ended_) {
        BlockNode* node = next_final();
        if (node == nullptr) return;
        if (node->state != BlockState::valid && !planted(Bug::delivered_before_executed)) {
            if (node->state == BlockState::invalid && !halted_) {
                halted_ = true;
                guard_.stop();
                alarm(AlarmKind::state_diverged,
                      "Block " + std::to_string(node->height) +
                          " is final, but breaks a rule here. This node follows no further.");
            }
            return;
        }
        deliver_one(*node);
    }
}

FinalityProof Core::Engine::finality_of(const BlockNode& node) const {
    if (!node.final && !node.proof.certificate.signatures.empty()) return node.proof;
    FinalityProof proof;
    const Proof* source = node.final ? node.final.get() : node.final_by.get();
    AIT_ASSERT(source != nullptr);
    // The descendant is above this block, so it is here as long as this one is.
    for (const BlockNode* at = blocks_.find(source->statement.block);
         at != nullptr && at->hash != node.hash; at = blocks_.find(at->parent)) {
        proof.links.push_back(Blob{at->block->header});
    }
    std::reverse(proof.links.begin(), proof.links.end());
    proof.certificate = {.statement = {.chain = config_.chain,
                                       .genesis = config_.genesis,
                                       .epoch = config_.epoch,
                                       .kind = source->statement.kind,
                                       .view = source->statement.view,
                                       .block = source->statement.block},
                         .signatures = source->signatures};
    return proof;
}

void Core::Engine::deliver_one(BlockNode& node) {
    AIT_ASSERT(node.height == tip_.height + 1 || planted(Bug::final_without_ancestors));
    AIT_ASSERT(node.is_final);
    tip_ = {.height = node.height,
            .view = node.view,
            .hash = node.hash,
            .time_unix_ms = node.time_unix_ms};
    hold(Finalized{.hash = node.hash,
                   .height = node.height,
                   .view = node.view,
                   .block = node.block,
                   .proof = finality_of(node)});
    if (certified_view_ < node.view) {
        certified_view_ = node.view;
        views_.drop_through(certified_view_);
    }
    decided_view_ = std::max(decided_view_, node.view);
    notarized_view_ = std::max(notarized_view_, node.view);
    guard_.raise_floor(tip_.view, tip_.hash);
    const bool ends_epoch = node.ends_epoch;
    blocks_.remove(node.hash);
    ++finals_since_restart_;
    sync_attempts_ = 0;
    changed_ = true;
    if (ends_epoch) {
        ended_ = true;
        build_view_ = 0;
        leader_at_ms_ = advance_at_ms_ = resend_at_ms_ = empty_at_ms_ = never_ms;
        hold(EpochEnded{tip_.hash, tip_.height});
    }
    abandon_others();
    // Only with the gate open: no final block may still wait behind the file that holds it.
    if (finals_since_restart_ >= config_.journal_blocks_max && config_.self && held_.empty() &&
        persist_issued_ == persist_done_ && records_.empty() && votes_to_journal_.empty() &&
        standing_ != Standing::asking && !guard_.stopped()) {
        begin_journal_anew();
    }
}

void Core::Engine::abandon_others() {
    // What does not descend from the tip never becomes final. Blocks whose parents are not here yet
    // stay if they may still be above it.
    bool again = true;
    while (again) {
        again = false;
        for (const auto& node : blocks_.nodes()) {
            const bool is_orphan = node->parent != tip_.hash &&
                                   blocks_.find(node->parent) == nullptr &&
                                   node->parent_view <= tip_.view;
            if (!ended_ && node->view > tip_.view && !is_orphan) continue;
            if (node->state != BlockState::waiting && !planted(Bug::abandoned_not_reported))
                hold(Abandoned{node->hash});
            blocks_.remove(node->hash);
            again = true;
            break;
        }
    }
}

void Core::Engine::begin_journal_anew() {
    finals_since_restart_ = 0;
    std::vector<std::string> records;
    records.push_back(writer_.guard(guard_.record()));
    for (const auto& node : blocks_.nodes()) {
        if (node->in_journal) records.push_back(writer_.block(*node->block));
    }
    for (const auto& state : views_) {
        if (state->notarized) records.push_back(writer_.proof(*state->notarized));
        if (state->nullified) records.push_back(writer_.proof(*state->nullified));
        state->notarized_in_journal = state->notarized != nullptr;
        state->nullified_in_journal = state->nullified != nullptr;
    }
    const auto votes = guard_.votes();
    for (int copy = 0; copy < 2 && !planted(Bug::restart_drops_votes); ++copy) {
        for (const auto& vote : votes) records.push_back(writer_.vote(vote));
    }
    out_.push_back(
        Persist{.sequence = ++persist_issued_, .restart = true, .records = std::move(records)});
}

}  // namespace ait::consensus::simplex
