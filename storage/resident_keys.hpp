#pragma once

// Keys of a chain's state that are kept in memory whole, because rules read and scan them in every
// block: queues, due times, counters. A queue in an LSM tree drowns in the tombstones of what has
// left it; here a scan costs what it shows. They are written to RocksDB like all others, so that a
// start can load them, except those that came and went between two flushes, and a key that changed
// many times in between is written once.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/state_view.hpp"

namespace ait::storage {

inline constexpr std::size_t entry_overhead_bytes = 96;  // of a map's node and two small strings

/// Not synchronised: the chain store's gate covers it.
/// Invariants:
///  1. An entry without a value is one that RocksDB may still show; it is among the changed ones.
///  2. `changed_` names each entry that differs from what was given to RocksDB, once.
class ResidentKeys final : public StateReader {
  public:
    /// `prefixes`: of the keys that it holds; none begins with another.
    explicit ResidentKeys(std::vector<std::string> prefixes);

    [[nodiscard]] const std::vector<std::string>& prefixes() const noexcept { return prefixes_; }
    /// Whether all keys that begin with this (or the key itself) are here.
    [[nodiscard]] bool covers(std::string_view key_or_prefix) const noexcept;
    /// Whether some of the keys that begin with this are here.
    [[nodiscard]] bool meets(std::string_view prefix) const noexcept;

    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override;
    [[nodiscard]] std::optional<std::string_view> look(std::string_view key,
                                                       std::string& space) const override;
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override;

    /// While opening: a key that RocksDB holds.
    void load(std::string_view key, std::string_view value);
    void put(std::string key, std::string value);
    void erase(std::string_view key);

    /// What RocksDB has not been told.
    [[nodiscard]] WriteSet changes() const;
    /// The same; from here on it counts as told.
    [[nodiscard]] WriteSet take_changes();
    [[nodiscard]] std::size_t changed_bytes() const noexcept { return changed_bytes_; }

  private:
    static constexpr std::size_t unchanged = SIZE_MAX;

    struct Entry {
        std::optional<std::string> value{};
        std::size_t place = unchanged;  ///< in `changed_`
        bool is_stored = false;         ///< RocksDB was told of it
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    [[nodiscard]] Entries::const_iterator end_of(std::string_view prefix) const;
    void forget_change(Entries::iterator entry);
    void set(Entries::iterator entry, std::optional<std::string> value);

    std::vector<std::string> prefixes_;
    Entries entries_{};
    std::vector<Entries::iterator> changed_{};
    std::size_t changed_bytes_ = 0;
};

}  // namespace ait::storage
