#include "actors/consensus/gossip.hpp"

#include "actors/consensus/evidence.hpp"
#include "runtime/base/codec/msgpack.hpp"

namespace ait::consensus {
namespace {

/// Signatures inside an item are checked once, here: what waits is tried for block after block.
Status check_item(const BatchItem& item, const Genesis& genesis,
                  const storage::StateReader& state) {
    if (item.kind != evidence_kind) return {};
    const auto evidence = decode<Equivocation>(item.body.bytes);
    if (!evidence.ok()) return evidence.error();
    const auto set = set_of_epoch(state, genesis, evidence.value().first.epoch);
    const Status contradicts =
        check_contradiction(evidence.value(), genesis, set ? &*set : nullptr);
    return contradicts.ok() ? check_genuine(evidence.value()) : contradicts;
}

}  // namespace

WaitingOperation to_gossip(const Submission& submission, std::uint64_t good_for_ms) {
    WaitingOperation operation;
    operation.good_for_ms = good_for_ms;
    if (const auto* transaction = std::get_if<VerifiedTransaction>(&submission.operation())) {
        operation.is_signed = true;
        operation.bytes.bytes = transaction->wire;
    } else {
        operation.bytes.bytes = std::get<EncodedItem>(submission.operation()).bytes;
    }
    operation.blobs.reserve(submission.blobs().size());
    for (const auto& blob : submission.blobs()) operation.blobs.push_back(Blob{blob.bytes});
    return operation;
}

Result<SubmissionPtr> from_gossip(WaitingOperation&& operation, const Genesis& genesis,
                                  const Hash& genesis_id, const storage::StateReader& state) {
    std::vector<std::string> blobs;
    blobs.reserve(operation.blobs.size());
    for (auto& blob : operation.blobs) blobs.push_back(std::move(blob.bytes));
    const auto nobody = [](const Result<Applied>&) {};
    if (operation.is_signed) {
        auto transaction = verify_transaction(operation.bytes.bytes, genesis.chain, genesis_id);
        if (!transaction.ok()) return transaction.error();
        if (transaction.value().content.kind == batch_kind) {
            return Error{ErrorCode::malformed, "A peer sent a batch as an operation.", "", ""};
        }
        return std::make_shared<Submission>(std::move(transaction).value(), std::move(blobs), false,
                                            0, nobody);
    }
    auto item = decode<BatchItem>(operation.bytes.bytes);
    if (!item.ok()) return item.error();
    const Status checked = check_item(item.value(), genesis, state);
    if (!checked.ok()) return checked.error();
    return std::make_shared<Submission>(EncodedItem(std::move(item).value()), std::move(blobs),
                                        false, 0, nobody);
}

std::vector<WaitingOperations> in_messages(WaitingOperations&& all, std::size_t bytes_max) {
    std::vector<WaitingOperations> messages;
    std::size_t bytes = 0;
    for (auto& operation : all.operations) {
        std::size_t own = operation.bytes.bytes.size();
        for (const auto& blob : operation.blobs) own += blob.bytes.size();
        if (messages.empty() || bytes + own > bytes_max) {
            messages.emplace_back();
            bytes = 0;
        }
        bytes += own;
        messages.back().operations.push_back(std::move(operation));
    }
    return messages;
}

Hash operation_hash(const Submission& submission) {
    if (const auto* transaction = std::get_if<VerifiedTransaction>(&submission.operation()))
        return transaction->hash;
    return std::get<EncodedItem>(submission.operation()).hash;
}

}  // namespace ait::consensus
