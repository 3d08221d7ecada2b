#include "runtime/node/peer_network.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/consensus/checkpoint.hpp"
#include "actors/consensus/proposals.hpp"
#include "runtime/config/peers.hpp"

namespace ait::node {
namespace {

using consensus::PeerMessage;
using net::PeerKind;
using net::PeerPriority;

constexpr std::uint64_t protocol_version = 1;
constexpr std::uint32_t vote_bytes_max = 64 * 1024;  // several statements of one member
constexpr std::uint32_t certificate_bytes_max = 1024 * 1024;
constexpr std::uint32_t tip_bytes_max = 64;
constexpr std::uint32_t snapshot_question_bytes_max = 1024;
static_assert(consensus::chunk_bytes_max + 1024 <= net::peer_payload_bytes_max);

constexpr std::uint8_t number(PeerMessage kind) {
    return static_cast<std::uint8_t>(kind);
}

/// Followers ask and bring operations; they have no say in what becomes final.
std::vector<PeerKind> kinds() {
    constexpr std::uint32_t longest = net::peer_payload_bytes_max;
    return {
        {number(PeerMessage::vote), "vote", PeerPriority::vote, vote_bytes_max, 0, 0},
        {number(PeerMessage::certificate), "certificate", PeerPriority::certificate,
         certificate_bytes_max, certificate_bytes_max, 0},
        {number(PeerMessage::body), "body", PeerPriority::body, longest, 0, 0},
        // Final blocks prove themselves: who lags many changes of members may know no other source.
        {number(PeerMessage::catch_up), "catch_up", PeerPriority::catch_up, longest, longest, 0},
        {number(PeerMessage::operations), "operations", PeerPriority::gossip, longest, longest, 0},
        {number(PeerMessage::snapshot), "snapshot", PeerPriority::catch_up, longest,
         snapshot_question_bytes_max, 0},
        {number(PeerMessage::tip), "tip", PeerPriority::certificate, tip_bytes_max, tip_bytes_max,
         0}};
}

net::PeerRole role_in(const consensus::ValidatorSet& validators, const PublicKey& key) {
    return consensus::find_member(validators, key) != nullptr ? net::PeerRole::validator
                                                              : net::PeerRole::follower;
}

std::string short_key(const PublicKey& key) {
    return to_hex(key.view().substr(0, 8));
}

}  // namespace

Status PeerNetwork::start(const config::PeerSection& section,
                          const consensus::ValidatorSet& validators, const Hash& genesis_id,
                          const crypto::SecretKey& key, Callbacks callbacks) {
    auto peers = config::peers_of(section);
    if (!peers.ok()) return peers.error();
    net::PeerTransport::Options options;
    options.host = section.listen_host;
    options.port = section.listen_port;
    options.key = &key;
    options.name = section.name;
    options.cluster = genesis_id;
    options.version = protocol_version;
    options.role = role_in(validators, key.public_key());
    options.kinds = kinds();
    for (const auto& peer : peers.value()) {
        options.peers.push_back({.key = peer.public_key,
                                 .name = peer.name,
                                 .host = peer.host,
                                 .port = peer.port,
                                 .role = role_in(validators, peer.public_key),
                                 // Nodes learn at different times who votes.
                                 .role_must_match = false});
    }
    own_key_ = key.public_key();
    rows_ = options.peers;
    options.callbacks.on_messages = [deliver = std::move(callbacks.on_deliveries)](
                                        const PublicKey& peer,
                                        std::span<const net::PeerFrame> frames) {
        std::vector<consensus::PeerDelivery> deliveries;
        deliveries.reserve(frames.size());
        for (const auto& frame : frames) {
            deliveries.push_back({.peer = peer,
                                  .kind = static_cast<PeerMessage>(frame.kind),
                                  .bytes = std::string(frame.payload)});
        }
        deliver(std::move(deliveries));
    };
    options.callbacks.on_link =
        [tell = std::move(callbacks.on_link)](const net::PeerLinkChange& change) {
            if (change.is_up) {
                spdlog::info("peer_up key={} detail=\"{}\"", short_key(change.peer), change.detail);
            } else {
                spdlog::warn("peer_down key={} why={} detail=\"{}\"", short_key(change.peer),
                             net::peer_end_name(change.why), change.detail);
            }
            tell(change.peer, change.is_up);
        };
    options.callbacks.on_refusal = [](const net::PeerRefusal& refusal) {
        spdlog::warn("peer_refused key={} address={} by_us={} why={} detail=\"{}\"",
                     short_key(refusal.peer), refusal.address, refusal.refused_by_us,
                     net::peer_end_name(refusal.why), refusal.detail);
    };
    const std::lock_guard lock(starting_);
    auto transport = net::PeerTransport::start(std::move(options));
    if (!transport.ok()) return transport.error();
    transport_ = std::move(transport).value();
    return {};
}

void PeerNetwork::stop() {
    if (auto* const links = transport()) links->stop();
}

net::PeerTransport* PeerNetwork::transport() const {
    const std::lock_guard lock(starting_);
    return transport_.get();
}

net::PeerFigures PeerNetwork::figures() const {
    const auto* const links = transport();
    return links == nullptr ? net::PeerFigures{} : links->figures();
}

std::uint16_t PeerNetwork::port() const {
    const auto* const links = transport();
    return links == nullptr ? std::uint16_t{0} : links->port();
}

void PeerNetwork::send(const PublicKey& peer, PeerMessage kind,
                       std::shared_ptr<const std::string> bytes) {
    // A link that is down or full loses it, as a network may: the protocol asks again.
    if (auto* const links = transport())
        static_cast<void>(links->send(peer, number(kind), 0, std::move(bytes)));
}

void PeerNetwork::set_validators(std::span<const PublicKey> keys) {
    auto* const links = transport();
    if (links == nullptr) return;
    const auto role_of = [&](const PublicKey& key) {
        return std::find(keys.begin(), keys.end(), key) != keys.end() ? net::PeerRole::validator
                                                                      : net::PeerRole::follower;
    };
    links->set_role(role_of(own_key_));
    for (auto& row : rows_) {
        if (row.role == role_of(row.key)) continue;
        row.role = role_of(row.key);
        // The row is known and only its role changes, so it is never refused.
        const Status put = links->put_peer(row);
        AIT_ASSERT(put.ok());
    }
}

void PeerNetwork::broadcast(std::span<const PublicKey> peers, PeerMessage kind,
                            std::shared_ptr<const std::string> bytes) {
    if (auto* const links = transport())
        static_cast<void>(links->broadcast(number(kind), std::move(bytes), peers));
}

}  // namespace ait::node
