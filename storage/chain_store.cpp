#include "storage/chain_store.hpp"

#include <rocksdb/write_batch.h>

#include <array>
#include <chrono>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/bytes.hpp"
#include "runtime/base/limits.hpp"
#include "storage/chain_store_inside.hpp"
#include "storage/layer_tables.hpp"

namespace ait::storage {
namespace {

constexpr std::string_view height_key = "height";
/// About as much as is executed again in a second or two.
constexpr std::size_t unsynced_bytes_max = 16U * 1024 * 1024;

Error store_failed(const Error& cause) {
    return Error{ErrorCode::storage_failed,
                 "The chain's store has failed and takes no more blocks.",
                 cause.what + " " + cause.why,
                 "Check the disk and restart the node; it goes on from the block log."};
}

Error waits_for_image(std::uint64_t height) {
    return Error{ErrorCode::overloaded, "The block was not published yet.",
                 "An image of height " + std::to_string(height) + " is being taken.",
                 "Wait for the flusher, then publish it again."};
}

}  // namespace

std::shared_lock<std::shared_mutex> ChainStore::Implementation::lock_shared() {
    const std::lock_guard queue(door);
    return std::shared_lock(gate);
}

std::unique_lock<std::shared_mutex> ChainStore::Implementation::lock() {
    const std::lock_guard queue(door);
    return std::unique_lock(gate);
}

/// The height is stamped into each table by the same batch: where the database's own records of
/// its files are damaged, a table may come back older than the others without an error.
Status ChainStore::Implementation::load_height() {
    std::optional<std::string> found;
    rocksdb::ReadOptions read_options;
    read_options.fill_cache = false;  // what else lies beside the stamps is read when it is needed
    for (std::size_t i = column_count; i-- > 0;) {
        const bool is_meta = i == data_column_count;
        std::string value;
        auto status =
            database.rocks->Get(read_options, database.columns.at(i),
                                is_meta ? prefix + std::string(height_key) : stamp_key(), &value);
        if (!status.ok() && !status.IsNotFound())
            return from_rocksdb(status, "read the height of a chain");
        if (is_meta && status.ok()) found = value;
        const bool agrees = status.ok() ? found == value : !found.has_value();
        if (!agrees || (status.ok() && value.size() != 8)) {
            return from_rocksdb(rocksdb::Status::Corruption(
                                    "the tables of the database are not of the same height"),
                                "read the height of a chain");
        }
    }
    if (!found.has_value()) return {};
    height = from_big_endian(*found);
    flushed_height = height;
    return {};
}

Status ChainStore::Implementation::load_resident() {
    const DatabaseColumn stored(database, Column::state, prefix, true);
    for (const auto& resident_prefix : resident.prefixes()) {
        stored.scan(resident_prefix, resident_prefix,
                    [&](std::string_view key, std::string_view value) {
                        resident.load(key, value);
                        return true;
                    });
    }
    if (stored.failure().has_value()) return *stored.failure();
    return {};
}

/// Takes what a block writes to resident keys out of its writes.
void ChainStore::Implementation::publish_resident(WriteSet& state) {
    for (auto write = state.begin(); write != state.end();) {
        const auto current = write++;
        if (!resident.covers(current->first)) continue;
        auto node = state.extract(current);
        if (node.mapped().has_value()) {
            resident.put(std::move(node.key()), std::move(*node.mapped()));
        } else {
            resident.erase(node.key());
        }
    }
}

LayeredColumn ChainStore::Implementation::column(Column which, bool keeps_failure) const {
    return {newer, flushing, which, DatabaseColumn(database, which, prefix, keeps_failure),
            which == Column::state ? &resident : nullptr};
}

void ChainStore::Implementation::begin_flushing() {
    AIT_ASSERT(flushing.is_empty());
    std::swap(flushing, newer);
    flushing_height = height;
    flushing.add_state(resident.take_changes());
}

Status ChainStore::Implementation::flush() {
    const std::lock_guard one_at_a_time(flush_mutex);
    {
        const auto exclusive = lock();
        if (failure.has_value()) return *failure;
        if (flushing.is_empty()) {
            if (newer.is_empty()) return {};
            begin_flushing();
        }
    }
    // The disk was full: RocksDB refuses writes until it is told to go on.
    Status written;
    if (batch_failed) written = database.resume();
    if (written.ok()) written = write_layer(flushing, flushing_height);
    // Nobody else writes this chain's rows before the lock of flushing is given back.
    if (written.ok()) take_image();
    Layer done;  // destroyed after the lock
    const auto exclusive = lock();
    if (!written.ok()) {
        if (written.error().code != ErrorCode::limit_reached)
            failure = store_failed(written.error());
        return written;
    }
    std::swap(done, flushing);
    flushed_height = flushing_height;
    return {};
}

Status ChainStore::Implementation::write_layer(const Layer& layer,
                                               std::optional<std::uint64_t> layer_height) {
    const bool makes_tables = layer_height.has_value() && database.takes_tables() &&
                              layer.bytes() >= options.tables_bytes_least;
    if (!makes_tables) {
        const Status written = write_batch(layer, layer_height);
        batch_failed = !written.ok();
        return written;
    }
    if (unsynced_bytes > 0) {
        // Tables survive a loss of power at once, so the blocks before them have to.
        const auto status = database.rocks->SyncWAL();
        if (!status.ok()) return from_rocksdb(status, "sync its log");
        unsynced_bytes = 0;
    }
    return ingest_layer(database, layer,
                        {prefix, stamp_key(), std::string(height_key), *layer_height});
}

Status ChainStore::Implementation::write_batch(const Layer& layer,
                                               std::optional<std::uint64_t> layer_height) {
    rocksdb::WriteBatch batch(layer.bytes());
    std::string key = prefix;
    rocksdb::Status status;
    const auto gather = [&](Column which, const auto& writes) {
        auto* column = database.column(which);
        for (const auto& [short_key, value] : writes) {
            key.resize(prefix.size());
            key += short_key;
            status = value.has_value() ? batch.Put(column, key, *value) : batch.Delete(column, key);
            if (!status.ok()) return;
        }
        if (layer_height.has_value())
            status = batch.Put(column, stamp_key(), big_endian(*layer_height));
    };
    gather(Column::state, layer.state());
    for (const auto which : {Column::blocks, Column::index, Column::blobs}) {
        if (status.ok()) gather(which, layer.hashed(which));
    }
    if (!status.ok()) return from_rocksdb(status, "gather a block's writes");
    if (layer_height.has_value()) {
        key.resize(prefix.size());
        key += height_key;
        status = batch.Put(database.column(Column::meta), key, big_endian(*layer_height));
        if (!status.ok()) return from_rocksdb(status, "gather a block's writes");
    }
    rocksdb::WriteOptions write_options;
    write_options.sync = false;  // the block log is what is synced
    write_options.disableWAL = false;
    status = database.rocks->Write(write_options, &batch);
    if (!status.ok()) return from_rocksdb(status, "write blocks");
    unsynced_bytes += layer.bytes();
    return {};
}

/// Bounds what has to be executed again after a loss of power: a crash alone loses nothing of what
/// was written here.
Status ChainStore::Implementation::sync_now_and_then() {
    {
        const std::lock_guard one_at_a_time(flush_mutex);
        if (unsynced_bytes < unsynced_bytes_max) return {};
        unsynced_bytes = 0;
    }
    const auto status = database.rocks->SyncWAL();
    if (status.ok()) return {};
    const Error error = store_failed(from_rocksdb(status, "sync its log"));
    const auto exclusive = lock();
    failure = error;
    return error;
}

void ChainStore::Implementation::run_flusher() {
    std::unique_lock waiting(flusher_mutex);
    while (true) {
        flusher_wakes.wait(waiting, [&] { return flusher_stops || flusher_has_work; });
        flusher_wakes.wait_for(waiting, std::chrono::milliseconds(options.flush_interval_ms),
                               [&] { return flusher_stops || flusher_is_urged; });
        if (flusher_stops) return;
        flusher_has_work = false;
        flusher_is_urged = false;
        waiting.unlock();
        // A failure is kept and refuses the next publish, where it is handled; a full disk is tried
        // again after the interval.
        const bool flushed = flush().ok() && sync_now_and_then().ok();
        waiting.lock();
        if (!flushed) flusher_has_work = true;
    }
}

void ChainStore::Implementation::stop_flusher() {
    {
        const std::lock_guard waking(flusher_mutex);
        flusher_stops = true;
    }
    flusher_wakes.notify_one();
    flusher.join();
}

ChainStore::ChainStore(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

ChainStore::~ChainStore() {
    implementation_->stop_flusher();
    // What this cannot write is replayed from the block log at the next start.
    (void)implementation_->flush();
}

Result<std::unique_ptr<ChainStore>> ChainStore::open(Database& database, const std::string& chain,
                                                     StoreOptions options) {
    if (chain.empty() || chain.size() > limits::name_bytes_max) {
        return Error{ErrorCode::invalid_argument, "The chain's name cannot be used.",
                     "It has " + std::to_string(chain.size()) + " bytes; 1 to " +
                         std::to_string(limits::name_bytes_max) + " are allowed.",
                     ""};
    }
    // The length before the name keeps one chain's keys from lying inside another's.
    auto prefix = static_cast<char>(chain.size()) + chain;
    auto implementation =
        std::make_unique<Implementation>(database.implementation(), std::move(prefix), options);
    auto loaded = implementation->load_height();
    if (!loaded.ok()) return loaded.error();
    loaded = implementation->load_resident();
    if (!loaded.ok()) return loaded.error();
    auto* shared = implementation.get();
    shared->flusher = std::thread([shared] { shared->run_flusher(); });
    return std::unique_ptr<ChainStore>(new ChainStore(std::move(implementation)));
}

Status ChainStore::publish(BlockWrites&& block) {
    auto& store = *implementation_;
    bool is_urgent = false;
    {
        const auto exclusive = store.lock();
        if (store.failure.has_value()) return *store.failure;
        if (store.height.has_value() && block.height != *store.height + 1) {
            return Error{ErrorCode::conflict, "The block was not published.",
                         "Its height is " + std::to_string(block.height) + "; the next one is " +
                             std::to_string(*store.height + 1) + ".",
                         "Publish blocks in order."};
        }
        const bool is_cut = store.image_height.has_value() && store.height == store.image_height;
        if (is_cut && !store.newer.is_empty()) {
            if (!store.flushing.is_empty()) return waits_for_image(*store.image_height);
            store.begin_flushing();
        }
        const auto unflushed = store.unflushed();
        if (unflushed > store.options.unflushed_bytes_max) {
            return Error{ErrorCode::overloaded, "The block was not published yet.",
                         std::to_string(unflushed) + " bytes of earlier blocks wait for the disk.",
                         "Wait for the flusher, then publish it again."};
        }
        store.publish_resident(block.state);
        store.newer.add_state(std::move(block.state));
        store.newer.set(Column::blocks, big_endian(block.height), std::move(block.block_record));
        for (auto& key : block.index_erased)
            store.newer.set(Column::index, std::move(key), std::nullopt);
        for (auto& [key, value] : block.index) {
            store.newer.set(Column::index, std::move(key), std::move(value));
        }
        for (auto& [key, value] : block.blobs) {
            store.newer.set(Column::blobs, std::move(key), std::move(value));
        }
        store.height = block.height;
        store.attachment = std::move(block.attachment);
        if (block.makes_image) store.image_height = block.height;
        is_urgent = block.makes_image || store.newer.bytes() + store.resident.changed_bytes() >=
                                             store.options.flush_bytes;
    }
    wake_flusher(is_urgent);
    return {};
}

void ChainStore::wake_flusher(bool is_urgent) {
    bool changes = false;
    {
        const std::lock_guard waking(implementation_->flusher_mutex);
        changes = !implementation_->flusher_has_work || is_urgent;
        implementation_->flusher_has_work = true;
        if (is_urgent) implementation_->flusher_is_urged = true;
    }
    if (changes) implementation_->flusher_wakes.notify_one();
}

Result<std::optional<std::uint64_t>> ChainStore::flush_durable() {
    // Twice: the first may only have finished what an earlier one could not, or what was published
    // before it began.
    for (int i = 0; i < 2; ++i) {
        auto flushed = implementation_->flush();
        if (!flushed.ok()) return flushed.error();
    }
    const auto height_before_sync = flushed_height();
    const auto status = implementation_->database.rocks->SyncWAL();
    if (!status.ok()) {
        auto error = store_failed(from_rocksdb(status, "sync its log"));
        const auto exclusive = implementation_->lock();
        implementation_->failure = error;
        return error;
    }
    return height_before_sync;
}

std::optional<std::uint64_t> ChainStore::height() const {
    const auto shared = implementation_->lock_shared();
    return implementation_->height;
}

std::optional<std::uint64_t> ChainStore::flushed_height() const {
    const auto shared = implementation_->lock_shared();
    return implementation_->flushed_height;
}

std::size_t ChainStore::unflushed_bytes() const {
    const auto shared = implementation_->lock_shared();
    return implementation_->unflushed();
}

Status ChainStore::erase_blob(std::string_view hash) {
    {
        const auto exclusive = implementation_->lock();
        if (implementation_->failure.has_value()) return *implementation_->failure;
        implementation_->newer.set(Column::blobs, std::string(hash), std::nullopt);
    }
    wake_flusher(false);
    return {};
}

Status ChainStore::prune_history_below(std::uint64_t height) {
    auto& store = *implementation_;
    const auto flushed = flushed_height();
    if (height > flushed.value_or(0)) {
        return Error{ErrorCode::conflict, "The history was not pruned.",
                     "Height " + std::to_string(height) + " is not in the database yet.",
                     "Flush first, or prune less."};
    }
    rocksdb::WriteBatch batch;
    const auto gathered = batch.DeleteRange(store.database.column(Column::blocks), store.prefix,
                                            store.prefix + big_endian(height));
    if (!gathered.ok()) return from_rocksdb(gathered, "gather what to prune");
    const auto status = store.database.rocks->Write(rocksdb::WriteOptions(), &batch);
    if (!status.ok()) return from_rocksdb(status, "prune its history");
    return {};
}

}  // namespace ait::storage
