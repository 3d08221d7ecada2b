#include "actors/ledger/membership.hpp"

#include <algorithm>

#include "actors/ledger/book.hpp"
#include "runtime/base/crypto/bech32m.hpp"

namespace ait::ledger {
namespace {

using consensus::Context;
using consensus::Event;
using consensus::GenesisValidator;
using consensus::Outcome;
using consensus::ValidatorSet;
using storage::StateReader;
using storage::StateView;

constexpr std::string_view candidate_prefix = "validators/candidate/";
constexpr std::uint64_t weight_max = 1'000'000'000;  // as in a genesis

Error refuse(ErrorCode code, std::string why, std::string next) {
    return Error{code, "The members of the chain stay as they are.", std::move(why),
                 std::move(next)};
}

std::string candidate_key(const Address& owner) {
    return consensus::keyed(candidate_prefix, owner.view());
}

/// What a validator of this weight must have staked. Error: invalid_argument.
Result<Amount> stake_needed(const consensus::Genesis& genesis, std::uint64_t weight) {
    std::uint64_t micro = 0;
    if (__builtin_mul_overflow(genesis.parameters.validator_stake_min.micro, weight, &micro)) {
        return refuse(ErrorCode::invalid_argument,
                      "No stake is enough for weight " + std::to_string(weight) + ".",
                      "Ask for less.");
    }
    return Amount{micro};
}

Status check_stake(const StateReader& state, const consensus::Genesis& genesis,
                   const GenesisValidator& validator) {
    const auto needed = stake_needed(genesis, validator.weight);
    if (!needed.ok()) return needed.error();
    const Address owner = consensus::stake_owner(validator);
    const Amount staked = balance_of(load_account(state, owner), Asset::ait).staked;
    if (staked >= needed.value()) return {};
    return refuse(ErrorCode::forbidden,
                  crypto::to_text(owner) + " has staked " + to_text(staked) +
                      " AIT; a validator of weight " + std::to_string(validator.weight) +
                      " needs " + to_text(needed.value()) + ".",
                  "Stake more: aitbc wallet stake AMOUNT.");
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte < 0x7F;
    });
}

Status check_asker(const StateReader& state, const Context& context,
                   const GenesisValidator& validator) {
    if (validator.public_key.is_zero() || !is_name(validator.name)) {
        return refuse(ErrorCode::invalid_argument, "A validator needs a key and a plain name.",
                      "Take both from aitbc node identity on that node.");
    }
    if (validator.weight == 0 || validator.weight > weight_max) {
        return refuse(ErrorCode::invalid_argument,
                      "Its weight is " + std::to_string(validator.weight) + ".",
                      "Use 1 to " + std::to_string(weight_max) + ".");
    }
    if (state.has(consensus::keyed(consensus::liar_prefix, validator.public_key.view()))) {
        return refuse(ErrorCode::forbidden, "This key was proven to have lied.",
                      "Make a new key for the node.");
    }
    for (const auto& member : consensus::planned_members(state, context.genesis)) {
        if (member.public_key == validator.public_key ||
            consensus::stake_owner(member) == consensus::stake_owner(validator)) {
            return refuse(ErrorCode::conflict,
                          "Its key or its owner is that of validator \"" + member.name + "\".",
                          "Give each its own; see aitbc chain validators.");
        }
    }
    return check_stake(state, context.genesis, validator);
}

/// Makes room among those who wait. Error: limit_reached.
Status make_room(StateView& view) {
    std::size_t count = 0;
    std::optional<CandidateRecord> oldest;
    for_each_candidate(view, [&](const CandidateRecord& each) {
        ++count;
        if (each.approved_by.empty() && (!oldest || each.height < oldest->height)) oldest = each;
        return true;
    });
    if (count < candidates_max) return {};
    if (!oldest) {
        return refuse(ErrorCode::limit_reached,
                      std::to_string(count) + " others wait, and all have been approved of.",
                      "Try again when one of them has joined.");
    }
    view.erase(candidate_key(oldest->validator.owner));
    return {};
}

void accept(CandidateRecord& candidate, const Context& context) {
    AIT_ASSERT(context.height > 0);
    candidate.accepted_height = context.height - 1;
    candidate.accepted_block = context.parent;
}

bool is_signed_by(const PublicKey& key, const MembershipStatement& statement,
                  const Signature& signature) {
    return crypto::verify(key, membership_domain, encode(statement), signature);
}

