#pragma once

// The registry's rules: a miner is a key, and only that key changes its record. Records are in
// registry.hpp, what a registration may say in registration.hpp. Pure.

#include "actors/consensus/rules.hpp"
#include "actors/miner/messages.hpp"

namespace ait::miner {

/// Makes the record or replaces its offer; takes new jobs again after a drain or deregistration.
Result<consensus::Outcome> apply(storage::StateView& view, const RegisterMiner& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const DrainMiner& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const DeregisterMiner& tx,
                                 const consensus::Context& context);

/// Everything that the registry brings to a chain.
consensus::DomainRules domain_rules();

}  // namespace ait::miner
