// What a replicated chain is told at its start, and what it tells of itself.

#include "actors/consensus/proposals.hpp"
#include "actors/consensus/replicated_chain.hpp"

namespace ait::consensus {

void ReplicationFigures::set(ReplicationState state) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
}

ReplicationState ReplicationFigures::get() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

simplex::Config simplex_config(const Genesis& genesis, const PublicKey& self,
                               std::uint64_t incarnation) {
    simplex::Config config;
    config.chain = genesis.chain;
    config.genesis = genesis_hash(genesis);
    for (std::uint32_t i = 0; i < genesis.validators.size(); ++i) {
        const auto& validator = genesis.validators[i];
        config.members.push_back({validator.public_key, validator.weight});
        if (validator.public_key == self) config.self = i;
    }
    config.fault_model = genesis.parameters.fault_model;
    config.delta_ms = static_cast<std::int64_t>(genesis.parameters.message_delay_ms);
    config.incarnation = incarnation;
    config.body_bytes_max = proposal_bytes_max;
    return config;
}

}  // namespace ait::consensus
