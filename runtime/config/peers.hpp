#pragma once

// The nodes of a cluster as a configuration lists them: NAME = "KEY@HOST:PORT". Which of them vote
// is the genesis' word, not this table's.

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/bytes.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/node_config.hpp"

namespace ait::config {

inline constexpr std::size_t peer_host_bytes_max = 253;  // a DNS name
inline constexpr std::size_t peer_text_bytes_max = 64 + 1 + peer_host_bytes_max + 2 + 1 + 5;
inline constexpr std::size_t peers_max = 256;  // as many validators as a genesis may name
inline constexpr std::string_view peer_name_rule =
    "1 to 64 of letters, digits, '.', '_' and '-', the first a letter or a digit.";

struct Peer {
    std::string name{};
    PublicKey public_key{};
    std::string host{};  ///< a name or an address; IPv6 without its brackets
    std::uint16_t port = 0;
    bool operator==(const Peer&) const = default;
};

/// Host and port of "HOST:PORT" or "[IPV6]:PORT".
struct HostPort {
    std::string host{};
    std::uint16_t port = 0;
    bool operator==(const HostPort&) const = default;
};

/// Fit for `peer.name` and for the names of `peer.nodes`; see peer_name_rule.
bool is_peer_name(std::string_view name) noexcept;
/// A DNS name or an address literal by its characters; whether it resolves is seen by dialling.
bool is_host(std::string_view host) noexcept;
/// Error: invalid_argument. Port 0 is refused: nobody could dial it.
Result<HostPort> parse_host_port(std::string_view text);
/// "host:port", with brackets around an IPv6 address.
std::string to_text(const HostPort& address);

/// One line of the table. Error: invalid_argument, whose `why` says what is wrong.
Result<Peer> parse_peer(std::string_view name, std::string_view text);
/// "KEY@HOST:PORT", as parse_peer reads it.
std::string to_text(const Peer& peer);

/// Every node of the table but this one (by name), ordered by name.
/// Error: invalid_argument: two with one key or one address, or too many.
Result<std::vector<Peer>> peers_of(const PeerSection& section);

/// The machine's name where it is fit for `peer.name`, else "node".
std::string default_peer_name();

}  // namespace ait::config
