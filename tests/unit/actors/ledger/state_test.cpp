#include "actors/ledger/state.hpp"

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::ledger {
namespace {

const Person alice = person(1);
const Person bob = person(2);

// Breaks if a transfer did not arrive, or told the sender a wrong rest.
TEST(LedgerTransfer, moves_the_amount_and_answers_what_is_left) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    const auto answer = chain.accept<TransferAnswer>(
        "ledger.transfer", alice, Transfer{.to = bob.address, .amount = 4_ait, .memo = "rent"});
    EXPECT_EQ(answer.available, 6_ait);
    EXPECT_EQ(chain.balance(bob.address).available, 4_ait);
    ASSERT_EQ(chain.events.size(), 1U);
    EXPECT_EQ(chain.events[0].kind, "ledger.transferred");
    const auto page = read_history(chain.state(), bob.address, "", 10);
    ASSERT_TRUE(page.ok());
    ASSERT_EQ(page.value().rows.size(), 1U);
    EXPECT_EQ(page.value().rows[0].memo, "rent");
    EXPECT_TRUE(chain.supply().balanced);
}

// Breaks if any refused transfer moved money or a nonce.
TEST(LedgerTransfer, every_refusal_leaves_no_trace) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    const auto refuse = [&](const Transfer& tx) {
        return chain.refuse("ledger.transfer", alice, tx);
    };
    EXPECT_EQ(refuse({.to = bob.address, .amount = {}}), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse({.to = alice.address, .amount = 1_ait}), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse({.to = Address{}, .amount = 1_ait}), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse({.to = bob.address, .amount = 11_ait}), ErrorCode::insufficient_funds);
    EXPECT_EQ(refuse({.to = bob.address, .asset = Asset::usdc, .amount = 1_ait}),
              ErrorCode::insufficient_funds);
    EXPECT_EQ(refuse({.to = bob.address, .amount = 1_ait, .memo = "\x1b[2J"}),
              ErrorCode::invalid_argument);
}

// Breaks if locked or staked money could be sent.
TEST(LedgerTransfer, staked_money_cannot_be_sent) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    (void)chain.accept<StakeAnswer>("ledger.stake", alice, Stake{8_ait});
    EXPECT_EQ(chain.refuse("ledger.transfer", alice, Transfer{.to = bob.address, .amount = 3_ait}),
              ErrorCode::insufficient_funds);
}

// Breaks if unstaked money were spendable at once, too late or twice.
TEST(LedgerStake, unstaked_money_is_spendable_exactly_after_the_unbonding_time) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    const auto staked = chain.accept<StakeAnswer>("ledger.stake", alice, Stake{6_ait});
    EXPECT_EQ(staked.staked, 6_ait);
    EXPECT_EQ(staked.available, 4_ait);
    const auto unstaked = chain.accept<StakeAnswer>("ledger.unstake", alice, Unstake{5_ait});
    EXPECT_EQ(unstaked.staked, 1_ait);
    EXPECT_EQ(unstaked.unbonding, 5_ait);
    EXPECT_EQ(unstaked.available_at.ms, TestChain::start_ms + 10'000);

    chain.advance(9'999);
    EXPECT_EQ(chain.balance(alice.address).available, 4_ait);
    chain.advance(1);
    EXPECT_EQ(chain.balance(alice.address).available, 9_ait);
    EXPECT_EQ(chain.balance(alice.address).unbonding, Amount{});
    ASSERT_EQ(chain.events.size(), 1U);
    EXPECT_EQ(chain.events[0].kind, "ledger.unbonded");
    chain.advance(100'000);
    EXPECT_EQ(chain.balance(alice.address).available, 9_ait);
    EXPECT_TRUE(chain.supply().balanced);
}

// Breaks if two unstakes due at the same time were taken for one.
TEST(LedgerStake, several_unstakes_at_one_time_are_all_freed) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    (void)chain.accept<StakeAnswer>("ledger.stake", alice, Stake{10_ait});
    for (int i = 0; i < 3; ++i) {
        (void)chain.accept<StakeAnswer>("ledger.unstake", alice, Unstake{2_ait});
    }
    chain.advance(10'000);
    EXPECT_EQ(chain.balance(alice.address).available, 6_ait);
    EXPECT_EQ(chain.balance(alice.address).staked, 4_ait);
}

// Breaks if a refused stake changed balances.
TEST(LedgerStake, every_refusal_leaves_no_trace) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    EXPECT_EQ(chain.refuse("ledger.stake", alice, Stake{}), ErrorCode::invalid_argument);
    EXPECT_EQ(chain.refuse("ledger.stake", alice, Stake{11_ait}), ErrorCode::insufficient_funds);
    EXPECT_EQ(chain.refuse("ledger.unstake", alice, Unstake{}), ErrorCode::invalid_argument);
    EXPECT_EQ(chain.refuse("ledger.unstake", alice, Unstake{1_ait}), ErrorCode::insufficient_funds);
}

// Breaks if the faucet ran on chains that have none, or gave without measure.
TEST(LedgerFaucet, gives_within_its_limits_only) {
    TestChain chain;
    const auto answer =
        chain.accept<FaucetAnswer>("ledger.faucet", alice, FaucetRequest{bob.address, 10'000_ait});
    EXPECT_EQ(answer.available, 10'000_ait);
    EXPECT_EQ(chain.refuse("ledger.faucet", alice, FaucetRequest{bob.address, 10'001_ait}),
              ErrorCode::limit_reached);
    EXPECT_EQ(chain.refuse("ledger.faucet", alice, FaucetRequest{bob.address, {}}),
              ErrorCode::invalid_argument);
    EXPECT_EQ(chain.refuse("ledger.faucet", alice, FaucetRequest{Address{}, 1_ait}),
              ErrorCode::invalid_argument);

    chain.genesis().parameters.faucet_request_max = amount_max;
    EXPECT_EQ(chain.refuse("ledger.faucet", alice, FaucetRequest{bob.address, 1'000'000_ait}),
              ErrorCode::insufficient_funds);
    chain.genesis().parameters.faucet_enabled = false;
    EXPECT_EQ(chain.refuse("ledger.faucet", alice, FaucetRequest{bob.address, 1_ait}),
              ErrorCode::forbidden);
}

// Breaks if bytes that are not the transaction's struct were taken for one.
TEST(LedgerRules, a_body_of_another_shape_is_refused) {
    TestChain chain;
    EXPECT_EQ(chain.refuse("ledger.transfer", alice, coordinator::SubmitBatch{}),
              ErrorCode::malformed);
}

}  // namespace
}  // namespace ait::ledger
