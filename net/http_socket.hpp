#pragma once

// A client's connection whose every wait ends: at a deadline, or when the caller is told to stop.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "net/file_descriptor.hpp"
#include "net/http_client.hpp"

namespace ait::net {

/// Lets a stop request end a poll(). Lives as long as one call; no cost without a stop token.
class StopSignal {
  public:
    explicit StopSignal(const std::stop_token& stop);
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    /// Readable once stopped; -1 when nobody can stop us.
    [[nodiscard]] int fd() const noexcept { return event_.get(); }

  private:
    struct Ring {
        int fd;
        void operator()() const noexcept;
    };
    FileDescriptor event_{};
    std::optional<std::stop_callback<Ring>> callback_{};
};

/// A moment to give up, in monotonic milliseconds, and what was waited for.
struct WaitUntil {
    static constexpr std::int64_t never = INT64_MAX;
    std::int64_t at_ms = never;
    std::string_view what = "the answer";
};

/// The earlier of `until` and `timeout_ms` from now; a timeout of 0 is none.
WaitUntil sooner(const WaitUntil& until, std::uint32_t timeout_ms, std::string_view what);

class HttpSocket {
  public:
    /// Errors: unavailable (nobody listens, or the name is unknown), deadline_exceeded, cancelled.
    static Result<HttpSocket> connect(const HttpEndpoint& endpoint, const WaitUntil& until,
                                      const StopSignal& stop);

    /// Sends until done or until the peer says something: true when all is sent. Same errors.
    Result<bool> send(std::string_view bytes, const WaitUntil& until, const StopSignal& stop);
    /// At least one byte, or 0 at the end of the stream. Same errors.
    Result<std::size_t> receive(char* space, std::size_t size, const WaitUntil& until,
                                const StopSignal& stop);
    /// No end of stream and no unexpected bytes wait in it.
    [[nodiscard]] bool is_reusable() const noexcept;

  private:
    explicit HttpSocket(FileDescriptor socket) : socket_(std::move(socket)) {}
    FileDescriptor socket_;
};

}  // namespace ait::net
