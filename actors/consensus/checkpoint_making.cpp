#include "actors/consensus/checkpoint_making.hpp"

#include <map>
#include <set>
#include <utility>

#include "actors/consensus/chain_rows.hpp"
#include "actors/consensus/transaction.hpp"

namespace ait::consensus {
namespace {

using storage::StoreTable;

/// What the canonical encoding puts before 32 fixed bytes: so a record of the state names a blob.
constexpr std::string_view hash_mark = "\xc4\x20";

Error stopped() {
    return Error{ErrorCode::unavailable, "The image was not finished.", "The node is stopping.",
                 ""};
}

Error damaged(std::string why) {
    return Error{ErrorCode::corrupt_data, "An image cannot be made of this state.", std::move(why),
                 ""};
}

class Maker {
  public:
    Maker(const ImageSource& source, ImageFiles::Making& making, const std::atomic<bool>& stops)
        : source_(source), making_(making), stops_(stops) {}

    Result<Checkpoint> make() {
        auto tip = read_tip();
        if (!tip.ok()) return tip.error();
        tip_ = tip.value();
        auto epoch = read_epoch();
        if (!epoch.ok()) return epoch.error();
        epoch_ = epoch.value();
        for (const auto part : {&Maker::add_outcomes, &Maker::add_state, &Maker::add_operations,
                                &Maker::add_blobs, &Maker::add_end}) {
            const Status added = (this->*part)();
            if (!added.ok()) return added.error();
        }
        return Checkpoint{.manifest = {.version = 1,
                                       .chain = source_.genesis.chain,
                                       .genesis = source_.genesis_id,
                                       .epoch = epoch_,
                                       .height = tip_.height,
                                       .view = tip_.view,
                                       .block = tip_.hash,
                                       .state_commitment = tip_.state_commitment,
                                       .time_unix_ms = tip_.time_unix_ms,
                                       .chunks = std::move(making_.marks())},
                          .signatures = {}};
    }

  private:
    Result<Tip> read_tip() const {
        auto bytes = source_.store.find(StoreTable::index, tip_key);
        if (!bytes.ok()) return bytes.error();
        if (!bytes.value()) return damaged("It holds no tip.");
        auto tip = decode<Tip>(*bytes.value());
        if (tip.ok() && tip.value().height != source_.store.height())
            return damaged("Its tip is of another height.");
        return tip;
    }

    Result<std::uint64_t> read_epoch() const {
        auto bytes = source_.store.find(StoreTable::state, set_in_force_key);
        if (!bytes.ok()) return bytes.error();
        if (!bytes.value()) return std::uint64_t{0};
        auto set = decode_record<ValidatorSet>(*bytes.value());
        if (!set.ok()) return damaged(set.error().why);
        return set.value().epoch;
    }

    Status add(ImageTable table, std::string_view key, std::string_view value) {
        auto chunk = cutter_.add(table, key, value);
        if (!chunk.ok()) return chunk.error();
        if (!chunk.value()) return {};
        if (stops_) return stopped();
        return making_.append(*chunk.value());
    }

    Status add_end() {
        const auto chunk = cutter_.finish();
        return chunk ? making_.append(*chunk) : Status{};
    }

    /// All rows of a table that begin with a prefix.
    Status add_rows(StoreTable table, std::string_view prefix, ImageTable as,
                    const storage::StateReader::Visit& also) {
        Status added;
        const Status read =
            source_.store.scan(table, prefix, [&](std::string_view key, std::string_view value) {
                added = add(as, key, value);
                return added.ok() && also(key, value);
            });
        return added.ok() ? read : added;
    }

    // ---- outcomes ----

    Status add_outcomes() {
        std::uint64_t done = 0;  // up to this height
        Status added = source_.previous != nullptr ? outcomes_of_image(done) : Status{};
        if (added.ok() && done == 0) added = outcomes_of_snapshot(done);
        if (!added.ok()) return added;
        auto height = first_kept_after(done);
        if (!height.ok()) return height.error();
        for (std::uint64_t at = height.value(); at <= tip_.height; ++at) {
            if (stops_) return stopped();
            added = outcomes_of_block(at);
            if (!added.ok()) return added;
        }
        return {};
    }

    Status add_outcome(std::string_view key, std::string_view value) {
        const auto kept = decode<KeptOutcome>(value);
        if (!kept.ok()) return kept.error();
        if (!are_keys_kept(kept.value().block_time_unix_ms, tip_.time_unix_ms)) return {};
        return add(ImageTable::outcomes, key, value);
    }

