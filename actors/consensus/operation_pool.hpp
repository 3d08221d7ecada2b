#pragma once

// Operations that wait for a block, in the order in which they came: those of this node's own
// clients, which get an answer, and those that peers told of. Bounded. One thread.

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/consensus/messages.hpp"
#include "runtime/base/limits.hpp"

namespace ait::consensus {

struct PooledOperation {
    SubmissionPtr submission{};
    bool is_own = false;
    std::int64_t good_until_ms = 0;  ///< steady; no block that is built later may take it
    /// Of an own one that came to nothing after others were told of it: its answer, once no block
    /// can take it any more.
    std::optional<Result<Applied>> fate{};
};

class OperationPool {
  public:
    enum class Put : std::uint8_t { added, known, full };

    /// A known operation is good for longer afterwards.
    Put put(const Hash& hash, PooledOperation operation);
    [[nodiscard]] const PooledOperation* find(const Hash& hash) const;
    std::optional<PooledOperation> take(const Hash& hash);

    [[nodiscard]] bool is_empty() const { return by_order_.empty(); }
    [[nodiscard]] std::size_t size() const { return by_order_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t own_count() const { return own_count_; }

    /// Visits in order; return false to end. The operation may be changed but for its submission.
    template <class Visit>
    void each(Visit visit) {
        for (auto& [order, entry] : by_order_) {
            if (!visit(entry.hash, entry.operation)) return;
        }
    }

  private:
    struct Entry {
        Hash hash{};
        PooledOperation operation{};
    };
    struct HashOfHash {
        std::size_t operator()(const Hash& hash) const noexcept {
            std::size_t word = 0;  // the bytes are a hash already
            for (std::size_t i = 0; i < sizeof(word); ++i) word = word << 8U | hash.bytes[i];
            return word;
        }
    };

    std::map<std::uint64_t, Entry> by_order_{};
    std::unordered_map<Hash, std::uint64_t, HashOfHash> order_of_{};
    std::uint64_t next_order_ = 0;
    std::size_t bytes_ = 0;
    std::size_t own_count_ = 0;
};

}  // namespace ait::consensus
