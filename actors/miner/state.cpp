#include "actors/miner/state.hpp"

#include <array>

#include "actors/coordinator/transitions.hpp"
#include "actors/miner/registration.hpp"
#include "actors/miner/registry.hpp"
#include "runtime/base/crypto/bech32m.hpp"

namespace ait::miner {
namespace {

using consensus::Authority;
using consensus::Context;
using consensus::Event;
using consensus::Outcome;
using storage::StateView;

Event miner_event(std::string_view kind, const MinerRecord& record) {
    return Event{.kind = std::string(kind),
                 .subject = miner_id_of(record.address),
                 .attributes = {{"address", crypto::to_text(record.address)},
                                {"status", std::string(name_of(record.status))}}};
}

/// The caller's own record, unless it has left.
Result<MinerRecord> own_record(const StateView& view, const Context& context) {
    auto record = find_miner(view, context.principal);
    if (!record || record->status == MinerStatus::deregistered) {
        return Error{ErrorCode::not_found, "This account is not a miner.",
                     crypto::to_text(context.principal) + " is not registered.",
                     "Register first: aitbc miner register."};
    }
    return std::move(*record);
}

}  // namespace

Result<Outcome> apply(StateView& view, const RegisterMiner& tx, const Context& context) {
    AIT_ASSERT(!context.signer.is_zero());
    auto offer = checked(tx);
    if (!offer.ok()) return offer.error();
    auto record = find_miner(view, context.principal);
    const bool is_new = !record.has_value();
    if (is_new) {
        record = MinerRecord{.address = context.principal,
                             .public_key = context.signer,
                             .registered_at_ms = context.block_time_unix_ms};
    }
    // A lower concurrency than what runs is fine: nothing new comes until enough has ended.
    record->offer = std::move(offer).value();
    record->status = MinerStatus::active;
    record->last_active_ms = context.block_time_unix_ms;
    store_miner(view, *record);
    return Outcome{.response = encode(to_view(*record)),
                   .events = {miner_event(is_new ? "miner.registered" : "miner.updated", *record)}};
}

Result<Outcome> apply(StateView& view, const DrainMiner& tx, const Context& context) {
    auto found = own_record(view, context);
    if (!found.ok()) return found.error();
    MinerRecord& record = found.value();
    record.status = MinerStatus::draining;
    record.last_active_ms = context.block_time_unix_ms;
    store_miner(view, record);
    Event event = miner_event("miner.draining", record);
    if (!tx.reason.empty()) event.attributes.push_back({"reason", tx.reason});
    return Outcome{.response = encode(to_view(record)), .events = {std::move(event)}};
}

Result<Outcome> apply(StateView& view, const DeregisterMiner& tx, const Context& context) {
    const auto found = own_record(view, context);
    if (!found.ok()) return found.error();
    const std::uint32_t running = found.value().jobs_running;
    if (running > 0 && !tx.force) {
        return Error{ErrorCode::conflict, "The miner was not deregistered.",
                     "It holds " + std::to_string(running) + " jobs.",
                     "Drain it first (aitbc miner drain), or give the jobs back with --force."};
    }
    Outcome outcome;
    DeregisterAnswer answer{.miner_id = miner_id_of(context.principal)};
    answer.requeued =
        coordinator::release_leases_of(view, context.principal, context, outcome.events);
    auto record = find_miner(view, context.principal);  // its counters have changed
    AIT_ASSERT(record.has_value());
    AIT_ASSERT(record->jobs_running == 0);
    record->status = MinerStatus::deregistered;
    record->last_active_ms = context.block_time_unix_ms;
    store_miner(view, *record);
    outcome.events.push_back(miner_event("miner.deregistered", *record));
    outcome.response = encode(answer);
    return outcome;
}

consensus::DomainRules domain_rules() {
    static constexpr std::array rules{
        consensus::rule<RegisterMiner, &apply>("miner.register", Authority::account),
        consensus::rule<DrainMiner, &apply>("miner.drain", Authority::account),
        consensus::rule<DeregisterMiner, &apply>("miner.deregister", Authority::account),
    };
    return {.rules = rules, .resident_prefixes = resident_prefixes};
}

}  // namespace ait::miner
