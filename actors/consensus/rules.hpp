#pragma once

// What a domain gives to the chain: rules (one per transaction kind), due rules (what happens when
// a stored time comes) and its part of genesis. Rules are pure: state in, state out; time and ids
// come in by the Context. A refused operation leaves no trace.

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/consensus/block.hpp"
#include "actors/consensus/genesis.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "storage/state_view.hpp"

namespace ait::consensus {

/// Who stands behind an operation; a rule names the least it needs.
enum class Authority : std::uint8_t {
    node,     ///< a validator's node on behalf of a signed-in principal (batch item)
    account,  ///< the account's own signature
};

struct Context {
    const Genesis& genesis;
    std::uint64_t height = 0;
    std::int64_t block_time_unix_ms = 0;
    Authority authority = Authority::node;
    Address principal{};            ///< the account it acts for; proven when authority is account
    PublicKey signer{};             ///< the account's key when authority is account, else zero
    Hash operation{};               ///< transaction hash or batch item hash: the source of ids
    std::span<const Hash> blobs{};  ///< sidecars that are there: the chain has seen their bytes
    Hash parent{};                  ///< the block before, of height - 1
};

/// Whether the operation brought the bytes behind a hash; a rule that stores a hash asks this, or
/// somebody could be paid for content that nobody has.
[[nodiscard]] inline bool brings_blob(const Context& context, const Hash& hash) {
    return std::find(context.blobs.begin(), context.blobs.end(), hash) != context.blobs.end();
}

/// "job-" + base32 of (block time, operation hash, index): every node derives the same one and none
/// can be guessed before the block. `index` tells apart what one operation creates.
std::string make_id(std::string_view prefix, const Context& context, std::uint32_t index = 0);

struct Outcome {
    std::string response{};  ///< encoded answer struct
    std::vector<Event> events{};
};

using ApplyFunction = Result<Outcome> (*)(storage::StateView& view, std::string_view body,
                                          const Context& context);

struct Rule {
    std::string_view kind;
    Authority authority = Authority::account;
    ApplyFunction apply = nullptr;
};

/// Binds a typed function `Result<Outcome> apply(StateView&, const Tx&, const Context&)`.
template <Described Tx, Result<Outcome> (*apply)(storage::StateView&, const Tx&, const Context&)>
constexpr Rule rule(std::string_view kind, Authority authority) {
    return {kind, authority,
            [](storage::StateView& view, std::string_view body,
               const Context& context) -> Result<Outcome> {
                auto tx = decode<Tx>(body);
                if (!tx.ok()) return tx.error();
                return apply(view, tx.value(), context);
            }};
}

/// Called once when an entry scheduled by schedule_due has come.
using DueFunction = std::vector<Event> (*)(storage::StateView& view, std::string_view id,
                                           const Context& context);

struct DueRule {
    std::string_view kind;
    DueFunction apply = nullptr;
};

/// Writes a domain's part of height 0.
using GenesisFunction = Status (*)(storage::StateView& view, const Genesis& genesis);

/// All that one domain brings.
struct DomainRules {
    std::span<const Rule> rules{};
    std::span<const DueRule> due_rules{};
    GenesisFunction genesis = nullptr;
    /// State keys that its rules read or scan in every block: kept in memory whole, so their number
    /// must follow what is alive (open jobs, miners), never history.
    std::span<const std::string_view> resident_prefixes{};
};

// ---- the due index: one ordered key per waiting time -----------------------------------------

inline constexpr std::string_view due_prefix = "due/";

/// Asks for DueRule `kind` to be called for `id` in the first block whose time is >= at_unix_ms.
void schedule_due(storage::StateView& view, std::int64_t at_unix_ms, std::string_view kind,
                  std::string_view id);
/// Takes the entry back; needs the same three values. Harmless when it is gone.
void cancel_due(storage::StateView& view, std::int64_t at_unix_ms, std::string_view kind,
                std::string_view id);
/// The earliest waiting time, if any.
std::optional<std::int64_t> next_due(const storage::StateReader& reader);

struct DueEntry {
    std::string key{};
    std::int64_t at_unix_ms = 0;
    std::string kind{};
    std::string id{};
};
/// Entries with at <= now, in order, at most `count_max`.
std::vector<DueEntry> due_entries(const storage::StateReader& reader, std::int64_t now_unix_ms,
                                  std::size_t count_max);

/// A key of the state: a domain's prefix and what follows it.
inline std::string keyed(std::string_view prefix, std::string_view first,
                         std::string_view second = {}) {
    std::string key;
    key.reserve(prefix.size() + first.size() + second.size());
    return key.append(prefix).append(first).append(second);
}

// ---- typed records in state ------------------------------------------------------------------

inline constexpr char record_version = 1;

/// A record is a version byte and the struct's canonical bytes.
template <Described T>
void store_record(storage::StateView& view, std::string key, const T& value) {
    view.put(std::move(key), encode(value, std::string_view(&record_version, 1)));
}

template <Described T>
Result<T> decode_record(std::string_view bytes) {
    if (bytes.empty() || bytes[0] != record_version) {
        return Error{ErrorCode::corrupt_data, "A stored record cannot be read.",
                     "Its version is unknown.", ""};
    }
    auto value = decode<T>(bytes.substr(1));
    if (!value.ok()) {
        return Error{ErrorCode::corrupt_data, "A stored record cannot be read.", value.error().why,
                     ""};
    }
    return value;
}

/// Null when there is none. What state holds was written by store_record, so an unreadable record
/// is a fault of ours or of the disk and was caught by the store's checksum: it asserts.
template <Described T>
std::optional<T> load_record(const storage::StateReader& reader, std::string_view key) {
    std::string space;
    const auto bytes = reader.look(key, space);
    if (!bytes) return std::nullopt;
    auto value = decode_record<T>(*bytes);
    AIT_ASSERT(value.ok());
    return std::move(value).value();
}

}  // namespace ait::consensus
