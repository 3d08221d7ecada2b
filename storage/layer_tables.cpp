#include "storage/layer_tables.hpp"

#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <vector>

#include "runtime/base/bytes.hpp"

namespace ait::storage {
namespace {

/// A table that is being made for one column; nothing is left of it unless it is ingested.
class NewTable {
  public:
    NewTable(Database::Implementation& database, Column which)
        : env_(*database.env),
          path_(incoming_directory(database.directory) + "/" +
                std::to_string(database.next_incoming++) + ".sst"),
          // As RocksDB's own: written out a piece at a time, not all by one sync that others wait
          // for.
          writer_(rocksdb::EnvOptions(database.rocks->GetDBOptions()), options(database, which),
                  database.column(which), false) {
        status_ = writer_.Open(path_);
    }
    NewTable(const NewTable&) = delete;
    NewTable& operator=(const NewTable&) = delete;
    ~NewTable() {
        // Ingested, it has another name by now; otherwise the next start clears what stays.
        (void)env_.DeleteFile(path_);
    }

    /// In ascending order.
    void put(const rocksdb::Slice& key, const rocksdb::Slice& value) {
        if (status_.ok()) status_ = writer_.Put(key, value);
    }
    void erase(const rocksdb::Slice& key) {
        if (status_.ok()) status_ = writer_.Delete(key);
    }
    /// Synced.
    rocksdb::Status finish() {
        if (status_.ok()) status_ = writer_.Finish();
        return status_;
    }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    static rocksdb::Options options(const Database::Implementation& database, Column which) {
        rocksdb::Options options = database.rocks->GetOptions(database.column(which));
        // Compaction compresses better what lives long enough to be compacted.
        options.bottommost_compression = rocksdb::kDisableCompressionOption;
        return options;
    }

    rocksdb::Env& env_;
    const std::string path_;
    rocksdb::SstFileWriter writer_;
    rocksdb::Status status_{};
};

class Ingestion {
  public:
    Ingestion(Database::Implementation& database, const LayerPlace& place)
        : database_(database), place_(place), key_(place.prefix) {}

    template <class Rows>
    rocksdb::Status add_rows(Column which, const Rows& rows) {
        auto& table = add_table(which);
        stamp(table);
        for (const auto& row : rows) put(table, row);
        return table.finish();
    }
    /// Heights only grow: without the stamp, which lies in front of them, their table overlaps no
    /// other one, goes to the lowest level and is never written again.
    template <class Rows>
    rocksdb::Status add_ascending_rows(Column which, const Rows& rows) {
        const auto status = add_rows(which, Rows{});
        if (!status.ok() || rows.empty()) return status;
        auto& table = add_table(which);
        for (const auto& row : rows) put(table, row);
        return table.finish();
    }
    rocksdb::Status add_height() {
        auto& table = add_table(Column::meta);
        stamp(table);
        key_.resize(place_.prefix.size());
        key_ += place_.height_key;
        table.put(key_, big_endian(place_.height));
        return table.finish();
    }
    /// All tables or none, recorded in one piece.
    rocksdb::Status hand_over() {
        std::vector<rocksdb::IngestExternalFileArg> arguments;
        for (const auto& [which, table] : tables_) {
            auto* const column = database_.column(which);
            if (arguments.empty() || arguments.back().column_family != column) {
                arguments.emplace_back();
                arguments.back().column_family = column;
                arguments.back().options.move_files = true;
                arguments.back().options.write_global_seqno = false;  // checksums stay as they are
            }
            arguments.back().external_files.push_back(table->path());
        }
        return database_.rocks->IngestExternalFiles(arguments);
    }

  private:
    NewTable& add_table(Column which) {
        return *tables_.emplace_back(which, std::make_unique<NewTable>(database_, which)).second;
    }
    void stamp(NewTable& table) const { table.put(place_.stamp_key, big_endian(place_.height)); }
    void put(NewTable& table, const WriteSet::value_type* row) { put(table, *row); }
    void put(NewTable& table, const WriteSet::value_type& row) {
        key_.resize(place_.prefix.size());
        key_ += row.first;
        if (row.second.has_value()) {
            table.put(key_, *row.second);
        } else {
            table.erase(key_);
        }
    }

    Database::Implementation& database_;
    const LayerPlace& place_;
    std::string key_;
    std::vector<std::pair<Column, std::unique_ptr<NewTable>>> tables_{};
};

using SortedRows = std::vector<const HashedWrites::value_type*>;

SortedRows sorted(const HashedWrites& writes) {
    SortedRows rows;
    rows.reserve(writes.size());
    for (const auto& row : writes) rows.push_back(&row);
    std::sort(rows.begin(), rows.end(),
              [](const auto* left, const auto* right) { return left->first < right->first; });
    return rows;
}

}  // namespace

std::string incoming_directory(const std::string& database_directory) {
    return database_directory + ".incoming";
}

Status clear_incoming(rocksdb::Env& env, const std::string& database_directory) {
    const auto directory = incoming_directory(database_directory);
    auto status = env.CreateDirIfMissing(directory);
    std::vector<std::string> names;
    if (status.ok()) status = env.GetChildren(directory, &names);
    for (const auto& name : names) {
        if (!status.ok()) break;
        if (name.ends_with(".sst")) status = env.DeleteFile(directory + "/" + name);
    }
    if (!status.ok()) return from_rocksdb(status, "clear " + directory);
    return {};
}

Status ingest_layer(Database::Implementation& database, const Layer& layer,
                    const LayerPlace& place) {
    Ingestion tables(database, place);
    auto status = tables.add_rows(Column::state, layer.state());
    if (status.ok())
        status = tables.add_ascending_rows(Column::blocks, sorted(layer.hashed(Column::blocks)));
    for (const auto which : {Column::index, Column::blobs}) {
        if (status.ok()) status = tables.add_rows(which, sorted(layer.hashed(which)));
    }
    if (status.ok()) status = tables.add_height();
    if (!status.ok()) return from_rocksdb(status, "make tables of blocks");
    status = tables.hand_over();
    if (status.ok()) return {};
    // Also where the disk was full in just this moment: RocksDB 7.8 cannot be told to go on then.
    auto error = from_rocksdb(status, "take the tables of blocks");
    error.code = ErrorCode::storage_failed;
    return error;
}

}  // namespace ait::storage
