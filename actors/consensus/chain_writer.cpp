#include "actors/consensus/chain_writer.hpp"

#include <algorithm>
#include <utility>

namespace ait::consensus {

void ChainWriter::put_records(simplex::Persist&& request, std::function<void()> done) {
    if (request.restart) restart_ = Restart{request.sequence, put_height_};
    auto records = std::make_shared<std::vector<std::string>>(std::move(request.records));
    VoteJournal& journal = parts_.journal;
    parts_.writer.put(
        {.append = [&journal, records,
                    restart = request.restart] { return journal.append(*records, restart); },
         .sync = [&journal] { return journal.sync(); },
         .log = &journal,
         .done = std::move(done)});
}

void ChainWriter::put_block(std::shared_ptr<const SealedBlock> sealed, std::function<void()> done) {
    put_height_ = sealed->block.header.height;
    ChainData& data = parts_.data;
    parts_.writer.put(
        {.append = [&data, sealed = std::move(sealed)] { return data.append(*sealed); },
         .sync = [&data] { return data.sync(); },
         .log = &data,
         .done =
             [&data, done = std::move(done), on_fatal = parts_.on_fatal] {
                 done();
                 const Status pruned = data.prune_log();
                 if (!pruned.ok()) on_fatal(pruned.error());
             }});
}

void ChainWriter::on_records_durable(std::uint64_t sequence) {
    durable_sequence_ = std::max(durable_sequence_, sequence);
    prune_journal();
}

void ChainWriter::on_block_durable(std::uint64_t height) {
    durable_height_ = std::max(durable_height_, height);
    prune_journal();
}

/// What a restart has replaced goes when the blocks that were final before it are synced too: the
/// old records hold their bodies.
void ChainWriter::prune_journal() {
    if (!restart_ || durable_sequence_ < restart_->sequence || durable_height_ < restart_->height)
        return;
    restart_.reset();
    VoteJournal& journal = parts_.journal;
    parts_.writer.put({.append = [&journal] { return journal.prune(); },
                       .sync = [&journal] { return journal.sync(); },
                       .log = &journal,
                       .done = [] {}});
}

}  // namespace ait::consensus
