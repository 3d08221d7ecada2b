#pragma once

// What is published and not yet in RocksDB, and how a reader sees it over what is stored. For
// chain_store.cpp alone; its lock covers all of it.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "runtime/base/assert.hpp"
#include "storage/resident_keys.hpp"
#include "storage/rocks.hpp"

namespace ait::storage {

inline constexpr std::size_t data_column_count = column_count - 1;  // meta holds only the height
static_assert(static_cast<std::size_t>(Column::meta) == data_column_count);

inline std::size_t bytes_of(std::string_view key, const std::optional<std::string>& value) {
    return entry_overhead_bytes + key.size() + (value.has_value() ? value->size() : 0);
}

struct HashOfBytes {
    using is_transparent = void;
    // Not noexcept: then the table keeps each hash, and growing costs no second one.
    std::size_t operator()(std::string_view bytes) const {
        return std::hash<std::string_view>()(bytes);
    }
};
/// Of tables whose keys are hashes and heights, which are looked up one by one.
using HashedWrites =
    std::unordered_map<std::string, std::optional<std::string>, HashOfBytes, std::equal_to<>>;

/// Published and not yet in RocksDB: a write set for each table.
class Layer {
  public:
    /// Null: it says nothing of the key.
    [[nodiscard]] const std::optional<std::string>* find(Column which, std::string_view key) const {
        if (which == Column::state) return found_in(state_, key);
        return found_in(hashed(which), key);
    }
    [[nodiscard]] const WriteSet& state() const noexcept { return state_; }
    [[nodiscard]] const HashedWrites& hashed(Column which) const {
        AIT_ASSERT(which != Column::state);
        return hashed_.at(static_cast<std::size_t>(which));
    }
    /// In order, which the hashed tables have to be put into first.
    [[nodiscard]] WriteSet in_order(Column which, std::string_view prefix) const {
        WriteSet writes;
        for (const auto& [key, value] : hashed(which)) {
            if (key.starts_with(prefix)) writes.emplace(key, value);
        }
        return writes;
    }
    [[nodiscard]] bool is_empty() const noexcept { return bytes_ == 0; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

    void set(Column which, std::string key, std::optional<std::string> value) {
        AIT_ASSERT(which != Column::state);
        bytes_ += bytes_of(key, value);
        const auto [entry, is_new] =
            hashed_.at(static_cast<std::size_t>(which)).try_emplace(std::move(key));
        if (!is_new) bytes_ -= bytes_of(entry->first, entry->second);
        entry->second = std::move(value);
    }
    /// Moves the nodes over, so that publishing a block allocates nothing for its state.
    void add_state(WriteSet&& writes) {
        for (const auto& [key, value] : writes) bytes_ += bytes_of(key, value);
        state_.merge(writes);
        for (auto& [key, value] : writes) {  // keys that both had
            auto& old = state_.find(key)->second;
            bytes_ -= bytes_of(key, old);
            old = std::move(value);
        }
    }

  private:
    template <class Writes>
    static const std::optional<std::string>* found_in(const Writes& writes, std::string_view key) {
        const auto found = writes.find(key);
        return found == writes.end() ? nullptr : &found->second;
    }

    WriteSet state_{};
    std::array<HashedWrites, data_column_count> hashed_{};  // that of the state stays empty
    std::size_t bytes_ = 0;
};

/// What a published table shows: the resident keys, and for all others the newer layer over the one
/// being flushed over RocksDB.
class LayeredColumn final : public StateReader {
  public:
    LayeredColumn(const Layer& newer, const Layer& older, Column which, DatabaseColumn stored,
                  const ResidentKeys* resident)
        : newer_(&newer),
          older_(&older),
          which_(which),
          stored_(std::move(stored)),
          resident_(resident) {}

    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
        std::string space;
        const auto bytes = look(key, space);
        if (!bytes.has_value()) return std::nullopt;
        return bytes->data() == space.data() ? std::move(space) : std::string(*bytes);
    }
    [[nodiscard]] std::optional<std::string_view> look(std::string_view key,
                                                       std::string& space) const override {
        if (resident_ != nullptr && resident_->covers(key)) return resident_->look(key, space);
        for (const Layer* layer : {newer_, older_}) {
            const auto* found = layer->find(which_, key);
            if (found == nullptr) continue;
            if (!found->has_value()) return std::nullopt;
            return **found;
        }
        return stored_.look(key, space);
    }
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
        if (resident_ != nullptr && resident_->covers(prefix))
            return resident_->scan(prefix, from, visit);
        if (which_ != Column::state) {
            const WriteSet newer = newer_->in_order(which_, prefix);
            const WriteSet older = older_->in_order(which_, prefix);
            return scan_merged(newer, StateOver{older, stored_}, prefix, from, visit);
        }
        const StateOver flushing{older_->state(), stored_};
        if (resident_ == nullptr || !resident_->meets(prefix))
            return scan_merged(newer_->state(), flushing, prefix, from, visit);
        // Neither layer knows what became of resident keys; nobody scans across them in a block.
        const WriteSet resident = resident_->changes();
        scan_merged(resident, StateOver{newer_->state(), flushing}, prefix, from, visit);
    }
    [[nodiscard]] const std::optional<Error>& failure() const noexcept { return stored_.failure(); }

  private:
    const Layer* newer_;
    const Layer* older_;
    Column which_;
    DatabaseColumn stored_;
    const ResidentKeys* resident_;
};

}  // namespace ait::storage
