#pragma once

// Opens listening sockets with errors that say who is in the way.

#include <cstdint>
#include <string>

#include "net/file_descriptor.hpp"
#include "runtime/base/result.hpp"

namespace ait::net {

struct TcpListener {
    FileDescriptor socket;
    std::uint16_t port = 0;
};

/// Non-blocking; host is an IP address or "localhost". With may_move a taken port leads to the
/// next free one within 100, then to any. Errors: conflict (taken; names the holder),
/// invalid_argument (host), forbidden (port), unavailable.
Result<TcpListener> listen_tcp(const std::string& host, std::uint16_t port, bool may_move);

/// Removes its path when it goes, unless somebody has put another socket there.
class UnixListener {
  public:
    /// Mode 0600 from the first moment. A socket file that nobody serves is replaced. Errors:
    /// already_exists (a live server), conflict (not a socket), invalid_argument (path too long),
    /// unavailable.
    static Result<UnixListener> open(const std::string& path);
    UnixListener(UnixListener&&) noexcept = default;
    UnixListener& operator=(UnixListener&&) = delete;
    ~UnixListener();

    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

  private:
    UnixListener(FileDescriptor socket, std::string path, std::uint64_t device, std::uint64_t inode)
        : socket_(std::move(socket)), path_(std::move(path)), device_(device), inode_(inode) {}

    FileDescriptor socket_;
    std::string path_;
    std::uint64_t device_;
    std::uint64_t inode_;
};

}  // namespace ait::net
