#pragma once

// From an HTTP exchange to an operation and back: route, principal, role, input, idempotency key,
// deadline, admission, then the bound handler. Reads run on the I/O thread when they are light;
// signatures and heavy reads run on a small pool.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "actors/services.hpp"
#include "net/http_server.hpp"
#include "runtime/node/access.hpp"
#include "runtime/node/rate_limits.hpp"

namespace ait::node {

/// Figures for /metrics.
struct GatewayFigures {
    std::atomic<std::uint64_t> in_flight{0};
    std::atomic<std::uint64_t> calls_total{0};
    std::atomic<std::uint64_t> errors_total{0};
    std::atomic<std::uint64_t> overloaded_total{0};
    std::atomic<std::uint64_t> rate_limited_total{0};
};

class Gateway {
  public:
    /// Something that is no operation: /healthz, /metrics, /openapi.json.
    using PlainHandler = std::function<net::HttpResponse(const net::HttpRequest&)>;

    /// Everything outlives the gateway.
    struct Parts {
        NodeServices& services;  ///< of the chain that a request means which names none
        const Access& access;
        std::span<const Binding>
            bindings;  ///< one for each row that a node answers (checked by node.cpp)
        std::uint32_t in_flight_max = limits::http_requests_in_flight_max;
        std::size_t threads = 2;
        RateLimits::Rules rate_rules{};
        /// The chain of that name, which stays as long as the gateway; none: there is but one.
        std::function<Result<NodeServices*>(std::string_view name)> find_chain{};
    };
    explicit Gateway(const Parts& parts);
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    void add_plain(std::string path, PlainHandler handler);
    /// The server's handler; any thread.
    void handle(const std::shared_ptr<net::HttpExchange>& exchange);
    [[nodiscard]] const GatewayFigures& figures() const;
    /// Instead of Parts::in_flight_max; any thread.
    void set_in_flight_max(std::uint32_t count);
    /// Lets running work end, takes nothing new.
    void stop();

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace ait::node
