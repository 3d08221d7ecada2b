#pragma once

// The last gate in front of the signing key. It keeps its own record of what this key has said and
// its own copy of the four rules, so that a bug in the core costs a vote and not a fork:
//   R1  at most one notarize per view, ever, across restarts
//   R2  notarize only with proof in hand: the parent is notarized or final, and every view between
//       parent and block is nullified
//   R3  finalize only what is notarized, and never where nullify was signed
//   R4  nullify only where finalize was never signed
// Safety of the whole protocol rests on these and on quorums that intersect (CONSENSUS 1.4).

#include "actors/consensus/simplex/authenticator.hpp"
#include "actors/consensus/simplex/journal.hpp"

namespace ait::consensus::simplex {

/// What R2 asks for. The pointers live during the call.
struct NotarizeGrounds {
    std::uint64_t parent_view = 0;
    Hash parent{};
    const Proof* parent_proof = nullptr;    ///< notarize or finalize; null: the final tip itself
    std::vector<const Proof*> nullified{};  ///< of each view between, ascending
};

class VoteGuard {
  public:
    /// `config` and `authenticator` outlive the guard.
    VoteGuard(const Config& config, const Authenticator& authenticator);

    /// Takes over what was signed in an earlier life. Votes are a set: their order in the journal
    /// says nothing. Error: conflict, when they break the rules among themselves, or unsupported.
    Status restore(const JournalContent& content, const FinalTip& tip);

    /// Each signs once; asked again, the same statement is given again (Ed25519 is deterministic).
    /// Error: forbidden, naming the rule.
    Result<SignedStatement> notarize(std::uint64_t view, const Hash& block,
                                     const NotarizeGrounds& grounds);
    Result<SignedStatement> nullify(std::uint64_t view);
    Result<SignedStatement> finalize(std::uint64_t view, const Hash& block, const Proof& notarized);

    /// The block of this view is final: its entries are dropped, and nothing at or below is ever
    /// signed again.
    void raise_floor(std::uint64_t view, const Hash& hash);
    /// Votes of an earlier life up to this view may be forgotten.
    void mute_until(std::uint64_t view);
    /// Nothing is ever signed again in this life.
    void stop() { stopped_ = true; }

    [[nodiscard]] bool stopped() const { return stopped_; }
    [[nodiscard]] std::uint64_t floor() const { return floor_; }
    [[nodiscard]] std::uint64_t muted_until() const { return mute_until_; }
    [[nodiscard]] std::uint64_t view_max() const;
    /// Whether this key's record has the statement, or is closed for its view.
    [[nodiscard]] bool knows(const Statement& statement) const;
    [[nodiscard]] GuardRecord record() const;
    /// Votes above the floor, for a journal that is begun anew.
    [[nodiscard]] std::vector<SignedStatement> votes() const;

  private:
    struct Entry {
        std::uint64_t view = 0;
        std::optional<Hash> notarized{};
        bool nullified = false;
        std::optional<Hash> finalized{};
    };
    [[nodiscard]] const Entry* find(std::uint64_t view) const;
    Entry& entry(std::uint64_t view);
    [[nodiscard]] Status open_for(std::uint64_t view) const;
    [[nodiscard]] bool is_quorum(const Proof& proof) const;
    [[nodiscard]] Status check_grounds(std::uint64_t view, const NotarizeGrounds& grounds) const;
    [[nodiscard]] Status restore_vote(const SignedStatement& vote);
    [[nodiscard]] SignedStatement sign(const Statement& statement) const;

    const Config& config_;
    const Authenticator& authenticator_;
    std::uint64_t quorum_;
    std::vector<Entry> entries_{};  ///< by view, ascending, above the floor
    std::uint64_t floor_ = 0;
    Hash floor_hash_{};
    std::uint64_t mute_until_ = 0;
    bool stopped_ = false;
};

}  // namespace ait::consensus::simplex
