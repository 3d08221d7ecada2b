#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <utility>

#include "runtime/base/assert.hpp"
#include "storage/layer_tables.hpp"
#include "storage/rocks.hpp"
#include "storage/table_check.hpp"

namespace ait::storage {
namespace {

constexpr std::array<std::string_view, column_count> column_names{"state", "blocks", "index",
                                                                  "blobs", "meta"};
constexpr std::string_view format_key = "format";  // no chain's prefix begins with 'f'
constexpr std::string_view format_version = "3";
constexpr std::string_view resumed_key = "resumed";  // nobody reads it
static_assert('f' > 64, "chain prefixes begin with the length of a name");

[[noreturn]] void print_and_exit(const Error& error) {
    const auto text = render_error(error);
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
    // No destructors: they would try to write what cannot be written.
    std::_Exit(error_code_row(error.code).exit_status);
}

/// Chosen for a node that idles below 100 MB: everything is bounded, nothing is generous.
rocksdb::DBOptions database_options(rocksdb::Env* env, std::uint32_t open_files_max) {
    rocksdb::DBOptions options;
    options.env = env;
    options.max_open_files = static_cast<int>(open_files_max);
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.paranoid_checks = true;
    // An unsynced tail of RocksDB's log may be lost; the height in it tells from where to replay.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    options.max_total_wal_size = 32U * 1024 * 1024;
    options.db_write_buffer_size = 32U * 1024 * 1024;
    options.max_background_jobs = 2;
    options.keep_log_file_num = 2;
    options.max_log_file_size = 1024 * 1024;
    options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.bytes_per_sync = 1024 * 1024;
    return options;
}

rocksdb::ColumnFamilyOptions column_options(Column which,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.cache_index_and_filter_blocks = true;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.format_version = 5;
    table.checksum = rocksdb::kCRC32c;  // which table_check.cpp knows
    rocksdb::ColumnFamilyOptions options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.write_buffer_size = 8U * 1024 * 1024;
    options.max_write_buffer_number = 2;
    options.arena_block_size = 256U * 1024;
    // Most look-ups of a write path ask for what is not there: is this id, this key new?
    options.memtable_prefix_bloom_size_ratio = 0.02;
    options.memtable_whole_key_filtering = true;
    // Tables of a layer are large and few, and a miss in one costs a look at its filter.
    options.level0_file_num_compaction_trigger = 8;
    const bool is_bulky = which == Column::blocks || which == Column::blobs;
    options.compression = rocksdb::kLZ4Compression;
    if (is_bulky) options.bottommost_compression = rocksdb::kZSTD;
    return options;
}

Status check_format(const Database::Implementation& database) {
    std::string found;
    auto status = database.rocks->Get(rocksdb::ReadOptions(), database.column(Column::meta),
                                      rocksdb::Slice(format_key), &found);
    if (status.IsNotFound()) {
        status = database.rocks->Put(rocksdb::WriteOptions(), database.column(Column::meta),
                                     rocksdb::Slice(format_key), rocksdb::Slice(format_version));
        if (!status.ok()) return from_rocksdb(status, "write its format version");
        return {};
    }
    if (!status.ok()) return from_rocksdb(status, "read its format version");
    if (found == format_version) return {};
    return Error{ErrorCode::unsupported, "The database cannot be used by this program.",
                 "Its format is \"" + found.substr(0, 16) + "\"; this program knows \"" +
                     std::string(format_version) + "\".",
                 "Use the release that wrote it, or restore a backup of this release."};
}

std::string suspect_path(const std::string& directory) {
    return directory + ".suspect";
}

rocksdb::Env* env_or_default(rocksdb::Env* env) {
    return env == nullptr ? rocksdb::Env::Default() : env;
}

Status sync_parent(rocksdb::Env* env, const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path().string();
    std::unique_ptr<rocksdb::Directory> directory;
    auto status = env->NewDirectory(parent.empty() ? "." : parent, &directory);
    if (status.ok()) status = directory->Fsync();
    if (!status.ok()) return from_rocksdb(status, "sync the directory " + parent);
    return {};
}

/// Damage was met here before: everything is read before anything is trusted.
Status clear_suspicion(const Database& database, rocksdb::Env* env, const std::string& directory) {
    const auto mark = suspect_path(directory);
    if (!env->FileExists(mark).ok()) return {};
    auto verified = database.verify_checksums();
    if (!verified.ok()) return verified;
    const auto status = env->DeleteFile(mark);
    if (!status.ok()) return from_rocksdb(status, "remove " + mark);
    return {};
}

}  // namespace

std::string end_of_prefix(std::string prefix) {
    while (static_cast<unsigned char>(prefix.back()) == 0xFF) {
        prefix.pop_back();
        AIT_ASSERT(!prefix.empty());
    }
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
    return prefix;
}

Error from_rocksdb(const rocksdb::Status& status, std::string_view doing) {
    AIT_ASSERT(!status.ok());
    Error error{ErrorCode::storage_failed, "The database could not " + std::string(doing) + ".",
                "RocksDB says: " + status.ToString() + ".",
                "Look at the disk's health and at the kernel's messages, then restart the node."};
    if (status.IsNoSpace()) {
        error.code = ErrorCode::limit_reached;
        error.next = "Free some space on this disk, or raise the quota.";
    } else if (status.IsCorruption() || status.IsPathNotFound()) {
        error.code = ErrorCode::corrupt_data;
        error.next =
            "Check the disk, then start the node again: it builds the state anew where the block "
            "log is whole. Where it is not, restore the data directory from a backup.";
    }
    return error;
}

Database::Implementation::~Implementation() {
    if (rocks == nullptr) return;
    for (auto* handle : columns) {
        // Fails only for a handle that is not one of this database.
        if (handle != nullptr) (void)rocks->DestroyColumnFamilyHandle(handle);
    }
    // What is not flushed stays in RocksDB's own log or comes back from the block log.
    (void)rocks->Close();
}

Status Database::Implementation::suspect(const Error& cause) const {
    const auto text = render_error(cause);
    auto status = rocksdb::WriteStringToFile(env, text, suspect_path(directory), true);
    if (!status.ok()) return from_rocksdb(status, "mark " + directory + " as suspect");
    return sync_parent(env, directory);
}

Status Database::Implementation::resume() {
    if (next_incoming > 0) {
        // 7.8 has been seen to wait for ever for a flush then.
        return Error{ErrorCode::storage_failed, "The database cannot go on.",
                     "The disk was full, and RocksDB has taken tables since it was opened.",
                     "Free some space on this disk, then start the node again."};
    }
    is_resumed = true;
    auto status = rocks->Resume();
    // Where nothing waited in memory, RocksDB goes on with the log file whose write failed, and
    // that one takes nothing more (its own assertions end the process). A flush begins a new file.
    rocksdb::WriteOptions unlogged;
    unlogged.disableWAL = true;
    if (status.ok()) {
        status = rocks->Put(unlogged, column(Column::meta), rocksdb::Slice(resumed_key),
                            rocksdb::Slice());
    }
    if (status.ok()) status = rocks->Flush(rocksdb::FlushOptions(), column(Column::meta));
    if (!status.ok()) return from_rocksdb(status, "go on after the disk was full");
    return {};
}

bool Database::Implementation::takes_tables() const {
    std::uint64_t errors = 0;
    return !is_resumed &&
           rocks->GetIntProperty(rocksdb::DB::Properties::kBackgroundErrors, &errors) &&
           errors == 0;
}

void Database::Implementation::fail(const Error& error) const {
    // The node ends either way; without the mark the next one meets the damage where this one did.
    if (error.code == ErrorCode::corrupt_data) (void)suspect(error);
    if (!on_fatal) print_and_exit(error);
    on_fatal(error);
    assertion_failed("on_fatal must not return", __FILE__, __LINE__);
}

Database::Database(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& directory) {
    return open(directory, Options());
}

Result<std::unique_ptr<Database>> Database::open(const std::string& directory, Options options) {
    try {
        return open_files(directory, std::move(options));
    } catch (const std::bad_alloc&) {
        // RocksDB takes lengths from its files and asks for as much memory.
        return Error{ErrorCode::corrupt_data, "The database could not open " + directory + ".",
                     "A length in its files, or this machine's memory, is far off.",
                     "Check the disk, then start the node again."};
    }
}

Result<std::unique_ptr<Database>> Database::open_files(const std::string& directory,
                                                       Options options) {
    auto* const env = env_or_default(options.env);
    const Status tables = put_damaged_tables_aside(*env, directory);
    if (!tables.ok()) return tables.error();
    const bool is_new = !exists(directory, env);
    const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes, 2);
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (std::size_t i = 0; i < column_count; ++i) {
        descriptors.emplace_back(std::string(column_names[i]),
                                 column_options(static_cast<Column>(i), cache));
    }
    // RocksDB insists on its default column family; it stays empty.
    descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName,
                             column_options(Column::meta, cache));

    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* rocks = nullptr;
    const auto status = rocksdb::DB::Open(database_options(env, options.open_files_max), directory,
                                          descriptors, &handles, &rocks);
    if (!status.ok()) return from_rocksdb(status, "open " + directory);
    // What is synced inside is worth nothing in a directory that a power cut takes away.
    const Status synced = is_new ? sync_parent(env, directory) : Status{};
    auto implementation = std::make_unique<Implementation>();
    implementation->directory = directory;
    implementation->env = env;
    implementation->rocks.reset(rocks);
    implementation->on_fatal = std::move(options.on_fatal);
    std::copy_n(handles.begin(), column_count, implementation->columns.begin());
    (void)rocks->DestroyColumnFamilyHandle(handles.back());  // as in the destructor
    if (!synced.ok()) return synced.error();
    auto checked = check_format(*implementation);
    if (!checked.ok()) return checked.error();
    auto emptied = clear_incoming(*env, directory);
    if (!emptied.ok()) return emptied.error();
    std::unique_ptr<Database> database(new Database(std::move(implementation)));
    auto cleared = clear_suspicion(*database, env, directory);
    if (!cleared.ok()) return cleared.error();
    return database;
}

