#pragma once

// What a node does with the lies that it finds: the first of each member goes to the chain as an
// operation like any other, on nobody's behalf, until the chain has ruled on it or on another of
// the same member. One thread, but for the answers.

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "actors/consensus/evidence.hpp"
#include "actors/consensus/messages.hpp"
#include "actors/consensus/simplex/io.hpp"

namespace ait::consensus {

class EvidenceDesk {
  public:
    /// `config` is that of the epoch that runs, and outlives the desk.
    explicit EvidenceDesk(const simplex::Config& config) : config_(config) {}

    /// True for the first of a member, and only where it is to be told: a node does not accuse
    /// itself, the others do. At most one a member is kept, so a liar fills nothing. What an epoch
    /// has found is the next one's to prove: a lie does not lapse.
    bool take(const simplex::Evidence& found);
    /// What the chain is to be asked now: what it was not asked yet, or had no room for. Nothing
    /// where nobody is expected to lie: there it is for the operators (CONSENSUS 1.5.4).
    [[nodiscard]] std::vector<SubmissionPtr> to_submit(std::int64_t steady_ms);

  private:
    enum class Stage : std::uint8_t { waiting, asked, done };
    struct Case {
        Equivocation evidence{};
        std::int64_t not_before_ms = 0;
        /// Shared with the answer, which may come when this desk is gone.
        std::shared_ptr<std::atomic<Stage>> stage{};
    };

    const simplex::Config& config_;
    std::map<PublicKey, Case> cases_{};
};

/// Logs a lie of a member; gives what the operators are to be told.
std::string tell_of_lie(const ValidatorSet& members, const simplex::Evidence& found);

/// The operation that brings it to the chain; the same lie is the same operation on every node.
SubmissionPtr evidence_submission(const Equivocation& evidence, Submission::Done done);

}  // namespace ait::consensus
