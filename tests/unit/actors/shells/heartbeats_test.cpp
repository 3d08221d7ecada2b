#include <gtest/gtest.h>

#include "fake_node.hpp"
#include "runtime/base/crypto/keys.hpp"

namespace ait::miner {
namespace {

const Person rig = person(9);

/// Calls an edge handler as the gateway would; the answer, or nothing while it waits for a block.
struct Edge {
    explicit Edge(std::string_view name) {
        for (const Binding& binding : edge_bindings()) {
            if (binding.name == name) handler = binding.async;
        }
        AIT_ASSERT(handler != nullptr);
    }
    std::optional<Result<Json>> call(FakeNode& node, const Address& account, Json input) const {
        auto answer = std::make_shared<std::optional<Result<Json>>>();
        Call made;
        made.principal.account = account;
        made.input = std::move(input);
        handler(node, std::move(made), [answer](Result<Json> given) { *answer = given; });
        node.make_block();
        return *answer;
    }
    AsyncHandler handler = nullptr;
};

struct Heart {
    Heart() { (void)node.chain.accept<MinerView>("miner.register", rig, small_miner()); }
    std::optional<Result<Json>> beat(const Address& account, Json input = Json::object()) {
        return Edge("miner.heartbeat").call(node, account, std::move(input));
    }
    FakeNode node{};
};

TEST(Heartbeats, keep_a_miner_alive_and_tell_it_to_drain) {
    Heart heart;
    const auto first = heart.beat(rig.address, {{"inference_url", "http://127.0.0.1:1"}});
    ASSERT_TRUE(first && first->ok());
    EXPECT_FALSE(first->value()["drain"].get<bool>());
    EXPECT_EQ(heart.node.liveness().alive_count(1'000), 1U);
    (void)heart.node.chain.accept<MinerView>("miner.drain", rig, DrainMiner{});
    EXPECT_TRUE(heart.beat(rig.address)->value()["drain"].get<bool>());
}

TEST(Heartbeats, renew_what_is_held_and_name_what_is_lost) {
    Heart heart;
    const auto job =
        heart.node.chain.accept<coordinator::SubmitAnswer>("job.submit", person(1), small_job());
    (void)heart.node.chain.accept<coordinator::LeaseAnswer>("job.lease", rig,
                                                            coordinator::LeaseJobs{rig.address, 1});
    heart.node.advance(20'000);
    const Json held{{{"job_id", job.job_id}, {"attempt", 1}}, {{"job_id", "gone"}}};
    const auto answer = heart.beat(rig.address, {{"jobs", held}});
    ASSERT_TRUE(answer && answer->ok());
    EXPECT_EQ(answer->value()["cancelled_jobs"], Json::array({"gone"}));
    heart.node.advance(20'000);
    EXPECT_EQ(heart.node.chain.job(job.job_id).state, coordinator::JobState::processing);
}

// Breaks if whoever may call the node could fill its memory with miners that are none, or with
// what they say of themselves.
TEST(Heartbeats, of_strangers_and_of_talkers_leave_nothing_behind) {
    Heart heart;
    EXPECT_EQ(heart.beat(person(1).address)->error().code, ErrorCode::not_found);
    EXPECT_EQ(heart.beat(Address{})->error().code, ErrorCode::unauthenticated);
    for (const Json& metrics : {Json{{"text", std::string(5'000, 'x')}}, Json("text")}) {
        const auto answer = heart.beat(rig.address, {{"metrics", metrics}});
        EXPECT_EQ(answer->error().code, ErrorCode::invalid_argument);
    }
    EXPECT_EQ(heart.node.liveness().alive_count(1'000), 0U);
    EXPECT_TRUE(heart.node.heard.empty());
}

// Breaks if miners on a chain with short leases lost them between two heartbeats.
TEST(Sessions, ask_for_three_heartbeats_a_lease) {
    const auto key = crypto::SecretKey::from_seed(std::string(32, 'm'));
    ASSERT_TRUE(key.ok());
    const auto beat_ms = [&](std::uint64_t lease_ms) {
        Heart heart;
        heart.node.chain.genesis().parameters.lease_ms = lease_ms;
        const auto& genesis = heart.node.chain.genesis();
        SessionRequest request{.address = crypto::address_of(key.value().public_key()),
                               .public_key = key.value().public_key(),
                               .time_unix_ms = heart.node.manual.now_unix_ms()};
        request.signature = key.value().sign(
            "session/1", session_statement(genesis.chain, consensus::genesis_hash(genesis),
                                           request.address, request.time_unix_ms));
        const auto answer =
            Edge("miner.session").call(heart.node, Address{}, to_json_value(request));
        return answer->ok() ? answer->value()["heartbeat_ms"].get<std::uint64_t>() : 0;
    };
    EXPECT_EQ(beat_ms(30'000), 10'000U);
    EXPECT_EQ(beat_ms(3'000), 1'000U);
    EXPECT_EQ(beat_ms(100), 100U);
    EXPECT_EQ(beat_ms(86'400'000), 10'000U);
}

}  // namespace
}  // namespace ait::miner