    Status outcomes_of_image(std::uint64_t& done) {
        const Manifest& manifest = source_.previous->manifest();
        bool is_over = false;
        for (std::uint32_t index = 0; index < manifest.chunks.size() && !is_over; ++index) {
            const auto chunk = source_.previous->read(index);
            if (!chunk.ok()) return chunk.error();
            Status added;
            const Status read = read_rows(
                chunk.value(), [&](ImageTable table, std::string_view key, std::string_view value) {
                    is_over = table != ImageTable::outcomes;
                    if (!is_over) added = add_outcome(key, value);
                    return added.ok() && !is_over;
                });
            if (!added.ok() || !read.ok()) return added.ok() ? read : added;
        }
        done = manifest.height;
        return {};
    }

    /// What this node itself was given when it began from a snapshot.
    Status outcomes_of_snapshot(std::uint64_t& done) {
        const auto base = source_.store.find(StoreTable::index, base_key);
        if (!base.ok()) return base.error();
        if (!base.value()) return {};
        if (base.value()->size() != 8) return damaged("Its base cannot be read.");
        done = from_big_endian(*base.value());
        Status added;
        const Status read = source_.store.scan(
            StoreTable::index, outcome_prefix, [&](std::string_view key, std::string_view value) {
                added = add_outcome(key.substr(outcome_prefix.size()), value);
                return added.ok();
            });
        return added.ok() ? read : added;
    }

    struct Opened {
        BlockArchive archive{};
        BlockRecord record{};
        std::int64_t time_unix_ms = 0;
    };
    Result<Opened> open_block(std::uint64_t height) const {
        const auto bytes = source_.store.find_block(height);
        if (!bytes.ok()) return bytes.error();
        if (!bytes.value() || bytes.value()->empty())
            return damaged("Block " + std::to_string(height) + " is not there.");
        Opened opened;
        auto archive = decode<BlockArchive>(*bytes.value());
        if (!archive.ok()) return archive.error();
        opened.archive = std::move(archive).value();
        auto record = decode<BlockRecord>(opened.archive.record.bytes);
        if (!record.ok()) return record.error();
        opened.record = std::move(record).value();
        const auto header = decode<BlockHeader>(opened.record.header.bytes);
        if (!header.ok()) return header.error();
        opened.time_unix_ms = header.value().time_unix_ms;
        return opened;
    }

    /// Block times never go back, so the first block whose keys are kept is found by halving.
    Result<std::uint64_t> first_kept_after(std::uint64_t done) const {
        std::uint64_t low = done + 1;
        std::uint64_t high = tip_.height + 1;
        while (low < high) {
            const std::uint64_t middle = low + (high - low) / 2;
            const auto block = open_block(middle);
            if (!block.ok()) return block.error();
            if (are_keys_kept(block.value().time_unix_ms, tip_.time_unix_ms))
                high = middle;
            else
                low = middle + 1;
        }
        return low;
    }

    Status outcomes_of_block(std::uint64_t height) {
        const auto block = open_block(height);
        if (!block.ok()) return block.error();
        const auto& transactions = block.value().record.transactions;
        for (std::uint32_t i = 0; i < transactions.size(); ++i) {
            const auto keyed = keyed_items(transactions[i].bytes);
            if (!keyed.ok()) return keyed.error();
            if (keyed.value().empty()) continue;
            auto outcome = decode<TransactionOutcome>(block.value().archive.outcomes.at(i).bytes);
            if (!outcome.ok()) return outcome.error();
            for (const std::uint32_t item : keyed.value()) {
                ItemOutcome& what = outcome.value().items.at(item);
                if (what.code != 0) continue;  // a refusal takes no key
                const Status added =
                    add(ImageTable::outcomes, outcome_place({height, i, item}),
                        encode(KeptOutcome{block.value().time_unix_ms, std::move(what)}));
                if (!added.ok()) return added;
            }
        }
        return {};
    }

    /// Which operations of a stored transaction have an idempotency key.
    Result<std::vector<std::uint32_t>> keyed_items(std::string_view wire) const {
        auto read = read_transaction(wire, source_.genesis.chain, source_.genesis_id);
        if (!read.ok()) return read.error();
        const auto& content = read.value().content;
        std::vector<std::uint32_t> items;
        if (content.kind != batch_kind) {
            if (!content.idempotency_key.empty()) items.push_back(0);
            return items;
        }
        auto batch = decode<OperationBatch>(content.body.bytes);
        if (!batch.ok()) return batch.error();
        for (std::uint32_t i = 0; i < batch.value().items.size(); ++i) {
            if (!batch.value().items[i].idempotency_key.empty()) items.push_back(i);
        }
        return items;
    }

    // ---- the rest ----

    Status add_state() {
        return add_rows(StoreTable::state, "", ImageTable::state,
                        [this](std::string_view, std::string_view value) {
                            note_blobs(value);
                            return lookup_.ok();
                        });
    }

