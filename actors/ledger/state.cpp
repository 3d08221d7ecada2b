#include "actors/ledger/state.hpp"

#include <algorithm>

#include "actors/ledger/book.hpp"
#include "actors/ledger/membership.hpp"
#include "actors/ledger/slashing.hpp"
#include "runtime/base/crypto/bech32m.hpp"

namespace ait::ledger {
namespace {

using consensus::Authority;
using consensus::Context;
using consensus::Event;
using consensus::Outcome;
using storage::StateView;

StakeAnswer stake_answer(const StateView& view, const Address& owner, Amount amount) {
    const Balance balance = balance_of(load_account(view, owner), Asset::ait);
    return StakeAnswer{.address = owner,
                       .amount = amount,
                       .available = balance.available,
                       .staked = balance.staked,
                       .unbonding = balance.unbonding};
}

Event money_event(std::string_view kind, const Address& subject, Amount amount) {
    return Event{.kind = std::string(kind),
                 .subject = crypto::to_text(subject),
                 .attributes = {{"amount", to_text(amount)}}};
}

/// Notes are shown on terminals: a control character there could do more than be read.
bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7F;
    });
}

std::vector<Event> apply_unbond_due(StateView& view, std::string_view id, const Context& context) {
    const auto freed = finish_unbonding(view, id, context);
    if (!freed) return {};
    return {money_event("ledger.unbonded", freed->owner, freed->amount)};
}

Status apply_genesis(StateView& view, const consensus::Genesis& genesis) {
    const Context context{.genesis = genesis, .block_time_unix_ms = genesis.time.ms};
    const Amount faucet = genesis.parameters.faucet_supply;
    if (faucet.micro > 0) {
        const Status minted = mint(view, faucet_address(), Asset::ait, faucet, context);
        if (!minted.ok()) return minted;
    }
    for (const auto& allocation : genesis.allocations) {
        const auto asset = enum_from_name<Asset>(allocation.asset);
        if (!asset) {
            return Error{ErrorCode::invalid_argument, "The genesis cannot be applied.",
                         "It allocates \"" + allocation.asset + "\", which is not an asset.",
                         "Use AIT or USDC."};
        }
        const Status minted = mint(view, allocation.address, *asset, allocation.amount, context);
        if (!minted.ok()) return minted;
    }
    for (const auto& validator : genesis.validators) {
        if (validator.stake.micro == 0) continue;
        const Address owner = consensus::stake_owner(validator);
        const Status minted = mint(view, owner, Asset::ait, validator.stake, context);
        if (!minted.ok()) return minted;
        const Status staked = stake(view, owner, validator.stake, context);
        if (!staked.ok()) return staked;
    }
    return {};
}

}  // namespace

Result<Outcome> apply(StateView& view, const Transfer& tx, const Context& context) {
    if (!is_printable(tx.memo)) {
        return Error{ErrorCode::invalid_argument, "The money was not sent.",
                     "The note has a control character.", "Use printable text on one line."};
    }
    const Status moved = transfer(
        view, {.from = context.principal, .to = tx.to, .asset = tx.asset, .amount = tx.amount},
        {.context = context, .kind = MovementKind::transfer, .memo = tx.memo});
    if (!moved.ok()) return moved.error();
    const Account sender = load_account(view, context.principal);
    Event event = money_event("ledger.transferred", context.principal, tx.amount);
    event.attributes.push_back({"to", crypto::to_text(tx.to)});
    event.attributes.push_back({"asset", std::string(name_of(tx.asset))});
    return Outcome{
        .response = encode(TransferAnswer{.from = context.principal,
                                          .to = tx.to,
                                          .asset = tx.asset,
                                          .amount = tx.amount,
                                          .available = balance_of(sender, tx.asset).available}),
        .events = {std::move(event)}};
}

Result<Outcome> apply(StateView& view, const Stake& tx, const Context& context) {
    const Status staked = stake(view, context.principal, tx.amount, context);
    if (!staked.ok()) return staked.error();
    return Outcome{.response = encode(stake_answer(view, context.principal, tx.amount)),
                   .events = {money_event("ledger.staked", context.principal, tx.amount)}};
}

Result<Outcome> apply(StateView& view, const Unstake& tx, const Context& context) {
    const Balance balance = balance_of(load_account(view, context.principal), Asset::ait);
    if (tx.amount <= balance.staked) {
        const Status stays = check_stake_stays(view, context.genesis, context.principal,
                                               Amount{balance.staked.micro - tx.amount.micro});
        if (!stays.ok()) return stays.error();
    }
    const auto available_at = unstake(view, context.principal, tx.amount, context);
    if (!available_at.ok()) return available_at.error();
    StakeAnswer answer = stake_answer(view, context.principal, tx.amount);
    answer.available_at = available_at.value();
    return Outcome{.response = encode(answer),
                   .events = {money_event("ledger.unstaked", context.principal, tx.amount)}};
}

Result<Outcome> apply(StateView& view, const FaucetRequest& tx, const Context& context) {
    const auto& parameters = context.genesis.parameters;
    if (!parameters.faucet_enabled) {
        return Error{ErrorCode::forbidden, "This chain has no faucet.",
                     "\"" + context.genesis.chain + "\" was started without one.",
                     "Get funds from another account: aitbc wallet send."};
    }
    if (tx.amount > parameters.faucet_request_max) {
        return Error{ErrorCode::limit_reached, "The faucet does not give that much at once.",
                     to_text(tx.amount) + " AIT was asked for; one request may ask for " +
                         to_text(parameters.faucet_request_max) + " AIT.",
                     "Ask for less."};
    }
    const Status moved = transfer(
        view,
        {.from = faucet_address(), .to = tx.address, .asset = Asset::ait, .amount = tx.amount},
        {.context = context, .kind = MovementKind::faucet});
    if (!moved.ok()) return moved.error();
    const Amount available = balance_of(load_account(view, tx.address), Asset::ait).available;
    return Outcome{.response = encode(FaucetAnswer{tx.address, tx.amount, available}),
                   .events = {money_event("ledger.faucet_given", tx.address, tx.amount)}};
}

consensus::DomainRules domain_rules() {
    static constexpr std::array rules{
        consensus::rule<Transfer, &apply>("ledger.transfer", Authority::account),
        consensus::rule<Stake, &apply>("ledger.stake", Authority::account),
        consensus::rule<Unstake, &apply>("ledger.unstake", Authority::account),
        consensus::rule<FaucetRequest, &apply>("ledger.faucet", Authority::node),
        consensus::rule<consensus::Equivocation, &apply>(consensus::evidence_kind, Authority::node),
        consensus::rule<JoinValidator, &apply>("validator.join", Authority::account),
        consensus::rule<ApproveValidator, &apply>("validator.approve", Authority::node),
        consensus::rule<ValidatorSynced, &apply>("validator.synced", Authority::node),
        consensus::rule<LeaveValidator, &apply>("validator.leave", Authority::node),
    };
    static constexpr std::array due_rules{consensus::DueRule{unbond_due, &apply_unbond_due}};
    return {.rules = rules, .due_rules = due_rules, .genesis = &apply_genesis};
}

}  // namespace ait::ledger
