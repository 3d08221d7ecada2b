#pragma once

// What two nodes tell each other after TLS and before anything else, and the pure judgement of it.
//
//   dialler -> hello      acceptor -> hello, or refusal
//   dialler -> ready      acceptor -> welcome, or refusal
//
// Either side may refuse instead of its next step, naming what differs. Of two connections between
// the same nodes the node with the lower key keeps one: it sends `ready` or `welcome` on that one
// alone.

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "net/peer/peer_types.hpp"
#include "runtime/base/fields.hpp"

namespace ait::net {

/// Payload on the wire: u64 version, big-endian, then the other fields in msgpack, so that versions
/// with other fields can still tell each other their versions.
struct Hello {
    std::uint64_t version = 0;  ///< of the caller's protocol
    Hash cluster{};
    std::string name{};
    PeerRole role = PeerRole::follower;
    std::uint64_t instance = 0;  ///< drawn at start; tells two processes with one key apart
    bool is_probe = false;       ///< only asks; no link is wanted

    static constexpr auto fields() {
        return std::tuple{field("cluster", &Hello::cluster, "Which cluster."),
                          field("name", &Hello::name, "Of the node.", limits::name_bytes_max),
                          field("role", &Hello::role, "Of the node."),
                          field("instance", &Hello::instance, "Of the process."),
                          field("is_probe", &Hello::is_probe, "No link is wanted.")};
    }
};

/// Why no connection, with what the refusing node is, as far as it may be told to anybody.
struct Refusal {
    PeerEnd why = PeerEnd::none;
    std::uint64_t version = 0;
    Hash cluster{};
    std::string detail{};

    static constexpr std::uint32_t detail_bytes_max = 256;
    static constexpr auto fields() {
        return std::tuple{
            field("why", &Refusal::why, "Which thing differs."),
            field("version", &Refusal::version, "Of the refusing node's protocol."),
            field("cluster", &Refusal::cluster, "Of the refusing node."),
            field("detail", &Refusal::detail, "The values that decided.", detail_bytes_max)};
    }
};

std::string encode_hello(const Hello& hello);
/// Error: malformed. A version other than `version` is no error; then the rest is not read.
Result<Hello> decode_hello(std::string_view payload, std::uint64_t version);
std::string encode_refusal(const Refusal& refusal);
Result<Refusal> decode_refusal(std::string_view payload);

/// What differs between what a peer says of itself and what must be; nothing: it may come in.
/// `row` is null for a probe of an address that no peer of the table has.
struct Difference {
    PeerEnd why = PeerEnd::none;
    std::string detail{};
};
std::optional<Difference> find_difference(const Hello& ours, const Hello& theirs,
                                          const KnownPeer* row);

/// The payloads of heartbeats: when a ping was sent by the sender's own clock, and in a pong that
/// figure again with the answering node's wall clock.
struct Heartbeat {
    std::uint64_t sent_us = 0;
    std::int64_t unix_ms = 0;
};
inline constexpr std::size_t heartbeat_bytes = 16;
std::string encode_heartbeat(const Heartbeat& heartbeat);
std::optional<Heartbeat> decode_heartbeat(std::string_view payload);

}  // namespace ait::net

template <>
struct ait::EnumNames<ait::net::PeerEnd> {
    static constexpr std::array<std::string_view, ait::net::peer_end_count> names{
        "none",         "stopping",     "closed_by_peer", "silent",          "not_allowed",
        "too_large",    "malformed",    "replaced",       "nobody_listens",  "hangs",
        "not_a_peer",   "another_key",  "unknown_key",    "another_cluster", "another_version",
        "another_name", "another_role", "duplicate_key",  "duplicate_link",  "limit_reached"};
};
