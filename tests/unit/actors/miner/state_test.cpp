#include "actors/miner/state.hpp"

#include "runtime/base/crypto/bech32m.hpp"
#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::miner {
namespace {

const Person rig = person(9);

// Breaks if a miner's id did not follow from its key, or its capabilities were not confirmed.
TEST(MinerRegister, makes_a_record_under_an_id_derived_from_the_key) {
    TestChain chain;
    const auto view = chain.accept<MinerView>("miner.register", rig, small_miner());
    EXPECT_TRUE(view.miner_id.starts_with("miner-"));
    EXPECT_LE(view.miner_id.size(), limits::id_bytes_max);
    EXPECT_EQ(view.public_key, rig.key);
    EXPECT_EQ(view.status, MinerStatus::active);
    EXPECT_EQ(view.types, std::vector<std::string>{"inference"});
    ASSERT_EQ(view.gpus.size(), 1U);
    const auto address = parse_miner(view.miner_id);
    ASSERT_TRUE(address.ok());
    EXPECT_EQ(address.value(), rig.address);
}

// Breaks if registering again lost counters, or the first registration's time.
TEST(MinerRegister, again_replaces_the_offer_and_keeps_the_rest) {
    TestChain chain;
    (void)chain.accept<MinerView>("miner.register", rig, small_miner());
    MinerRecord record = find_miner(chain.state(), rig.address).value();
    record.jobs_completed = 7;
    storage::StateView view(chain.state());
    store_miner(view, record);
    chain.state().apply(view.take_writes());
    chain.advance(1'000);
    RegisterMiner offer = small_miner(Amount{1});
    offer.gpus.clear();
    const auto again = chain.accept<MinerView>("miner.register", rig, offer);
    EXPECT_TRUE(again.gpus.empty());
    EXPECT_EQ(again.price_per_hour.micro, 1U);
    EXPECT_EQ(again.jobs_completed, 7U);
    EXPECT_EQ(again.registered_at.ms, TestChain::start_ms);
    EXPECT_EQ(again.last_active_at.ms, TestChain::start_ms + 1'000);
}

// Breaks if an offer outside its bounds came into the state by another client than ours.
TEST(MinerRegister, every_refusal_leaves_no_trace) {
    TestChain chain;
    const auto refuse = [&](auto change) {
        RegisterMiner tx = small_miner();
        change(tx);
        return chain.refuse("miner.register", rig, tx);
    };
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.concurrency = 0; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.concurrency = 65; }), ErrorCode::invalid_argument);
    EXPECT_EQ(
        refuse([](RegisterMiner& tx) { tx.price_per_hour.micro = price_per_hour_max.micro + 1; }),
        ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.gpus[0].count = 0; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.gpus[0].model = "\t"; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.gpus[0].memory_mb = ~0U; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.models = {{.name = ""}}; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.types = {""}; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](RegisterMiner& tx) { tx.types = std::vector<std::string>(9, "x"); }),
              ErrorCode::malformed);
}

// Breaks if somebody who is no miner could drain or leave, or a miner that left could not return.
TEST(MinerStatusChanges, drain_leave_and_return) {
    TestChain chain;
    EXPECT_EQ(chain.refuse("miner.drain", rig, DrainMiner{}), ErrorCode::not_found);
    EXPECT_EQ(chain.refuse("miner.deregister", rig, DeregisterMiner{}), ErrorCode::not_found);
    (void)chain.accept<MinerView>("miner.register", rig, small_miner());
    EXPECT_EQ(chain.accept<MinerView>("miner.drain", rig, DrainMiner{"power cut"}).status,
              MinerStatus::draining);
    (void)chain.accept<DeregisterAnswer>("miner.deregister", rig, DeregisterMiner{});
    EXPECT_EQ(chain.refuse("miner.deregister", rig, DeregisterMiner{}), ErrorCode::not_found);
    EXPECT_EQ(chain.accept<MinerView>("miner.register", rig, small_miner()).status,
              MinerStatus::active);
}

// Breaks if an id that is not one were taken for some miner's.
TEST(MinerIds, only_whole_ids_and_addresses_are_read) {
    for (const char* text : {"", "miner-", "miner-aaaa", "miner-0000000000000000000000000000000",
                             "job-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ait1qqqq"}) {
        EXPECT_FALSE(parse_miner(text).ok()) << text;
    }
    for (std::uint8_t i = 0; i < 50; ++i) {
        const Address address = person(i).address;
        EXPECT_EQ(parse_miner(miner_id_of(address)).value(), address);
        EXPECT_EQ(parse_miner(crypto::to_text(address)).value(), address);
    }
}

}  // namespace
}  // namespace ait::miner
