#include "actors/consensus/chain_peers.hpp"

#include <memory>
#include <string>
#include <utility>

namespace ait::consensus {
namespace {

PeerMessage kind_of(simplex::Priority priority) {
    switch (priority) {
        case simplex::Priority::vote:
            return PeerMessage::vote;
        case simplex::Priority::certificate:
            return PeerMessage::certificate;
        case simplex::Priority::body:
            return PeerMessage::body;
        case simplex::Priority::catch_up:
            return PeerMessage::catch_up;
    }
    return PeerMessage::catch_up;
}

}  // namespace

void send_out(PeerLinks& links, const ChainPeers& peers, simplex::Send&& message) {
    auto bytes = std::make_shared<const std::string>(std::move(message.bytes));
    const PeerMessage kind = kind_of(message.priority);
    switch (message.audience) {
        case simplex::Audience::one:
            if (const auto* key = peers.key_of(message.peer))
                links.send(*key, kind, std::move(bytes));
            return;
        case simplex::Audience::members:
            return links.broadcast(peers.members(), kind, std::move(bytes));
        case simplex::Audience::everybody:
            return links.broadcast(peers.everybody(), kind, std::move(bytes));
    }
}

}  // namespace ait::consensus
