#include "runtime/node/rate_limits.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "runtime/base/assert.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/node/access.hpp"

namespace ait::node {
namespace {

constexpr std::size_t network_bytes = 8;  ///< of an IPv6 address: one subscriber's share

/// Of the token and not the token: a dump of this table gives none away.
std::string key_of_token(std::string_view authorization) {
    return "token " + std::string(crypto::blake2b_256(authorization).view());
}

}  // namespace

std::uint32_t rate_cost(RateClass rate) noexcept {
    switch (rate) {
        case RateClass::read:
            return 1;
        case RateClass::spend:
            return 2;
        case RateClass::heavy:
            return 10;
    }
    return 1;
}

std::string rate_key_of_address(std::string_view address) {
    in6_addr bytes{};
    const std::string text(address);
    if (inet_pton(AF_INET6, text.c_str(), &bytes) != 1) return text;
    if (IN6_IS_ADDR_V4MAPPED(&bytes)) return text.substr(text.rfind(':') + 1);
    return std::string(reinterpret_cast<const char*>(bytes.s6_addr), network_bytes);
}

std::optional<std::uint32_t> RateLimits::take(const net::HttpRequest& request,
                                              const Principal& principal, std::uint32_t units) {
    if (request.local_socket || principal.role == Role::admin) return std::nullopt;
    const auto* authorization = request.find_header("authorization");
    // A miner's session has its miner's allowance, however many sessions it opens.
    if (principal.name == session_principal) {
        return take_of("miner " + std::string(principal.account.view()), rules_.token, units);
    }
    if (principal.role != Role::anyone && authorization != nullptr) {
        return take_of(key_of_token(*authorization), rules_.token, units);
    }
    return take_of("address " + rate_key_of_address(request.peer_address), rules_.address, units);
}

std::optional<std::uint32_t> RateLimits::wrong_token(const net::HttpRequest& request) {
    if (request.local_socket) return std::nullopt;
    return take_of("wrong " + rate_key_of_address(request.peer_address), rules_.wrong_token, 1);
}

std::optional<std::uint32_t> RateLimits::take_of(std::string key, const RateRule& rule,
                                                 std::uint32_t units) {
    const std::int64_t now_us = clock_.monotonic_us();
    const std::lock_guard lock(mutex_);
    auto found = entries_.find(key);
    if (found == entries_.end()) {
        if (entries_.size() >= rules_.keys_max) {
            const std::size_t erased = entries_.erase(by_use_.front());
            AIT_ASSERT(erased == 1);
            by_use_.pop_front();
        }
        by_use_.push_back(key);
        found = entries_.emplace(std::move(key), Entry{now_us, std::prev(by_use_.end())}).first;
    } else {
        by_use_.splice(by_use_.end(), by_use_, found->second.place);
    }
    AIT_ASSERT(entries_.size() == by_use_.size());
    const std::int64_t full_at_us =
        std::max(found->second.full_at_us, now_us) + std::int64_t{units} * rule.unit_us;
    const std::int64_t missing_us = full_at_us - now_us - std::int64_t{rule.burst} * rule.unit_us;
    if (missing_us <= 0) {
        found->second.full_at_us = full_at_us;
        return std::nullopt;
    }
    return static_cast<std::uint32_t>((missing_us + 999'999) / 1'000'000);
}

}  // namespace ait::node
