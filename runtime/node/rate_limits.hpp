#pragma once

// How often somebody may ask: one who asks without end must not take the node from the others.
// Everybody has an allowance that refills with time (a token bucket, kept as the one moment at
// which it would be full again).

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "actors/binding.hpp"
#include "net/http_types.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/operation.hpp"

namespace ait::node {

struct RateRule {
    std::uint32_t burst = 0;   ///< units at once, after a pause
    std::int64_t unit_us = 0;  ///< time in which one unit comes back
};

/// What a call takes of an allowance, in units: signatures and scans are dearer than a look-up.
std::uint32_t rate_cost(RateClass rate) noexcept;

/// Any thread. Forgets at a restart; a full table forgets whoever asked longest ago.
class RateLimits {
  public:
    struct Rules {
        RateRule token{.burst = 20'000, .unit_us = 50};           ///< 20,000 units a second
        RateRule address{.burst = 1'000, .unit_us = 5'000};       ///< no token: 200 units a second
        RateRule wrong_token{.burst = 10, .unit_us = 6'000'000};  ///< 10 guesses a minute
        std::size_t keys_max = 10'000;
    };
    explicit RateLimits(const Clock& clock) : RateLimits(clock, Rules{}) {}
    RateLimits(const Clock& clock, Rules rules) : clock_(clock), rules_(rules) {}

    /// Takes what the call costs: of its token where it has one, else of its address. Seconds to
    /// wait when there is too little (and nothing is taken). The node's owner is never limited:
    /// administrators, and whoever comes over the unix socket.
    std::optional<std::uint32_t> take(const net::HttpRequest& request, const Principal& principal,
                                      std::uint32_t units);
    /// Counts a token that nobody has against its address. Seconds to wait when there were too
    /// many. A right token from the same address still passes: guessing 256 bits is hopeless at any
    /// rate, so locking honest neighbours out would be the only effect.
    std::optional<std::uint32_t> wrong_token(const net::HttpRequest& request);

  private:
    struct Entry {
        std::int64_t full_at_us = 0;
        std::list<std::string>::iterator place{};
    };
    std::optional<std::uint32_t> take_of(std::string key, const RateRule& rule,
                                         std::uint32_t units);

    const Clock& clock_;
    const Rules rules_;
    std::mutex mutex_{};
    std::list<std::string> by_use_{};  ///< keys, longest unused first
    std::unordered_map<std::string, Entry> entries_{};
};

/// Whom an address stands for: itself, or for IPv6 its network of 64 bits, which one subscriber has
/// all of.
std::string rate_key_of_address(std::string_view address);

}  // namespace ait::node
