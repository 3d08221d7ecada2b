#include "net/port_owner.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

namespace ait::net {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view state_listening = "0A";

/// Adds "socket:[inode]" of each listener on the port in one of the kernel's tables.
void add_listeners(const char* table, std::uint16_t port, std::set<std::string>& links) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);  // headings
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
        fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
            timeout >> inode;
        const std::size_t colon = local.rfind(':');
        if (state != state_listening || colon == std::string::npos) continue;
        std::uint32_t local_port = 0;
        std::from_chars(local.data() + colon + 1, local.data() + local.size(), local_port, 16);
        if (local_port == port) links.insert("socket:[" + inode + "]");
    }
}

bool holds_one_of(const fs::path& process, const std::set<std::string>& links) {
    std::error_code error;
    for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
         entry.increment(error)) {
        std::error_code unreadable;
        if (links.contains(fs::read_symlink(entry->path(), unreadable).string())) return true;
    }
    return false;
}

}  // namespace

std::optional<PortOwner> find_port_owner(std::uint16_t port) {
    std::set<std::string> links;
    add_listeners("/proc/net/tcp", port, links);
    add_listeners("/proc/net/tcp6", port, links);
    if (links.empty()) return std::nullopt;
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        int pid = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
        if (!holds_one_of(entry->path(), links)) continue;
        PortOwner owner{.pid = pid, .command = {}};
        std::ifstream command(entry->path() / "comm");
        std::getline(command, owner.command);
        return owner;
    }
    return std::nullopt;
}

}  // namespace ait::net
