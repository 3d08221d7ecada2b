#include "actors/miner/sessions.hpp"

#include <gtest/gtest.h>

#include "runtime/base/crypto/hash.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::miner {
namespace {

struct Table {
    SessionRequest request(std::int64_t time_unix_ms) const {
        SessionRequest made{.address = crypto::address_of(key.public_key()),
                            .public_key = key.public_key(),
                            .time_unix_ms = time_unix_ms,
                            .signature = {}};
        made.signature =
            key.sign("session/1", session_statement("chain", genesis, made.address, time_unix_ms));
        return made;
    }
    Result<SessionView> open(const SessionRequest& request) {
        return sessions.open(request, "chain", genesis, "miner-x");
    }

    ManualClock clock{};
    Hash genesis = crypto::blake2b_256("genesis");
    crypto::SecretKey key = [] {
        auto made = crypto::SecretKey::from_seed(std::string(32, 'm'));
        AIT_ASSERT(made.ok());
        return std::move(made).value();
    }();
    Sessions sessions{clock, system_random()};
};

TEST(Sessions, a_key_that_proves_itself_gets_a_token_that_names_its_account_for_an_hour) {
    Table table;
    const auto session = table.open(table.request(table.clock.now_unix_ms()));
    ASSERT_TRUE(session.ok()) << session.error().why;
    EXPECT_EQ(table.sessions.find(session.value().token),
              crypto::address_of(table.key.public_key()));
    table.clock.advance_ms(session_ms);
    EXPECT_FALSE(table.sessions.find(session.value().token).has_value());
}

TEST(Sessions, a_request_that_is_old_or_from_the_future_is_refused) {
    Table table;
    for (const std::int64_t skew_ms :
         {-session_clock_skew_ms_max - 1, session_clock_skew_ms_max + 1}) {
        const auto session = table.open(table.request(table.clock.now_unix_ms() + skew_ms));
        ASSERT_FALSE(session.ok());
        EXPECT_EQ(session.error().code, ErrorCode::expired);
    }
}

// Breaks if somebody could mine, and be paid, under another's account.
TEST(Sessions, a_signature_of_another_key_chain_or_account_is_refused) {
    Table table;
    SessionRequest forged = table.request(table.clock.now_unix_ms());
    forged.signature.bytes[0] ^= 1;
    EXPECT_EQ(table.open(forged).error().code, ErrorCode::unauthenticated);
    SessionRequest foreign = table.request(table.clock.now_unix_ms());
    foreign.address.bytes[0] ^= 1;
    EXPECT_EQ(table.open(foreign).error().code, ErrorCode::unauthenticated);
    const auto other_chain = table.sessions.open(table.request(table.clock.now_unix_ms()), "other",
                                                 table.genesis, "miner-x");
    EXPECT_EQ(other_chain.error().code, ErrorCode::unauthenticated);
    EXPECT_FALSE(table.sessions.find("guess").has_value());
}

TEST(Liveness, the_inference_port_of_a_silent_miner_is_not_offered) {
    ManualClock clock;
    Liveness liveness(clock);
    Address address;
    address.bytes[0] = 1;
    EXPECT_EQ(liveness.inference_url(30'000), "");
    liveness.heard(address, "http://127.0.0.1:11434", Json::object());
    EXPECT_EQ(liveness.inference_url(30'000), "http://127.0.0.1:11434");
    EXPECT_EQ(liveness.alive_count(30'000), 1U);
    clock.advance_ms(30'001);
    EXPECT_EQ(liveness.inference_url(30'000), "");
    EXPECT_EQ(liveness.alive_count(30'000), 0U);
}

}  // namespace
}  // namespace ait::miner
