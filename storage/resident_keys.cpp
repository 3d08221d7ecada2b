#include "storage/resident_keys.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/assert.hpp"

namespace ait::storage {

ResidentKeys::ResidentKeys(std::vector<std::string> prefixes) : prefixes_(std::move(prefixes)) {
    for (const auto& prefix : prefixes_) AIT_ASSERT(!prefix.empty());
}

bool ResidentKeys::covers(std::string_view key_or_prefix) const noexcept {
    return std::any_of(prefixes_.begin(), prefixes_.end(), [&](const std::string& prefix) {
        // Keys of one room begin alike: where a prefix ends they differ.
        return key_or_prefix.size() >= prefix.size() &&
               key_or_prefix[prefix.size() - 1] == prefix.back() &&
               key_or_prefix.starts_with(prefix);
    });
}

bool ResidentKeys::meets(std::string_view prefix) const noexcept {
    return covers(prefix) ||
           std::any_of(prefixes_.begin(), prefixes_.end(),
                       [&](const std::string& own) { return own.starts_with(prefix); });
}

/// Behind the last key that begins with this.
ResidentKeys::Entries::const_iterator ResidentKeys::end_of(std::string_view prefix) const {
    std::string above(prefix);
    while (!above.empty() && static_cast<std::uint8_t>(above.back()) == 0xFF) above.pop_back();
    if (above.empty()) return entries_.end();
    above.back() = static_cast<char>(static_cast<std::uint8_t>(above.back()) + 1);
    return entries_.lower_bound(above);
}

std::optional<std::string> ResidentKeys::get(std::string_view key) const {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return std::nullopt;
    return entry->second.value;
}

std::optional<std::string_view> ResidentKeys::look(std::string_view key, std::string&) const {
    const auto entry = entries_.find(key);
    if (entry == entries_.end() || !entry->second.value.has_value()) return std::nullopt;
    return *entry->second.value;
}

void ResidentKeys::scan(std::string_view prefix, std::string_view from, const Visit& visit) const {
    if (from > prefix && !from.starts_with(prefix)) return;  // behind all of them
    const auto end = end_of(prefix);
    for (auto entry = entries_.lower_bound(std::max(prefix, from)); entry != end; ++entry) {
        if (!entry->second.value.has_value()) continue;
        if (!visit(entry->first, *entry->second.value)) return;
    }
}

void ResidentKeys::load(std::string_view key, std::string_view value) {
    entries_.insert_or_assign(std::string(key),
                              Entry{.value = std::string(value), .is_stored = true});
}

void ResidentKeys::put(std::string key, std::string value) {
    set(entries_.try_emplace(std::move(key)).first, std::move(value));
}

void ResidentKeys::erase(std::string_view key) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return;
    if (entry->second.is_stored) return set(entry, std::nullopt);
    forget_change(entry);
    entries_.erase(entry);
}

WriteSet ResidentKeys::changes() const {
    WriteSet writes;
    for (const auto& entry : changed_) writes.emplace(entry->first, entry->second.value);
    return writes;
}

WriteSet ResidentKeys::take_changes() {
    WriteSet writes = changes();
    for (const auto& entry : changed_) {
        entry->second.place = unchanged;
        entry->second.is_stored = true;
        if (!entry->second.value.has_value()) entries_.erase(entry);
    }
    changed_.clear();
    changed_bytes_ = 0;
    return writes;
}

void ResidentKeys::set(Entries::iterator entry, std::optional<std::string> value) {
    const std::size_t bytes_before = entry->second.value ? entry->second.value->size() : 0;
    const std::size_t bytes_now = value ? value->size() : 0;
    if (entry->second.place != unchanged) {
        changed_bytes_ += bytes_now;
        changed_bytes_ -= bytes_before;
        entry->second.value = std::move(value);
        return;
    }
    entry->second.value = std::move(value);
    entry->second.place = changed_.size();
    changed_.push_back(entry);
    changed_bytes_ += entry_overhead_bytes + entry->first.size() + bytes_now;
}

/// The last one takes its place.
void ResidentKeys::forget_change(Entries::iterator entry) {
    AIT_ASSERT(entry->second.place < changed_.size());
    changed_bytes_ -= entry_overhead_bytes + entry->first.size() +
                      (entry->second.value ? entry->second.value->size() : 0);
    changed_[entry->second.place] = changed_.back();
    changed_[entry->second.place]->second.place = entry->second.place;
    changed_.pop_back();
}

}  // namespace ait::storage
