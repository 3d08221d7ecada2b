#include "runtime/node/rate_limits.hpp"

#include <gtest/gtest.h>

#include "runtime/node/access.hpp"

namespace ait::node {
namespace {

struct Counter {
    net::HttpRequest from(const std::string& address, const std::string& token = "") const {
        net::HttpRequest request;
        request.peer_address = address;
        if (!token.empty()) request.headers.push_back({"authorization", "Bearer " + token});
        return request;
    }
    std::optional<std::uint32_t> anonymous(const std::string& address, std::uint32_t units = 1) {
        return limits.take(from(address), {}, units);
    }

    ManualClock clock{};
    RateLimits limits{clock,
                      {.token = {.burst = 4, .unit_us = 1'000'000},
                       .address = {.burst = 3, .unit_us = 500'000},
                       .wrong_token = {.burst = 2, .unit_us = 6'000'000},
                       .keys_max = 3}};
};

// Breaks if one who asks without end is served without end, or has to wait longer than told.
TEST(RateLimits, a_burst_is_served_then_one_waits_as_long_as_told) {
    Counter counter;
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(counter.anonymous("10.0.0.1"));
    EXPECT_EQ(counter.anonymous("10.0.0.1"), 1U);
    EXPECT_EQ(counter.anonymous("10.0.0.1", 3), 2U) << "a dear call waits longer";
    EXPECT_FALSE(counter.anonymous("10.0.0.2")) << "others are not affected";
    counter.clock.advance_ms(500);
    EXPECT_FALSE(counter.anonymous("10.0.0.1"));
    EXPECT_TRUE(counter.anonymous("10.0.0.1"));
    counter.clock.advance_ms(3'600'000);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(counter.anonymous("10.0.0.1"));
    EXPECT_TRUE(counter.anonymous("10.0.0.1")) << "a long pause gives one burst, not many";
}

TEST(RateLimits, a_token_has_its_own_allowance_wherever_it_comes_from) {
    Counter counter;
    const Principal member{.role = Role::member, .account = {}, .name = {}};
    for (int i = 0; i < 4; ++i) {
        const auto request = counter.from("10.0.0." + std::to_string(i), "one");
        EXPECT_FALSE(counter.limits.take(request, member, 1));
    }
    EXPECT_TRUE(counter.limits.take(counter.from("10.0.0.9", "one"), member, 1));
    EXPECT_FALSE(counter.limits.take(counter.from("10.0.0.9", "two"), member, 1));
}

TEST(RateLimits, a_miner_has_one_allowance_for_all_its_sessions) {
    Counter counter;
    const Principal miner{
        .role = Role::member, .account = {}, .name = std::string(session_principal)};
    for (int i = 0; i < 4; ++i) {
        const auto request = counter.from("10.0.0.1", "session " + std::to_string(i));
        EXPECT_FALSE(counter.limits.take(request, miner, 1));
    }
    EXPECT_TRUE(counter.limits.take(counter.from("10.0.0.1", "session 9"), miner, 1));
}

TEST(RateLimits, the_nodes_owner_is_never_limited) {
    Counter counter;
    const Principal owner{.role = Role::admin, .account = {}, .name = {}};
    net::HttpRequest local;
    local.local_socket = true;
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(counter.limits.take(counter.from("10.0.0.1", "owner"), owner, 10));
        EXPECT_FALSE(counter.limits.take(local, {}, 10));
        EXPECT_FALSE(counter.limits.wrong_token(local));
    }
}

TEST(RateLimits, guessing_tokens_is_slowed_down_for_its_address_alone) {
    Counter counter;
    EXPECT_FALSE(counter.limits.wrong_token(counter.from("10.0.0.1", "a")));
    EXPECT_FALSE(counter.limits.wrong_token(counter.from("10.0.0.1", "b")));
    EXPECT_EQ(counter.limits.wrong_token(counter.from("10.0.0.1", "c")), 6U);
    EXPECT_FALSE(counter.limits.wrong_token(counter.from("10.0.0.2", "c")));
    EXPECT_FALSE(counter.anonymous("10.0.0.1"));
}

// Breaks if the table of a flood from many addresses grows without end.
TEST(RateLimits, a_full_table_forgets_whoever_asked_longest_ago) {
    Counter counter;
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(counter.anonymous("10.0.0.1"));
    EXPECT_FALSE(counter.anonymous("10.0.0.2"));
    EXPECT_FALSE(counter.anonymous("10.0.0.3"));
    EXPECT_TRUE(counter.anonymous("10.0.0.1")) << "still known, and now the latest";
    EXPECT_FALSE(counter.anonymous("10.0.0.4"));
    EXPECT_TRUE(counter.anonymous("10.0.0.1"));
}

TEST(RateLimits, a_network_of_one_subscriber_is_one) {
    EXPECT_EQ(rate_key_of_address("2001:db8:1:2::1"), rate_key_of_address("2001:db8:1:2:ffff::9"));
    EXPECT_NE(rate_key_of_address("2001:db8:1:2::1"), rate_key_of_address("2001:db8:1:3::1"));
    EXPECT_EQ(rate_key_of_address("::ffff:10.0.0.1"), rate_key_of_address("10.0.0.1"));
    EXPECT_NE(rate_key_of_address("10.0.0.1"), rate_key_of_address("10.0.0.2"));
}

}  // namespace
}  // namespace ait::node
