#pragma once

// The ledger's rules: transfers, stakes, the faucet and what is minted at height 0. Money itself
// moves in book.hpp. Pure.

#include "actors/consensus/rules.hpp"
#include "actors/ledger/messages.hpp"

namespace ait::ledger {

Result<consensus::Outcome> apply(storage::StateView& view, const Transfer& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const Stake& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const Unstake& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const FaucetRequest& tx,
                                 const consensus::Context& context);

/// Everything that the ledger brings to a chain.
consensus::DomainRules domain_rules();

}  // namespace ait::ledger
