#pragma once

// Who decides which block comes next. The chain actor executes and proposes; an ordering makes the
// proposal final or drops it. One validator decides alone; Simplex over several implements the same
// interface, and no domain notices.

#include <functional>

#include "actors/consensus/execution.hpp"

namespace ait::consensus {

class Ordering {
  public:
    /// Called exactly once a proposal, from any thread: the finality certificate, or the Error that
    /// dropped the block (its view was nullified): its operations go back to the pool.
    using Decision = std::function<void(Result<Certificate>)>;

    Ordering() = default;
    Ordering(const Ordering&) = delete;
    Ordering& operator=(const Ordering&) = delete;
    virtual ~Ordering() = default;

    /// Whether this node may offer the next block now.
    [[nodiscard]] virtual bool may_propose() const = 0;
    /// At most one proposal is undecided at a time.
    virtual void propose(const ExecutedBlock& block, Decision decided) = 0;
};

/// A validator set of one: its own signature is the quorum.
class SoleValidator final : public Ordering {
  public:
    /// Error: invalid_argument when the key is not the genesis' only validator. `key` outlives it.
    static Result<std::unique_ptr<Ordering>> create(const Genesis& genesis,
                                                    const crypto::SecretKey& key);

    [[nodiscard]] bool may_propose() const override { return true; }
    void propose(const ExecutedBlock& block, Decision decided) override;

  private:
    SoleValidator(Hash genesis, const crypto::SecretKey& key) : genesis_(genesis), key_(key) {}
    Hash genesis_;
    const crypto::SecretKey& key_;
};

}  // namespace ait::consensus
