#include "actors/consensus/chain_data.hpp"

#include <algorithm>

#include "actors/consensus/chain_rows.hpp"
#include "actors/consensus/epoch_proof.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

constexpr std::size_t event_blocks_read_max = 4'096;

/// An encoded BlockArchive.
std::string archive_of(const SealedBlock& sealed) {
    std::size_t bytes = sealed.record.size();
    for (const auto& outcome : sealed.block.outcomes) bytes += outcome.size() + 8;
    Assembly archive(bytes);
    archive.list(field_count<BlockArchive>).blob(sealed.record);
    archive.list(sealed.block.outcomes.size());
    for (const auto& outcome : sealed.block.outcomes) archive.blob(outcome);
    return archive.take();
}

/// An encoded EpochStep, of a block that changed the members.
std::string step_of(const SealedBlock& sealed) {
    const auto written = sealed.block.writes.find(set_in_force_key);
    AIT_ASSERT(written != sealed.block.writes.end());
    AIT_ASSERT(written->second.has_value());
    auto members = decode_record<ValidatorSet>(*written->second);
    const auto record = decode<BlockRecord>(sealed.record);
    AIT_ASSERT(members.ok());
    AIT_ASSERT(record.ok());
    std::vector<TransactionOutcome> outcomes;
    for (const auto& encoded : sealed.block.outcomes) {
        auto outcome = decode<TransactionOutcome>(encoded);
        AIT_ASSERT(outcome.ok());
        outcomes.push_back(std::move(outcome).value());
    }
    return encode(step_of(record.value(), outcomes, std::move(members).value()));
}

storage::BlockWrites writes_of(SealedBlock& sealed) {
    storage::BlockWrites writes;
    writes.height = sealed.block.header.height;
    if (sealed.block.ends_epoch)
        writes.index.emplace_back(step_key(writes.height), step_of(sealed));
    writes.state = std::move(sealed.block.writes);
    writes.block_record = archive_of(sealed);
    for (const auto& place : sealed.block.operations) {
        writes.index.emplace_back(
            operation_key(place.operation),
            encode(OperationPosition{writes.height, place.transaction, place.item}));
    }
    const Tip tip = sealed.block.tip();
    writes.index.emplace_back(std::string(tip_key), encode(tip));
    writes.attachment = std::make_shared<const Tip>(tip);
    for (auto& sidecar : sealed.sidecars)
        writes.blobs.emplace_back(std::string(sidecar.hash.view()), std::move(sidecar.bytes));
    return writes;
}

/// Appends a block's events with indexes above `after`, as far as there is room.
Status add_events(const BlockArchive& archive, std::uint64_t height, std::int64_t after,
                  std::size_t count_max, std::vector<StoredEvent>& events) {
    auto record = decode<BlockRecord>(archive.record.bytes);
    if (!record.ok()) return record.error();
    const auto header = decode<BlockHeader>(record.value().header.bytes);
    if (!header.ok()) return header.error();
    std::uint32_t index = 0;
    for (const auto& encoded : archive.outcomes) {
        auto outcome = decode<TransactionOutcome>(encoded.bytes);
        if (!outcome.ok()) return outcome.error();
        for (auto& item : outcome.value().items) {
            for (auto& event : item.events) {
                const std::uint32_t current = index++;
                if (current <= after || events.size() == count_max) continue;
                events.push_back({.height = height,
                                  .index = current,
                                  .time_unix_ms = header.value().time_unix_ms,
                                  .event = std::move(event)});
            }
        }
    }
    return {};
}

Error state_is_damaged(std::string why) {
    return Error{ErrorCode::corrupt_data, "The database has lost rows.", std::move(why),
                 "Start the node again: it builds the state anew where the block log is whole."};
}

class StoreReader final : public ChainReader {
  public:
    StoreReader(const Genesis& genesis, const storage::Database& database, storage::ReadGuard guard)
        : genesis_(genesis), database_(database), guard_(std::move(guard)) {
        if (const auto published = guard_.attachment()) {
            tip_ = *std::static_pointer_cast<const Tip>(published);
            return;
        }
        const auto bytes = read(guard_.find_index(tip_key));
        if (!bytes) database_.fail(state_is_damaged("It holds no tip."));
        auto tip = decode<Tip>(*bytes);
        if (!tip.ok()) database_.fail(state_is_damaged(tip.error().why));
        tip_ = tip.value();
    }

