#include "storage/store_image.hpp"

#include <rocksdb/write_batch.h>

#include <utility>

#include "runtime/base/bytes.hpp"
#include "storage/chain_store_inside.hpp"

namespace ait::storage {
namespace {

Column column_of(StoreTable table) {
    switch (table) {
        case StoreTable::state:
            return Column::state;
        case StoreTable::index:
            return Column::index;
        case StoreTable::blobs:
            return Column::blobs;
    }
    AIT_ASSERT(false);
    return Column::state;
}

}  // namespace

struct StoreImage::Implementation {
    Implementation(const Database::Implementation& given_database, std::string given_prefix,
                   std::uint64_t given_height)
        : database(given_database),
          prefix(std::move(given_prefix)),
          height(given_height),
          snapshot(database.rocks->GetSnapshot()) {
        options.snapshot = snapshot;
        options.fill_cache = false;  // what is asked for by clients stays there
    }
    ~Implementation() { database.rocks->ReleaseSnapshot(snapshot); }
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    [[nodiscard]] Result<std::optional<std::string>> find(Column which,
                                                          std::string_view key) const {
        std::string value;
        const auto status =
            database.rocks->Get(options, database.column(which), prefix + std::string(key), &value);
        if (status.IsNotFound()) return std::optional<std::string>{};
        if (!status.ok()) return from_rocksdb(status, "read an image");
        return std::optional<std::string>(std::move(value));
    }

    const Database::Implementation& database;
    const std::string prefix;
    const std::uint64_t height;
    const rocksdb::Snapshot* const snapshot;
    rocksdb::ReadOptions options{};
};

StoreImage::StoreImage(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
StoreImage::~StoreImage() = default;

std::uint64_t StoreImage::height() const noexcept {
    return implementation_->height;
}

Status StoreImage::scan(StoreTable table, std::string_view prefix,
                        const StateReader::Visit& visit) const {
    const auto& image = *implementation_;
    const auto first = image.prefix + std::string(prefix);
    const auto end = end_of_prefix(first);
    const rocksdb::Slice upper_bound(end);
    rocksdb::ReadOptions options = image.options;
    options.iterate_upper_bound = &upper_bound;
    const std::unique_ptr<rocksdb::Iterator> rows(
        image.database.rocks->NewIterator(options, image.database.column(column_of(table))));
    for (rows->Seek(first); rows->Valid(); rows->Next()) {
        auto key = rows->key().ToStringView();
        key.remove_prefix(image.prefix.size());
        if (!visit(key, rows->value().ToStringView())) return {};
    }
    if (!rows->status().ok()) return from_rocksdb(rows->status(), "read an image");
    return {};
}

Result<std::optional<std::string>> StoreImage::find(StoreTable table, std::string_view key) const {
    return implementation_->find(column_of(table), key);
}

Result<std::optional<std::string>> StoreImage::find_block(std::uint64_t height) const {
    return implementation_->find(Column::blocks, big_endian(height));
}

/// Under flush_mutex, after a layer was written.
void ChainStore::Implementation::take_image() {
    {
        const auto shared = lock_shared();
        if (!image_height.has_value() || flushing_height != image_height) return;
    }
    image = std::make_unique<StoreImage>(
        std::make_unique<StoreImage::Implementation>(database, prefix, *flushing_height));
}

Result<std::unique_ptr<StoreImage>> ChainStore::image(std::uint64_t height) {
    auto& store = *implementation_;
    // Twice: as in flush_durable().
    for (int i = 0; i < 2; ++i) {
        auto flushed = store.flush();
        if (!flushed.ok()) return flushed.error();
    }
    const std::lock_guard one_at_a_time(store.flush_mutex);
    const auto exclusive = store.lock();
    if (store.image == nullptr || store.image->height() != height) {
        return Error{ErrorCode::not_found, "There is no image of this height.",
                     "None was asked for at height " + std::to_string(height) + ".", ""};
    }
    if (store.image_height == height) store.image_height.reset();
    return std::move(store.image);
}

Status ChainStore::import_rows(StoreTable table, const std::vector<Row>& rows) {
    auto& store = *implementation_;
    const std::lock_guard one_at_a_time(store.flush_mutex);
    {
        const auto exclusive = store.lock();
        if (store.failure.has_value()) return *store.failure;
        if (store.height.has_value()) {
            return Error{ErrorCode::conflict, "Rows cannot be put into this store.",
                         "It holds a chain already.", ""};
        }
    }
    rocksdb::WriteBatch batch;
    rocksdb::Status status;
    for (const auto& [key, value] : rows) {
        if (status.ok())
            status = batch.Put(store.database.column(column_of(table)), store.prefix + key, value);
    }
    rocksdb::WriteOptions options;
    options.sync = false;  // flush_durable() comes after the last one
    if (status.ok()) status = store.database.rocks->Write(options, &batch);
    if (!status.ok()) return from_rocksdb(status, "import rows");
    return {};
}

}  // namespace ait::storage
