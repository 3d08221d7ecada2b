#pragma once

// What a node of a replicated chain does with operations. Its own clients' are tried at once on the
// published state and what waits above it, so that a refusal needs no block; what may work is told
// to all members and waits. A client is told that its operation was refused only when no block can
// take it any more. One thread; no CAF.

#include <vector>

#include "actors/consensus/chain_actor.hpp"
#include "actors/consensus/gossip.hpp"
#include "actors/consensus/operation_pool.hpp"
#include "actors/consensus/unfinal_blocks.hpp"

namespace ait::consensus {

class OperationDesk {
  public:
    /// All outlive it.
    OperationDesk(const ChainData& data, const Clock& clock, ChainFigures& figures)
        : data_(data), clock_(clock), figures_(figures) {}

    /// Of this node's clients. Gives what the members are to be told. `is_behind`: this node knows
    /// of final blocks that it lacks, so a refusal may be out of date and is thought over later.
    [[nodiscard]] WaitingOperations take(std::vector<SubmissionPtr> submissions, bool is_behind);
    /// Of another node's clients. Returns how many came to nothing: malformed, or no room.
    std::size_t take_told(WaitingOperations&& told);

    /// Fills a block on the last block of `path`; returns false when nothing came into it.
    void fill(BlockBuilder& builder, const UnfinalBlocks::Path& path, SealedBlock& sealed);
    /// This very transaction was checked when it came here.
    [[nodiscard]] bool is_verified(const Hash& hash) const { return pool_.find(hash) != nullptr; }
    [[nodiscard]] bool has_waiting() const { return !pool_.is_empty(); }
    [[nodiscard]] bool has_own() const { return pool_.own_count() > 0 || !doubtful_.empty(); }

    /// A block is published: answers what it did, looks at the rest again.
    void on_published(const SealedBlock& published);
    /// From time to time: ends what is late; gives what the members are to be told once more.
    [[nodiscard]] WaitingOperations look(bool is_behind);
    /// Answers all own clients: the node stops, and their operations may or may not come to be.
    void let_go();

  private:
    [[nodiscard]] BlockBuilder::Parent parent(const storage::StateReader& state) const;
    void predict(const SubmissionPtr& submission) const;
    /// How an operation that was not taken is answered; nothing: it may be, elsewhere or later.
    [[nodiscard]] std::optional<Result<Applied>> verdict(const Submission& submission,
                                                         Admission admission, Applied applied,
                                                         const ChainReader& reader) const;
    void keep(const SubmissionPtr& submission, WaitingOperations& told);
    void reconsider();
    void drop_late(std::vector<Hash>& over, std::int64_t now_unix_ms);

    const ChainData& data_;
    const Clock& clock_;
    ChainFigures& figures_;
    OperationPool pool_{};
    std::vector<SubmissionPtr> doubtful_{};  ///< refused by a state that may be out of date
    storage::WriteSet expected_{};  ///< what own operations that wait would write, if all worked
};

}  // namespace ait::consensus
