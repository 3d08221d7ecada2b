#include "net/http_socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <vector>

#include "runtime/base/clock.hpp"

namespace ait::net {

namespace {

constexpr int socket_flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr std::int64_t backlog_retry_ms = 5;

std::int64_t now_ms() {
    return system_clock().monotonic_us() / 1000;
}

Error broken(std::string why) {
    return Error{ErrorCode::unavailable, "The connection to the server failed.", std::move(why),
                 "Ask for the state of what was begun before doing it again."};
}

Error broken(int error_number) {
    return broken(std::generic_category().message(error_number) + ".");
}

struct Wake {
    bool is_readable = false;
    bool is_writable = false;
};

/// Waits for one of `events`; errors on the socket count as both.
Result<Wake> wait_for(int fd, short events, const WaitUntil& until, const StopSignal& stop) {
    while (true) {
        pollfd watched[2] = {{fd, events, 0}, {stop.fd(), POLLIN, 0}};
        int timeout_ms = -1;
        if (until.at_ms != WaitUntil::never) {
            const std::int64_t left_ms = std::max<std::int64_t>(0, until.at_ms - now_ms());
            timeout_ms = static_cast<int>(std::min<std::int64_t>(left_ms, 1'000'000));
        }
        const int ready = ::poll(watched, 2, timeout_ms);
        if (ready < 0 && errno != EINTR) return broken(errno);
        if (ready > 0 && watched[1].revents != 0) {
            return Error{ErrorCode::cancelled, "The request was stopped.",
                         "It was cancelled while it waited for " + std::string(until.what) + ".",
                         ""};
        }
        const bool is_failed = (watched[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        const Wake wake{.is_readable = is_failed || (watched[0].revents & POLLIN) != 0,
                        .is_writable = is_failed || (watched[0].revents & POLLOUT) != 0};
        if (ready > 0 && (wake.is_readable || wake.is_writable)) return wake;
        if (until.at_ms != WaitUntil::never && now_ms() >= until.at_ms) {
            return Error{ErrorCode::deadline_exceeded, "The server did not answer in time.",
                         "The time for " + std::string(until.what) + " is over.",
                         "Ask for the state of what was begun before doing it again, or allow more "
                         "time."};
        }
    }
}

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

/// One address, connected or the reason why not. A full backlog of a unix socket is waited out.
Result<FileDescriptor> connect_one(const SocketAddress& address, const WaitUntil& until,
                                   const StopSignal& stop) {
    FileDescriptor socket(::socket(address.storage.ss_family, socket_flags, 0));
    if (!socket.is_open()) return broken(errno);
    while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                     address.length) != 0) {
        if (errno == EINPROGRESS) {
            const auto wake = wait_for(socket.get(), POLLOUT, until, stop);
            if (!wake.ok()) return wake.error();
            int error_number = 0;
            socklen_t length = sizeof error_number;
            ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error_number, &length);
            if (error_number != 0) return broken(error_number);
            break;
        }
        if (errno != EAGAIN && errno != EINTR) return broken(errno);
        WaitUntil pause{.at_ms = std::min(until.at_ms, now_ms() + backlog_retry_ms),
                        .what = until.what};
        const auto paused = wait_for(-1, 0, pause, stop);
        const bool is_over = until.at_ms != WaitUntil::never && now_ms() >= until.at_ms;
        if (is_over || paused.error().code != ErrorCode::deadline_exceeded) return paused.error();
    }
    if (address.storage.ss_family != AF_UNIX) {
        const int on = 1;  // requests are written whole
        (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return socket;
}

Result<std::vector<SocketAddress>> unix_address(const std::string& path) {
    SocketAddress address;
    auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
    local->sun_family = AF_UNIX;
    if (path.size() >= sizeof local->sun_path) {
        return Error{ErrorCode::invalid_argument, "The socket path is too long.",
                     std::to_string(path.size()) + " bytes; the system allows 107.",
                     "Use a shorter data folder."};
    }
    path.copy(local->sun_path, sizeof local->sun_path - 1);
    address.length = sizeof(sockaddr_un);
    return std::vector{address};
}

Result<std::vector<SocketAddress>> tcp_addresses(const HttpEndpoint& endpoint) {
    const std::string port = std::to_string(endpoint.port);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
    addrinfo* found = nullptr;
    // The resolver loads modules and may ask the network, so it is spared the common cases.
    const char* host = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host.c_str();
    int failed = ::getaddrinfo(host, port.c_str(), &hints, &found);
    if (failed == EAI_NONAME) {
        hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
        failed = ::getaddrinfo(host, port.c_str(), &hints, &found);
    }
    if (failed != 0) {
        return broken("The host '" + endpoint.host + "' is not known: " + ::gai_strerror(failed) +
                      ".");
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    std::vector<SocketAddress> addresses;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        SocketAddress address;
        if (entry->ai_addrlen > sizeof address.storage) continue;
        std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
        address.length = entry->ai_addrlen;
        addresses.push_back(address);
    }
    return addresses;
}

}  // namespace

void StopSignal::Ring::operator()() const noexcept {
    const std::uint64_t one = 1;
    // It cannot fail: the counter is far from full.
    [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

StopSignal::StopSignal(const std::stop_token& stop) {
    if (!stop.stop_possible()) return;
    event_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (event_.is_open()) callback_.emplace(stop, Ring{event_.get()});
}

WaitUntil sooner(const WaitUntil& until, std::uint32_t timeout_ms, std::string_view what) {
    if (timeout_ms == 0) return until;
    const std::int64_t at_ms = now_ms() + timeout_ms;
    return at_ms < until.at_ms ? WaitUntil{.at_ms = at_ms, .what = what} : until;
}

Result<HttpSocket> HttpSocket::connect(const HttpEndpoint& endpoint, const WaitUntil& until,
                                       const StopSignal& stop) {
    const auto addresses =
        endpoint.is_unix ? unix_address(endpoint.socket_path) : tcp_addresses(endpoint);
    if (!addresses.ok()) return addresses.error();
    Error last = broken("The host has no address.");
    for (const SocketAddress& address : addresses.value()) {
        auto socket = connect_one(address, until, stop);
        if (socket.ok()) return HttpSocket(std::move(socket).value());
        last = socket.error();
        if (last.code != ErrorCode::unavailable) break;
    }
    return last;
}

Result<bool> HttpSocket::send(std::string_view bytes, const WaitUntil& until,
                              const StopSignal& stop) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return broken(errno);
        const auto wake = wait_for(socket_.get(), POLLOUT | POLLIN, until, stop);
        if (!wake.ok()) return wake.error();
        if (wake.value().is_readable) return false;
    }
    return true;
}

Result<std::size_t> HttpSocket::receive(char* space, std::size_t size, const WaitUntil& until,
                                        const StopSignal& stop) {
    while (true) {
        // Waiting first lets a stop or a deadline end a stream that never pauses.
        const auto wake = wait_for(socket_.get(), POLLIN, until, stop);
        if (!wake.ok()) return wake.error();
        const ssize_t count = ::recv(socket_.get(), space, size, 0);
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno != EINTR && errno != EAGAIN) return broken(errno);
    }
}

bool HttpSocket::is_reusable() const noexcept {
    char byte = 0;
    const ssize_t count = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && errno == EAGAIN;
}

}  // namespace ait::net
