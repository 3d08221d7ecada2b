#pragma once

#include <arpa/inet.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <string>

namespace ait::net {

/// An address without its zone. Asio's own to_string() builds zones with strcat, which no program
/// of this project calls.
inline std::string address_text(const boost::asio::ip::address& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        ::inet_ntop(AF_INET, bytes.data(), text.data(), text.size());
    } else {
        const auto bytes = address.to_v6().to_bytes();
        ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
    }
    return text.data();
}

}  // namespace ait::net
