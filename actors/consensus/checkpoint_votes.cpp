#include "actors/consensus/checkpoint_votes.hpp"

#include <algorithm>
#include <set>

namespace ait::consensus {

CheckpointVotes::Taken CheckpointVotes::take(std::uint32_t member, const CheckpointVote& vote) {
    if (member >= set_.members.size()) return Taken::refused;
    auto& kept = votes_[member];
    // What comes later is of a greater height; an old message or a second word changes nothing.
    if (!kept.empty() && vote.height <= kept.back().height) return Taken::known;
    const CheckpointStatement statement{chain_, genesis_id_, set_.epoch, vote.height, vote.root};
    if (!verify_checkpoint_signature(statement, set_.members[member].public_key, vote.signature)) {
        return Taken::refused;
    }
    kept.push_back(vote);
    if (kept.size() > votes_kept) kept.pop_front();
    return Taken::added;
}

std::uint64_t CheckpointVotes::weight_for(std::uint64_t height, const Hash& root) const {
    std::uint64_t weight = 0;
    for (const auto& [member, votes] : votes_) {
        const bool says_so = std::any_of(votes.begin(), votes.end(), [&](const auto& vote) {
            return vote.height == height && vote.root == root;
        });
        if (says_so) weight += set_.members[member].weight;
    }
    return weight;
}

std::vector<MemberSignature> CheckpointVotes::proof_of(const Manifest& manifest) const {
    if (manifest.epoch != set_.epoch) return {};
    const Hash root = root_of(manifest);
    if (weight_for(manifest.height, root) < quorum_weight(set_)) return {};
    std::vector<MemberSignature> proof;
    for (const auto& [member, votes] : votes_) {
        for (const auto& vote : votes) {
            if (vote.height == manifest.height && vote.root == root)
                proof.push_back({member, vote.signature});
        }
    }
    return proof;
}

bool CheckpointVotes::is_contradicted(const Manifest& manifest) const {
    const Hash own = root_of(manifest);
    std::set<Hash> others;
    for (const auto& [member, votes] : votes_) {
        for (const auto& vote : votes) {
            if (vote.height == manifest.height && vote.root != own) others.insert(vote.root);
        }
    }
    return std::any_of(others.begin(), others.end(), [&](const Hash& root) {
        return weight_for(manifest.height, root) >= quorum_weight(set_);
    });
}

}  // namespace ait::consensus
