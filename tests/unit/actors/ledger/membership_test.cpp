// Breaks if somebody could vote whom nobody let in, who has no stake, or who is not there; or if
// one who should go stays.

#include "actors/ledger/membership.hpp"

#include <gtest/gtest.h>

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::ledger {
namespace {

crypto::SecretKey secret(char letter) {
    auto key = crypto::SecretKey::from_seed(std::string(32, letter));
    EXPECT_TRUE(key.ok());
    return std::move(key).value();
}

Person owner_of(const PublicKey& key) {
    return {key, crypto::address_of(key)};
}

class Membership : public ::testing::Test {
  protected:
    Membership() {
        auto& genesis = chain_.genesis();
        for (const char letter : {'a', 'b', 'c'}) {
            keys_.push_back(secret(letter));
            genesis.validators.push_back(
                {.name = std::string(1, letter), .public_key = keys_.back().public_key()});
        }
        genesis.parameters.validator_stake_min = 10_ait;
        chain_.fund(owner_, 100_ait);
    }
    [[nodiscard]] Hash id() { return consensus::genesis_hash(chain_.genesis()); }
    void stake(Amount amount) {
        (void)chain_.accept<StakeAnswer>("ledger.stake", owner_, Stake{amount});
    }
    [[nodiscard]] JoinValidator wish(std::uint64_t weight = 1) const {
        return {joiner_.public_key(), "four", weight};
    }
    CandidateRecord candidate() {
        const auto found = find_candidate(chain_.state(), owner_.address);
        EXPECT_TRUE(found.has_value());
        return found.value_or(CandidateRecord{});
    }
    ApproveValidator approval(std::size_t member) {
        return {owner_.address, keys_[member].public_key(),
                sign_membership(approval_of(candidate(), "test", id()), keys_[member])};
    }
    ValidatorSynced proof(const crypto::SecretKey& key) {
        return {owner_.address, sign_membership(sync_proof_of(candidate(), "test", id()), key)};
    }
    std::string approve(std::size_t member) {
        return chain_.accept<MembershipAnswer>("validator.approve", person(9), approval(member))
            .status;
    }
    /// Ends a block: what was planned is in force.
    void end_block() {
        storage::StateView view(chain_.state());
        // Each operation was a block of its own here; the plan has to be of the one that ends.
        const std::string plan = "validators/plan";
        if (auto planned = chain_.state().get(plan)) view.put(plan, std::move(*planned));
        consensus::begin_planned_set(
            view, consensus::set_in_force(chain_.state(), chain_.genesis()), chain_.height);
        chain_.state().apply(view.take_writes());
    }
    [[nodiscard]] std::size_t members() {
        return consensus::set_in_force(chain_.state(), chain_.genesis()).members.size();
    }

    TestChain chain_{};
    std::vector<crypto::SecretKey> keys_{};
    crypto::SecretKey joiner_ = secret('j');
    Person owner_ = person(4);
};

TEST_F(Membership, a_quorum_lets_one_in_and_it_votes_once_it_is_synced) {
    stake(10_ait);
    EXPECT_EQ(chain_.accept<MembershipAnswer>("validator.join", owner_, wish()).status, "asks");
    EXPECT_EQ(chain_.refuse("validator.synced", person(9), proof(joiner_)), ErrorCode::forbidden);
    EXPECT_EQ(approve(0), "asks");
    EXPECT_EQ(chain_.refuse("validator.approve", person(9), approval(0)),
              ErrorCode::already_exists);
    EXPECT_EQ(approve(1), "asks");
    EXPECT_EQ(approve(2), "syncs") << "three of three must agree where one may lie";
    EXPECT_EQ(chain_.refuse("validator.synced", person(9), proof(keys_[0])),
              ErrorCode::check_failed);
    EXPECT_EQ(chain_.accept<MembershipAnswer>("validator.synced", person(9), proof(joiner_)).status,
              "joins");
    EXPECT_EQ(members(), 3U) << "from the next epoch on";
    end_block();
    EXPECT_EQ(members(), 4U);
    EXPECT_FALSE(find_candidate(chain_.state(), owner_.address).has_value());
    EXPECT_EQ(chain_.refuse("validator.join", owner_, wish()), ErrorCode::conflict);
    EXPECT_TRUE(chain_.supply().balanced);
}

TEST_F(Membership, only_those_who_vote_approve_and_only_of_what_was_asked) {
    stake(30_ait);
    (void)chain_.accept<MembershipAnswer>("validator.join", owner_, wish());
    const ApproveValidator old = approval(0);
    ApproveValidator stranger = approval(0);
    stranger.by = joiner_.public_key();
    EXPECT_EQ(chain_.refuse("validator.approve", person(9), stranger), ErrorCode::forbidden);
    ApproveValidator foreign = approval(1);
    foreign.by = keys_[0].public_key();
    EXPECT_EQ(chain_.refuse("validator.approve", person(9), foreign), ErrorCode::check_failed);
    ApproveValidator nobody = old;
    nobody.owner = person(8).address;
    EXPECT_EQ(chain_.refuse("validator.approve", person(9), nobody), ErrorCode::not_found);
    EXPECT_EQ(approve(1), "asks");
    (void)chain_.accept<MembershipAnswer>("validator.join", owner_, wish(3));
    EXPECT_TRUE(candidate().approved_by.empty()) << "another weight is another wish";
    EXPECT_EQ(chain_.refuse("validator.approve", person(9), old), ErrorCode::check_failed);
}

TEST_F(Membership, a_stake_must_be_there_when_one_asks_when_it_joins_and_as_long_as_it_votes) {
    stake(19_ait);
    EXPECT_EQ(chain_.refuse("validator.join", owner_, wish(2)), ErrorCode::forbidden);
    EXPECT_EQ(chain_.refuse("validator.join", owner_, wish(0)), ErrorCode::invalid_argument);
    EXPECT_EQ(chain_.refuse("validator.join", owner_, JoinValidator{{}, "four", 1}),
              ErrorCode::invalid_argument);
    EXPECT_EQ(
        chain_.refuse("validator.join", owner_, JoinValidator{joiner_.public_key(), "\x1b[2J", 1}),
        ErrorCode::invalid_argument);
    (void)chain_.accept<MembershipAnswer>("validator.join", owner_, wish());
    for (const std::size_t member : {0U, 1U, 2U}) approve(member);
    (void)chain_.accept<StakeAnswer>("ledger.unstake", owner_, Unstake{10_ait});
    EXPECT_EQ(chain_.refuse("validator.synced", person(9), proof(joiner_)), ErrorCode::forbidden);
    stake(1_ait);
    (void)chain_.accept<MembershipAnswer>("validator.synced", person(9), proof(joiner_));
    EXPECT_EQ(chain_.refuse("ledger.unstake", owner_, Unstake{1_ait}), ErrorCode::forbidden);
    end_block();
    EXPECT_EQ(chain_.refuse("ledger.unstake", owner_, Unstake{1_ait}), ErrorCode::forbidden);
}

TEST_F(Membership, where_the_genesis_says_so_the_stake_is_enough) {
    chain_.genesis().parameters.validators_join = ValidatorsJoin::staked;
    EXPECT_EQ(chain_.refuse("validator.join", owner_, wish()), ErrorCode::forbidden);
    stake(10_ait);
    EXPECT_EQ(chain_.accept<MembershipAnswer>("validator.join", owner_, wish()).status, "syncs");
    (void)chain_.accept<MembershipAnswer>("validator.synced", person(9), proof(joiner_));
    end_block();
    EXPECT_EQ(members(), 4U);
}

TEST_F(Membership, one_leaves_by_its_own_word_or_by_that_of_its_owner) {
    const auto word = [&](std::size_t who, std::uint64_t epoch, std::size_t signer) {
        return LeaveValidator{
            keys_[who].public_key(),
            sign_membership(leave_of(keys_[who].public_key(), epoch, "test", id()), keys_[signer])};
    };
    EXPECT_EQ(chain_.refuse("validator.leave", person(9), word(0, 0, 1)), ErrorCode::check_failed);
    EXPECT_EQ(chain_.refuse("validator.leave", person(9), word(0, 5, 0)), ErrorCode::check_failed);
    EXPECT_EQ(chain_.refuse("validator.leave", person(9), LeaveValidator{joiner_.public_key(), {}}),
              ErrorCode::not_found);
    (void)chain_.accept<MembershipAnswer>("validator.leave", person(9), word(0, 0, 0));
    end_block();
    EXPECT_EQ(members(), 2U);
    const LeaveValidator without{keys_[1].public_key(), {}};
    EXPECT_EQ(chain_.refuse("validator.leave", person(9), without), ErrorCode::check_failed);
    consensus::Context context = chain_.next_context();
    context.authority = consensus::Authority::account;
    context.principal = owner_of(keys_[1].public_key()).address;
    storage::StateView view(chain_.state());
    EXPECT_TRUE(apply(view, without, context).ok());
}

// Breaks if a crowd without anybody's approval could keep others from asking.
TEST_F(Membership, who_waits_in_vain_gives_way_to_new_ones) {
    chain_.genesis().parameters.validator_stake_min = {};
    (void)chain_.accept<MembershipAnswer>("validator.join", owner_, wish());
    approve(0);
    const auto ask = [&](std::uint8_t number) {
        return chain_.apply("validator.join", person(number),
                            JoinValidator{person(number).key, "crowd", 1});
    };
    for (std::uint8_t number = 100; number < 100 + candidates_max + 5; ++number)
        EXPECT_TRUE(ask(number).ok()) << int{number};
    std::size_t count = 0;
    for_each_candidate(chain_.state(), [&](const CandidateRecord&) { return ++count > 0; });
    EXPECT_EQ(count, candidates_max);
    EXPECT_TRUE(find_candidate(chain_.state(), owner_.address).has_value());
    EXPECT_FALSE(find_candidate(chain_.state(), person(100).address).has_value());
}

}  // namespace
}  // namespace ait::ledger
