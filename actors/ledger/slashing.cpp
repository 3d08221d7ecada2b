#include "actors/ledger/slashing.hpp"

#include <algorithm>

#include "actors/ledger/book.hpp"
#include "runtime/base/crypto/bech32m.hpp"

namespace ait::ledger {
namespace {

using consensus::Context;
using consensus::Equivocation;
using consensus::Event;
using consensus::GenesisValidator;
using consensus::Outcome;
using storage::StateReader;
using storage::StateView;

constexpr std::string_view slashed_prefix = "ledger/slashed/";

std::string slashed_key(std::uint64_t epoch, const PublicKey& validator) {
    return consensus::keyed(slashed_prefix, big_endian(epoch), validator.view());
}

Event slashed_event(const SlashAnswer& answer, const Equivocation& evidence) {
    return Event{.kind = "ledger.slashed",
                 .subject = crypto::to_text(answer.owner),
                 .attributes = {{"amount", to_text(answer.amount)},
                                {"validator", to_hex(answer.validator.view())},
                                {"name", answer.name},
                                {"epoch", std::to_string(evidence.first.epoch)},
                                {"view", std::to_string(evidence.first.view)},
                                {"first", std::string(name_of(evidence.first.kind))},
                                {"second", std::string(name_of(evidence.second.kind))}}};
}

std::string liar_key(const PublicKey& validator) {
    return consensus::keyed(consensus::liar_prefix, validator.view());
}

/// Whoever was proven to lie votes on nothing after this block. A set is never empty: the last one
/// of a set keeps its vote, and loses its stake.
std::vector<Event> exclude(StateView& view, const Context& context,
                           const GenesisValidator& validator, std::uint64_t epoch) {
    if (!view.has(liar_key(validator.public_key))) {
        consensus::store_record(view, liar_key(validator.public_key),
                                consensus::LiarRecord{epoch, context.height, validator});
    }
    const Status planned = consensus::plan_leaving(view, context.genesis, validator.public_key);
    if (!planned.ok()) return {};  // it votes no more already, or it is alone
    return {Event{.kind = "validator.excluded",
                  .subject = to_hex(validator.public_key.view()),
                  .attributes = {{"name", validator.name}}}};
}

}  // namespace

std::optional<SlashRecord> find_slash(const StateReader& reader, std::uint64_t epoch,
                                      const PublicKey& validator) {
    return consensus::load_record<SlashRecord>(reader, slashed_key(epoch, validator));
}

ValidatorStake stake_of(const StateReader& reader, const GenesisValidator& validator) {
    const Address owner = consensus::stake_owner(validator);
    const Balance balance = balance_of(load_account(reader, owner), Asset::ait);
    const auto liar =
        consensus::load_record<consensus::LiarRecord>(reader, liar_key(validator.public_key));
    return {.owner = owner,
            .staked = balance.staked,
            .unbonding = balance.unbonding,
            .slashed = liar ? find_slash(reader, liar->epoch, validator.public_key) : std::nullopt};
}

Result<Outcome> apply(StateView& view, const Equivocation& evidence, const Context& context) {
    if (context.genesis.parameters.fault_model == FaultModel::crash) {
        return Error{ErrorCode::forbidden, "This chain slashes nobody.",
                     "Its operators trust each other not to lie: its fault model is crash.",
                     "Tell the operator of that node; it may run twice with one key."};
    }
    // Cheap things first: whoever sends the same lie again costs no signature check.
    const std::uint64_t epoch = evidence.first.epoch;
    if (const auto known = find_slash(view, epoch, evidence.validator)) {
        return Error{ErrorCode::already_exists, "This validator was slashed already.",
                     "Block " + std::to_string(known->height) + " took " + to_text(known->amount) +
                         " AIT; once an epoch is enough.",
                     ""};
    }
    const auto set = consensus::set_of_epoch(view, context.genesis, epoch);
    const Status contradicts =
        consensus::check_contradiction(evidence, context.genesis, set ? &*set : nullptr);
    if (!contradicts.ok()) return contradicts.error();
    const Status genuine = consensus::check_genuine(evidence);
    if (!genuine.ok()) return genuine.error();
    const GenesisValidator& validator = *consensus::find_member(*set, evidence.validator);
    const Address owner = consensus::stake_owner(validator);
    const Amount amount = slash(view, owner, context.genesis.parameters.slash_ppm, context);
    consensus::store_record(
        view, slashed_key(epoch, evidence.validator),
        SlashRecord{.amount = amount, .height = context.height, .operation = context.operation});
    const ValidatorStake rest = stake_of(view, validator);
    const SlashAnswer answer{.name = validator.name,
                             .validator = validator.public_key,
                             .owner = owner,
                             .amount = amount,
                             .staked = rest.staked,
                             .unbonding = rest.unbonding};
    Outcome outcome{.response = encode(answer), .events = {slashed_event(answer, evidence)}};
    for (auto& event : exclude(view, context, validator, epoch))
        outcome.events.push_back(std::move(event));
    return outcome;
}

}  // namespace ait::ledger
