#pragma once

// The links of the peer transport as the directory that handlers and status read.

#include <functional>
#include <map>

#include "actors/node/messages.hpp"
#include "runtime/config/node_config.hpp"
#include "runtime/node/peer_network.hpp"

namespace ait::node {

/// Network and key must outlive it, and what `heights` reads.
class LinkedPeers final : public PeerDirectory {
  public:
    /// Highest block that each node of a chain told of. Any thread.
    using Heights = std::function<std::map<PublicKey, std::uint64_t>()>;
    LinkedPeers(const config::PeerSection& section, const PeerNetwork& network,
                const crypto::SecretKey& key, Heights heights)
        : name_(section.name), network_(network), key_(key), heights_(std::move(heights)) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] const crypto::SecretKey& key() const override { return key_; }
    [[nodiscard]] std::vector<PeerView> peers() const override;

  private:
    const std::string name_;
    const PeerNetwork& network_;
    const crypto::SecretKey& key_;
    const Heights heights_;
};

/// One link's figures as people read them. Pure.
PeerView view_of_link(const net::PeerLinkFigures& link);

}  // namespace ait::node
