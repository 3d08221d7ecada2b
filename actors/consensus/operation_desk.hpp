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

/// How far this node's state can be trusted for a refusal: see TipInquiry.
struct Standing {
    std::uint64_t next_question = 0;  ///< to the members: it vouches for what comes now
    std::uint64_t answered_question = 0;
    std::uint64_t answered_height = 0;  ///< what a quorum knew then
    bool hears_quorum = false;
    bool members_may_lie = false;
};

class OperationDesk {
  public:
    /// All outlive it.
    OperationDesk(const ChainData& data, const Clock& clock, ChainFigures& figures)
        : data_(data), clock_(clock), figures_(figures) {}

    /// Of this node's clients. Gives what the members are to be told. A refusal by a state that may
    /// be out of date is thought over until it has caught up.
    [[nodiscard]] WaitingOperations take(std::vector<SubmissionPtr> submissions,
                                         const Standing& standing);
    /// Of another node's clients. Returns how many came to nothing: malformed, or no room.
    std::size_t take_told(WaitingOperations&& told);

    /// Fills a block on the last block of `path`.
    void fill(BlockBuilder& builder, const ChainReader& reader, const UnfinalBlocks::Path& path,
              SealedBlock& sealed);
    /// This very transaction was checked when it came here.
    [[nodiscard]] bool is_verified(const Hash& hash) const { return pool_.find(hash) != nullptr; }
    [[nodiscard]] bool has_waiting() const { return !pool_.is_empty(); }
    [[nodiscard]] std::size_t waiting() const { return pool_.size(); }
    /// Something waits for a question after this one to be answered.
    [[nodiscard]] bool has_question_after(std::uint64_t answered) const;
    /// How many wait that are in none of these blocks.
    [[nodiscard]] std::size_t count_outside(const UnfinalBlocks::Path& path) const;
    [[nodiscard]] bool has_own() const { return pool_.own_count() > 0 || !doubtful_.empty(); }

    /// A block is published: answers what it did.
    void on_published(const SealedBlock& published);
    /// After one or more of them: looks again at what waits. What is in one of the blocks `above`
    /// has its turn already, and its effect is expected.
    void reconsider(UnfinalBlocks::KeptPath above);
    /// From time to time: ends what is late; gives what the members are to be told once more.
    [[nodiscard]] WaitingOperations look(const Standing& standing);
    /// The same for what was refused in doubt alone.
    [[nodiscard]] WaitingOperations think_over(const Standing& standing);
    /// Answers all own clients: the node stops, and their operations may or may not come to be.
    void let_go();

  private:
    struct Doubtful {
        SubmissionPtr submission{};
        std::uint64_t question = 0;                    ///< whose answer tells how far the chain is
        std::optional<std::uint64_t> height_needed{};  ///< that answer
        std::int64_t answered_ms = 0;                  ///< steady
    };

    using Answers = std::vector<std::pair<SubmissionPtr, Result<Applied>>>;

    WaitingOperations take(std::vector<Doubtful> asked, const Standing& standing);
    [[nodiscard]] bool is_sure(Doubtful& asked, const Standing& standing) const;
    [[nodiscard]] BlockBuilder::Parent parent(const storage::StateReader& state) const;
    [[nodiscard]] Result<Applied> predict(const Submission& submission,
                                          const ChainReader& reader) const;
    std::optional<Result<Applied>> take_one(Doubtful& asked, const Standing& standing,
                                            const ChainReader& reader, BlockBuilder& builder,
                                            WaitingOperations& told);
    /// A reader is a lock, and whoever is answered may read too: never both at once.
    static void answer_all(Answers answers);
    void tell_figures();
    /// How an operation that was not taken is answered; nothing: it may be, elsewhere or later.
    [[nodiscard]] std::optional<Result<Applied>> verdict(const Submission& submission,
                                                         Admission admission, Applied applied,
                                                         const ChainReader& reader) const;
    std::optional<Result<Applied>> keep(const Doubtful& asked, WaitingOperations& told);
    [[nodiscard]] bool adopt(const SubmissionPtr& submission);
    void drop_late(std::vector<Hash>& over);
    [[nodiscard]] std::int64_t steady_ms() const { return clock_.monotonic_us() / 1'000; }

    const ChainData& data_;
    const Clock& clock_;
    ChainFigures& figures_;
    OperationPool pool_{};
    std::vector<Doubtful> doubtful_{};  ///< refused by a state that may be out of date
    UnfinalBlocks::KeptPath above_{};   ///< the published block when it was looked at last
    /// What own operations that wait, and are in no block above, would write if all worked.
    storage::WriteSet expected_{};
};

}  // namespace ait::consensus
