#include "actors/consensus/submissions.hpp"

#include <algorithm>

#include "runtime/base/limits.hpp"

namespace ait::consensus {

Error pool_is_full() {
    return Error{ErrorCode::overloaded, "The node has too many operations waiting.",
                 "At most " + std::to_string(limits::mempool_transactions_max) + " may wait.",
                 "Try again in a second."};
}

Error node_is_stopping() {
    return Error{ErrorCode::unavailable, "The node is stopping.", "It takes nothing new.",
                 "Try again when it is back."};
}

Status check_blobs(const Submission& submission, const ChainReader& reader,
                   const std::function<bool(const Hash&)>& is_elsewhere) {
    std::vector<Hash> named = submission.blob_hashes();
    std::sort(named.begin(), named.end());
    std::vector<Hash> brought;
    for (const auto& blob : submission.blobs()) {
        if (blob.bytes.size() > limits::blob_bytes_max) {
            return Error{ErrorCode::too_large, "A blob is too large.",
                         std::to_string(blob.bytes.size()) + " bytes; the limit is " +
                             std::to_string(limits::blob_bytes_max) + ".",
                         "Send less."};
        }
        brought.push_back(blob.hash);
    }
    std::sort(brought.begin(), brought.end());
    for (const auto& hash : named) {
        if (std::binary_search(brought.begin(), brought.end(), hash)) continue;
        if ((is_elsewhere && is_elsewhere(hash)) || reader.blob(hash)) continue;
        return Error{ErrorCode::invalid_argument,
                     "A blob that the operation names did not come along.",
                     "Its hash is " + to_hex(hash.view()) + ".", "Send it in \"blobs\"."};
    }
    for (const auto& hash : brought) {
        if (std::binary_search(named.begin(), named.end(), hash)) continue;
        return Error{
            ErrorCode::invalid_argument, "A blob came along that the operation does not name.",
            "Its hash is " + to_hex(hash.view()) + ".", "Send only what the operation names."};
    }
    return {};
}

std::vector<Sidecar> stored_blobs(const Submission& submission, const ChainReader& reader,
                                  const std::function<bool(const Hash&)>& is_elsewhere) {
    std::vector<Sidecar> stored;
    const auto& brought = submission.blobs();
    for (const auto& hash : submission.blob_hashes()) {
        const bool is_brought = std::any_of(brought.begin(), brought.end(),
                                            [&](const auto& each) { return each.hash == hash; });
        if (is_brought || is_elsewhere(hash)) continue;
        if (auto bytes = reader.blob(hash)) stored.push_back({hash, std::move(*bytes)});
    }
    return stored;
}

Admission admit(BlockBuilder& builder, const Submission& submission, Applied& applied) {
    applied.height = builder.height();
    applied.block_time_unix_ms = builder.time_unix_ms();
    if (const auto* transaction = std::get_if<VerifiedTransaction>(&submission.operation())) {
        applied.operation = transaction->hash;
        return builder.add_transaction(*transaction);
    }
    const auto& item = std::get<EncodedItem>(submission.operation());
    applied.operation = item.hash;
    return builder.add_item(item);
}

Result<Applied> repeated(const Submission& submission, const Hash& operation,
                         const ChainReader& reader) {
    const auto position = reader.find_operation(operation);
    const Error pruned{ErrorCode::already_exists, "The operation was done before.",
                       "Its outcome is not kept any more.", "Look at its effect instead."};
    if (!position) return pruned;
    auto block = reader.block(position->height);
    if (!block.ok()) return block.error();
    if (!block.value()) {
        auto kept = reader.kept_outcome(*position);
        if (!kept) return history_missing(position->height, reader.history_from());
        return Applied{.operation = operation,
                       .height = position->height,
                       .block_time_unix_ms = kept->block_time_unix_ms,
                       .outcome = std::move(kept->outcome),
                       .repeated = true,
                       .dry_run = submission.dry_run()};
    }
    const auto& outcomes = block.value()->outcomes;
    if (position->transaction >= outcomes.size() ||
        position->item >= outcomes[position->transaction].items.size())
        return pruned;
    return Applied{.operation = operation,
                   .height = position->height,
                   .block_time_unix_ms = block.value()->header.time_unix_ms,
                   .outcome = outcomes[position->transaction].items[position->item],
                   .repeated = true,
                   .dry_run = submission.dry_run()};
}

bool is_late(const Submission& submission, std::int64_t now_unix_ms) {
    return submission.deadline_unix_ms() != 0 && submission.deadline_unix_ms() < now_unix_ms;
}

}  // namespace ait::consensus
