#pragma once

// What a replicated chain has written: records of the vote journal and final blocks, each to its
// own log, and what of the journal may go. The two are as if one stream where it matters: a journal
// that begins anew no longer holds the bodies of what became final before, so it is not written
// until those blocks are synced. Else a power cut of all members could leave a final block that
// nobody has. One thread, that of the chain.

#include <deque>
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
    struct Held {
        simplex::Persist request{};
        std::function<void()> done{};
        std::uint64_t height = 0;  ///< of the last block that was final before it
    };
    void write_records(Held held);

    Parts parts_;
    std::uint64_t put_height_ = 0;
    std::uint64_t durable_height_ = 0;
    /// A restart that waits for blocks, and what comes behind it.
    std::deque<Held> held_{};
    std::optional<std::uint64_t> restart_{};  ///< sequence; what it replaced is still there
};

}  // namespace ait::consensus
