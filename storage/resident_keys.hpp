#pragma once

// Keys of a chain's state that are kept in memory whole, because rules read and scan them in every
// block: queues, due times, counters. A queue in an LSM tree drowns in the tombstones of what has
// left it; here a scan costs what it shows. They are written to RocksDB like all others, so that a
// start can load them, except those that came and went between two flushes.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/state_view.hpp"

namespace ait::storage {

/// Not synchronised: the chain store's gate covers it.
class ResidentKeys final : public StateReader {
  public:
    /// `prefixes`: of the keys that it holds; none begins with another.
    explicit ResidentKeys(std::vector<std::string> prefixes);

    [[nodiscard]] const std::vector<std::string>& prefixes() const noexcept { return prefixes_; }
    /// Whether all keys that begin with this (or the key itself) are here.
    [[nodiscard]] bool covers(std::string_view key_or_prefix) const noexcept;

    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override;
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override;

    /// While opening: a key that RocksDB holds.
    void load(std::string_view key, std::string_view value);
    /// A published put. `is_erased_below`: an unflushed erasure of the same key is being replaced.
    void put(std::string_view key, std::string_view value, bool is_erased_below);
    /// A published erasure; true: the key was never given to a flush, so RocksDB need not hear of
    /// it.
    bool erase(std::string_view key);
    /// From here on, what is here counts as given to RocksDB.
    void begin_flush() noexcept { ++generation_; }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  private:
    static constexpr std::uint64_t stored = 0;

    struct Entry {
        std::string value{};
        std::uint64_t generation = stored;  ///< of the flush that will write it first
    };

    std::vector<std::string> prefixes_;
    std::map<std::string, Entry, std::less<>> entries_{};
    std::uint64_t generation_ = stored + 1;
};

}  // namespace ait::storage
