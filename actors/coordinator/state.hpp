#pragma once

// The coordinator's rules: who may move a job, when, and what is answered. Whoever wants to change
// a rule of jobs does it here; what a job pays is in settlement.hpp, which miner may have it in
// matching.hpp, how a move is carried out in transitions.hpp. Pure.

#include "actors/consensus/rules.hpp"
#include "actors/coordinator/messages.hpp"

namespace ait::coordinator {

// By the owner (state.cpp).
Result<consensus::Outcome> apply(storage::StateView& view, const SubmitJob& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const SubmitBatch& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const CancelJob& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const PayJob& tx,
                                 const consensus::Context& context);
// By the miner (leases.cpp).
Result<consensus::Outcome> apply(storage::StateView& view, const LeaseJobs& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const RenewLeases& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const ReleaseLeases& tx,
                                 const consensus::Context& context);
// Deliveries (deliveries.cpp).
Result<consensus::Outcome> apply(storage::StateView& view, const CompleteJobs& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const DeliverResults& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const CompleteJob& tx,
                                 const consensus::Context& context);
Result<consensus::Outcome> apply(storage::StateView& view, const FailJob& tx,
                                 const consensus::Context& context);

/// Everything that the coordinator brings to a chain.
consensus::DomainRules domain_rules();

}  // namespace ait::coordinator
