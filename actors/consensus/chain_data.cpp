#include "actors/consensus/chain_data.hpp"

#include <set>

#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

constexpr std::string_view tip_key = "meta/tip";
constexpr std::string_view genesis_key = "meta/genesis";

/// What the store keeps of a block: the record without its blobs, and what it did.
struct BlockArchive {
    Blob record{};
    std::vector<TransactionOutcome> outcomes{};
    static constexpr auto fields() {
        return std::tuple{
            field("record", &BlockArchive::record, "", 2 * limits::block_bytes_max),
            field("outcomes", &BlockArchive::outcomes, "", limits::block_transactions_max + 1)};
    }
};

std::string operation_key(const Hash& hash) {
    return "op/" + std::string(hash.view());
}

std::string event_key(std::uint64_t height, std::uint32_t index) {
    return big_endian(height) + big_endian(index).substr(4);
}

BlockRecord record_of(const SealedBlock& sealed, bool with_sidecars) {
    BlockRecord record;
    record.header.bytes = sealed.block.encoded_header;
    for (const auto& wire : sealed.block.transactions) record.transactions.push_back(Blob{wire});
    record.certificate = sealed.certificate;
    if (with_sidecars) {
        for (const auto& sidecar : sealed.sidecars) record.sidecars.push_back(Blob{sidecar});
    }
    return record;
}

void index_operations(const SealedBlock& sealed, storage::BlockWrites& writes) {
    const auto add = [&](const Hash& hash, std::uint32_t transaction, std::uint32_t item) {
        writes.index.emplace_back(
            operation_key(hash),
            encode(OperationPosition{sealed.block.header.height, transaction, item}));
    };
    std::size_t batch = 0;
    for (std::uint32_t i = 0; i < sealed.block.transactions.size(); ++i) {
        auto wire = decode<SignedTransaction>(sealed.block.transactions[i]);
        AIT_ASSERT(wire.ok());
        const Hash hash = crypto::blake2b_256(wire.value().signed_bytes.bytes);
        add(hash, i, 0);
        if (batch < sealed.block.batches.size() && sealed.block.batches[batch].first == hash) {
            const auto& items = sealed.block.batches[batch++].second.items;
            for (std::uint32_t j = 0; j < items.size(); ++j) add(item_hash(items[j]), i, j);
        }
    }
}

void list_events(const SealedBlock& sealed, storage::BlockWrites& writes) {
    std::uint32_t index = 0;
    for (const auto& outcome : sealed.block.outcomes) {
        for (const auto& item : outcome.items) {
            for (const auto& event : item.events) {
                const StoredEvent stored{.height = sealed.block.header.height,
                                         .index = index,
                                         .time_unix_ms = sealed.block.header.time_unix_ms,
                                         .event = event};
                writes.events.emplace_back(event_key(stored.height, index++), encode(stored));
            }
        }
    }
}

storage::BlockWrites writes_of(const SealedBlock& sealed) {
    storage::BlockWrites writes;
    writes.height = sealed.block.header.height;
    writes.state = sealed.block.writes;
    writes.block_record =
        encode(BlockArchive{Blob{encode(record_of(sealed, false))}, sealed.block.outcomes});
    index_operations(sealed, writes);
    writes.index.emplace_back(std::string(tip_key), encode(sealed.block.tip()));
    list_events(sealed, writes);
    for (const auto& sidecar : sealed.sidecars) {
        writes.blobs.emplace_back(std::string(crypto::blake2b_256(sidecar).view()), sidecar);
    }
    return writes;
}

class StoreReader final : public ChainReader {
  public:
    StoreReader(const Genesis& genesis, const storage::Database& database, storage::ReadGuard guard)
        : genesis_(genesis), database_(database), guard_(std::move(guard)) {
        const auto bytes = read(guard_.find_index(tip_key));
        AIT_ASSERT(bytes.has_value());
        auto tip = decode<Tip>(*bytes);
        AIT_ASSERT(tip.ok());
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
        return std::optional<StoredBlock>(
            StoredBlock{.record = std::move(record).value(),
                        .header = std::move(header).value(),
                        .outcomes = std::move(archive.value().outcomes)});
    }

    [[nodiscard]] std::optional<OperationPosition> find_operation(const Hash& hash) const override {
        const auto bytes = read(guard_.find_index(operation_key(hash)));
        if (!bytes) return std::nullopt;
        auto position = decode<OperationPosition>(*bytes);
        if (!position.ok()) return std::nullopt;
        return position.value();
    }

