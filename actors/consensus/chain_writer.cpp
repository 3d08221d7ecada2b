#include "actors/consensus/chain_writer.hpp"

#include <algorithm>
#include <utility>

namespace ait::consensus {

void ChainWriter::put_records(simplex::Persist&& request, std::function<void()> done) {
    Held held{std::move(request), std::move(done), put_height_};
    const bool waits = held.request.restart && durable_height_ < held.height;
    if (waits || !held_.empty()) return held_.push_back(std::move(held));
    write_records(std::move(held));
}

void ChainWriter::write_records(Held held) {
    if (held.request.restart) restart_ = held.request.sequence;
    auto records = std::make_shared<std::vector<std::string>>(std::move(held.request.records));
    VoteJournal& journal = parts_.journal;
    parts_.writer.put(
        {.append = [&journal, records,
                    restart = held.request.restart] { return journal.append(*records, restart); },
         .sync = [&journal] { return journal.sync(); },
         .log = &journal,
         .done = std::move(held.done)});
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
    if (!restart_ || sequence < *restart_) return;
    restart_.reset();
    VoteJournal& journal = parts_.journal;
    parts_.writer.put({.append = [&journal] { return journal.prune(); },
                       .sync = [&journal] { return journal.sync(); },
                       .log = &journal,
                       .done = [] {}});
}

void ChainWriter::on_block_durable(std::uint64_t height) {
    durable_height_ = std::max(durable_height_, height);
    while (!held_.empty() &&
           (!held_.front().request.restart || held_.front().height <= durable_height_)) {
        write_records(std::move(held_.front()));
        held_.pop_front();
    }
}

}  // namespace ait::consensus
