#pragma once

// Which node is meant by a number of the Simplex core, and how what it says gets there.

#include <algorithm>
#include <vector>

#include "actors/consensus/peer_links.hpp"
#include "actors/consensus/simplex/core.hpp"

namespace ait::consensus {

/// The nodes of a chain by the numbers that the core knows them by: members by their index,
/// followers above, in the order in which they first came.
class ChainPeers {
  public:
    explicit ChainPeers(const simplex::Config& config) {
        for (const auto& member : config.members) keys_.push_back(member.key);
        member_count_ = keys_.size();
        for (std::size_t i = 0; i < member_count_; ++i) {
            if (i != config.self) members_.push_back(keys_[i]);
        }
    }
    simplex::Peer number_of(const PublicKey& key) {
        const auto found = std::find(keys_.begin(), keys_.end(), key);
        if (found == keys_.end()) keys_.push_back(key);
        return static_cast<simplex::Peer>(found - keys_.begin());
    }
    [[nodiscard]] const PublicKey* key_of(simplex::Peer peer) const {
        return peer < keys_.size() ? &keys_[peer] : nullptr;
    }
    /// Without this node.
    [[nodiscard]] const std::vector<PublicKey>& members() const { return members_; }
    [[nodiscard]] std::vector<PublicKey> everybody() const {
        std::vector<PublicKey> all = members_;
        all.insert(all.end(), keys_.begin() + static_cast<std::ptrdiff_t>(member_count_),
                   keys_.end());
        return all;
    }

  private:
    std::vector<PublicKey> keys_{};
    std::vector<PublicKey> members_{};
    std::size_t member_count_ = 0;
};

void send_out(PeerLinks& links, const ChainPeers& peers, simplex::Send&& message);

}  // namespace ait::consensus
