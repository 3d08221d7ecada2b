#include "actors/consensus/operation_pool.hpp"

#include <algorithm>

namespace ait::consensus {

OperationPool::Put OperationPool::put(const Hash& hash, PooledOperation operation) {
    if (const auto known = order_of_.find(hash); known != order_of_.end()) {
        PooledOperation& old = by_order_.at(known->second).operation;
        old.good_until_ms = std::max(old.good_until_ms, operation.good_until_ms);
        if (old.is_own || !operation.is_own) return Put::known;
        // A peer was told by a client of ours, and the client comes to us too.
        bytes_ += operation.submission->bytes() - old.submission->bytes();
        old = std::move(operation);
        ++own_count_;
        return Put::added;
    }
    const std::size_t bytes = operation.submission->bytes();
    if (size() >= limits::mempool_transactions_max || bytes_ + bytes > limits::mempool_bytes_max)
        return Put::full;
    bytes_ += bytes;
    if (operation.is_own) ++own_count_;
    order_of_.emplace(hash, next_order_);
    by_order_.emplace(next_order_++, Entry{hash, std::move(operation)});
    return Put::added;
}

const PooledOperation* OperationPool::find(const Hash& hash) const {
    const auto found = order_of_.find(hash);
    return found == order_of_.end() ? nullptr : &by_order_.at(found->second).operation;
}

std::optional<PooledOperation> OperationPool::take(const Hash& hash) {
    const auto found = order_of_.find(hash);
    if (found == order_of_.end()) return std::nullopt;
    const auto entry = by_order_.find(found->second);
    PooledOperation operation = std::move(entry->second.operation);
    if (operation.is_own) --own_count_;
    bytes_ -= operation.submission->bytes();
    by_order_.erase(entry);
    order_of_.erase(found);
    return operation;
}

}  // namespace ait::consensus