Error wrong_signature(const PublicKey& key) {
    return refuse(ErrorCode::check_failed,
                  "The signature is not that of " + to_hex(key.view()) + " for this.",
                  "Let that node say it itself.");
}

Error nobody_asked(const Address& owner) {
    return refuse(ErrorCode::not_found,
                  "Nobody asked to vote with the stake of " + crypto::to_text(owner) + ".",
                  "See aitbc chain validators for who has.");
}

Outcome outcome_of(const GenesisValidator& validator, std::string_view status,
                   const CandidateRecord* candidate, const ValidatorSet& set) {
    const Address owner = consensus::stake_owner(validator);
    MembershipAnswer answer{.validator = validator.public_key,
                            .name = validator.name,
                            .owner = owner,
                            .weight = validator.weight,
                            .status = std::string(status),
                            .approved_weight = candidate ? approved_weight(*candidate, set) : 0,
                            .needed_weight = consensus::quorum_weight(set)};
    return Outcome{.response = encode(answer),
                   .events = {Event{.kind = "validator." + std::string(status),
                                    .subject = to_hex(validator.public_key.view()),
                                    .attributes = {{"name", validator.name},
                                                   {"owner", crypto::to_text(owner)}}}}};
}

std::string_view status_of(const CandidateRecord& candidate) {
    return candidate.accepted_height == 0 ? "asks" : "syncs";
}

}  // namespace

std::optional<CandidateRecord> find_candidate(const StateReader& state, const Address& owner) {
    return consensus::load_record<CandidateRecord>(state, candidate_key(owner));
}

void for_each_candidate(const StateReader& state,
                        const std::function<bool(const CandidateRecord&)>& visit) {
    state.scan(candidate_prefix, candidate_prefix, [&](std::string_view, std::string_view bytes) {
        const auto candidate = consensus::decode_record<CandidateRecord>(bytes);
        AIT_ASSERT(candidate.ok());  // we wrote it, and the store has its checksum
        return visit(candidate.value());
    });
}

std::uint64_t approved_weight(const CandidateRecord& candidate, const ValidatorSet& set) {
    std::uint64_t weight = 0;
    for (const auto& key : candidate.approved_by) {
        const auto* member = consensus::find_member(set, key);
        if (member != nullptr) weight += member->weight;
    }
    return weight;
}

MembershipStatement approval_of(const CandidateRecord& candidate, const std::string& chain,
                                const Hash& genesis_id) {
    return {.chain = chain,
            .genesis = genesis_id,
            .act = MembershipAct::approve,
            .validator = candidate.validator.public_key,
            .owner = candidate.validator.owner,
            .weight = candidate.validator.weight,
            .height = candidate.height,
            .block = {}};
}

MembershipStatement sync_proof_of(const CandidateRecord& candidate, const std::string& chain,
                                  const Hash& genesis_id) {
    MembershipStatement statement = approval_of(candidate, chain, genesis_id);
    statement.act = MembershipAct::synced;
    statement.height = candidate.accepted_height;
    statement.block = candidate.accepted_block;
    return statement;
}

MembershipStatement leave_of(const PublicKey& validator, std::uint64_t epoch,
                             const std::string& chain, const Hash& genesis_id) {
    return {.chain = chain,
            .genesis = genesis_id,
            .act = MembershipAct::leave,
            .validator = validator,
            .owner = {},
            .weight = 0,
            .height = epoch,
            .block = {}};
}

Signature sign_membership(const MembershipStatement& statement, const crypto::SecretKey& key) {
    return key.sign(membership_domain, encode(statement));
}

Status check_stake_stays(const StateReader& state, const consensus::Genesis& genesis,
                         const Address& owner, Amount rest) {
    if (genesis.parameters.validator_stake_min.micro == 0) return {};
    for (const auto& member : consensus::planned_members(state, genesis)) {
        if (consensus::stake_owner(member) != owner) continue;
        const auto needed = stake_needed(genesis, member.weight);
        if (!needed.ok()) return needed.error();
        if (rest >= needed.value()) return {};
        return refuse(ErrorCode::forbidden,
                      "Validator \"" + member.name + "\" votes, and needs a stake of " +
                          to_text(needed.value()) + " AIT; " + to_text(rest) + " would be left.",
                      "Let it leave first: aitbc chain validator leave.");
    }
    return {};
}

