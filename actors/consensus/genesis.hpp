#pragma once

// Genesis: what a chain is before its first block. Its hash names the chain in every signed byte
// string, so a transaction or vote of one chain means nothing on another.

#include <string>
#include <vector>

#include "runtime/base/fields.hpp"
#include "runtime/base/result.hpp"

namespace ait {

enum class UnfundedJobs : std::uint8_t { accept, hold };
template <>
struct EnumNames<UnfundedJobs> {
    static constexpr std::array<std::string_view, 2> names{"accept", "hold"};
};

/// What validators may do wrong, and so how many must agree (CONSENSUS 1.4, 1.5).
enum class FaultModel : std::uint8_t {
    byzantine,  ///< less than a third may lie: a quorum is more than two thirds
    crash       ///< less than half may stop, nobody lies: a quorum is more than half
};
template <>
struct EnumNames<FaultModel> {
    static constexpr std::array<std::string_view, 2> names{"byzantine", "crash"};
};

/// Who lets a validator in.
enum class ValidatorsJoin : std::uint8_t {
    approved,  ///< a quorum of those who vote
    staked     ///< its stake
};
template <>
struct EnumNames<ValidatorsJoin> {
    static constexpr std::array<std::string_view, 2> names{"approved", "staked"};
};

}  // namespace ait

namespace ait::consensus {

struct GenesisValidator {
    std::string name{};
    PublicKey public_key{};
    std::uint64_t weight = 1;
    Amount stake{};
    Address owner{};
    static constexpr auto fields() {
        using V = GenesisValidator;
        return std::tuple{
            field("name", &V::name, "For people.", 64),
            field("public_key", &V::public_key, "Ed25519, hexadecimal."),
            field("weight", &V::weight, "Share in the quorum."),
            optional_field("stake", &V::stake, "AIT minted and staked for it at height 0."),
            optional_field("owner", &V::owner,
                           "Account whose stake answers for it; that of its key if absent.")};
    }
};

/// The account whose stake answers for a validator.
Address stake_owner(const GenesisValidator& validator);

struct GenesisAllocation {
    Address address{};
    std::string asset = "AIT";
    Amount amount{};
    static constexpr auto fields() {
        return std::tuple{field("address", &GenesisAllocation::address, "Owner."),
                          field("asset", &GenesisAllocation::asset, "AIT or USDC.", 8),
                          field("amount", &GenesisAllocation::amount, "Minted at height 0.")};
    }
};

/// Rules of a chain that are numbers. Every one is part of the genesis hash.
struct ChainParameters {
    std::uint64_t job_fee_ppm = 25'000;  ///< the network's fee, 2.5 %
    UnfundedJobs jobs_unfunded = UnfundedJobs::hold;
    std::uint64_t jobs_unfunded_per_account_max = 1'000;  ///< unpaid jobs, open or completed
    std::uint64_t jobs_open_max = 1'000'000;
    std::uint64_t job_ttl_ms_default = 900'000;
    std::uint64_t job_ttl_ms_max = 86'400'000;
    std::uint64_t lease_ms = 30'000;
    std::uint64_t attempts_max = 3;
    std::uint64_t miner_lost_ms = 30'000;
    std::uint64_t unbonding_ms = 10'000;
    std::uint64_t slash_ppm = 50'000;  ///< of the stake of a validator that is proven to lie, 5 %
    FaultModel fault_model = FaultModel::byzantine;
    std::uint64_t message_delay_ms = 100;  ///< between two validators, a block's body included
    ValidatorsJoin validators_join = ValidatorsJoin::approved;
    Amount validator_stake_min{};  ///< of one that joins after height 0
    bool faucet_enabled = false;
    Amount faucet_supply{};  ///< minted to the faucet at height 0
    Amount faucet_request_max{};
    static constexpr auto fields() {
        using P = ChainParameters;
        return std::tuple{
            optional_field("job_fee_ppm", &P::job_fee_ppm,
                           "Network fee of a paid job, parts per million."),
            optional_field("jobs_unfunded", &P::jobs_unfunded,
                           "accept: queue unpaid jobs; hold: wait for funds."),
            optional_field("jobs_unfunded_per_account_max", &P::jobs_unfunded_per_account_max,
                           "Free quota of an account."),
            optional_field("jobs_open_max", &P::jobs_open_max, "Jobs that are not terminal."),
            optional_field("job_ttl_ms_default", &P::job_ttl_ms_default,
                           "Life of a job that names none."),
            optional_field("job_ttl_ms_max", &P::job_ttl_ms_max, "Longest life of a job."),
            optional_field("lease_ms", &P::lease_ms, "A miner's lease, in block time."),
            optional_field("attempts_max", &P::attempts_max, "Leases of one job before it fails."),
            optional_field("miner_lost_ms", &P::miner_lost_ms,
                           "Silence after which a miner counts as lost."),
            optional_field("unbonding_ms", &P::unbonding_ms,
                           "Wait between unstake and availability."),
            optional_field("slash_ppm", &P::slash_ppm,
                           "Taken from the stake of a validator that lies, parts per million."),
            optional_field("fault_model", &P::fault_model,
                           "byzantine: under a third may lie; crash: under half may stop."),
            optional_field("message_delay_ms", &P::message_delay_ms,
                           "Longest way of a message between validators."),
            optional_field("validators_join", &P::validators_join,
                           "approved: a quorum lets validators in; staked: their stake does."),
            optional_field("validator_stake_min", &P::validator_stake_min,
                           "AIT that a joining validator's owner must have staked."),
            optional_field("faucet_enabled", &P::faucet_enabled, "Development chains only."),
            optional_field("faucet_supply", &P::faucet_supply, "AIT minted to the faucet."),
            optional_field("faucet_request_max", &P::faucet_request_max,
                           "Largest single request.")};
    }
};

struct Genesis {
    std::string chain{};
    UnixMs time{};
    std::vector<GenesisValidator> validators{};
    std::vector<GenesisAllocation> allocations{};
    ChainParameters parameters{};
    static constexpr auto fields() {
        using G = Genesis;
        return std::tuple{
            field("chain", &G::chain, "Name, for example ait-devnet.", 64),
            field("time", &G::time, "Time of height 0."),
            field("validators", &G::validators, "Who votes in epoch 0.", 256),
            optional_field("allocations", &G::allocations, "Minted at height 0.", 4'096),
            optional_field("parameters", &G::parameters, "The chain's numbers.")};
    }
};

/// Weight that must agree: more than two thirds, or more than half where validators only crash.
/// `total_weight` is not zero.
std::uint64_t quorum_of(std::uint64_t total_weight, FaultModel fault_model);
/// BLAKE2b-256 of the canonical encoding: white space and field order of the file do not matter.
Hash genesis_hash(const Genesis& genesis);
/// Reads and checks a genesis document (JSON). Errors: malformed, invalid_argument.
Result<Genesis> parse_genesis(std::string_view json_text);
/// The document as text that parse_genesis reads.
std::string genesis_to_text(const Genesis& genesis);
/// Whether it names this key: who votes in epoch 0.
bool is_validator(const Genesis& genesis, const PublicKey& key);

}  // namespace ait::consensus
