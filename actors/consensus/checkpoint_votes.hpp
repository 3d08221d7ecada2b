#pragma once

// Who says which root of which height: until a quorum of the members says what this node's own
// image says, and so proves it. Of one epoch. Pure; bounded by the members.

#include <deque>
#include <map>

#include "actors/consensus/snapshot_wire.hpp"

namespace ait::consensus {

class CheckpointVotes {
  public:
    CheckpointVotes(std::string chain, const Hash& genesis_id, ValidatorSet set)
        : chain_(std::move(chain)), genesis_id_(genesis_id), set_(std::move(set)) {}

    enum class Taken : std::uint8_t { added, known, refused };
    /// `refused`: the signature is not the member's. The last two heights of each member are kept.
    Taken take(std::uint32_t member, const CheckpointVote& vote);

    /// Of those who say the same as this manifest, by member; empty until they are a quorum.
    [[nodiscard]] std::vector<MemberSignature> proof_of(const Manifest& manifest) const;
    /// A quorum says another root of this height: the state here differs from theirs.
    [[nodiscard]] bool is_contradicted(const Manifest& manifest) const;

  private:
    static constexpr std::size_t votes_kept = 2;

    [[nodiscard]] std::uint64_t weight_for(std::uint64_t height, const Hash& root) const;

    std::string chain_;
    Hash genesis_id_;
    ValidatorSet set_;
    std::map<std::uint32_t, std::deque<CheckpointVote>> votes_{};  ///< by member, oldest first
};

}  // namespace ait::consensus
