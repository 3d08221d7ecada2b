#pragma once

// What is known of each view that is not final yet: votes by member, certificates, the leader's
// proposal, and what this node itself has said. Votes are kept for a bounded window only.

#include <array>
#include <memory>

#include "actors/consensus/simplex/types.hpp"

namespace ait::consensus::simplex {

/// Votes of one kind in one view: the first of each member.
class Tally {
  public:
    struct Ballot {
        bool present = false;
        Hash block{};
        Signature signature{};
    };
    /// The ballot of a member, or null.
    [[nodiscard]] const Ballot* find(std::uint32_t member) const;
    /// The member must have none yet. Gives the weight that the block now has.
    std::uint64_t add(const SignedStatement& vote, const Config& config);
    [[nodiscard]] bool empty() const { return ballots_.empty(); }
    /// All ballots for the block, as a certificate of the statement.
    [[nodiscard]] ProofPtr proof(const Statement& statement) const;

  private:
    std::vector<Ballot> ballots_{};  ///< by member; empty until the first vote
    std::vector<std::pair<Hash, std::uint64_t>> weights_{};
};

struct ViewState {
    std::uint64_t view = 0;
    std::array<Tally, 3> tallies{};  ///< by VoteKind
    ProofPtr notarized{};
    ProofPtr nullified{};
    bool notarized_in_journal = false;
    bool nullified_in_journal = false;
    std::optional<Hash> proposal{};  ///< the first that its leader signed
    bool proposal_bad = false;       ///< breaks a rule; this view should end
    std::optional<Hash> own_notarize{};
    bool own_nullify = false;
    std::optional<Hash> own_finalize{};

    [[nodiscard]] Tally& tally(VoteKind kind) { return tallies[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] const Tally& tally(VoteKind kind) const {
        return tallies[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] bool has_votes() const {
        return proposal || !tallies[0].empty() || !tallies[1].empty() || !tallies[2].empty();
    }
};

/// Views above the last final one, ascending. Most calls are about the last few.
class ViewTable {
  public:
    [[nodiscard]] ViewState* find(std::uint64_t view);
    [[nodiscard]] const ViewState* find(std::uint64_t view) const;
    /// Finds or makes. The caller has checked the window.
    ViewState& at(std::uint64_t view);
    /// Drops all views at or below.
    void drop_through(std::uint64_t view);
    [[nodiscard]] std::size_t size() const { return states_.size(); }
    [[nodiscard]] auto begin() { return states_.begin(); }
    [[nodiscard]] auto end() { return states_.end(); }
    [[nodiscard]] auto begin() const { return states_.begin(); }
    [[nodiscard]] auto end() const { return states_.end(); }

  private:
    std::vector<std::unique_ptr<ViewState>> states_{};  ///< addresses stay when views are added
};

}  // namespace ait::consensus::simplex