    [[nodiscard]] const Genesis& genesis() const override { return genesis_; }
    [[nodiscard]] std::uint64_t height() const override { return tip_.height; }
    [[nodiscard]] std::int64_t block_time_unix_ms() const override { return tip_.time_unix_ms; }
    [[nodiscard]] const storage::StateReader& state() const override { return guard_.state(); }

    [[nodiscard]] Result<std::optional<StoredBlock>> block(std::uint64_t height) const override {
        const auto bytes = read(guard_.find_block(height));
        if (!bytes || bytes->empty()) return std::optional<StoredBlock>{};
        auto archive = decode<BlockArchive>(*bytes);
        if (!archive.ok()) return archive.error();
        auto record = decode<BlockRecord>(archive.value().record.bytes);
        if (!record.ok()) return record.error();
        auto header = decode<BlockHeader>(record.value().header.bytes);
        if (!header.ok()) return header.error();
        StoredBlock block{.record = std::move(record).value(),
                          .header = std::move(header).value(),
                          .outcomes = {}};
        for (const auto& encoded : archive.value().outcomes) {
            auto outcome = decode<TransactionOutcome>(encoded.bytes);
            if (!outcome.ok()) return outcome.error();
            block.outcomes.push_back(std::move(outcome).value());
        }
        return std::optional<StoredBlock>(std::move(block));
    }

    [[nodiscard]] std::optional<OperationPosition> find_operation(const Hash& hash) const override {
        const auto bytes = read(guard_.find_index(operation_key(hash)));
        if (!bytes) return std::nullopt;
        auto position = decode<OperationPosition>(*bytes);
        if (!position.ok()) return std::nullopt;
        return position.value();
    }

    [[nodiscard]] std::uint64_t history_from() const override {
        const auto bytes = read(guard_.find_index(base_key));
        if (!bytes) return 1;
        if (bytes->size() != 8) database_.fail(state_is_damaged("Its base cannot be read."));
        return from_big_endian(*bytes) + 1;
    }

    [[nodiscard]] Result<EpochStep> epoch_step(std::uint64_t epoch) const override {
        const auto bytes = read(guard_.find_index(step_key(epoch)));
        if (!bytes) return ChainReader::epoch_step(epoch);
        return decode<EpochStep>(*bytes);
    }

    [[nodiscard]] std::optional<KeptOutcome> kept_outcome(
        const OperationPosition& position) const override {
        const auto bytes =
            read(guard_.find_index(std::string(outcome_prefix) + outcome_place(position)));
        if (!bytes) return std::nullopt;
        return read(decode<KeptOutcome>(*bytes));
    }

    [[nodiscard]] std::vector<StoredEvent> events_after(std::uint64_t height, std::uint32_t index,
                                                        std::size_t count_max) const override {
        std::vector<StoredEvent> events;
        std::int64_t after = index;
        if (const std::uint64_t from = history_from(); from > 1 && height < from) {
            height = from;
            after = -1;
        }
        for (std::uint64_t at = height;
             at <= tip_.height && at - height < event_blocks_read_max && events.size() < count_max;
             ++at, after = -1) {
            const auto bytes = read(guard_.find_block(at));
            if (!bytes || bytes->empty()) continue;
            const auto archive = read(decode<BlockArchive>(*bytes));
            const Status added = add_events(archive, at, after, count_max, events);
            if (!added.ok()) database_.fail(added.error());
        }
        return events;
    }

    [[nodiscard]] std::optional<std::string> blob(const Hash& hash) const override {
        return read(guard_.find_blob(hash.view()));
    }

  private:
    /// "There is none" would be a wrong answer where the disk cannot tell.
    template <class T>
    T read(Result<T> result) const {
        if (!result.ok()) database_.fail(result.error());
        return std::move(result).value();
    }

    const Genesis& genesis_;
    const storage::Database& database_;
    storage::ReadGuard guard_;
    Tip tip_{};
};

}  // namespace

void SealedBlock::finish(Certificate final_certificate, std::vector<Blob> final_links) {
    certificate = std::move(final_certificate);
    links = std::move(final_links);
    std::size_t bytes = block.encoded_header.size();
    for (const auto& wire : block.transactions) bytes += wire.size() + 8;
    const std::string encoded_certificate = encode(certificate);
    Assembly assembly(bytes + encoded_certificate.size());
    assembly.list(field_count<BlockRecord>).blob(block.encoded_header);
    assembly.list(block.transactions.size());
    for (const auto& wire : block.transactions) assembly.blob(wire);
    assembly.encoded(encoded_certificate).list(links.size());
    for (const auto& link : links) assembly.blob(link.bytes);
    record = assembly.take();
}

