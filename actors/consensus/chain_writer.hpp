#pragma once

// What a replicated chain has written: records of the vote journal and final blocks, each to its
// own log, and what of the journal may go. One thread, that of the chain.

#include <functional>
#include <memory>
#include <optional>

#include "actors/consensus/chain_data.hpp"
#include "actors/consensus/durable_writer.hpp"
#include "actors/consensus/simplex/core.hpp"
#include "actors/consensus/vote_journal.hpp"

namespace ait::consensus {

class ChainWriter {
  public:
    struct Parts {
        ChainData& data;
        VoteJournal& journal;
        DurableWriter& writer;
        std::function<void(const Error&)> on_fatal;
    };
    /// All parts outlive it.
    explicit ChainWriter(Parts parts) : parts_(std::move(parts)) {}

    /// `done` is called on the journal's thread, in order, when the records are synced.
    void put_records(simplex::Persist&& request, std::function<void()> done);
    /// The same of a final block, on its log's thread.
    void put_block(std::shared_ptr<const SealedBlock> sealed, std::function<void()> done);

    /// What was told by `done`.
    void on_records_durable(std::uint64_t sequence);
    void on_block_durable(std::uint64_t height);
    [[nodiscard]] std::uint64_t durable_height() const { return durable_height_; }

  private:
    struct Restart {
        std::uint64_t sequence = 0;
        std::uint64_t height = 0;  ///< of the last block that was final before it
    };
    void prune_journal();

    Parts parts_;
    std::uint64_t put_height_ = 0;
    std::uint64_t durable_height_ = 0;
    std::uint64_t durable_sequence_ = 0;
    std::optional<Restart> restart_{};  ///< of the journal; what it replaced is still there
};

}  // namespace ait::consensus
