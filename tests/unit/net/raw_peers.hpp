#pragma once

// The other side of a connection for tests, byte for byte: what a well-behaved library would never
// send. Every wait has a deadline, so that a broken server fails a test instead of hanging it.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "net/file_descriptor.hpp"

namespace ait::net {

inline constexpr int test_wait_ms = 10'000;

class RawPeer {
  public:
    /// `from` picks a loopback address of ours, such as 127.0.0.7.
    static RawPeer connect_tcp(std::uint16_t port, const std::string& from = "127.0.0.1");
    static RawPeer connect_unix(const std::string& path);
    explicit RawPeer(FileDescriptor socket) : socket_(std::move(socket)) {}

    /// False when the other side does not take it.
    bool send(std::string_view bytes);
    /// Reads until the text has been seen, the stream ends, or time is up; gives all read so far.
    std::string read_until(std::string_view text);
    /// Reads to the end of the stream.
    std::string read_all() { return read_until({}); }
    /// True when the other side has closed (after reading what was left).
    bool is_closed_by_peer();
    /// One piece; empty at the end.
    std::string read_some();
    void shutdown_send();
    void shrink_receive_buffer();
    void close() { socket_.reset(); }
    /// Closes so that the other side gets a reset.
    void reset_connection();

  private:
    FileDescriptor socket_;
};

/// Serves each accepted connection by a script, one after the other, on one thread.
class ScriptedServer {
  public:
    using Script = std::function<void(RawPeer& peer, int connection_index)>;
    explicit ScriptedServer(Script script);
    ~ScriptedServer();
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  private:
    FileDescriptor listener_;
    std::uint16_t port_ = 0;
    Script script_;
    std::jthread thread_;
};

/// A switch that one thread turns and another waits for.
class Latch {
  public:
    void set() {
        const std::lock_guard lock(mutex_);
        is_set_ = true;
        changed_.notify_all();
    }
    /// False when time is up.
    [[nodiscard]] bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::milliseconds(test_wait_ms),
                                 [this] { return is_set_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_set_ = false;
};

/// A fresh folder under the system's temporary one, removed at the end.
class ScratchFolder {
  public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    [[nodiscard]] std::string operator/(std::string_view name) const {
        return path_ + '/' + std::string(name);
    }

  private:
    std::string path_;
};

}  // namespace ait::net
