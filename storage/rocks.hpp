#pragma once

#include <rocksdb/db.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "storage/chain_store.hpp"

// The only place that knows RocksDB's types; included by .cpp files of this room alone.

namespace ait::storage {

/// One table of the database each; the numbers index Database::Implementation::columns.
enum class Column : std::uint8_t { state, blocks, index, blobs, meta };
inline constexpr std::size_t column_count = 5;

/// `doing` completes "The database could not ...". Errors: corrupt_data, limit_reached (disk full),
/// storage_failed. Needs a status that is not ok.
[[nodiscard]] Error from_rocksdb(const rocksdb::Status& status, std::string_view doing);

/// The smallest string above all that begin with `prefix`; a chain's prefix is never all 0xFF.
[[nodiscard]] std::string end_of_prefix(std::string prefix);

struct Database::Implementation {
    Implementation() = default;
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;
    ~Implementation();

    [[nodiscard]] rocksdb::ColumnFamilyHandle* column(Column which) const {
        return columns.at(static_cast<std::size_t>(which));
    }
    Status suspect(const Error& cause) const;
    /// After a write found the disk full: makes the database take writes again. Error:
    /// limit_reached while there is no space.
    Status resume();
    /// False for good once RocksDB met an error in the background: 7.8 takes tables under the file
    /// number zero after it was told to go on (ErrorHandler::ClearBGError leaves it half stopped).
    [[nodiscard]] bool takes_tables() const;
    /// Does not return.
    [[noreturn]] void fail(const Error& error) const;

    std::string directory;
    rocksdb::Env* env = nullptr;
    std::unique_ptr<rocksdb::DB> rocks;
    std::array<rocksdb::ColumnFamilyHandle*, column_count> columns{};
    StorageFatal on_fatal;
    std::atomic<std::uint64_t> next_incoming{0};  ///< names of tables that are being made
    std::atomic<bool> is_resumed{false};
};

/// One chain's part of one table, without the chain's prefix. A failed read goes to the database's
/// on_fatal, or, where `keeps_failure`, ends the read and is kept for failure(). One thread.
class DatabaseColumn final : public StateReader {
  public:
    DatabaseColumn(const Database::Implementation& database, Column which,
                   std::string_view chain_prefix, bool keeps_failure)
        : database_(&database),
          column_(database.column(which)),
          chain_prefix_(chain_prefix),
          keeps_failure_(keeps_failure) {}

    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override;
    [[nodiscard]] std::optional<std::string_view> look(std::string_view key,
                                                       std::string& space) const override;
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override;
    [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }

  private:
    void report(const rocksdb::Status& status) const;

    const Database::Implementation* database_;
    rocksdb::ColumnFamilyHandle* column_;
    std::string_view chain_prefix_;
    bool keeps_failure_;
    mutable std::optional<Error> failure_;
};

}  // namespace ait::storage
