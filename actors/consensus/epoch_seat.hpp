#pragma once

// This node's place in the epoch that runs: its configuration, the core that agrees with the other
// members, and who they are. When a final block has changed the members, the place in the next
// epoch follows from it. One thread, that of the chain.

#include <optional>
#include <set>
#include <vector>

#include "actors/consensus/chain_data.hpp"
#include "actors/consensus/chain_peers.hpp"
#include "actors/consensus/simplex/core.hpp"

namespace ait::consensus {

class EpochSeat {
  public:
    /// `key` is this node's and outlives the seat.
    EpochSeat(simplex::Config config, simplex::Restored restored, const crypto::SecretKey& key);

    /// Always the same object, so that others may refer to it over epochs.
    [[nodiscard]] const simplex::Config& config() const { return config_; }
    [[nodiscard]] simplex::Core& core() { return *core_; }
    [[nodiscard]] const simplex::Core& core() const { return *core_; }
    [[nodiscard]] ChainPeers& peers() { return peers_; }

    /// The block that changed the members is durable, published and `tip`: the core of its epoch
    /// has done its work, and one that was not started takes its place. Gives who may speak as a
    /// validator from now on: the members, and those before, who may have more to say.
    std::vector<PublicKey> begin_epoch(const Genesis& genesis, const ValidatorSet& members,
                                       const Tip& tip);

    /// Of the members among these nodes, and of this one.
    [[nodiscard]] std::uint64_t weight_of(const std::set<PublicKey>& nodes) const;

  private:
    void seat(simplex::Restored restored);

    const crypto::SecretKey& key_;
    simplex::Config config_;
    ChainPeers peers_;
    bool is_key_doubtful_;  ///< it may have said what is not recorded; asked for when it votes
    bool is_key_stopped_ = false;
    std::optional<simplex::KeyAuthenticator> authenticator_{};
    std::optional<simplex::Core> core_{};
};

}  // namespace ait::consensus
