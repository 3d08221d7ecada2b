#include "actors/consensus/epoch_seat.hpp"

#include <utility>

#include "actors/consensus/replicated_chain.hpp"

namespace ait::consensus {

EpochSeat::EpochSeat(simplex::Config config, simplex::Restored restored,
                     const crypto::SecretKey& key)
    : key_(key),
      config_(std::move(config)),
      peers_(config_),
      is_key_doubtful_(restored.guard_missing) {
    seat(std::move(restored));
}

void EpochSeat::seat(simplex::Restored restored) {
    core_.reset();  // it uses the other
    authenticator_.emplace(config_, config_.self ? &key_ : nullptr);
    core_.emplace(config_, std::move(restored), *authenticator_);
}

std::vector<PublicKey> EpochSeat::begin_epoch(const Genesis& genesis, const ValidatorSet& members,
                                              const Tip& tip) {
    AIT_ASSERT(members.epoch > config_.epoch);
    AIT_ASSERT(members.epoch == tip.height);
    const auto standing = core_->key_standing();
    // What a follower's key may have said before it followed is still to be asked for.
    if (config_.self) is_key_doubtful_ = standing == simplex::KeyStanding::doubtful;
    is_key_stopped_ |= standing == simplex::KeyStanding::stopped;
    std::vector<PublicKey> validators;
    for (const auto& member : config_.members) validators.push_back(member.key);
    config_ = simplex_config(genesis, members, key_.public_key(), config_.incarnation + 1);
    for (const auto& member : config_.members) validators.push_back(member.key);
    peers_ = ChainPeers(config_);
    seat({.tip = {tip.height, tip.view, tip.hash, tip.time_unix_ms},
          .journal = {},
          .guard_missing = is_key_doubtful_,
          .begins_epoch = true,
          .key_stopped = is_key_stopped_});
    return validators;
}

std::uint64_t EpochSeat::weight_of(const std::set<PublicKey>& nodes) const {
    std::uint64_t weight = 0;
    for (std::uint32_t i = 0; i < config_.members.size(); ++i) {
        if (i == config_.self || nodes.contains(config_.members[i].key))
            weight += config_.members[i].weight;
    }
    return weight;
}

}  // namespace ait::consensus
