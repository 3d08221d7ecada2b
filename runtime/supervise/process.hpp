#pragma once

// Starting processes and holding on to them. A process is named by its number and its start time,
// because numbers are used again; a handle cannot come to mean another process.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace ait::supervise {

/// A file descriptor with one owner.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { close(); }

    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
    void close() noexcept;

  private:
    int number_ = -1;
};

struct ProcessId {
    ::pid_t pid = 0;
    std::uint64_t start_ticks = 0;  ///< field 22 of /proc/<pid>/stat
    bool operator==(const ProcessId&) const = default;
};

/// The process that has this number now; nothing when there is none.
std::optional<ProcessId> identify(::pid_t pid);

class ProcessHandle {
  public:
    /// Nothing when that process has ended, even if its number is in use again.
    static std::optional<ProcessHandle> open(const ProcessId& id);

    /// False when the process has ended.
    [[nodiscard]] bool send(int signal) const noexcept;
    /// Waits until the process has ended, at most so long. True when it has.
    [[nodiscard]] bool wait_for_end(std::int64_t timeout_ms) const noexcept;

  private:
    explicit ProcessHandle(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
    Descriptor descriptor_;
};

enum class Lifetime : std::uint8_t {
    child,     ///< gets SIGTERM when this process ends, however it ends; must be reaped
    detached,  ///< a session of its own, child of init; outlives this process
};

struct StartRequest {
    std::vector<std::string> command{};                              ///< absolute program first
    std::vector<std::pair<std::string, std::string>> environment{};  ///< all of it
    std::string log_file{};  ///< stdout and stderr are appended; stdin is empty
    Lifetime lifetime = Lifetime::child;
    int inherited_descriptor = -1;  ///< stays open in the new process
};

/// Starts a program with default signal handling. Call from the main thread: the kernel ties a
/// child's life to the thread that made it. Errors: unavailable (it cannot be executed, with the
/// reason), storage_failed (no log file), limit_reached (no process or descriptor left).
Result<ProcessId> start_process(const StartRequest& request);

}  // namespace ait::supervise