    [[nodiscard]] std::vector<StoredEvent> events_after(std::uint64_t height, std::uint32_t index,
                                                        std::size_t count_max) const override {
        std::vector<StoredEvent> events;
        const auto page = read(guard_.scan_events(event_key(height, index) + '\0', count_max));
        for (const auto& [key, bytes] : page.rows) {
            auto event = decode<StoredEvent>(bytes);
            if (event.ok()) events.push_back(std::move(event).value());
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

ChainData::ChainData(Options options)
    : options_(std::move(options)), genesis_id_(genesis_hash(options_.genesis)) {}

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
    if (!store_->height()) {
        const Status started = start_from_genesis();
        if (!started.ok()) return started;
    } else {
        const auto guard = store_->read();
        auto known = guard.find_index(genesis_key);
        if (!known.ok()) return known.error();
        if (!known.value() || *known.value() != genesis_id_.view()) {
            return Error{
                ErrorCode::check_failed, "The data directory belongs to another chain.",
                "Chain " + options_.genesis.chain +
                    " was started here from another genesis document.",
                "Give the genesis document that it was started with, or another node.data_dir."};
        }
        auto tip = guard.find_index(tip_key);
        if (!tip.ok()) return tip.error();
        AIT_ASSERT(tip.value().has_value());
        auto read = decode<Tip>(*tip.value());
        if (!read.ok()) return read.error();
        tip_ = read.value();
    }
    recovery_.flushed_height = tip_.height;
    recovery_.log_bytes_cut = log_->opening().bytes_cut;
    if (tip_.height > 0 && !log_->last_height()) {
        return Error{ErrorCode::corrupt_data, "The block log is missing.",
                     "The state is at height " + std::to_string(tip_.height) + " and " +
                         options_.log_directory + " holds no block.",
                     "Restore the log directory from a backup."};
    }
    if (!log_->last_height()) return {};
    return log_->for_each(tip_.height + 1, [this](std::uint64_t height, std::string_view payload) {
        return replay(height, payload);
    });
}

/// A logged block carries every blob that its transactions name, or the store has it already.
Status ChainData::check_sidecars(const SealedBlock& sealed) const {
    std::set<Hash> brought;
    for (const auto& sidecar : sealed.sidecars) brought.insert(crypto::blake2b_256(sidecar));
    const auto guard = store_->read();
    for (const auto& wire : sealed.block.transactions) {
        const auto outer = decode<SignedTransaction>(wire);
        AIT_ASSERT(outer.ok());
        const auto content = decode<UnsignedTransaction>(outer.value().signed_bytes.bytes);
        AIT_ASSERT(content.ok());
        for (const auto& hash : content.value().blobs) {
            if (brought.contains(hash)) continue;
            auto stored = guard.find_blob(hash.view());
            if (!stored.ok()) return stored.error();
            if (!stored.value()) {
                return Error{ErrorCode::corrupt_data,
                             "A blob of block " + std::to_string(sealed.block.header.height) +
                                 " is missing.",
                             "Its hash is " + to_hex(hash.view()) + ".",
                             "Restore the log from a backup."};
            }
        }
    }
    return {};
}

Status ChainData::replay(std::uint64_t height, std::string_view payload) {
    auto record = decode<BlockRecord>(payload);
    if (!record.ok()) {
        return Error{ErrorCode::corrupt_data,
                     "Block " + std::to_string(height) + " of the log cannot be read.",
                     record.error().why, "Restore the log from a backup."};
    }
    SealedBlock sealed;
    {
        const auto guard = store_->read();
        auto executed = execute_block(
            options_.rules, {options_.genesis, genesis_id_, tip_, guard.state()}, record.value());
        if (!executed.ok()) return executed.error();
        sealed.block = std::move(executed).value();
    }
    const Status final = verify_certificate(record.value().certificate, options_.genesis,
                                            sealed.block.header, sealed.block.hash);
    if (!final.ok()) return final;
    sealed.certificate = std::move(record.value().certificate);
    for (auto& sidecar : record.value().sidecars)
        sealed.sidecars.push_back(std::move(sidecar.bytes));
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

std::unique_ptr<ChainReader> ChainData::reader() const {
    return std::make_unique<StoreReader>(options_.genesis, options_.database, store_->read());
}

Status ChainData::publish(const SealedBlock& sealed) {
    AIT_ASSERT(sealed.block.header.height == tip_.height + 1);
    AIT_ASSERT(sealed.block.header.parent == tip_.hash);
    const Status published = store_->publish(writes_of(sealed));
    if (published.ok()) tip_ = sealed.block.tip();
    return published;
}

Status ChainData::write(const SealedBlock& sealed) {
    const Status appended =
        log_->append(sealed.block.header.height, encode(record_of(sealed, true)));
    if (!appended.ok()) return appended;
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
