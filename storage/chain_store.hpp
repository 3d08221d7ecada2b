#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "storage/state_view.hpp"

// What a chain's log produced, ready to be read: state, blocks, indexes, blobs. A published
// block is visible at once from memory and reaches RocksDB behind the log, unsynced, with its
// height in the same batch; after a crash the log is replayed from flushed_height() + 1. Keys and
// formats: storage/README.md.

namespace rocksdb {
class Env;
}

namespace ait::storage {

inline constexpr std::size_t page_bytes_max = 8U * 1024 * 1024;

/// Called once, on any thread, when stored data cannot be read or written any more; must end the
/// process (it is aborted where the call returns). Executing on without the data would fork the
/// chain.
using StorageFatal = std::function<void(const Error&)>;

/// The one RocksDB of a data directory; all chains of the node share it. Any thread.
class Database {
  public:
    struct Options {
        std::size_t block_cache_bytes = 16U * 1024 * 1024;
        StorageFatal on_fatal{};  ///< default: prints the error and exits with its exit status
        std::uint32_t open_files_max = 256;
        rocksdb::Env* env = nullptr;  ///< null: this machine's; outlives the database
    };
    /// Creates what is missing. A directory that was suspected is read as a whole first. Errors:
    /// corrupt_data, storage_failed (also: open elsewhere), unsupported (another format).
    static Result<std::unique_ptr<Database>> open(const std::string& directory, Options options);
    static Result<std::unique_ptr<Database>> open(const std::string& directory);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    /// Bytes of the files on disk, an estimate.
    [[nodiscard]] std::uint64_t disk_bytes() const;
    /// Reads every stored block of bytes and checks its checksum. Slow. Error: corrupt_data.
    Status verify_checksums() const;
    /// For who was told of damage by a read: marks the directory and ends the process.
    [[noreturn]] void fail(const Error& error) const;
    /// Leaves a mark, so that the next open() reads everything before it trusts anything. Done by
    /// itself where a read meets damage.
    Status suspect(const Error& cause) const;
    /// Names of the table files now, with their sizes.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> table_files() const;
    /// Checks one of them from the disk, past the block cache; a file that compaction has removed
    /// meanwhile is fine. Error: corrupt_data, naming it; storage_failed.
    Status verify_table_file(const std::string& name) const;

    /// Puts the directory `made` in the place of `directory`, which is kept under the name that is
    /// answered. Neither may be open.
    static Result<std::string> exchange(const std::string& directory, const std::string& made,
                                        std::int64_t now_unix_ms, rocksdb::Env* env = nullptr);
    /// Puts the directory `made` in the place of `directory`, which is deleted. Neither may be
    /// open. After a crash it may have to be called again.
    static Status replace(const std::string& directory, const std::string& made,
                          rocksdb::Env* env = nullptr);
    [[nodiscard]] static bool exists(const std::string& directory, rocksdb::Env* env = nullptr);
    /// Deletes a database that can be made again. Not an error: there is none.
    static Status destroy(const std::string& directory, rocksdb::Env* env = nullptr);

    struct Implementation;
    [[nodiscard]] Implementation& implementation() const noexcept { return *implementation_; }

