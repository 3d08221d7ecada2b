#pragma once

// One chain's durable data as the chain actor uses it: recovery at start, one log record a block,
// publication behind it, and readers. Holds no protocol.

#include <memory>
#include <string>
#include <vector>

#include "actors/consensus/execution.hpp"
#include "actors/consensus/reader.hpp"
#include "storage/chain_store.hpp"
#include "storage/log.hpp"

namespace ait::consensus {

/// A block with the votes that made it final and the blobs that came with it.
struct SealedBlock {
    ExecutedBlock block{};
    Certificate certificate{};
    std::vector<Blob> links{};  ///< as in BlockRecord
    std::vector<Sidecar> sidecars{};
    std::string record{};  ///< encoded BlockRecord, made by finish()

    /// The block is final: nothing of it changes any more.
    void finish(Certificate final_certificate, std::vector<Blob> final_links = {});
    /// What the log keeps of it: an encoded LoggedBlock.
    [[nodiscard]] std::string logged() const;
};

/// What recovery did, for the node's log.
struct Recovery {
    std::uint64_t flushed_height = 0;
    std::uint64_t replayed_blocks = 0;
    std::uint64_t log_bytes_cut = 0;
    std::uint64_t history_from = 1;  ///< the first block that is here
    std::int64_t took_us = 0;
};

class ChainData {
  public:
    struct Options {
        storage::FileSystem& files;
        std::string log_directory;
        storage::Database& database;
        Genesis genesis;
        const RuleSet& rules;  ///< outlives the chain
        const Clock& clock;
        std::uint64_t segment_bytes = storage::log_segment_bytes_default;
        storage::StoreOptions store{};
        /// Beyond it the log is pruned of what the state holds durably.
        std::uint64_t log_bytes_kept = 4 * storage::log_segment_bytes_default;
    };
    /// Opens log and store, executes genesis where the store is empty, replays what the store
    /// lacks. Errors: corrupt_data, storage_failed, check_failed (another genesis, rules that
    /// differ).
    static Result<std::unique_ptr<ChainData>> open(Options options);

    [[nodiscard]] const Genesis& genesis() const { return options_.genesis; }
    [[nodiscard]] const Hash& genesis_id() const { return genesis_id_; }
    [[nodiscard]] const RuleSet& rules() const { return options_.rules; }
    [[nodiscard]] const Recovery& recovery() const { return recovery_; }

    /// Who votes on the block after the last published one. Not the log writer.
    [[nodiscard]] ValidatorSet validators() const;
    /// A consistent view of the last published block; short-lived. Any thread, one at a time each.
    [[nodiscard]] std::unique_ptr<ChainReader> reader() const;

    /// Chain actor only.
    [[nodiscard]] const Tip& tip() const { return tip_; }
    /// Makes a durable block visible; takes what it needs out of it. Error overloaded: the
    /// store is behind, and the block is as before; call again later. `makes_image`: an image of
    /// this height is going to be asked of store().
    Status publish(SealedBlock& sealed, bool makes_image = false);
    /// For the making of checkpoints. Any thread.
    [[nodiscard]] storage::ChainStore& store() const { return *store_; }

    /// Log writer only: one record, then durable.
    Status write(const SealedBlock& sealed);
    /// Log writer only: the two halves of write(), for blocks that share a sync.
    Status append(const SealedBlock& sealed);
    Status sync();
    /// Log writer only: drops log segments that the store holds durably, when there are many.
    Status prune_log();
    /// Makes the state durable up to the last published block. Blocks.
    Status flush_state();

  private:
    explicit ChainData(Options options);
    Status recover();
    Status start_from_genesis();
    Status replay(std::uint64_t height, std::string_view payload);
    [[nodiscard]] Status check_sidecars(const SealedBlock& sealed) const;

    Options options_;
    Hash genesis_id_{};
    Tip tip_{};
    Recovery recovery_{};
    std::unique_ptr<storage::BlockLog> log_;
    std::unique_ptr<storage::ChainStore> store_;
};

}  // namespace ait::consensus
