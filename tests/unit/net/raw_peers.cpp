#include "raw_peers.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "runtime/base/assert.hpp"

namespace ait::net {

namespace {

sockaddr_in loopback(const std::string& host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    return address;
}

bool wait_for(int fd, short events) {
    pollfd watched{fd, events, 0};
    return ::poll(&watched, 1, test_wait_ms) == 1;
}

}  // namespace

RawPeer RawPeer::connect_tcp(std::uint16_t port, const std::string& from) {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in own = loopback(from, 0);
    const sockaddr_in there = loopback("127.0.0.1", port);
    const bool done =
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
    AIT_ASSERT(done);
    return RawPeer(std::move(socket));
}

RawPeer RawPeer::connect_unix(const std::string& path) {
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un there{};
    there.sun_family = AF_UNIX;
    path.copy(there.sun_path, sizeof there.sun_path - 1);
    const bool done =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
    AIT_ASSERT(done);
    return RawPeer(std::move(socket));
}

bool RawPeer::send(std::string_view bytes) {
    while (!bytes.empty()) {
        if (!wait_for(socket_.get(), POLLOUT)) return false;
        const ssize_t count =
            ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno != EAGAIN) return false;
        if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

std::string RawPeer::read_some() {
    std::array<char, 16 * 1024> space;
    if (!wait_for(socket_.get(), POLLIN)) return {};
    const ssize_t count = ::recv(socket_.get(), space.data(), space.size(), 0);
    return count > 0 ? std::string(space.data(), static_cast<std::size_t>(count)) : std::string();
}

std::string RawPeer::read_until(std::string_view text) {
    std::string all;
    while (true) {
        const std::string piece = read_some();
        if (piece.empty()) return all;
        all += piece;
        if (!text.empty() && all.find(text) != std::string::npos) return all;
    }
}

bool RawPeer::is_closed_by_peer() {
    std::array<char, 16 * 1024> space;
    while (wait_for(socket_.get(), POLLIN)) {
        const ssize_t count = ::recv(socket_.get(), space.data(), space.size(), 0);
        if (count <= 0) return true;
    }
    return false;
}

void RawPeer::shutdown_send() {
    ::shutdown(socket_.get(), SHUT_WR);
}

void RawPeer::shrink_receive_buffer() {
    const int bytes = 4'096;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void RawPeer::reset_connection() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket_.reset();
}

ScriptedServer::ScriptedServer(Script script)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), script_(std::move(script)) {
    sockaddr_in address = loopback("127.0.0.1", 0);
    socklen_t length = sizeof address;
    const bool done =
        ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 &&
        ::listen(listener_.get(), 16) == 0 &&
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0;
    AIT_ASSERT(done);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] {
        for (int index = 0;; ++index) {
            FileDescriptor connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!connection.is_open()) return;
            RawPeer peer(std::move(connection));
            script_(peer, index);
        }
    });
}

ScriptedServer::~ScriptedServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // wakes accept
    thread_.join();
}

ScratchFolder::ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ait_net_XXXXXX").string();
    const char* made = ::mkdtemp(pattern.data());
    AIT_ASSERT(made != nullptr);
    path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;  // a folder left behind in /tmp fails no test
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace ait::net
