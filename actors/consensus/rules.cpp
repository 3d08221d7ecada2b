#include "actors/consensus/rules.hpp"

namespace ait::consensus {
namespace {

std::string due_key(std::int64_t at_unix_ms, std::string_view kind, std::string_view id) {
    AIT_ASSERT(at_unix_ms >= 0);
    AIT_ASSERT(kind.find('/') == std::string_view::npos);
    std::string key;
    key.reserve(due_prefix.size() + sizeof(std::uint64_t) + kind.size() + 1 + id.size());
    key.append(due_prefix).append(big_endian(static_cast<std::uint64_t>(at_unix_ms)));
    return key.append(kind).append("/").append(id);
}

}  // namespace

std::string make_id(std::string_view prefix, const Context& context, std::uint32_t index) {
    // 48 bits of time, so that ids sort by age; 80 bits that nobody can choose.
    std::string bytes =
        big_endian(static_cast<std::uint64_t>(context.block_time_unix_ms)).substr(2);
    std::string tail(context.operation.view().substr(0, 10));
    for (std::size_t i = 0; i < 4; ++i) {
        tail[9 - i] = static_cast<char>(static_cast<std::uint8_t>(tail[9 - i]) ^
                                        ((index >> (8 * i)) & 0xFFU));
    }
    return std::string(prefix) + to_sortable_base32(bytes + tail);
}

void schedule_due(storage::StateView& view, std::int64_t at_unix_ms, std::string_view kind,
                  std::string_view id) {
    view.put(due_key(at_unix_ms, kind, id), "");
}

void cancel_due(storage::StateView& view, std::int64_t at_unix_ms, std::string_view kind,
                std::string_view id) {
    view.erase(due_key(at_unix_ms, kind, id));
}

std::optional<std::int64_t> next_due(const storage::StateReader& reader) {
    std::optional<std::int64_t> at;
    reader.scan(due_prefix, due_prefix, [&at](std::string_view key, std::string_view) {
        at = static_cast<std::int64_t>(from_big_endian(key.substr(due_prefix.size(), 8)));
        return false;
    });
    return at;
}

std::vector<DueEntry> due_entries(const storage::StateReader& reader, std::int64_t now_unix_ms,
                                  std::size_t count_max) {
    std::vector<DueEntry> entries;
    reader.scan(due_prefix, due_prefix, [&](std::string_view key, std::string_view) {
        const auto at =
            static_cast<std::int64_t>(from_big_endian(key.substr(due_prefix.size(), 8)));
        if (at > now_unix_ms || entries.size() == count_max) return false;
        const std::string_view rest = key.substr(due_prefix.size() + 8);
        const std::size_t slash = rest.find('/');
        AIT_ASSERT(slash != std::string_view::npos);
        entries.push_back({.key = std::string(key),
                           .at_unix_ms = at,
                           .kind = std::string(rest.substr(0, slash)),
                           .id = std::string(rest.substr(slash + 1))});
        return true;
    });
    return entries;
}

}  // namespace ait::consensus
