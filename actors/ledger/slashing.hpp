#pragma once

// What a validator's word is worth: the stake that answers for it, and the rule that takes part of
// it when two of its statements contradict each other, and its vote with the next epoch. Evidence
// needs no account, no fee and no witness, so any node hands in what it finds; each validator is
// slashed once an epoch. Pure.

#include <optional>

#include "actors/consensus/evidence.hpp"
#include "actors/consensus/rules.hpp"
#include "actors/ledger/messages.hpp"

namespace ait::ledger {

/// State record, version 1. Key: "ledger/slashed/" + epoch + public key.
struct SlashRecord {
    Amount amount{};
    std::uint64_t height = 0;
    Hash operation{};  ///< of the evidence; its receipt proves it
    static constexpr auto fields() {
        using R = SlashRecord;
        return std::tuple{field("amount", &R::amount, ""), field("height", &R::height, ""),
                          field("operation", &R::operation, "")};
    }
};

std::optional<SlashRecord> find_slash(const storage::StateReader& reader, std::uint64_t epoch,
                                      const PublicKey& validator);

struct ValidatorStake {
    Address owner{};
    Amount staked{};
    Amount unbonding{};  ///< still answers for it
    std::optional<SlashRecord> slashed{};
};
ValidatorStake stake_of(const storage::StateReader& reader,
                        const consensus::GenesisValidator& validator);

/// Takes part of the stake, and plans the epoch after this block without the liar, unless nobody
/// else would be left. Errors: forbidden where validators are trusted not to lie, already_exists
/// when this validator was slashed for this epoch, and those of check_contradiction and
/// check_genuine.
Result<consensus::Outcome> apply(storage::StateView& view, const consensus::Equivocation& evidence,
                                 const consensus::Context& context);

}  // namespace ait::ledger
