#pragma once

// How a chain reaches the other nodes that keep it. The node's transport implements it; tests put
// chains side by side without sockets.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/bytes.hpp"

namespace ait::consensus {

/// What a message is, which decides how urgent it is and who may send it. The numbers are the peer
/// transport's kinds, the same on all nodes for ever.
enum class PeerMessage : std::uint8_t {
    vote = 16,
    certificate = 17,
    body = 18,
    catch_up = 19,
    operations = 20,
    snapshot = 21,  ///< checkpoints and their chunks
    tip = 22
};

/// Any thread; never blocks. What cannot be sent is lost, as on any network.
class PeerLinks {
  public:
    PeerLinks() = default;
    PeerLinks(const PeerLinks&) = delete;
    PeerLinks& operator=(const PeerLinks&) = delete;
    virtual ~PeerLinks() = default;

    virtual void send(const PublicKey& peer, PeerMessage kind,
                      std::shared_ptr<const std::string> bytes) = 0;
    /// To those of `peers` that are connected.
    virtual void broadcast(std::span<const PublicKey> peers, PeerMessage kind,
                           std::shared_ptr<const std::string> bytes) = 0;
    /// Who may send what a validator may, from now on; the others are followers.
    virtual void set_validators(std::span<const PublicKey> keys) = 0;
};

/// One message as it came.
struct PeerDelivery {
    PublicKey peer{};
    PeerMessage kind = PeerMessage::operations;
    std::string bytes{};
};

}  // namespace ait::consensus
