#include "actors/ledger/slashing.hpp"

#include <random>

#include "runtime/base/crypto/bech32m.hpp"
#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::ledger {
namespace {

using consensus::Equivocation;
using consensus::VoteKind;
using consensus::VoteStatement;

const Person reporter = person(9);

crypto::SecretKey key_of(char letter) {
    return crypto::SecretKey::from_seed(std::string(crypto::seed_bytes, letter)).value();
}

/// A chain with validators that have signed whatever a test likes.
class Slashing : public testing::Test {
  protected:
    explicit Slashing(FaultModel model = FaultModel::byzantine) {
        chain_.genesis().parameters.fault_model = model;
        for (const char letter : {'a', 'b', 'c', 'd'}) {
            keys_.push_back(key_of(letter));
            const PublicKey key = keys_.back().public_key();
            chain_.genesis().validators.push_back({std::string(1, letter), key, 1});
            owners_.push_back({key, crypto::address_of(key)});
        }
    }
    void bond(std::size_t who, Amount amount) {
        chain_.fund(owners_[who], amount);
        (void)chain_.accept<StakeAnswer>("ledger.stake", owners_[who], Stake{amount});
    }
    [[nodiscard]] Equivocation lie(std::size_t who, std::uint64_t view = 3,
                                   std::uint64_t epoch = 0) {
        const auto statement = [&](std::uint8_t block) {
            VoteStatement said{chain_.genesis().chain,
                               consensus::genesis_hash(chain_.genesis()),
                               epoch,
                               VoteKind::notarize,
                               view,
                               {}};
            said.block.bytes.fill(block);
            return said;
        };
        return {keys_[who].public_key(), statement(1), sign_vote(statement(1), keys_[who]),
                statement(2), sign_vote(statement(2), keys_[who])};
    }
    SlashAnswer slash_for(const Equivocation& evidence) {
        return chain_.accept<SlashAnswer>(consensus::evidence_kind, reporter, evidence);
    }
    ErrorCode refusal(const Equivocation& evidence) {
        return chain_.refuse(consensus::evidence_kind, reporter, evidence);
    }
    [[nodiscard]] ValidatorStake stake_now(std::size_t who) {
        return stake_of(chain_.state(), chain_.genesis().validators[who]);
    }

    TestChain chain_{};
    std::vector<crypto::SecretKey> keys_{};
    std::vector<Person> owners_{};
};

// Breaks if a lie costs nothing, another's money, or if what is taken is lost to the books.
TEST_F(Slashing, takes_the_parameters_part_of_the_liars_stake_and_keeps_it_in_the_books) {
    bond(0, 100_ait);
    bond(1, 100_ait);
    const Equivocation evidence = lie(0);
    const SlashAnswer answer = slash_for(evidence);
    EXPECT_EQ(answer.amount, 5_ait);
    EXPECT_EQ(answer.staked, 95_ait);
    EXPECT_EQ(answer.name, "a");
    EXPECT_EQ(answer.owner, owners_[0].address);
    EXPECT_EQ(stake_now(0).staked, 95_ait);
    EXPECT_EQ(stake_now(1).staked, 100_ait);
    EXPECT_EQ(chain_.balance(slashed_address()).available, 5_ait);
    EXPECT_TRUE(chain_.supply().balanced);
    ASSERT_EQ(chain_.events.size(), 2U);
    EXPECT_EQ(chain_.events[0].kind, "ledger.slashed");
    EXPECT_EQ(chain_.events[0].subject, crypto::to_text(owners_[0].address));
    EXPECT_EQ(chain_.events[1].kind, "validator.excluded");
    const auto record = stake_now(0).slashed;
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->amount, 5_ait);
    EXPECT_EQ(record->height, chain_.height);
    EXPECT_FALSE(stake_now(1).slashed.has_value());
    const auto page = read_history(chain_.state(), slashed_address(), "", 10);
    ASSERT_EQ(page.value().rows.size(), 1U);
    EXPECT_EQ(page.value().rows[0].kind, MovementKind::slash);
    EXPECT_EQ(page.value().rows[0].counterparty, owners_[0].address);
}

// Breaks if three nodes that find one lie, or a liar with many, cost more than one slash.
TEST_F(Slashing, each_validator_is_slashed_once_an_epoch) {
    bond(0, 100_ait);
    bond(1, 100_ait);
    (void)slash_for(lie(0, 3));
    EXPECT_EQ(refusal(lie(0, 3)), ErrorCode::already_exists);
    EXPECT_EQ(refusal(lie(0, 4)), ErrorCode::already_exists);
    EXPECT_EQ(stake_now(0).staked, 95_ait);
    EXPECT_EQ(slash_for(lie(1, 4)).amount, 5_ait) << "another's lie is another's";
}

