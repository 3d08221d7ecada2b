#pragma once

// The load itself: many kept connections in one thread, each with one request under way (closed
// loop). What is sent and what an answer means is the protocol's; here are sockets, time and
// counts. It shares the machine with the server, so a request costs two system calls and no
// allocation.

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/file_descriptor.hpp"
#include "runtime/base/result.hpp"
#include "tests/benchmarks/figures.hpp"

namespace ait::benchmarks {

/// The three acknowledged steps in the life of a job.
enum class Step : std::uint8_t { submit, lease, result };
inline constexpr std::size_t step_count = 3;
inline constexpr std::array<std::string_view, step_count> step_names{"submit", "lease", "result"};

/// What is spoken on the connections. Called from the loop's thread only.
class Protocol {
  public:
    virtual ~Protocol() = default;
    Protocol() = default;
    Protocol(const Protocol&) = delete;
    Protocol& operator=(const Protocol&) = delete;

    /// Puts the connection's next request behind `out` and says which step it is. Nothing when the
    /// connection is done, which happens only after stop().
    virtual std::optional<Step> next_request(std::size_t connection, std::string& out) = 0;
    /// Bytes of the answer at the front of `received`, or 0 when it is not whole yet. An error ends
    /// the run.
    virtual Result<std::size_t> take_answer(std::size_t connection, std::string_view received) = 0;
    /// No new jobs from here on; what is under way is brought to its end.
    virtual void stop() = 0;
    /// Jobs whose last step has been acknowledged.
    [[nodiscard]] virtual std::uint64_t jobs_done() const = 0;
};

/// Where one server listens.
struct Endpoint {
    std::string host{};  ///< an IPv4 address
    std::uint16_t port = 0;
};

struct LoadOptions {
    std::vector<Endpoint> endpoints{};  ///< connection i goes to number i modulo how many there are
    std::size_t connections = 64;
    std::int64_t warm_up_ms = 500;
    std::int64_t measure_ms = 5'000;
    std::uint64_t jobs_max = 0;               ///< ends the measurement earlier; 0 = time alone does
    std::vector<std::int32_t> server_pids{};  ///< whose CPU time is counted
    std::int64_t patience_ms = 30'000;        ///< for the last answers after the end
};

struct LoadFigures {
    std::int64_t measured_us = 0;
    std::uint64_t jobs = 0;
    std::uint64_t requests = 0;
    std::array<Histogram, step_count> latency{};
    CpuTimes cpu{};
};

/// A connected socket without Nagle's delay. On loopback 64 clients share an address, another one
/// for the next 64, as clients elsewhere have addresses of their own. Errors: unavailable,
/// invalid_argument.
Result<net::FileDescriptor> connect_to(const Endpoint& endpoint, std::size_t client = 0);

/// Connects, runs, waits until every connection is done. Errors: unavailable, those of the
/// protocol, deadline_exceeded when answers stay away.
Result<LoadFigures> run_load(Protocol& protocol, const LoadOptions& options);

}  // namespace ait::benchmarks
