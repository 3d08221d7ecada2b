// What a replicated chain is told at its start, and what it tells of itself.

#include "actors/consensus/proposals.hpp"
#include "actors/consensus/replicated_chain.hpp"

namespace ait::consensus {
namespace {

constexpr std::size_t alarms_kept = 16;

}  // namespace

void add_alarm(ReplicationState& state, const std::string& text) {
    if (state.alarms.size() == alarms_kept) state.alarms.erase(state.alarms.begin());
    state.alarms.push_back(text);
}

Error members_disagree(const std::string& how) {
    return Error{ErrorCode::check_failed, "This node and the other members disagree.", how,
                 "Compare the releases and the genesis documents of all nodes; then restore this "
                 "one from the others."};
}

void ReplicationFigures::set(ReplicationState state) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
}

ReplicationState ReplicationFigures::get() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

simplex::Config simplex_config(const Genesis& genesis, const ValidatorSet& members,
                               const PublicKey& self, std::uint64_t incarnation) {
    simplex::Config config;
    config.chain = genesis.chain;
    config.genesis = genesis_hash(genesis);
    config.epoch = members.epoch;
    for (std::uint32_t i = 0; i < members.members.size(); ++i) {
        const auto& validator = members.members[i];
        config.members.push_back({validator.public_key, validator.weight});
        if (validator.public_key == self) config.self = i;
    }
    config.fault_model = members.fault_model;
    config.delta_ms = static_cast<std::int64_t>(genesis.parameters.message_delay_ms);
    config.incarnation = incarnation;
    config.body_bytes_max = proposal_bytes_max;
    return config;
}

}  // namespace ait::consensus