    /// Domains keep in their records which blobs they still need, by hash.
    void note_blobs(std::string_view value) {
        for (std::size_t at = value.find(hash_mark);
             lookup_.ok() && at != std::string_view::npos &&
             value.size() - at >= hash_mark.size() + Hash::size;
             at = value.find(hash_mark, at + 1)) {
            const std::string_view hash = value.substr(at + hash_mark.size(), Hash::size);
            const auto found = source_.store.find(StoreTable::blobs, hash);
            if (!found.ok())
                lookup_ = found.error();
            else if (found.value())
                blobs_.emplace(hash);
        }
    }

    Status add_operations() {
        if (!lookup_.ok()) return lookup_;
        return add_rows(StoreTable::index, operation_prefix, ImageTable::operations,
                        [](std::string_view, std::string_view) { return true; });
    }

    Status add_blobs() {
        for (const auto& hash : blobs_) {
            const auto bytes = source_.store.find(StoreTable::blobs, hash);
            if (!bytes.ok()) return bytes.error();
            const Status added = add(ImageTable::blobs, hash, bytes.value().value());
            if (!added.ok()) return added;
        }
        return {};
    }

    const ImageSource& source_;
    ImageFiles::Making& making_;
    const std::atomic<bool>& stops_;
    Tip tip_{};
    std::uint64_t epoch_ = 0;
    ChunkCutter cutter_{};
    std::set<std::string, std::less<>> blobs_{};
    Status lookup_{};
};

/// Rows of one chunk, by the table that they go into.
Status import_chunk(storage::ChainStore& store, std::string_view chunk) {
    std::map<StoreTable, std::vector<storage::Row>> rows;
    const Status read =
        read_rows(chunk, [&](ImageTable table, std::string_view key, std::string_view value) {
            switch (table) {
                case ImageTable::outcomes:
                    rows[StoreTable::index].emplace_back(std::string(outcome_prefix).append(key),
                                                         value);
                    break;
                case ImageTable::state:
                    rows[StoreTable::state].emplace_back(key, value);
                    break;
                case ImageTable::operations:
                    rows[StoreTable::index].emplace_back(key, value);
                    break;
                case ImageTable::blobs:
                    rows[StoreTable::blobs].emplace_back(key, value);
                    break;
            }
            return true;
        });
    if (!read.ok()) return read;
    for (const auto& [table, of_table] : rows) {
        const Status imported = store.import_rows(table, of_table);
        if (!imported.ok()) return imported;
    }
    return {};
}

}  // namespace

Result<Checkpoint> make_image(const ImageSource& source, ImageFiles& files,
                              const std::atomic<bool>& stops) {
    auto making = files.make(source.store.height());
    if (!making.ok()) return making.error();
    auto made = Maker(source, making.value(), stops).make();
    Status finished = made.ok() ? files.finish(making.value(), made.value()) : made.error();
    if (finished.ok()) return made;
    // What is left of it is removed at the next start, if not now.
    static_cast<void>(files.remove(source.store.height()));
    return finished.error();
}

Status import_image(const ImageFile& image, const ImportPlace& place,
                    const std::atomic<bool>& stops) {
    const Manifest& manifest = image.manifest();
    Status done = storage::Database::destroy(place.directory, place.database.env);
    if (!done.ok()) return done;
    auto database = storage::Database::open(place.directory, place.database);
    if (!database.ok()) return database.error();
    auto store = storage::ChainStore::open(*database.value(), manifest.chain);
    if (!store.ok()) return store.error();
    for (std::uint32_t index = 0; index < manifest.chunks.size(); ++index) {
        if (stops) return stopped();
        const auto chunk = image.read(index);
        if (!chunk.ok()) return chunk.error();
        done = import_chunk(*store.value(), chunk.value());
        if (!done.ok()) return done;
    }
    // The height makes it a state: it comes last, in the same log of the database.
    storage::BlockWrites writes;
    writes.height = manifest.height;
    const Tip tip{.height = manifest.height,
                  .view = manifest.view,
                  .hash = manifest.block,
                  .state_commitment = manifest.state_commitment,
                  .time_unix_ms = manifest.time_unix_ms};
    writes.index.emplace_back(std::string(tip_key), encode(tip));
    writes.index.emplace_back(std::string(genesis_key), std::string(place.genesis_id.view()));
    writes.index.emplace_back(std::string(base_key), big_endian(manifest.height));
    for (const auto& step : place.epochs)
        writes.index.emplace_back(step_key(step.members.epoch), encode(step));
    done = store.value()->publish(std::move(writes));
    if (!done.ok()) return done;
    const auto durable = store.value()->flush_durable();
    return durable.ok() ? Status{} : Status(durable.error());
}

}  // namespace ait::consensus
