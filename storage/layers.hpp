#pragma once

// What is published and not yet in RocksDB, and how a reader sees it over what is stored. For
// chain_store.cpp alone; its lock covers all of it.

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "storage/resident_keys.hpp"
#include "storage/rocks.hpp"

namespace ait::storage {

inline constexpr std::size_t entry_overhead_bytes = 96;  // of a map's node and two small strings
inline constexpr std::size_t data_column_count = column_count - 1;  // meta holds only the height
static_assert(static_cast<std::size_t>(Column::meta) == data_column_count);

inline std::size_t bytes_of(const std::string& key, const std::optional<std::string>& value) {
    return entry_overhead_bytes + key.size() + (value.has_value() ? value->size() : 0);
}

/// Published and not yet in RocksDB: a write set for each table.
struct Layer {
    std::array<WriteSet, data_column_count> columns;
    std::size_t bytes = 0;

    [[nodiscard]] const WriteSet& column(Column which) const {
        return columns.at(static_cast<std::size_t>(which));
    }
    [[nodiscard]] bool is_empty() const { return bytes == 0; }

    void set(Column which, std::string key, std::optional<std::string> value) {
        WriteSet single;
        single.emplace(std::move(key), std::move(value));
        add(which, std::move(single));
    }
    /// As if it had never been written.
    void forget(Column which, const std::string& key) {
        WriteSet& own = columns.at(static_cast<std::size_t>(which));
        const auto entry = own.find(key);
        if (entry == own.end()) return;
        bytes -= bytes_of(entry->first, entry->second);
        own.erase(entry);
    }
    [[nodiscard]] bool has_erased(Column which, const std::string& key) const {
        const auto entry = column(which).find(key);
        return entry != column(which).end() && !entry->second.has_value();
    }
    /// Moves the nodes over, so that publishing a block allocates nothing for its state.
    void add(Column which, WriteSet&& writes) {
        WriteSet& own = columns.at(static_cast<std::size_t>(which));
        for (const auto& [key, value] : writes) bytes += bytes_of(key, value);
        own.merge(writes);
        for (auto& [key, value] : writes) {  // keys that both had
            auto& old = own.find(key)->second;
            bytes -= bytes_of(key, old);
            old = std::move(value);
        }
    }
};

/// What a published table shows: the resident keys, and for all others the newer layer over the one
/// being flushed over RocksDB.
class LayeredColumn final : public StateReader {
  public:
    LayeredColumn(const Layer& newer, const Layer& older, Column which, DatabaseColumn stored,
                  const ResidentKeys* resident)
        : newer_(&newer.column(which)),
          older_(&older.column(which)),
          stored_(std::move(stored)),
          resident_(resident) {}

    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
        if (resident_ != nullptr && resident_->covers(key)) return resident_->get(key);
        for (const auto* writes : {newer_, older_}) {
            if (const auto found = writes->find(key); found != writes->end()) return found->second;
        }
        return stored_.get(key);
    }
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
        if (resident_ != nullptr && resident_->covers(prefix))
            return resident_->scan(prefix, from, visit);
        scan_merged(*newer_, Flushing{*older_, stored_}, prefix, from, visit);
    }
    [[nodiscard]] const std::optional<Error>& failure() const noexcept { return stored_.failure(); }

  private:
    struct Flushing final : StateReader {
        Flushing(const WriteSet& given_writes, const StateReader& given_base)
            : writes(&given_writes), base(&given_base) {}
        [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
            const auto found = writes->find(key);
            return found == writes->end() ? base->get(key) : found->second;
        }
        void scan(std::string_view prefix, std::string_view from,
                  const Visit& visit) const override {
            scan_merged(*writes, *base, prefix, from, visit);
        }
        const WriteSet* writes;
        const StateReader* base;
    };

    const WriteSet* newer_;
    const WriteSet* older_;
    DatabaseColumn stored_;
    const ResidentKeys* resident_;
};

}  // namespace ait::storage
