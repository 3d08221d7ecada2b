#pragma once

// Who holds a TCP port, so that "address in use" can name the program to stop.

#include <cstdint>
#include <optional>
#include <string>

namespace ait::net {

struct PortOwner {
    int pid = 0;
    std::string command;  ///< the process's short name
};

/// Looks through /proc; nothing when it is not readable or the holder belongs to somebody else.
/// Blocks for some milliseconds: start-up only.
std::optional<PortOwner> find_port_owner(std::uint16_t port);

}  // namespace ait::net
