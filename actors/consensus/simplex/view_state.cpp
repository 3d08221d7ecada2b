#include "actors/consensus/simplex/view_state.hpp"

#include <algorithm>

namespace ait::consensus::simplex {

const Tally::Ballot* Tally::find(std::uint32_t member) const {
    if (member >= ballots_.size() || !ballots_[member].present) return nullptr;
    return &ballots_[member];
}

std::uint64_t Tally::add(const SignedStatement& vote, const Config& config) {
    AIT_ASSERT(vote.member < config.members.size());
    if (ballots_.empty()) ballots_.resize(config.members.size());
    Ballot& ballot = ballots_[vote.member];
    AIT_ASSERT(!ballot.present);
    ballot = {.present = true, .block = vote.statement.block, .signature = vote.signature};
    const std::uint64_t weight = config.members[vote.member].weight;
    for (auto& [block, sum] : weights_) {
        if (block == vote.statement.block) return sum += weight;
    }
    weights_.emplace_back(vote.statement.block, weight);
    return weight;
}

ProofPtr Tally::proof(const Statement& statement) const {
    auto proof = std::make_shared<Proof>();
    proof->statement = statement;
    for (std::uint32_t member = 0; member < ballots_.size(); ++member) {
        const Ballot& ballot = ballots_[member];
        if (ballot.present && ballot.block == statement.block)
            proof->signatures.push_back({.member = member, .signature = ballot.signature});
    }
    return proof;
}

ViewState* ViewTable::find(std::uint64_t view) {
    return const_cast<ViewState*>(std::as_const(*this).find(view));
}

const ViewState* ViewTable::find(std::uint64_t view) const {
    // The last views are asked for most, so the search begins there.
    for (auto state = states_.rbegin(); state != states_.rend(); ++state) {
        if ((*state)->view == view) return state->get();
        if ((*state)->view < view) return nullptr;
    }
    return nullptr;
}

ViewState& ViewTable::at(std::uint64_t view) {
    if (ViewState* known = find(view)) return *known;
    const auto after = std::find_if(states_.rbegin(), states_.rend(),
                                    [&](const auto& state) { return state->view < view; });
    auto made = std::make_unique<ViewState>();
    made->view = view;
    return **states_.insert(after.base(), std::move(made));
}

void ViewTable::drop_through(std::uint64_t view) {
    const auto kept = std::find_if(states_.begin(), states_.end(),
                                   [&](const auto& state) { return state->view > view; });
    states_.erase(states_.begin(), kept);
}

}  // namespace ait::consensus::simplex
