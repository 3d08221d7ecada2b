#pragma once

// The node's links to the other nodes of its chain: the peer transport with the kinds of messages
// that consensus sends, who may send them, and the configured peers.

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/consensus/peer_links.hpp"
#include "actors/consensus/validator_set.hpp"
#include "net/peer/peer_transport.hpp"
#include "runtime/config/node_config.hpp"

namespace ait::node {

class PeerNetwork final : public consensus::PeerLinks {
  public:
    struct Callbacks {
        /// Both on the transport's thread, one at a time; must not block.
        std::function<void(std::vector<consensus::PeerDelivery>)> on_deliveries{};
        std::function<void(const PublicKey& peer, bool is_up)> on_link{};
    };
    /// Links come up while this runs; what is sent meanwhile waits for its end. Errors:
    /// invalid_argument (the table of peers), conflict (the port is taken).
    Status start(const config::PeerSection& section, const consensus::ValidatorSet& validators,
                 const Hash& genesis_id, const crypto::SecretKey& key, Callbacks callbacks);
    /// Ends all links; no callback afterwards.
    void stop();

    void send(const PublicKey& peer, consensus::PeerMessage kind,
              std::shared_ptr<const std::string> bytes) override;
    void broadcast(std::span<const PublicKey> peers, consensus::PeerMessage kind,
                   std::shared_ptr<const std::string> bytes) override;
    void set_validators(std::span<const PublicKey> keys) override;

    /// Empty before start().
    [[nodiscard]] net::PeerFigures figures() const;
    [[nodiscard]] std::uint16_t port() const;

  private:
    /// Null before start(); the chain sends from another thread than the one that starts.
    [[nodiscard]] net::PeerTransport* transport() const;

    mutable std::mutex starting_{};
    PublicKey own_key_{};  ///< with those below, written by start()
    std::vector<net::KnownPeer> rows_{};
    std::unique_ptr<net::PeerTransport> transport_{};
};

}  // namespace ait::node
