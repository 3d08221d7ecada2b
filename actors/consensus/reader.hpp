#pragma once

// What a query sees of one chain at one height: applied state, blocks, transactions, events, blobs.
// A reader is short-lived: it holds the applied height still while it lives.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/consensus/block.hpp"
#include "storage/state_view.hpp"

namespace ait::consensus {

/// Where an operation ended up. `item` counts inside a batch, else 0.
struct OperationPosition {
    std::uint64_t height = 0;
    std::uint32_t transaction = 0;
    std::uint32_t item = 0;
    static constexpr auto fields() {
        using P = OperationPosition;
        return std::tuple{field("height", &P::height, "Block."),
                          field("transaction", &P::transaction, "Index in the block."),
                          field("item", &P::item, "Index in the batch.")};
    }
};

/// A block with what it did, as the node keeps it for reads.
struct StoredBlock {
    BlockRecord record{};
    BlockHeader header{};
    std::vector<TransactionOutcome> outcomes{};  ///< one a transaction, then one for due entries
};

struct StoredEvent {
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    std::int64_t time_unix_ms = 0;
    Event event{};
};

/// What an operation did, kept without its block: where a node began from a snapshot, for those who
/// ask again with the same key.
struct KeptOutcome {
    std::int64_t block_time_unix_ms = 0;
    ItemOutcome outcome{};
    static constexpr auto fields() {
        return std::tuple{field("block_time_unix_ms", &KeptOutcome::block_time_unix_ms, "Of it."),
                          field("outcome", &KeptOutcome::outcome, "As in the block.")};
    }
};

struct EpochStep;

/// Why a block that the chain has is not here.
Error history_missing(std::uint64_t height, std::uint64_t history_from);

class ChainReader {
  public:
    virtual ~ChainReader() = default;
    [[nodiscard]] virtual const Genesis& genesis() const = 0;
    [[nodiscard]] virtual std::uint64_t height() const = 0;
    /// Time of the last applied block (genesis time at height 0).
    [[nodiscard]] virtual std::int64_t block_time_unix_ms() const = 0;
    [[nodiscard]] virtual const storage::StateReader& state() const = 0;
    /// Null when pruned or not there. Error: corrupt_data.
    [[nodiscard]] virtual Result<std::optional<StoredBlock>> block(std::uint64_t height) const = 0;
    /// The first height whose block is here: 1, or what follows the snapshot that the node began
    /// from.
    [[nodiscard]] virtual std::uint64_t history_from() const { return 1; }
    [[nodiscard]] virtual std::optional<KeptOutcome> kept_outcome(
        const OperationPosition& /*position*/) const {
        return std::nullopt;
    }
    /// How the members of this epoch, not the first, came to vote. Errors: not_found, corrupt_data.
    [[nodiscard]] virtual Result<EpochStep> epoch_step(std::uint64_t epoch) const;
    /// By transaction hash or batch item hash.
    [[nodiscard]] virtual std::optional<OperationPosition> find_operation(
        const Hash& hash) const = 0;
    /// Events after (height, index), oldest first, at most `count_max`.
    [[nodiscard]] virtual std::vector<StoredEvent> events_after(std::uint64_t height,
                                                                std::uint32_t index,
                                                                std::size_t count_max) const = 0;
    [[nodiscard]] virtual std::optional<std::string> blob(const Hash& hash) const = 0;
};

}  // namespace ait::consensus
