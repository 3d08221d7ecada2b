#pragma once

// The miner registry on a state view: records, ids and counters. A small pure library that the
// coordinator uses too, because a lease changes both a job and its miner. Heartbeats are not here:
// they never reach the chain.
//
// Invariants:
//  1. A record is never erased: its counters and id outlive a deregistration.
//  2. jobs_running is the number of leases that name the miner.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "actors/consensus/rules.hpp"
#include "actors/miner/messages.hpp"

namespace ait::miner {

/// State record, version 1. Key: "miner/record/" + 20 address bytes.
struct MinerRecord {
    Address address{};
    PublicKey public_key{};
    MinerStatus status = MinerStatus::active;
    RegisterMiner offer{};  ///< what it said of itself, checked
    std::int64_t registered_at_ms = 0;
    std::int64_t last_active_ms = 0;  ///< block time of its last transaction
    std::uint32_t jobs_running = 0;
    std::uint64_t jobs_completed = 0;
    std::uint64_t jobs_failed = 0;
    std::uint64_t jobs_expired = 0;  ///< leases that it let run out
    std::uint64_t busy_ms = 0;
    Amount earned{};
    Address served_owner{};             ///< whose job it got last: the next owner's turn is next
    std::uint64_t failures_in_row = 0;  ///< attempts without a result since the last result
    std::int64_t rests_until_ms = 0;    ///< gets nothing before
    static constexpr auto fields() {
        using T = MinerRecord;
        return std::tuple{field("address", &T::address, ""),
                          field("public_key", &T::public_key, ""),
                          field("status", &T::status, ""),
                          field("offer", &T::offer, ""),
                          field("registered_at_ms", &T::registered_at_ms, ""),
                          field("last_active_ms", &T::last_active_ms, ""),
                          field("jobs_running", &T::jobs_running, ""),
                          field("jobs_completed", &T::jobs_completed, ""),
                          field("jobs_failed", &T::jobs_failed, ""),
                          field("jobs_expired", &T::jobs_expired, ""),
                          field("busy_ms", &T::busy_ms, ""),
                          field("earned", &T::earned, ""),
                          optional_field("served_owner", &T::served_owner, ""),
                          optional_field("failures_in_row", &T::failures_in_row, ""),
                          optional_field("rests_until_ms", &T::rests_until_ms, "")};
    }
};

/// "miner-" + base32 of the address: the same key is the same miner on every chain.
std::string miner_id_of(const Address& address);
/// The account of a miner id or of an address text. Error: invalid_argument.
Result<Address> parse_miner(std::string_view text);

/// State keys that the chain keeps in memory whole.
inline constexpr std::array<std::string_view, 1> resident_prefixes{"miner/record/"};

std::optional<MinerRecord> find_miner(const storage::StateReader& reader, const Address& address);
void store_miner(storage::StateView& view, const MinerRecord& record);
/// Visits all in the order of their addresses from `from` on; return false to stop.
void for_each_miner(const storage::StateReader& reader, const Address& from,
                    const std::function<bool(const MinerRecord&)>& visit);

MinerView to_view(const MinerRecord& record);

}  // namespace ait::miner
