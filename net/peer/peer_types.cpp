#include "net/peer/peer_types.hpp"

#include "net/peer/handshake.hpp"

namespace ait::net {

std::string_view peer_end_name(PeerEnd end) noexcept {
    return name_of(end);
}

std::string_view peer_end_meaning(PeerEnd end) noexcept {
    switch (end) {
        case PeerEnd::none:
            return "Nothing is wrong.";
        case PeerEnd::stopping:
            return "The node stopped, or the peer was removed.";
        case PeerEnd::closed_by_peer:
            return "The other side closed the connection.";
        case PeerEnd::silent:
            return "The other side did not answer heartbeats.";
        case PeerEnd::not_allowed:
            return "A message came that its sender's role may not send.";
        case PeerEnd::too_large:
            return "A message came that is longer than its kind may be.";
        case PeerEnd::malformed:
            return "Bytes came that are no message.";
        case PeerEnd::replaced:
            return "A newer connection of the same two nodes took its place.";
        case PeerEnd::nobody_listens:
            return "Nobody listens at the address, or it cannot be reached.";
        case PeerEnd::hangs:
            return "The address accepts connections, but nothing answers.";
        case PeerEnd::not_a_peer:
            return "What answers is not a node of this kind.";
        case PeerEnd::another_key:
            return "The node there holds another key than the configured one.";
        case PeerEnd::unknown_key:
            return "The key is not in the other node's table of peers.";
        case PeerEnd::another_cluster:
            return "The node belongs to another cluster.";
        case PeerEnd::another_version:
            return "The node speaks another version of the protocol.";
        case PeerEnd::another_name:
            return "The node does not call itself as configured.";
        case PeerEnd::another_role:
            return "The node does not hold the configured role.";
        case PeerEnd::duplicate_key:
            return "Another process with the same key is connected.";
        case PeerEnd::duplicate_link:
            return "The two nodes have a connection already.";
        case PeerEnd::limit_reached:
            return "There is no room for another connection.";
    }
    return "Unknown.";
}

}  // namespace ait::net
