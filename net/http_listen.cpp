#include "net/http_listen.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "net/port_owner.hpp"

namespace ait::net {

namespace {

constexpr int backlog = 1'024;
constexpr std::uint32_t ports_tried_max = 100;
constexpr int socket_flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

std::string reason_of(int error_number) {
    return std::generic_category().message(error_number) + ".";
}

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

bool fill_address(const std::string& host, std::uint16_t port, SocketAddress& address) {
    const char* text = host == "localhost" ? "127.0.0.1" : host.c_str();
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        address.length = sizeof(sockaddr_in);
        return true;
    }
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(sockaddr_in6);
    return true;
}

/// The listening socket, or the errno that stands in its way.
struct Attempt {
    FileDescriptor socket;
    int error_number = 0;
};

Attempt try_listen(const SocketAddress& address) {
    Attempt attempt{FileDescriptor(::socket(address.storage.ss_family, socket_flags, 0)), 0};
    const int on = 1;
    const bool done =
        attempt.socket.is_open() &&
        ::setsockopt(attempt.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        ::bind(attempt.socket.get(), reinterpret_cast<const sockaddr*>(&address.storage),
               address.length) == 0 &&
        ::listen(attempt.socket.get(), backlog) == 0;
    if (!done) attempt.error_number = errno;
    return attempt;
}

std::uint16_t bound_port(int fd) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return 0;
    // Both families keep the port at the same place.
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

Error cannot_listen(const std::string& host, std::uint16_t port, int error_number) {
    const std::string what =
        "The node cannot listen on " + host + " port " + std::to_string(port) + ".";
    if (error_number == EADDRINUSE) {
        std::string why = "The port is taken by another program.";
        if (const auto owner = find_port_owner(port)) {
            why = "The port is held by process " + std::to_string(owner->pid) + " (" +
                  owner->command + ").";
        }
        return Error{ErrorCode::conflict, what, why,
                     "Stop that program, or configure another port."};
    }
    if (error_number == EACCES) {
        return Error{ErrorCode::forbidden, what, reason_of(error_number),
                     "Use a port of 1024 or more."};
    }
    if (error_number == EADDRNOTAVAIL) {
        return Error{ErrorCode::invalid_argument, what, "This machine does not have that address.",
                     "Use 127.0.0.1, or an address that `ip address` lists."};
    }
    return Error{ErrorCode::unavailable, what, reason_of(error_number),
                 "Check the network set-up."};
}

Error unix_error(ErrorCode code, const std::string& path, std::string why, std::string next) {
    return Error{code, "The node cannot listen on the socket " + path + ".", std::move(why),
                 std::move(next)};
}

/// Makes room at `path`: nothing there, or a socket that nobody serves.
Status clear_stale_socket(const std::string& path, const sockaddr_un& address) {
    struct stat entry{};
    if (::lstat(path.c_str(), &entry) != 0) return {};  // bind reports what else may be wrong
    if (!S_ISSOCK(entry.st_mode)) {
        return unix_error(ErrorCode::conflict, path, "A file that is no socket stands there.",
                          "Move that file away, or configure another socket path.");
    }
    const FileDescriptor probe(::socket(AF_UNIX, socket_flags, 0));
    const int connected =
        ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    // A full backlog (EAGAIN) has somebody behind it too.
    if (connected == 0 || errno == EAGAIN) {
        ucred peer{};
        socklen_t length = sizeof peer;
        std::string why = "Another process serves it.";
        if (connected == 0 &&
            ::getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) {
            why = "Process " + std::to_string(peer.pid) + " serves it.";
        }
        return unix_error(ErrorCode::already_exists, path, why,
                          "Use the node that runs, stop it, or give this one another data folder.");
    }
    if (errno != ECONNREFUSED) {
        return unix_error(ErrorCode::conflict, path, reason_of(errno), "Check who owns that file.");
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return unix_error(ErrorCode::forbidden, path,
                          "A stale socket cannot be removed: " + reason_of(errno),
                          "Remove that file.");
    }
    return {};
}

}  // namespace

Result<TcpListener> listen_tcp(const std::string& host, std::uint16_t port, bool may_move) {
    SocketAddress address;
    if (!fill_address(host, port, address)) {
        return Error{ErrorCode::invalid_argument, "The listening address is not valid.",
                     "'" + host + "' is neither an IP address nor localhost.",
                     "Use 127.0.0.1 for this machine only, 0.0.0.0 for every network."};
    }
    Attempt attempt = try_listen(address);
    const int first_error = attempt.error_number;
    for (std::uint32_t step = 1; may_move && attempt.error_number == EADDRINUSE; ++step) {
        if (step > ports_tried_max) break;
        const std::uint32_t next = port + step;
        // The last try, and those past the end, leave the choice to the system.
        const bool any = step == ports_tried_max || next > 65'535;
        fill_address(host, any ? std::uint16_t{0} : static_cast<std::uint16_t>(next), address);
        attempt = try_listen(address);
    }
    if (attempt.error_number != 0) return cannot_listen(host, port, first_error);
    const std::uint16_t bound = bound_port(attempt.socket.get());
    return TcpListener{std::move(attempt.socket), bound};
}

Result<UnixListener> UnixListener::open(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path ||
        path.find('\0') != std::string::npos) {
        return unix_error(
            ErrorCode::invalid_argument, path,
            "A socket path has 1 to 107 bytes; this one has " + std::to_string(path.size()) + ".",
            "Use a shorter data folder.");
    }
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const Status cleared = clear_stale_socket(path, address);
    if (!cleared.ok()) return cleared.error();

    FileDescriptor socket(::socket(AF_UNIX, socket_flags, 0));
    // Linux gives the file the mode of the socket: there is no moment at which others may connect,
    // and the process-wide umask is left alone.
    struct stat entry{};
    const bool done =
        socket.is_open() && ::fchmod(socket.get(), 0600) == 0 &&
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(socket.get(), backlog) == 0 && ::lstat(path.c_str(), &entry) == 0;
    if (!done) {
        return unix_error(ErrorCode::unavailable, path, reason_of(errno),
                          "Check that its folder exists and belongs to you.");
    }
    return UnixListener(std::move(socket), path, entry.st_dev, entry.st_ino);
}

UnixListener::~UnixListener() {
    struct stat entry{};
    if (!socket_.is_open() || ::lstat(path_.c_str(), &entry) != 0) return;
    if (entry.st_dev == device_ && entry.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace ait::net