void Database::fail(const Error& error) const {
    implementation_->fail(error);
}

Status Database::suspect(const Error& cause) const {
    return implementation_->suspect(cause);
}

Result<std::string> Database::exchange(const std::string& directory, const std::string& made,
                                       std::int64_t now_unix_ms, rocksdb::Env* env) {
    env = env_or_default(env);
    auto kept = directory + ".damaged-" + std::to_string(now_unix_ms);
    while (env->FileExists(kept).ok()) kept += "-again";
    auto status = env->RenameFile(directory, kept);
    // A crash between the two leaves no directory, and the block log fills a new one.
    if (status.ok()) status = env->RenameFile(made, directory);
    if (status.ok() && env->FileExists(suspect_path(directory)).ok())
        status = env->DeleteFile(suspect_path(directory));
    if (!status.ok()) return from_rocksdb(status, "put " + directory + " aside");
    auto synced = sync_parent(env, directory);
    if (!synced.ok()) return synced.error();
    return kept;
}

bool Database::exists(const std::string& directory, rocksdb::Env* env) {
    return env_or_default(env)->FileExists(directory).ok();
}

Status Database::replace(const std::string& directory, const std::string& made, rocksdb::Env* env) {
    const Status destroyed = destroy(directory, env);
    if (!destroyed.ok()) return destroyed;
    env = env_or_default(env);
    const auto status = env->RenameFile(made, directory);
    if (!status.ok()) return from_rocksdb(status, "move " + made);
    return sync_parent(env, directory);
}