std::string SealedBlock::logged() const {
    std::size_t bytes = record.size();
    for (const auto& sidecar : sidecars) bytes += sidecar.bytes.size() + 8;
    Assembly assembly(bytes);
    assembly.list(field_count<LoggedBlock>).blob(record).list(sidecars.size());
    for (const auto& sidecar : sidecars) assembly.blob(sidecar.bytes);
    return assembly.take();
}

ChainData::ChainData(Options options)
    : options_(std::move(options)), genesis_id_(genesis_hash(options_.genesis)) {
    options_.store.resident_prefixes = options_.rules.resident_prefixes();
}

Result<std::unique_ptr<ChainData>> ChainData::open(Options options) {
    const std::int64_t started_us = options.clock.monotonic_us();
    std::unique_ptr<ChainData> data(new ChainData(std::move(options)));
    auto log = storage::BlockLog::open(data->options_.files, data->options_.log_directory,
                                       {.segment_bytes = data->options_.segment_bytes});
    if (!log.ok()) return log.error();
    data->log_ = std::move(log).value();
    auto store = storage::ChainStore::open(data->options_.database, data->options_.genesis.chain,
                                           data->options_.store);
    if (!store.ok()) return store.error();
    data->store_ = std::move(store).value();
    const Status recovered = data->recover();
    if (!recovered.ok()) return recovered.error();
    data->recovery_.took_us = data->options_.clock.monotonic_us() - started_us;
    return data;
}

Status ChainData::start_from_genesis() {
    auto state = execute_genesis(options_.rules, options_.genesis);
    if (!state.ok()) return state.error();
    tip_ = state.value().tip;
    storage::BlockWrites writes;
    writes.height = 0;
    writes.state = std::move(state.value().writes);
    writes.index.emplace_back(std::string(tip_key), encode(tip_));
    writes.index.emplace_back(std::string(genesis_key), std::string(genesis_id_.view()));
    return store_->publish(std::move(writes));
}

Status ChainData::recover() {
    // Asked before the guard is taken: a reader is a lock, and one thread takes one.
    const auto stored = store_->height();
    if (!stored) {
        const Status started = start_from_genesis();
        if (!started.ok()) return started;
    } else {
        const auto guard = store_->read();
        auto known = guard.find_index(genesis_key);
        if (!known.ok()) return known.error();
        if (!known.value()) return state_is_damaged("It does not say which chain it is of.");
        if (*known.value() != genesis_id_.view()) {
            return Error{
                ErrorCode::check_failed, "The data directory belongs to another chain.",
                "Chain " + options_.genesis.chain +
                    " was started here from another genesis document.",
                "Give the genesis document that it was started with, or another node.data_dir."};
        }
        auto tip = guard.find_index(tip_key);
        if (!tip.ok()) return tip.error();
        if (!tip.value()) return state_is_damaged("It holds no tip.");
        auto read = decode<Tip>(*tip.value());
        if (!read.ok()) return read.error();
        tip_ = read.value();
        if (tip_.height != *stored) {
            return state_is_damaged("Its tip is at height " + std::to_string(tip_.height) +
                                    ", its tables at " + std::to_string(*stored) + ".");
        }
    }
    recovery_.flushed_height = tip_.height;
    recovery_.log_bytes_cut = log_->opening().bytes_cut;
    recovery_.history_from = reader()->history_from();
    // A state that came as a snapshot has no blocks before those that follow it.
    if (tip_.height >= recovery_.history_from && !log_->last_height()) {
        return Error{ErrorCode::corrupt_data, "The block log is missing.",
                     "The state is at height " + std::to_string(tip_.height) + " and " +
                         options_.log_directory + " holds no block.",
                     "Restore the log directory from a backup."};
    }
    if (!log_->last_height()) return {};
    if (*log_->first_height() > tip_.height + 1) {
        return Error{ErrorCode::corrupt_data, "The state has lost blocks.",
                     "It is at height " + std::to_string(tip_.height) + ", and " +
                         options_.log_directory + " begins at height " +
                         std::to_string(*log_->first_height()) + ".",
                     "Restore the whole data directory from one backup."};
    }
    return log_->for_each(tip_.height + 1, [this](std::uint64_t height, std::string_view payload) {
        return replay(height, payload);
    });
}