Result<Outcome> apply(StateView& view, const JoinValidator& tx, const Context& context) {
    CandidateRecord candidate{.validator = {.name = tx.name,
                                            .public_key = tx.validator,
                                            .weight = tx.weight,
                                            .stake = {},
                                            .owner = context.principal},
                              .height = context.height,
                              .approved_by = {},
                              .accepted_height = 0,
                              .accepted_block = {}};
    const Status fit = check_asker(view, context, candidate.validator);
    if (!fit.ok()) return fit.error();
    if (!view.has(candidate_key(context.principal))) {
        const Status room = make_room(view);
        if (!room.ok()) return room.error();
    }
    if (context.genesis.parameters.validators_join == ValidatorsJoin::staked)
        accept(candidate, context);
    consensus::store_record(view, candidate_key(context.principal), candidate);
    return outcome_of(candidate.validator, status_of(candidate), &candidate,
                      consensus::set_in_force(view, context.genesis));
}

Result<Outcome> apply(StateView& view, const ApproveValidator& tx, const Context& context) {
    auto candidate = find_candidate(view, tx.owner);
    if (!candidate) return nobody_asked(tx.owner);
    const ValidatorSet set = consensus::set_in_force(view, context.genesis);
    if (consensus::find_member(set, tx.by) == nullptr) {
        return refuse(ErrorCode::forbidden, to_hex(tx.by.view()) + " does not vote.",
                      "Ask on a node that does; see aitbc chain validators.");
    }
    auto& approved_by = candidate->approved_by;
    const auto at = std::lower_bound(approved_by.begin(), approved_by.end(), tx.by);
    if (at != approved_by.end() && *at == tx.by) {
        return refuse(ErrorCode::already_exists, "This validator has approved already.",
                      "A quorum of them must; see aitbc chain validators.");
    }
    const auto statement =
        approval_of(*candidate, context.genesis.chain, consensus::genesis_hash(context.genesis));
    if (!is_signed_by(tx.by, statement, tx.signature)) return wrong_signature(tx.by);
    approved_by.insert(at, tx.by);
    // Who votes no more makes room: those who vote are never more than a list holds.
    std::erase_if(approved_by, [&](const PublicKey& key) {
        return consensus::find_member(set, key) == nullptr;
    });
    if (candidate->accepted_height == 0 &&
        approved_weight(*candidate, set) >= consensus::quorum_weight(set))
        accept(*candidate, context);
    consensus::store_record(view, candidate_key(tx.owner), *candidate);
    return outcome_of(candidate->validator, status_of(*candidate), &*candidate, set);
}

Result<Outcome> apply(StateView& view, const ValidatorSynced& tx, const Context& context) {
    const auto candidate = find_candidate(view, tx.owner);
    if (!candidate) return nobody_asked(tx.owner);
    if (candidate->accepted_height == 0) {
        return refuse(ErrorCode::forbidden,
                      "\"" + candidate->validator.name + "\" is not let in by a quorum yet.",
                      "Let the validators approve: aitbc chain validator approve " +
                          crypto::to_text(tx.owner) + ".");
    }
    const Status staked = check_stake(view, context.genesis, candidate->validator);
    if (!staked.ok()) return staked.error();
    const auto statement =
        sync_proof_of(*candidate, context.genesis.chain, consensus::genesis_hash(context.genesis));
    if (!is_signed_by(candidate->validator.public_key, statement, tx.signature))
        return wrong_signature(candidate->validator.public_key);
    const Status planned = consensus::plan_joining(view, context.genesis, candidate->validator);
    if (!planned.ok()) return planned.error();
    view.erase(candidate_key(tx.owner));
    return outcome_of(candidate->validator, "joins", &*candidate,
                      consensus::set_in_force(view, context.genesis));
}

Result<Outcome> apply(StateView& view, const LeaveValidator& tx, const Context& context) {
    const ValidatorSet set = consensus::set_in_force(view, context.genesis);
    const auto* member = consensus::find_member(set, tx.validator);
    if (member == nullptr) {
        return refuse(ErrorCode::not_found, to_hex(tx.validator.view()) + " does not vote.",
                      "See aitbc chain validators.");
    }
    const bool is_owner = context.authority == consensus::Authority::account &&
                          context.principal == consensus::stake_owner(*member);
    const auto statement = leave_of(tx.validator, set.epoch, context.genesis.chain,
                                    consensus::genesis_hash(context.genesis));
    if (!is_owner && !is_signed_by(tx.validator, statement, tx.signature))
        return wrong_signature(tx.validator);
    const Status planned = consensus::plan_leaving(view, context.genesis, tx.validator);
    if (!planned.ok()) return planned.error();
    return outcome_of(*member, "leaves", nullptr, set);
}

}  // namespace ait::ledger
