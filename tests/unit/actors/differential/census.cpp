// The one place of this test that knows how keys of the state look: for each prefix, what a key of
// it stands for. Whoever changes the layout of keys changes this table.

#include <algorithm>
#include <array>

#include "actors/ledger/book.hpp"
#include "tests/unit/actors/differential/compare.hpp"
#include "tests/unit/actors/differential/script.hpp"

namespace ait::differential {
namespace {

struct Entry {
    std::string_view rest;  ///< of the key, behind the prefix
    std::string_view value;
};

using Explains = bool (*)(const Entry& entry, const Reference& reference);

struct KeyKind {
    std::string_view prefix;
    Explains explains;
};

const ReferenceJob* job_at(const Reference& reference, std::string_view id) {
    return reference.find_job(std::string(id));
}

bool is_known(const Reference& reference, std::string_view address) {
    return std::any_of(reference.books().holders.begin(), reference.books().holders.end(),
                       [&](const auto& holder) { return holder.first.view() == address; });
}

/// Accounts may be there with nothing in them: then the reference may have none.
bool explains_account(const Entry& entry, const Reference& reference) {
    if (is_known(reference, entry.rest)) return true;
    return entry.rest == ledger::network_fee_address().view();
}

bool explains_history(const Entry& entry, const Reference& reference) {
    return entry.rest.size() == Address::size + 8 &&
           is_known(reference, entry.rest.substr(0, Address::size));
}

bool explains_queued(const Entry& entry, const Reference& reference) {
    const ReferenceJob* job = job_at(reference, entry.value);
    return job != nullptr && reference.books().queue.contains(job->place);
}

bool explains_owned(const Entry& entry, const Reference& reference) {
    const ReferenceJob* job = job_at(reference, entry.rest.substr(Address::size + 8));
    return job != nullptr && entry.rest.starts_with(job->owner.view()) &&
           entry.value == (job->is_unpaid() ? "u" : "");
}

bool explains_held(const Entry& entry, const Reference& reference) {
    const ReferenceJob* job = job_at(reference, entry.rest.substr(Address::size));
    return job != nullptr && job->lease && entry.rest.starts_with(job->lease->miner.view());
}

bool explains_miner(const Entry& entry, const Reference& reference) {
    return std::any_of(reference.books().miners.begin(), reference.books().miners.end(),
                       [&](const auto& miner) { return miner.first.view() == entry.rest; });
}

bool explains_due(const Entry& entry, const Reference& reference) {
    return reference.books().due.contains(
        {static_cast<std::int64_t>(from_big_endian(entry.rest.substr(0, 8))),
         std::string(entry.rest.substr(8))});
}

bool explains_key(const Entry& entry, const Reference& reference) {
    const auto owner = fixed_from_bytes<Address>(entry.rest.substr(8, Address::size));
    return reference.books().keys.contains({from_big_endian(entry.rest.substr(0, 8)), owner.value(),
                                            std::string(entry.rest.substr(8 + Address::size))});
}

/// What it says is swept holds no key any more.
bool explains_swept(const Entry& entry, const Reference& reference) {
    const auto& keys = reference.books().keys;
    return keys.empty() || std::get<0>(keys.begin()->first) >= from_big_endian(entry.value);
}

constexpr std::array kinds{
    KeyKind{"ledger/account/", &explains_account},
    KeyKind{"ledger/history/", &explains_history},
    KeyKind{"ledger/escrow/",
            [](const Entry& entry, const Reference& reference) {
                return reference.books().escrows.contains(std::string(entry.rest));
            }},
    KeyKind{"ledger/unbonding/",
            [](const Entry& entry, const Reference& reference) {
                return reference.books().unbondings.contains(std::string(entry.rest));
            }},
    KeyKind{"ledger/minted/",
            [](const Entry& entry, const Reference& reference) {
                const auto asset = enum_from_name<ledger::Asset>(entry.rest);
                return asset && reference.books().minted.at(static_cast<std::size_t>(*asset)) > 0;
            }},
    KeyKind{"job/record/",
            [](const Entry& entry, const Reference& reference) {
                return job_at(reference, entry.rest) != nullptr;
            }},
    KeyKind{"job/wait/", &explains_queued},
    KeyKind{"job/owner/", &explains_owned},
    KeyKind{"job/unpaid_count/",
            [](const Entry& entry, const Reference& reference) {
                return is_known(reference, entry.rest) || !entry.value.empty();
            }},
    KeyKind{"job/held/", &explains_held},
    KeyKind{"job/counters", [](const Entry&, const Reference&) { return true; }},
    KeyKind{"miner/record/", &explains_miner},
    KeyKind{"due/", &explains_due},
    KeyKind{"idempotency/", &explains_key},
    KeyKind{"idempotency-swept", &explains_swept},
};

}  // namespace

void census(const storage::MemoryState& real, const Reference& reference, Finding& found) {
    std::array<std::size_t, kinds.size()> counts{};
    for (const auto& [key, value] : real.entries()) {
        const auto kind =
            std::find_if(kinds.begin(), kinds.end(),
                         [&key = key](const KeyKind& row) { return key.starts_with(row.prefix); });
        if (kind == kinds.end()) return found.fail("a key that census() does not know: " + key);
        ++counts.at(static_cast<std::size_t>(kind - kinds.begin()));
        const std::string_view rest = std::string_view(key).substr(kind->prefix.size());
        if (!kind->explains({rest, value}, reference)) {
            return found.fail("a record that the reference does not know: " +
                              std::string(kind->prefix) + " " + to_hex(rest));
        }
    }
    const auto count_of = [&counts](std::string_view prefix) -> std::uint64_t {
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            if (kinds.at(i).prefix == prefix) return counts.at(i);
        }
        return 0;
    };
    const Books& books = reference.books();
    found.same<std::uint64_t>("keys", "escrows", count_of("ledger/escrow/"), books.escrows.size());
    found.same<std::uint64_t>("keys", "unbondings", count_of("ledger/unbonding/"),
                              books.unbondings.size());
    found.same<std::uint64_t>("keys", "jobs", count_of("job/record/"), books.jobs.size());
    found.same<std::uint64_t>("keys", "queue", count_of("job/wait/"), books.queue.size());
    found.same<std::uint64_t>("keys", "idempotency", count_of("idempotency/"), books.keys.size());
}

}  // namespace ait::differential
