#include "storage/resident_keys.hpp"

#include <algorithm>
#include <utility>

namespace ait::storage {

ResidentKeys::ResidentKeys(std::vector<std::string> prefixes) : prefixes_(std::move(prefixes)) {}

bool ResidentKeys::covers(std::string_view key_or_prefix) const noexcept {
    return std::any_of(prefixes_.begin(), prefixes_.end(), [&](const std::string& prefix) {
        return key_or_prefix.starts_with(prefix);
    });
}

std::optional<std::string> ResidentKeys::get(std::string_view key) const {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return std::nullopt;
    return entry->second.value;
}

void ResidentKeys::scan(std::string_view prefix, std::string_view from, const Visit& visit) const {
    for (auto entry = entries_.lower_bound(std::max(prefix, from)); entry != entries_.end();
         ++entry) {
        if (!entry->first.starts_with(prefix)) return;
        if (!visit(entry->first, entry->second.value)) return;
    }
}

void ResidentKeys::load(std::string_view key, std::string_view value) {
    entries_.insert_or_assign(std::string(key), Entry{std::string(value), stored});
}

void ResidentKeys::put(std::string_view key, std::string_view value, bool is_erased_below) {
    const auto entry = entries_.find(key);
    if (entry != entries_.end()) {
        entry->second.value = value;
        return;
    }
    // RocksDB may still show what the unflushed erasure was for.
    entries_.emplace(key, Entry{std::string(value), is_erased_below ? stored : generation_});
}

bool ResidentKeys::erase(std::string_view key) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return false;
    const bool is_new = entry->second.generation == generation_;
    entries_.erase(entry);
    return is_new;
}

}  // namespace ait::storage
