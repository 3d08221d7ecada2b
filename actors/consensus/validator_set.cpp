#include "actors/consensus/validator_set.hpp"

#include <algorithm>

#include "actors/consensus/rules.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

constexpr std::string_view set_prefix = "validator-sets/";
/// Only inside a block: begin_planned_set() takes it away.
constexpr std::string_view plan_key = "validators/plan";

struct PlanRecord {
    std::vector<GenesisValidator> members{};
    static constexpr auto fields() {
        return std::tuple{field("members", &PlanRecord::members, "", validators_max)};
    }
};

std::string set_key(std::uint64_t epoch) {
    return keyed(set_prefix, big_endian(epoch));
}

void plan(storage::StateView& view, std::vector<GenesisValidator> members) {
    AIT_ASSERT(!members.empty());
    AIT_ASSERT(members.size() <= validators_max);
    store_record(view, std::string(plan_key), PlanRecord{std::move(members)});
}

}  // namespace

ValidatorSet genesis_set(const Genesis& genesis) {
    return {
        .epoch = 0, .fault_model = genesis.parameters.fault_model, .members = genesis.validators};
}

ValidatorSet set_in_force(const storage::StateReader& state, const Genesis& genesis) {
    auto now = load_record<ValidatorSet>(state, set_in_force_key);
    return now ? std::move(*now) : genesis_set(genesis);
}

std::uint64_t epoch_in_force(const storage::StateReader& state) {
    const auto now = load_record<ValidatorSet>(state, set_in_force_key);
    return now ? now->epoch : 0;
}

std::optional<ValidatorSet> set_of_epoch(const storage::StateReader& state, const Genesis& genesis,
                                         std::uint64_t epoch) {
    if (epoch == 0) return genesis_set(genesis);
    return load_record<ValidatorSet>(state, set_key(epoch));
}

std::vector<std::uint64_t> epochs_between(const storage::StateReader& state, std::uint64_t from,
                                          std::uint64_t to) {
    std::vector<std::uint64_t> epochs;
    if (from >= to) return epochs;
    state.scan(set_prefix, set_key(from + 1), [&](std::string_view key, std::string_view) {
        const std::uint64_t epoch = from_big_endian(key.substr(set_prefix.size()));
        if (epoch > to) return false;
        epochs.push_back(epoch);
        return true;
    });
    return epochs;
}

const GenesisValidator* find_member(const ValidatorSet& set, const PublicKey& key) {
    const auto found = std::find_if(set.members.begin(), set.members.end(),
                                    [&key](const auto& each) { return each.public_key == key; });
    return found == set.members.end() ? nullptr : &*found;
}

std::uint64_t total_weight(const ValidatorSet& set) {
    std::uint64_t total = 0;
    for (const auto& member : set.members) total += member.weight;
    return total;
}

Hash set_hash(const ValidatorSet& set) {
    return crypto::Hasher().update("validators/1|").update(encode(set)).finish();
}

std::vector<GenesisValidator> planned_members(const storage::StateReader& state,
                                              const Genesis& genesis) {
    auto planned = load_record<PlanRecord>(state, plan_key);
    return planned ? std::move(planned->members) : set_in_force(state, genesis).members;
}

Status plan_joining(storage::StateView& view, const Genesis& genesis, GenesisValidator joiner) {
    auto members = planned_members(view, genesis);
    if (members.size() == validators_max) {
        return Error{ErrorCode::limit_reached, "The validator was not taken in.",
                     "The chain has " + std::to_string(members.size()) + " already.",
                     "Wait until one leaves."};
    }
    for (const auto& member : members) {
        if (member.public_key == joiner.public_key || stake_owner(member) == stake_owner(joiner)) {
            return Error{ErrorCode::conflict, "The validator was not taken in.",
                         "Its key or its owner is that of validator \"" + member.name + "\".",
                         "Give each its own."};
        }
    }
    members.push_back(std::move(joiner));
    plan(view, std::move(members));
    return {};
}

Status plan_leaving(storage::StateView& view, const Genesis& genesis, const PublicKey& key) {
    auto members = planned_members(view, genesis);
    const auto removed =
        std::erase_if(members, [&key](const auto& each) { return each.public_key == key; });
    if (removed == 0) {
        return Error{ErrorCode::not_found, "There is no such validator.",
                     to_hex(key.view()) + " does not vote on \"" + genesis.chain + "\".",
                     "See aitbc chain validators."};
    }
    if (members.empty()) {
        return Error{ErrorCode::forbidden, "The last validator cannot go.",
                     "Nobody would be left to agree on a block.",
                     "Let another one join first: aitbc chain validator join."};
    }
    plan(view, std::move(members));
    return {};
}

std::vector<LiarRecord> liars(const storage::StateReader& state) {
    std::vector<LiarRecord> liars;
    state.scan(liar_prefix, liar_prefix, [&](std::string_view, std::string_view bytes) {
        auto liar = decode_record<LiarRecord>(bytes);
        AIT_ASSERT(liar.ok());  // we wrote it, and the store has its checksum
        liars.push_back(std::move(liar).value());
        return liars.size() < liars_shown_max;
    });
    return liars;
}

std::optional<ValidatorSet> begin_planned_set(storage::StateView& view, const ValidatorSet& now,
                                              std::uint64_t height) {
    const auto written = view.writes().find(plan_key);
    if (written == view.writes().end() || !written->second) return std::nullopt;
    auto planned = decode_record<PlanRecord>(*written->second);
    AIT_ASSERT(planned.ok());  // this block wrote it
    view.erase(plan_key);
    // Who came and went in one block has changed nothing.
    if (encode(PlanRecord{now.members}) == encode(planned.value())) return std::nullopt;
    AIT_ASSERT(height > now.epoch);
    const ValidatorSet next{.epoch = height,
                            .fault_model = now.fault_model,
                            .members = std::move(planned.value().members)};
    store_record(view, std::string(set_in_force_key), next);
    store_record(view, set_key(height), next);
    return next;
}

}  // namespace ait::consensus
