#include "runtime/node/access.hpp"

#include <gtest/gtest.h>

#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/node/event_streams.hpp"

namespace ait::node {
namespace {

struct Door {
    Door() {
        EXPECT_TRUE(access.add_token("the-owners-token-of-32-bytes-or-more", Role::admin).ok());
    }
    static net::HttpRequest over_socket(std::uint32_t uid) {
        net::HttpRequest request;
        request.local_socket = true;
        request.peer_uid = uid;
        return request;
    }
    static net::HttpRequest over_tcp(const std::string& authorization) {
        net::HttpRequest request;
        request.peer_address = "127.0.0.1";
        if (!authorization.empty()) request.headers.push_back({"authorization", authorization});
        return request;
    }
    ManualClock clock{};
    miner::Sessions sessions{clock, system_random()};
    Access access{1'000};
};

TEST(Access, the_owner_of_the_socket_and_root_are_administrators_and_others_are_kept_out) {
    const Door door;
    EXPECT_EQ(door.access.identify(Door::over_socket(1'000), door.sessions).value().role,
              Role::admin);
    EXPECT_EQ(door.access.identify(Door::over_socket(0), door.sessions).value().role, Role::admin);
    EXPECT_EQ(door.access.identify(Door::over_socket(1'001), door.sessions).error().code,
              ErrorCode::forbidden);
}

TEST(Access, over_tcp_a_token_decides_and_none_is_nobody) {
    const Door door;
    EXPECT_EQ(door.access.identify(Door::over_tcp(""), door.sessions).value().role, Role::anyone);
    EXPECT_EQ(
        door.access
            .identify(Door::over_tcp("Bearer the-owners-token-of-32-bytes-or-more"), door.sessions)
            .value()
            .role,
        Role::admin);
    for (const char* forged :
         {"Bearer the-owners-token-of-32-bytes-or-mor", "Bearer ",
          "the-owners-token-of-32-bytes-or-more", "Basic the-owners-token-of-32-bytes-or-more"}) {
        EXPECT_EQ(door.access.identify(Door::over_tcp(forged), door.sessions).error().code,
                  ErrorCode::unauthenticated)
            << forged;
    }
}

// Breaks if an operator can set a password where a token is meant: there is no slow hash behind it.
TEST(Access, a_token_that_could_be_guessed_is_not_taken) {
    Door door;
    const Status added = door.access.add_token("hunter2hunter2", Role::viewer);
    ASSERT_FALSE(added.ok());
    EXPECT_EQ(added.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(render_error(added.error()).find("hunter2"), std::string::npos);
    EXPECT_FALSE(door.access.identify(Door::over_tcp("Bearer hunter2hunter2"), door.sessions).ok());
}

TEST(Access, a_role_that_is_too_low_is_told_what_it_lacks) {
    const Principal nobody{};
    EXPECT_TRUE(check_role(nobody, Role::anyone, false).ok());
    EXPECT_EQ(check_role(nobody, Role::viewer, false).error().code, ErrorCode::unauthenticated);
    const Principal viewer{.role = Role::viewer, .account = {}, .name = {}};
    EXPECT_EQ(check_role(viewer, Role::member, false).error().code, ErrorCode::forbidden);
    EXPECT_TRUE(check_role(viewer, Role::viewer, false).ok());
}

TEST(Access, the_account_of_a_request_is_the_one_it_names_and_a_wrong_one_is_refused) {
    const Door door;
    Address address;
    address.bytes[0] = 7;
    net::HttpRequest request = Door::over_socket(1'000);
    request.headers.push_back({"aitbc-account", crypto::to_text(address)});
    EXPECT_EQ(door.access.identify(request, door.sessions).value().account, address);
    request.headers.back().value = "ait1nonsense";
    EXPECT_FALSE(door.access.identify(request, door.sessions).ok());
}

TEST(EventId, only_height_dot_index_is_read) {
    EXPECT_EQ(parse_event_id("42.3").value(), (std::pair<std::uint64_t, std::uint32_t>{42, 3}));
    for (const char* bad :
         {"", "42", "42.", ".3", "a.b", "42.3x", "-1.2", "99999999999999999999.1"}) {
        EXPECT_FALSE(parse_event_id(bad).ok()) << bad;
    }
}

// Breaks if a miner's session on one chain opens another, where its key has proved nothing.
TEST(Access, a_session_is_worth_something_on_its_own_chain_alone) {
    const Door door;
    miner::Sessions other{door.clock, system_random()};
    const auto key = crypto::SecretKey::from_seed(std::string(32, 'm')).value();
    const Address address = crypto::address_of(key.public_key());
    const Hash genesis{};
    const std::int64_t now = door.clock.now_unix_ms();
    const auto statement = miner::session_statement("ait-one", genesis, address, now);
    miner::SessionRequest request{.address = address,
                                  .public_key = key.public_key(),
                                  .time_unix_ms = now,
                                  .signature = key.sign("session/1", statement)};
    const auto opened = other.open(request, "ait-one", genesis, "miner-m");
    ASSERT_TRUE(opened.ok()) << opened.error().why;
    const auto bearer = Door::over_tcp("Bearer " + opened.value().token);
    EXPECT_EQ(door.access.identify(bearer, other).value().role, Role::member);
    EXPECT_EQ(door.access.identify(bearer, door.sessions).error().code, ErrorCode::unauthenticated);
}

}  // namespace
}  // namespace ait::node