// Breaks if a validator escapes by unstaking before the evidence is there.
TEST_F(Slashing, what_is_on_its_way_back_answers_too) {
    bond(0, 100_ait);
    (void)chain_.accept<StakeAnswer>("ledger.unstake", owners_[0], Unstake{60_ait});
    chain_.advance(1'000);
    (void)chain_.accept<StakeAnswer>("ledger.unstake", owners_[0], Unstake{39_ait});
    chain_.genesis().parameters.slash_ppm = 500'000;
    EXPECT_EQ(slash_for(lie(0)).amount, 50_ait) << "half of 1 staked and 99 unbonding";
    EXPECT_EQ(stake_now(0).staked, Amount{});
    EXPECT_EQ(stake_now(0).unbonding, 50_ait);
    EXPECT_TRUE(chain_.supply().balanced);
    chain_.advance(20'000);
    EXPECT_EQ(chain_.balance(owners_[0].address).available, 50_ait) << "the rest comes free";
    EXPECT_EQ(stake_now(0).unbonding, Amount{});
    EXPECT_TRUE(chain_.supply().balanced);
}

TEST_F(Slashing, all_of_it_can_be_taken_and_what_is_due_later_finds_nothing) {
    bond(0, 100_ait);
    (void)chain_.accept<StakeAnswer>("ledger.unstake", owners_[0], Unstake{70_ait});
    chain_.genesis().parameters.slash_ppm = 1'000'000;
    EXPECT_EQ(slash_for(lie(0)).amount, 100_ait);
    chain_.advance(20'000);
    EXPECT_EQ(chain_.balance(owners_[0].address), Balance{});
    EXPECT_TRUE(chain_.supply().balanced);
}

// Breaks if evidence against a validator without stake were forgotten and could be used later.
TEST_F(Slashing, who_has_no_stake_is_on_record_all_the_same) {
    EXPECT_EQ(slash_for(lie(0)).amount, Amount{});
    EXPECT_TRUE(stake_now(0).slashed.has_value());
    bond(0, 100_ait);
    EXPECT_EQ(refusal(lie(0, 8)), ErrorCode::already_exists);
}

// Breaks if anybody's money can be taken without a lie of theirs. refuse() checks that no byte of
// the state changes.
TEST_F(Slashing, what_proves_nothing_is_refused_without_a_trace) {
    bond(0, 100_ait);
    Equivocation forged = lie(0);
    forged.second_signature = sign_vote(forged.second, keys_[1]);
    EXPECT_EQ(refusal(forged), ErrorCode::check_failed);
    EXPECT_EQ(refusal(lie(0, 3, 1)), ErrorCode::not_found);
    Equivocation stranger = lie(0);
    stranger.validator = key_of('z').public_key();
    EXPECT_EQ(refusal(stranger), ErrorCode::not_found);
    Equivocation elsewhere = lie(0);
    elsewhere.first.chain = elsewhere.second.chain = "another";
    EXPECT_EQ(refusal(elsewhere), ErrorCode::invalid_argument);
    Equivocation harmless = lie(0);
    harmless.first = harmless.second;
    harmless.first.kind = VoteKind::notarize;
    harmless.second.kind = VoteKind::nullify;
    harmless.second.block = {};
    harmless.first_signature = sign_vote(harmless.first, keys_[0]);
    harmless.second_signature = sign_vote(harmless.second, keys_[0]);
    EXPECT_EQ(refusal(harmless), ErrorCode::invalid_argument);
    EXPECT_EQ(stake_now(0).staked, 100_ait);
}

class CrashChain : public Slashing {
  protected:
    CrashChain() : Slashing(FaultModel::crash) {}
};

TEST_F(CrashChain, slashes_nobody) {
    bond(0, 100_ait);
    EXPECT_EQ(refusal(lie(0)), ErrorCode::forbidden);
}

// Breaks if money is made or lost by any order of bonding, unbonding, time and lies, or if a second
// slash takes anything.
TEST_F(Slashing, no_order_of_events_makes_money_or_takes_twice) {
    for (unsigned seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        TestChain fresh;
        fresh.genesis() = chain_.genesis();
        chain_ = std::move(fresh);
        std::mt19937 random(seed);
        chain_.genesis().parameters.slash_ppm = random() % 1'000'001;
        std::array<Amount, 4> taken{};
        std::array<bool, 4> is_slashed{};
        for (int step = 0; step < 60; ++step) {
            const std::size_t who = random() % 4;
            const Balance before = chain_.balance(owners_[who].address);
            switch (random() % 4) {
                case 0:
                    bond(who, Amount{1 + random() % 1'000'000});
                    break;
                case 1:
                    if (before.staked.micro > 0)
                        (void)chain_.apply("ledger.unstake", owners_[who],
                                           Unstake{Amount{1 + random() % before.staked.micro}});
                    break;
                case 2:
                    chain_.advance(static_cast<std::int64_t>(random() % 6'000));
                    break;
                default: {
                    const auto outcome = chain_.apply(consensus::evidence_kind, reporter,
                                                      lie(who, 1 + random() % 9));
                    EXPECT_EQ(outcome.ok(), !is_slashed[who]);
                    if (!outcome.ok()) break;
                    is_slashed[who] = true;
                    taken[who] = decode<SlashAnswer>(outcome.value().response).value().amount;
                    const std::uint64_t bonded = before.staked.micro + before.unbonding.micro;
                    EXPECT_EQ(taken[who].micro,
                              multiply_divide_down(bonded, chain_.genesis().parameters.slash_ppm,
                                                   1'000'000));
                    const Balance after = chain_.balance(owners_[who].address);
                    EXPECT_EQ(after.staked.micro + after.unbonding.micro,
                              bonded - taken[who].micro);
                    EXPECT_EQ(after.available, before.available);
                }
            }
            ASSERT_TRUE(chain_.supply().balanced);
        }
        const std::uint64_t sum = taken[0].micro + taken[1].micro + taken[2].micro + taken[3].micro;
        EXPECT_EQ(chain_.balance(slashed_address()).available.micro, sum);
        chain_.advance(100'000);
        for (const auto& owner : owners_)
            EXPECT_EQ(chain_.balance(owner.address).unbonding.micro, 0U);
        ASSERT_TRUE(chain_.supply().balanced);
    }
}

// Breaks if an account could make a slash walk through endless records.
TEST(Unbonding, an_account_has_a_bounded_number_of_amounts_on_their_way_back) {
    TestChain chain;
    const Person owner = person(1);
    chain.fund(owner, 100_ait);
    (void)chain.accept<StakeAnswer>("ledger.stake", owner, Stake{100_ait});
    for (std::size_t i = 0; i < unbondings_per_account_max; ++i)
        (void)chain.accept<StakeAnswer>("ledger.unstake", owner, Unstake{Amount{1}});
    EXPECT_EQ(chain.refuse("ledger.unstake", owner, Unstake{Amount{1}}), ErrorCode::limit_reached);
    chain.advance(10'000);
    (void)chain.accept<StakeAnswer>("ledger.unstake", owner, Unstake{Amount{1}});
}

// Breaks if a chain starts with validators whose word costs them nothing, or with more money than
// its genesis says.
TEST(StakeAtGenesis, is_minted_and_staked_for_the_validators_owner) {
    consensus::Genesis genesis;
    const Person owner = person(5);
    const auto own = key_of('a').public_key();
    genesis.validators = {{"one", own, 1, 10_ait, {}},
                          {"two", key_of('b').public_key(), 1, 20_ait, owner.address},
                          {"three", key_of('c').public_key(), 1}};
    const storage::MemoryState empty;
    storage::StateView view(empty);
    ASSERT_TRUE(domain_rules().genesis(view, genesis).ok());
    EXPECT_EQ(consensus::stake_owner(genesis.validators[1]), owner.address);
    EXPECT_EQ(stake_of(view, genesis.validators[0]).staked, 10_ait);
    EXPECT_EQ(stake_of(view, genesis.validators[0]).owner, crypto::address_of(own));
    EXPECT_EQ(stake_of(view, genesis.validators[1]).staked, 20_ait);
    EXPECT_EQ(stake_of(view, genesis.validators[2]).staked, Amount{});
    const SupplyView supply = count_supply(view, Asset::ait, 10);
    EXPECT_EQ(supply.minted, 30_ait);
    EXPECT_EQ(supply.staked, 30_ait);
    EXPECT_TRUE(supply.balanced);
}

}  // namespace
}  // namespace ait::ledger