  private:
    static Result<std::unique_ptr<Database>> open_files(const std::string& directory,
                                                        Options options);
    explicit Database(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

using Row = std::pair<std::string, std::string>;

/// The tables that a whole state is made of.
enum class StoreTable : std::uint8_t { state, index, blobs };

/// One block's effects. Keys hold no chain name; the store adds it.
struct BlockWrites {
    std::uint64_t height = 0;
    WriteSet state{};
    std::string block_record{};  ///< found again by find_block(height)
    std::vector<Row> index{};    ///< e.g. transaction hash -> height
    std::vector<std::string> index_erased{};
    std::vector<Row> blobs{};  ///< hash -> bytes
    /// What readers of this height are given along with it; not stored.
    std::shared_ptr<const void> attachment{};
    /// image(height) is going to be asked for.
    bool makes_image = false;
};

class StoreImage;

/// Rows in key order. `more` = the limit (rows or page_bytes_max) ended it; go on from the last key
/// with a zero byte added.
struct Page {
    std::vector<Row> rows{};
    bool more = false;
};

struct StoreOptions {
    std::uint32_t flush_interval_ms = 500;
    std::size_t flush_bytes = 16U * 1024 * 1024;  ///< flushes before the interval is over
    /// Of a flush that makes tables itself (layer_tables.hpp). Off: it takes two fifths off what a
    /// job costs, but RocksDB's list of tables then grows by records that a loss of power can tear,
    /// about one in four hundred cuts of the test, and where the block log is pruned the state is
    /// lost with it.
    std::size_t tables_bytes_least = SIZE_MAX;
    std::size_t unflushed_bytes_max = 64U * 1024 * 1024;  ///< publish() refuses beyond
    /// State keys to keep in memory whole (resident_keys.hpp).
    std::vector<std::string> resident_prefixes{};
};

class ReadGuard;

/// One chain in the database, which must outlive it. Any thread; publish() by one thread at a time.
class ChainStore {
  public:
    /// `chain`: 1 to limits::name_bytes_max bytes; at most one ChainStore a chain. Starts the
    /// flusher.
    static Result<std::unique_ptr<ChainStore>> open(Database& database, const std::string& chain,
                                                    StoreOptions options = {});
    ChainStore(const ChainStore&) = delete;
    ChainStore& operator=(const ChainStore&) = delete;
    /// Flushes what is published and stops the flusher. No ReadGuard may be left.
    ~ChainStore();

    /// Makes a block visible; call it after the log's sync. The first height of an empty store is
    /// free, then last+1. Waits for open ReadGuards. `block` is moved from only on success.
    /// Errors: conflict (height), overloaded (unflushed_bytes_max reached, or an image is being
    /// taken: nothing is published, flush or wait and call again), storage_failed (a flush failed;
    /// for ever).
    Status publish(BlockWrites&& block);
    /// Writes everything published to RocksDB and syncs its log. Returns the height that is durable
    /// now: log records up to it may be pruned. nullopt: the store is empty. Blocks; not for
    /// actors.
    Result<std::optional<std::uint64_t>> flush_durable();

    /// Last published height; nullopt: nothing was ever published.
    [[nodiscard]] std::optional<std::uint64_t> height() const;
    /// Height in RocksDB. After open: replay the log from the next height on.
    [[nodiscard]] std::optional<std::uint64_t> flushed_height() const;
    [[nodiscard]] std::size_t unflushed_bytes() const;

    /// Retention. Visible at once, on disk with the next flush; a replay may bring a blob back.
    Status erase_blob(std::string_view hash);
    /// Erases blocks below a height from RocksDB. At most up to the flushed height;
    /// conflict otherwise.
    Status prune_history_below(std::uint64_t height);

    /// A consistent view of the last published height.
    [[nodiscard]] ReadGuard read() const;

    /// What the chain held at the height of the last block that was published with `makes_image`,
    /// however long it is read; not_found where that was another one. Blocks for a flush.
    Result<std::unique_ptr<StoreImage>> image(std::uint64_t height);

    /// Fills a store that nothing was published in; the first publish() makes it one. Rows of the
    /// resident keys are seen when the store is opened again. Errors: as flush_durable(); conflict.
    Status import_rows(StoreTable table, const std::vector<Row>& rows);

    struct Implementation;

  private:
    friend class ReadGuard;
    explicit ChainStore(std::unique_ptr<Implementation> implementation);
    void wake_flusher(bool is_urgent);
    std::unique_ptr<Implementation> implementation_;
};

/// Holds a shared lock that publish() waits for: keep it for one request, never across a wait, and
/// never take a second one on the same thread while one is held (a waiting publish would stand
/// between them). One thread.
class ReadGuard {
  public:
    ReadGuard(ReadGuard&&) noexcept;
    ReadGuard& operator=(ReadGuard&&) = delete;
    ReadGuard(const ReadGuard&) = delete;
    ReadGuard& operator=(const ReadGuard&) = delete;
    ~ReadGuard();

    /// Valid as long as the guard. A read error of the disk goes to Database::Options::on_fatal.
    [[nodiscard]] const StateReader& state() const noexcept;
    /// 0 also where nothing is published yet.
    [[nodiscard]] std::uint64_t height() const noexcept;
    /// Of the last published block; null where none was published since the store was opened.
    [[nodiscard]] std::shared_ptr<const void> attachment() const noexcept;

    // Errors of all: corrupt_data, storage_failed. nullopt: there is none.
    [[nodiscard]] Result<std::optional<std::string>> find_block(std::uint64_t height) const;
    [[nodiscard]] Result<std::optional<std::string>> find_index(std::string_view key) const;
    [[nodiscard]] Result<std::optional<std::string>> find_blob(std::string_view hash) const;
    [[nodiscard]] Result<Page> scan_index(std::string_view prefix, std::string_view from_key,
                                          std::size_t rows_max) const;

  private:
    friend class ChainStore;
    struct Implementation;
    explicit ReadGuard(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace ait::storage
