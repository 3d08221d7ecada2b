#include "runtime/config/peers.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>

#include "runtime/base/limits.hpp"

namespace ait::config {
namespace {

bool is_letter_or_digit(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_ipv6(std::string_view host) noexcept {
    return host.find(':') != std::string_view::npos;
}

Error refuse(std::string why) {
    return Error{ErrorCode::invalid_argument, "The address of a node is not fit.", std::move(why),
                 "Write HOST:PORT, for example 10.0.0.5:7800 or [fd00::5]:7800."};
}

std::string shown(std::string_view text) {
    constexpr std::size_t shown_bytes_max = 64;
    std::string out(text.substr(0, shown_bytes_max));
    const auto is_plain = [](char c) { return c > ' ' && c < 0x7f; };
    std::replace_if(out.begin(), out.end(), std::not_fn(is_plain), '?');
    return "\"" + out + "\"";
}

}  // namespace

bool is_peer_name(std::string_view name) noexcept {
    const auto is_fit = [](char c) {
        return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= limits::name_bytes_max &&
           is_letter_or_digit(name.front()) && std::all_of(name.begin(), name.end(), is_fit);
}

bool is_host(std::string_view host) noexcept {
    if (host.empty() || host.size() > peer_host_bytes_max) return false;
    const auto is_name = [](char c) {
        return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_';
    };
    // '%' names the interface of a link-local address.
    const auto is_address = [&](char c) { return is_name(c) || c == ':' || c == '%'; };
    if (is_ipv6(host)) return std::all_of(host.begin(), host.end(), is_address);
    return host.front() != '-' && std::all_of(host.begin(), host.end(), is_name);
}

Result<HostPort> parse_host_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return refuse(shown(text) + " has no port.");
    auto host = text.substr(0, colon);
    const auto port_text = text.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    // Without brackets nobody can tell where an IPv6 address ends and the port begins.
    if (!is_host(host) || is_ipv6(host) != bracketed)
        return refuse(shown(text) + " names no host or address.");
    HostPort address{.host = std::string(host)};
    const auto* end = port_text.data() + port_text.size();
    const auto [stopped, failure] = std::from_chars(port_text.data(), end, address.port);
    if (failure != std::errc{} || stopped != end || address.port == 0)
        return refuse(shown(text) + " needs a port from 1 to 65535.");
    return address;
}

std::string to_text(const HostPort& address) {
    const bool brackets = is_ipv6(address.host);
    return (brackets ? "[" + address.host + "]" : address.host) + ":" +
           std::to_string(address.port);
}

Result<Peer> parse_peer(std::string_view name, std::string_view text) {
    if (!is_peer_name(name)) return refuse("A name has " + std::string(peer_name_rule));
    const auto at = text.find('@');
    if (at == std::string_view::npos || text.size() > peer_text_bytes_max)
        return refuse(shown(text) + " is not KEY@HOST:PORT.");
    auto key = fixed_from_hex<PublicKey>(text.substr(0, at));
    if (!key.ok() || key.value().is_zero()) {
        return refuse(shown(text.substr(0, at)) +
                      " is no public key: it must be 64 lower-case hexadecimal digits.");
    }
    auto address = parse_host_port(text.substr(at + 1));
    if (!address.ok()) return address.error();
    return Peer{.name = std::string(name),
                .public_key = key.value(),
                .host = std::move(address.value().host),
                .port = address.value().port};
}

std::string to_text(const Peer& peer) {
    return to_hex(peer.public_key.view()) + "@" +
           to_text(HostPort{.host = peer.host, .port = peer.port});
}

Result<std::vector<Peer>> peers_of(const PeerSection& section) {
    if (section.nodes.size() > peers_max)
        return refuse("There are more than " + std::to_string(peers_max) + " nodes.");
    std::map<PublicKey, std::string> keys;
    std::map<std::string, std::string> addresses;
    std::vector<Peer> peers;
    for (const auto& [name, text] : section.nodes) {
        auto peer = parse_peer(name, text);
        if (!peer.ok()) return peer.error();
        const auto [key_of, new_key] = keys.emplace(peer.value().public_key, name);
        if (!new_key) return refuse(key_of->second + " and " + name + " have one key.");
        const auto address = to_text(HostPort{peer.value().host, peer.value().port});
        const auto [address_of, new_address] = addresses.emplace(address, name);
        if (!new_address)
            return refuse(address_of->second + " and " + name + " are both at " + address + ".");
        if (name != section.name) peers.push_back(std::move(peer).value());
    }
    return peers;
}

std::string default_peer_name() {
    std::array<char, limits::name_bytes_max + 1> name{};
    // A longer name is cut without a final zero on some systems: the last byte stays ours.
    if (::gethostname(name.data(), name.size() - 1) != 0) return "node";
    const std::string_view text(name.data());
    return is_peer_name(text) ? std::string(text) : "node";
}

}  // namespace ait::config
