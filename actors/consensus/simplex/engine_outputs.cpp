#include "actors/consensus/simplex/engine.hpp"
#include "actors/consensus/simplex/planted.hpp"

namespace ait::consensus::simplex {

void Core::Engine::hold(Output output) {
    // Records of this very step have no sequence yet; they will get the next.
    const bool has_records = !records_.empty() || !votes_to_journal_.empty();
    const std::uint64_t needed = persist_issued_ + (has_records ? 1 : 0);
    if (needed <= persist_done_ && held_.empty()) {
        out_.push_back(std::move(output));
    } else {
        held_.emplace_back(needed, std::move(output));
    }
}

void Core::Engine::release() {
    while (!held_.empty() && held_.front().first <= persist_done_) {
        out_.push_back(std::move(held_.front().second));
        held_.pop_front();
    }
}

void Core::Engine::send_now(Audience audience, Peer peer, Priority priority, std::string bytes) {
    if (audience == Audience::members && members_.size() == 1 && config_.self) return;
    out_.push_back(Send{audience, peer, priority, std::move(bytes)});
}

void Core::Engine::alarm(AlarmKind kind, std::string text) {
    out_.push_back(Alarm{kind, std::move(text)});
}

void Core::Engine::flush() {
    flush_records();
    flush_messages();
}

void Core::Engine::flush_records() {
    if (records_.empty() && votes_to_journal_.empty()) return;
    // Twice, one behind the other, and last: a torn batch holds either no vote or all that the vote
    // rests on, and one damaged record never costs one.
    for (int copy = 0; copy < 2; ++copy) {
        for (const auto& vote : votes_to_journal_) records_.push_back(writer_.vote(vote));
    }
    votes_to_journal_.clear();
    // Invariant 1: what depends on these records queues behind their sequence.
    out_.push_back(Persist{.sequence = ++persist_issued_, .records = std::move(records_)});
    records_.clear();
    if (planted(Bug::vote_before_durable)) {
        persist_done_ = persist_issued_;
        release();
    }
}

void Core::Engine::flush_messages() {
    if (!proposal_to_send_.empty()) {
        if (members_.size() > 1) {
            hold(Send{.audience = Audience::members,
                      .priority = Priority::body,
                      .bytes = std::move(proposal_to_send_)});
        }
        proposal_to_send_.clear();
    }
    if (votes_to_send_.empty() && proofs_to_send_.empty()) return;
    BundleMessage bundle;
    bool is_final = false;
    const bool has_votes = !votes_to_send_.empty();
    for (const auto& vote : votes_to_send_) {
        if (bundle.votes.size() < bundle_votes_max) bundle.votes.push_back(to_wire(vote));
    }
    for (const auto& proof : proofs_to_send_) {
        // A node that catches up learns many at once; its peers are past the old ones.
        if (proof->statement.view + 2 < view_ && proof != certified_) continue;
        is_final = is_final || proof->statement.kind == VoteKind::finalize;
        if (bundle.proofs.list.size() < bundle_proofs_max)
            bundle.proofs.list.push_back(to_wire(*proof));
    }
    votes_to_send_.clear();
    proofs_to_send_.clear();
    if (bundle.votes.empty() && bundle.proofs.list.empty()) return;
    if (!config_.self) return;  // members tell each other; a follower only listens
    if (members_.size() == 1 && (!is_final || followers_.empty())) return;
    hold(Send{.audience = is_final ? Audience::everybody : Audience::members,
              .priority = has_votes ? Priority::vote : Priority::certificate,
              .bytes = encode_message(WireKind::bundle, config_.epoch, bundle)});
}

}  // namespace ait::consensus::simplex