/// A logged block carries every blob that its operations name, or the store has it already.
Status ChainData::check_sidecars(const SealedBlock& sealed) const {
    std::vector<Hash> brought;
    for (const auto& sidecar : sealed.sidecars) brought.push_back(sidecar.hash);
    std::sort(brought.begin(), brought.end());
    const auto guard = store_->read();
    for (const auto& hash : sealed.block.blobs) {
        if (std::binary_search(brought.begin(), brought.end(), hash)) continue;
        auto stored = guard.find_blob(hash.view());
        if (!stored.ok()) return stored.error();
        if (!stored.value()) {
            return Error{
                ErrorCode::corrupt_data,
                "A blob of block " + std::to_string(sealed.block.header.height) + " is missing.",
                "Its hash is " + to_hex(hash.view()) + ".", "Restore the log from a backup."};
        }
    }
    return {};
}

Status ChainData::replay(std::uint64_t height, std::string_view payload) {
    const auto unreadable = [height](const Error& error) {
        return Error{ErrorCode::corrupt_data,
                     "Block " + std::to_string(height) + " of the log cannot be read.", error.why,
                     "Restore the log from a backup."};
    };
    auto logged = decode<LoggedBlock>(payload);
    if (!logged.ok()) return unreadable(logged.error());
    auto record = decode<BlockRecord>(logged.value().record.bytes);
    if (!record.ok()) return unreadable(record.error());
    const auto header = decode<BlockHeader>(record.value().header.bytes);
    if (!header.ok()) return unreadable(header.error());
    const Status final =
        verify_certificate(record.value().certificate, record.value().links, genesis_id_,
                           validators(), header.value(), header_hash(record.value().header.bytes));
    if (!final.ok()) return final;
    SealedBlock sealed;
    {
        const auto guard = store_->read();
        auto executed =
            execute_block(options_.rules, {options_.genesis, genesis_id_, tip_, guard.state()},
                          record.value(), Signatures::trusted);
        if (!executed.ok()) return executed.error();
        sealed.block = std::move(executed).value();
    }
    sealed.certificate = std::move(record.value().certificate);
    sealed.links = std::move(record.value().links);
    sealed.record = std::move(logged.value().record.bytes);
    for (auto& sidecar : logged.value().sidecars) {
        const Hash hash = crypto::blake2b_256(sidecar.bytes);
        sealed.sidecars.push_back({hash, std::move(sidecar.bytes)});
    }
    const Status blobs = check_sidecars(sealed);
    if (!blobs.ok()) return blobs;
    ++recovery_.replayed_blocks;
    Status published = publish(sealed);
    if (!published.ok() && published.error().code == ErrorCode::overloaded) {
        auto flushed = store_->flush_durable();
        if (!flushed.ok()) return flushed.error();
        published = publish(sealed);
    }
    return published;
}

ValidatorSet ChainData::validators() const {
    return set_in_force(store_->read().state(), options_.genesis);
}

std::unique_ptr<ChainReader> ChainData::reader() const {
    return std::make_unique<StoreReader>(options_.genesis, options_.database, store_->read());
}

Status ChainData::publish(SealedBlock& sealed, bool makes_image) {
    AIT_ASSERT(sealed.block.header.height == tip_.height + 1);
    AIT_ASSERT(sealed.block.header.parent == tip_.hash);
    auto writes = writes_of(sealed);
    writes.makes_image = makes_image;
    const Status published = store_->publish(std::move(writes));
    if (!published.ok()) {
        // Nothing was taken: the block is whole again, for those who build on it and for later.
        sealed.block.writes = std::move(writes.state);
        for (std::size_t i = 0; i < sealed.sidecars.size(); ++i)
            sealed.sidecars[i].bytes = std::move(writes.blobs[i].second);
        return published;
    }
    tip_ = sealed.block.tip();
    return published;
}

Status ChainData::write(const SealedBlock& sealed) {
    const Status appended = append(sealed);
    return appended.ok() ? sync() : appended;
}

Status ChainData::append(const SealedBlock& sealed) {
    return log_->append(sealed.block.header.height, sealed.logged());
}

Status ChainData::sync() {
    return log_->sync();
}

Status ChainData::flush_state() {
    const auto durable = store_->flush_durable();
    return durable.ok() ? Status{} : Status(durable.error());
}

Status ChainData::prune_log() {
    if (log_->bytes_on_disk() <= options_.log_bytes_kept) return {};
    auto durable = store_->flush_durable();
    // A full disk: pruning can wait until the state got its space.
    if (!durable.ok() && durable.error().code == ErrorCode::limit_reached) return {};
    if (!durable.ok()) return durable.error();
    if (!durable.value()) return {};
    return log_->prune_below(*durable.value());
}

}  // namespace ait::consensus
