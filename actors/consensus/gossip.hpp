#pragma once

// What nodes of one chain send each other about operations that wait, and how a block's body looks
// between them. Forms only; who sends when is in replicated_chain.cpp.

#include <string>
#include <vector>

#include "actors/consensus/block.hpp"
#include "actors/consensus/messages.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait::consensus {

/// What a proposal carries beside its header: all that executing it needs.
struct BlockBody {
    std::vector<Blob> transactions{};
    std::vector<Blob> sidecars{};
    static constexpr auto fields() {
        using B = BlockBody;
        return std::tuple{
            field("transactions", &B::transactions, "Wire bytes.", limits::block_transactions_max),
            field("sidecars", &B::sidecars, "Blobs.", limits::block_blobs_max)};
    }
};

/// One operation that waits for a block: a signed transaction's wire bytes, or an encoded BatchItem
/// for which the sending node stands.
struct WaitingOperation {
    bool is_signed = false;
    Blob bytes{};
    std::vector<Blob> blobs{};
    /// No leader may take it later than this after it came: the sender may then say that it was
    /// refused. It tells again as long as it stands by it. Clocks of nodes need not agree.
    std::uint64_t good_for_ms = 0;
    static constexpr auto fields() {
        using W = WaitingOperation;
        return std::tuple{field("is_signed", &W::is_signed, "Transaction or batch item."),
                          field("bytes", &W::bytes, "As it will stand in a block.",
                                limits::transaction_bytes_max * 2),
                          field("blobs", &W::blobs, "Blobs that it names.", limits::batch_jobs_max),
                          field("good_for_ms", &W::good_for_ms, "How long it may be taken.")};
    }
};

struct WaitingOperations {
    std::vector<WaitingOperation> operations{};
    static constexpr auto fields() {
        return std::tuple{field("operations", &WaitingOperations::operations, "In order.",
                                limits::mempool_transactions_max)};
    }
};

WaitingOperation to_gossip(const Submission& submission, std::uint64_t good_for_ms);
/// Checks form and signatures, those of evidence too, by the sets that `state` knows. Nobody waits
/// here for its answer. Errors: malformed, check_failed, those of check_contradiction.
Result<SubmissionPtr> from_gossip(WaitingOperation&& operation, const Genesis& genesis,
                                  const Hash& genesis_id, const storage::StateReader& state);
/// In messages of about `bytes_max` each, in order; an operation is never cut.
std::vector<WaitingOperations> in_messages(WaitingOperations&& all, std::size_t bytes_max);
/// Transaction hash or item hash.
Hash operation_hash(const Submission& submission);

}  // namespace ait::consensus
