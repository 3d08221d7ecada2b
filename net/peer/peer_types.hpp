#pragma once

// What a transport between nodes is told and what it tells: who the peers are, which kinds of
// messages they may send and how urgent each is, and the figures of a link. Values only; the
// program that joins nodes fills them in, net/peer gives them no meaning beyond what stands here.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/fields.hpp"
#include "runtime/base/limits.hpp"

namespace ait::net {

/// What a peer is allowed to say depends on it (PeerKind).
enum class PeerRole : std::uint8_t { validator, follower };

/// How urgent a kind of message is, most urgent first. A message waits for no message of a later
/// priority, except for at most one write under way; within a priority the order of sending is
/// the order of arrival.
enum class PeerPriority : std::uint8_t { vote, certificate, body, catch_up, gossip };
inline constexpr std::size_t peer_priority_count = 5;

/// What send() does when the queue of a priority is full.
enum class PeerQueuePolicy : std::uint8_t {
    refuse,  ///< error overloaded: the sender decides
    drop,    ///< counted as dropped, and the sender is not told: it would not care
};

/// The bound of one priority's queue on one link, in frames and in bytes on the wire.
struct PeerQueueRule {
    std::uint32_t bytes_max = 0;
    std::uint32_t frames_max = 0;
    PeerQueuePolicy policy = PeerQueuePolicy::refuse;
};

/// Votes and certificates are small and worth nothing later; bodies must hold two whole blocks;
/// gossip comes by other ways too, so what does not fit is dropped.
inline constexpr std::array<PeerQueueRule, peer_priority_count> peer_queue_rules_default{
    PeerQueueRule{4U << 20, 16'384, PeerQueuePolicy::refuse},
    PeerQueueRule{4U << 20, 16'384, PeerQueuePolicy::refuse},
    PeerQueueRule{32U << 20, 16'384, PeerQueuePolicy::refuse},
    PeerQueueRule{32U << 20, 16'384, PeerQueuePolicy::refuse},
    PeerQueueRule{8U << 20, 65'536, PeerQueuePolicy::drop},
};

/// Kinds below are the transport's own.
inline constexpr std::uint8_t peer_kind_first = 16;
/// Longest payload that any kind may allow.
inline constexpr std::uint32_t peer_payload_bytes_max = 16U << 20;
static_assert(peer_payload_bytes_max >= limits::block_bytes_max,
              "a block with its frame fits in a message");

/// One kind of message. A kind that the table lacks is skipped and counted (a newer version may
/// send it); a kind that the sender's role may not send, or that is too long, ends the link.
struct PeerKind {
    std::uint8_t number = 0;  ///< peer_kind_first .. 255, the same on all nodes for ever
    std::string name{};       ///< for logs and metrics
    PeerPriority priority = PeerPriority::gossip;
    std::uint32_t validator_bytes_max = 0;  ///< of the payload; 0: a validator may not send it
    std::uint32_t follower_bytes_max = 0;   ///< of the payload; 0: a follower may not send it
    /// The kind that answers this one, for request(); 0: not a request. Its correlation is made by
    /// the transport of the asking node.
    std::uint8_t reply_kind = 0;
};

/// A node that may connect and, if it has an address, is dialled.
struct KnownPeer {
    PublicKey key{};     ///< the node's id; its TLS certificate must hold this key
    std::string name{};  ///< empty: any; else what the peer must call itself
    std::string host{};  ///< IP address or host name; empty: never dialled
    std::uint16_t port = 0;
    PeerRole role = PeerRole::follower;  ///< decides what it may send
    /// False: a peer that calls itself otherwise is let in all the same (it may be epochs behind),
    /// with the rights of `role`.
    bool role_must_match = true;
};

/// One message as it came. The payload lies in the transport's buffer: copy what outlives the call.
struct PeerFrame {
    std::uint8_t kind = 0;
    std::uint64_t correlation = 0;  ///< the sender's; never an index or id of ours
    std::string_view payload{};
};

/// Immutable bytes that several links send.
using PeerPayload = std::shared_ptr<const std::string>;

/// Why a link ended, or why a connection did not become one.
enum class PeerEnd : std::uint8_t {
    none,             ///< never had a link
    stopping,         ///< this node stops, or removed the peer
    closed_by_peer,   ///< the connection ended
    silent,           ///< no answer to a heartbeat for peer_dead_ms
    not_allowed,      ///< a frame of a kind that its role may not send
    too_large,        ///< a frame above the limit of its kind
    malformed,        ///< bytes that are no frame, or frames out of order
    replaced,         ///< the peer opened a new connection in place of this one
    nobody_listens,   ///< the address refused the connection or cannot be reached
    hangs,            ///< connected, and no handshake within its deadline
    not_a_peer,       ///< what answers speaks no mutual TLS 1.3 with an Ed25519 key
    another_key,      ///< its certificate holds another key than the configured one
    unknown_key,      ///< our or its key is not in the other's table
    another_cluster,  ///< the cluster ids differ
    another_version,  ///< the protocol versions differ
    another_name,     ///< it does not call itself as configured
    another_role,     ///< it does not hold the configured role
    duplicate_key,    ///< another process with the same key is connected
    duplicate_link,   ///< a link of the two nodes is there already; harmless
    limit_reached,    ///< no room for another connection
};
inline constexpr std::size_t peer_end_count = 20;
/// "another_cluster", ... for logs and metrics; a sentence about it for people.
std::string_view peer_end_name(PeerEnd end) noexcept;
std::string_view peer_end_meaning(PeerEnd end) noexcept;

/// A link came up or went down. For one peer these alternate, beginning with up.
struct PeerLinkChange {
    PublicKey peer{};
    bool is_up = false;
    PeerEnd why = PeerEnd::none;  ///< of a link that went down
    std::string detail{};         ///< the values that decided
};

/// A connection that did not become a link. `peer` is zero when it was not learnt.
struct PeerRefusal {
    PublicKey peer{};
    std::string address{};
    bool dialled_by_us = false;
    bool refused_by_us = false;  ///< else by the other side
    PeerEnd why = PeerEnd::none;
    std::string detail{};
};

/// What `node test` tells of an address. `why` is none when a link could be made.
struct PeerProbe {
    PeerEnd why = PeerEnd::none;
    std::string detail{};
    PublicKey key{};               ///< zero when the TLS handshake did not end
    Hash cluster{};                ///< zero when not told
    std::string name{};            ///< empty when not told
    PeerRole role{};               ///< with a name only
    std::uint64_t version = 0;     ///< 0 when not told
    std::int64_t connect_us = -1;  ///< TCP connection; -1: none
    std::int64_t handshake_us = -1;
};

/// Figures of one configured peer, up or not. Totals last as long as the peer is in the table.
struct PeerLinkFigures {
    PublicKey key{};
    std::string name{};
    PeerRole role{};
    std::string host{};
    std::uint16_t port = 0;
    bool is_up = false;
    bool dialled_by_us = false;
    std::string address{};                ///< of the other end, when up
    std::int64_t connected_since_ms = 0;  ///< unix time; 0 when down
    std::int64_t last_heard_ms = 0;       ///< unix time of the last byte; 0: never
    std::int64_t rtt_us = -1;             ///< smoothed; -1: not measured yet
    std::int64_t skew_us = 0;             ///< its clock minus ours; valid with rtt_us >= 0
    PeerEnd last_end = PeerEnd::none;     ///< why the last link or attempt ended
    std::string last_end_detail{};
    std::uint64_t links_total = 0;       ///< how often a link came up
    std::uint64_t attempts_total = 0;    ///< how often it was dialled
    std::uint64_t sent_bytes_total = 0;  ///< on the wire, after encryption
    std::uint64_t received_bytes_total = 0;
    std::uint64_t sent_frames_total = 0;
    std::uint64_t received_frames_total = 0;
    std::uint64_t skipped_frames_total = 0;                          ///< of unknown kinds
    std::array<std::uint64_t, peer_priority_count> dropped_total{};  ///< full queue, policy drop
    std::array<std::uint64_t, peer_priority_count> refused_total{};  ///< full queue, policy refuse
    std::uint64_t lost_frames_total = 0;                             ///< queued when a link ended
    std::array<std::uint32_t, peer_priority_count> queue_bytes{};
    std::array<std::uint32_t, peer_priority_count> queue_frames{};
    std::uint32_t requests_in_flight = 0;
};

struct PeerFigures {
    std::vector<PeerLinkFigures> links{};  ///< in order of their keys
    std::uint32_t handshakes_open = 0;
    std::uint64_t accepted_total = 0;
    std::array<std::uint64_t, peer_end_count> refused_total{};  ///< connections that became no link
    std::uint64_t stray_replies_total = 0;  ///< answers to nothing, or to what had ended
};

}  // namespace ait::net

template <>
struct ait::EnumNames<ait::net::PeerRole> {
    static constexpr std::array<std::string_view, 2> names{"validator", "follower"};
};
template <>
struct ait::EnumNames<ait::net::PeerPriority> {
    static constexpr std::array<std::string_view, ait::net::peer_priority_count> names{
        "vote", "certificate", "body", "catch_up", "gossip"};
};
