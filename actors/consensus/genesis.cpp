#include "actors/consensus/genesis.hpp"

#include <set>

#include "runtime/base/codec/json.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::consensus {
namespace {

constexpr std::size_t genesis_bytes_max = 1024 * 1024;
constexpr std::uint64_t millisecond_day = 86'400'000;

Error refuse(std::string why, std::string next) {
    return Error{ErrorCode::invalid_argument, "The genesis document is not acceptable.",
                 std::move(why), std::move(next)};
}

Status check_validators(const Genesis& genesis) {
    if (genesis.validators.empty())
        return refuse("It names no validator.", "Add at least one to \"validators\".");
    std::set<PublicKey> keys;
    std::set<Address> owners;
    std::uint64_t weight = 0;
    for (const auto& validator : genesis.validators) {
        if (validator.public_key.is_zero()) {
            return refuse("Validator \"" + validator.name + "\" has no public key.",
                          "Give its Ed25519 key, 64 hexadecimal digits.");
        }
        if (validator.weight == 0 || validator.weight > 1'000'000'000) {
            return refuse("Validator \"" + validator.name + "\" has weight " +
                              std::to_string(validator.weight) + ".",
                          "Use 1 to 1000000000.");
        }
        if (!keys.insert(validator.public_key).second) {
            return refuse("Two validators have the key of \"" + validator.name + "\".",
                          "Give each its own key.");
        }
        if (!owners.insert(stake_owner(validator)).second) {
            return refuse("Two validators have the owner of \"" + validator.name + "\".",
                          "Give each its own: one's lie must not cost another's stake.");
        }
        weight += validator.weight;
    }
    AIT_ASSERT(weight > 0);
    return {};
}

Status check_parameters(const ChainParameters& p) {
    const auto range = [](std::string_view name, std::uint64_t value, std::uint64_t low,
                          std::uint64_t high) -> Status {
        if (value >= low && value <= high) return {};
        return refuse("Parameter " + std::string(name) + " is " + std::to_string(value) + ".",
                      "Use " + std::to_string(low) + " to " + std::to_string(high) + ".");
    };
    for (const auto& status :
         {range("job_fee_ppm", p.job_fee_ppm, 0, 1'000'000),
          range("lease_ms", p.lease_ms, 100, millisecond_day),
          range("attempts_max", p.attempts_max, 1, 100),
          range("job_ttl_ms_default", p.job_ttl_ms_default, 1'000, p.job_ttl_ms_max),
          range("job_ttl_ms_max", p.job_ttl_ms_max, 1'000, 365 * millisecond_day),
          range("miner_lost_ms", p.miner_lost_ms, 100, millisecond_day),
          range("unbonding_ms", p.unbonding_ms, 0, 365 * millisecond_day),
          range("slash_ppm", p.slash_ppm, 0, 1'000'000)}) {
        if (!status.ok()) return status.error();
    }
    if (p.validators_join == ValidatorsJoin::staked && p.validator_stake_min.micro == 0) {
        return refuse("Stake alone makes a validator, and none is needed.",
                      "Set \"validator_stake_min\", or \"validators_join\": \"approved\".");
    }
    return {};
}

}  // namespace

std::uint64_t quorum_of(std::uint64_t total_weight, FaultModel fault_model) {
    // floor(2W/3) + 1 and floor(W/2) + 1; the first so that it cannot overflow.
    return fault_model == FaultModel::byzantine ? total_weight - (total_weight - 1) / 3
                                                : total_weight / 2 + 1;
}

Address stake_owner(const GenesisValidator& validator) {
    return validator.owner.is_zero() ? crypto::address_of(validator.public_key) : validator.owner;
}

Hash genesis_hash(const Genesis& genesis) {
    return crypto::blake2b_256("genesis/1|" + encode(genesis));
}

Result<Genesis> parse_genesis(std::string_view json_text) {
    auto json = parse_json(json_text, genesis_bytes_max);
    if (!json.ok()) return json.error();
    auto genesis = from_json_value<Genesis>(json.value());
    if (!genesis.ok()) return genesis.error();
    if (genesis.value().chain.empty()) return refuse("It has no chain name.", "Set \"chain\".");
    if (genesis.value().time.ms <= 0) {
        return refuse("Its time is not after 1970.", "Set \"time\" to when the chain begins.");
    }
    for (const auto& allocation : genesis.value().allocations) {
        if (allocation.address.is_zero()) {
            return refuse("An allocation has no owner.", "Give its address.");
        }
    }
    const Status validators = check_validators(genesis.value());
    if (!validators.ok()) return validators.error();
    const Status parameters = check_parameters(genesis.value().parameters);
    if (!parameters.ok()) return parameters.error();
    return genesis;
}

std::string genesis_to_text(const Genesis& genesis) {
    return dump_json_pretty(to_json_value(genesis)) + "\n";
}

bool is_validator(const Genesis& genesis, const PublicKey& key) {
    for (const auto& validator : genesis.validators) {
        if (validator.public_key == key) return true;
    }
    return false;
}

}  // namespace ait::consensus