Status Database::destroy(const std::string& directory, rocksdb::Env* env) {
    rocksdb::Options options;
    options.env = env_or_default(env);
    if (!options.env->FileExists(directory).ok()) return {};
    const auto status = rocksdb::DestroyDB(directory, options);
    if (!status.ok()) return from_rocksdb(status, "remove " + directory);
    return {};
}

std::uint64_t Database::disk_bytes() const {
    std::uint64_t total = 0;
    for (auto* handle : implementation_->columns) {
        std::uint64_t bytes = 0;
        if (implementation_->rocks->GetIntProperty(
                handle, rocksdb::DB::Properties::kTotalSstFilesSize, &bytes)) {
            total += bytes;
        }
    }
    return total;
}

Status Database::verify_checksums() const {
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    const auto status = implementation_->rocks->VerifyChecksum(options);
    if (!status.ok()) return from_rocksdb(status, "verify its files");
    return {};
}

std::vector<std::pair<std::string, std::uint64_t>> Database::table_files() const {
    std::vector<rocksdb::LiveFileMetaData> files;
    implementation_->rocks->GetLiveFilesMetaData(&files);
    std::vector<std::pair<std::string, std::uint64_t>> names;
    names.reserve(files.size());
    for (const auto& file : files) names.emplace_back(file.relative_filename, file.size);
    return names;
}

Status Database::verify_table_file(const std::string& name) const {
    const auto path = implementation_->directory + "/" + name;
    rocksdb::Options options;
    options.env = implementation_->env;
    rocksdb::SstFileReader file(options);
    auto status = file.Open(path);
    if (status.ok()) status = file.VerifyChecksum();
    if (status.ok()) return {};
    const auto live = table_files();
    const bool is_live =
        std::any_of(live.begin(), live.end(), [&](const auto& row) { return row.first == name; });
    if (!is_live) return {};
    return from_rocksdb(status, "verify " + path);
}

void DatabaseColumn::report(const rocksdb::Status& status) const {
    auto error = from_rocksdb(status, "read");
    if (!keeps_failure_) database_->fail(error);
    failure_ = std::move(error);
}

std::optional<std::string> DatabaseColumn::get(std::string_view key) const {
    std::string space;
    if (!look(key, space).has_value()) return std::nullopt;
    return space;
}

std::optional<std::string_view> DatabaseColumn::look(std::string_view key,
                                                     std::string& space) const {
    std::string full;
    full.reserve(chain_prefix_.size() + key.size());
    full += chain_prefix_;
    full += key;
    const auto status = database_->rocks->Get(rocksdb::ReadOptions(), column_, full, &space);
    if (status.ok()) return space;
    if (!status.IsNotFound()) report(status);
    return std::nullopt;
}

void DatabaseColumn::scan(std::string_view prefix, std::string_view from,
                          const Visit& visit) const {
    const auto full_prefix = std::string(chain_prefix_).append(prefix);
    const auto first = std::string(chain_prefix_).append(std::max(prefix, from));
    const auto end = end_of_prefix(full_prefix);
    if (first >= end) return;
    const rocksdb::Slice upper_bound(end);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_bound;
    const std::unique_ptr<rocksdb::Iterator> rows(database_->rocks->NewIterator(options, column_));
    for (rows->Seek(first); rows->Valid(); rows->Next()) {
        auto key = rows->key().ToStringView();
        key.remove_prefix(chain_prefix_.size());
        if (!visit(key, rows->value().ToStringView())) return;
    }
    if (!rows->status().ok()) report(rows->status());
}

}  // namespace ait::storage
