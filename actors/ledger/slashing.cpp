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

const GenesisValidator& validator_of(const consensus::Genesis& genesis, const PublicKey& key) {
    const auto found = std::find_if(genesis.validators.begin(), genesis.validators.end(),
                                    [&key](const auto& each) { return each.public_key == key; });
    AIT_ASSERT(found != genesis.validators.end());  // check_contradiction() has looked
    return *found;
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

}  // namespace

std::optional<SlashRecord> find_slash(const StateReader& reader, std::uint64_t epoch,
                                      const PublicKey& validator) {
    return consensus::load_record<SlashRecord>(reader, slashed_key(epoch, validator));
}

ValidatorStake stake_of(const StateReader& reader, const GenesisValidator& validator) {
    const Address owner = consensus::stake_owner(validator);
    const Balance balance = balance_of(load_account(reader, owner), Asset::ait);
    return {.owner = owner,
            .staked = balance.staked,
            .unbonding = balance.unbonding,
            .slashed = find_slash(reader, 0, validator.public_key)};
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
    const Status contradicts = consensus::check_contradiction(evidence, context.genesis);
    if (!contradicts.ok()) return contradicts.error();
    const Status genuine = consensus::check_genuine(evidence);
    if (!genuine.ok()) return genuine.error();
    const GenesisValidator& validator = validator_of(context.genesis, evidence.validator);
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
    return Outcome{.response = encode(answer), .events = {slashed_event(answer, evidence)}};
}

}  // namespace ait::ledger
