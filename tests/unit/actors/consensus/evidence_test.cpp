#include "actors/consensus/evidence.hpp"

#include <gtest/gtest.h>

#include "actors/consensus/evidence_desk.hpp"
#include "actors/consensus/gossip.hpp"
#include "toy_domain.hpp"

namespace ait::consensus {
namespace {

/// What the validator of a toy chain may say.
struct Liar {
    [[nodiscard]] VoteStatement statement(VoteKind kind, char block, std::uint64_t view = 7) const {
        VoteStatement said{chain.genesis.chain, chain.id, 0, kind, view, {}};
        if (kind != VoteKind::nullify) said.block.bytes.fill(static_cast<std::uint8_t>(block));
        return said;
    }
    [[nodiscard]] Equivocation both(const VoteStatement& one, const VoteStatement& other) const {
        return in_order({chain.validator.public_key(), one, sign_vote(one, chain.validator), other,
                         sign_vote(other, chain.validator)});
    }
    [[nodiscard]] std::optional<ErrorCode> refusal(const Equivocation& evidence) const {
        const ValidatorSet set = genesis_set(chain.genesis);
        const Status checked = check_contradiction(evidence, chain.genesis,
                                                   evidence.first.epoch == 0 ? &set : nullptr);
        return checked.ok() ? std::nullopt : std::optional(checked.error().code);
    }
    toy::Chain chain{};
};

// Breaks if a lie stays unpunished, or depends on who tells of it first.
TEST(Evidence, every_kind_of_contradiction_is_proven_in_one_form) {
    const Liar liar;
    using enum VoteKind;
    for (const auto& [one, other] :
         {std::pair(liar.statement(notarize, 'a'), liar.statement(notarize, 'b')),
          std::pair(liar.statement(finalize, 'a'), liar.statement(finalize, 'b')),
          std::pair(liar.statement(finalize, 'a'), liar.statement(nullify, 0))}) {
        const Equivocation evidence = liar.both(one, other);
        EXPECT_EQ(liar.refusal(evidence), std::nullopt) << name_of(one.kind);
        EXPECT_TRUE(check_genuine(evidence).ok());
        EXPECT_EQ(encode(evidence), encode(liar.both(other, one)));
        EXPECT_LT(encode(evidence).size(), 600U);
        Equivocation turned = evidence;
        std::swap(turned.first, turned.second);
        std::swap(turned.first_signature, turned.second_signature);
        EXPECT_EQ(liar.refusal(turned), ErrorCode::invalid_argument) << "a second form of one lie";
    }
}

// Breaks if an honest validator could lose money: these pairs happen without a lie.
TEST(Evidence, what_an_honest_validator_may_sign_proves_nothing) {
    const Liar liar;
    using enum VoteKind;
    const auto refused = [&](const VoteStatement& one, const VoteStatement& other) {
        return liar.refusal(liar.both(one, other)) == ErrorCode::invalid_argument;
    };
    EXPECT_TRUE(refused(liar.statement(notarize, 'a'), liar.statement(nullify, 0)));
    EXPECT_TRUE(refused(liar.statement(notarize, 'a'), liar.statement(finalize, 'a')));
    EXPECT_TRUE(refused(liar.statement(notarize, 'a'), liar.statement(finalize, 'b')))
        << "a quorum may have been for the other block";
    EXPECT_TRUE(refused(liar.statement(notarize, 'a'), liar.statement(notarize, 'a')));
    EXPECT_TRUE(refused(liar.statement(nullify, 0), liar.statement(nullify, 0)));
    EXPECT_TRUE(refused(liar.statement(notarize, 'a', 7), liar.statement(notarize, 'b', 8)));
    VoteStatement odd = liar.statement(nullify, 0);
    odd.block.bytes[0] = 1;
    EXPECT_TRUE(refused(odd, liar.statement(finalize, 'a'))) << "no validator says such a thing";
}

// Breaks if votes of a test chain cost stake on the real one.
TEST(Evidence, statements_of_another_chain_epoch_or_person_are_refused) {
    const Liar liar;
    using enum VoteKind;
    const auto change = [&](auto edit) {
        VoteStatement one = liar.statement(notarize, 'a');
        VoteStatement other = liar.statement(notarize, 'b');
        edit(one);
        edit(other);
        return liar.refusal(liar.both(one, other));
    };
    EXPECT_EQ(change([](auto& said) { said.chain = "other"; }), ErrorCode::invalid_argument);
    EXPECT_EQ(change([](auto& said) { said.genesis.bytes[0] ^= 1U; }), ErrorCode::invalid_argument);
    EXPECT_EQ(change([](auto& said) { said.epoch = 1; }), ErrorCode::not_found);
    Equivocation stranger = liar.both(liar.statement(notarize, 'a'), liar.statement(notarize, 'b'));
    stranger.validator = liar.chain.user.public_key();
    EXPECT_EQ(liar.refusal(stranger), ErrorCode::not_found);
}

// Breaks if anybody could make evidence up.
TEST(Evidence, a_signature_that_is_not_the_validators_proves_nothing) {
    const Liar liar;
    using enum VoteKind;
    const Equivocation good =
        liar.both(liar.statement(notarize, 'a'), liar.statement(notarize, 'b'));
    for (const bool is_first : {true, false}) {
        Equivocation forged = good;
        (is_first ? forged.first_signature : forged.second_signature).bytes[5] ^= 1U;
        ASSERT_FALSE(check_genuine(forged).ok());
        EXPECT_EQ(check_genuine(forged).error().code, ErrorCode::check_failed);
    }
    Equivocation by_another = good;
    by_another.second_signature = sign_vote(good.second, liar.chain.user);
    EXPECT_FALSE(check_genuine(by_another).ok());
}

TEST(Genesis, validators_with_one_owner_are_refused) {
    const toy::Chain chain;
    Genesis genesis = chain.genesis;
    const auto second = toy::key_of('w').public_key();
    genesis.validators.push_back({"two", second, 1});
    EXPECT_TRUE(parse_genesis(genesis_to_text(genesis)).ok());
    EXPECT_EQ(stake_owner(genesis.validators[1]), crypto::address_of(second));
    genesis.validators[1].owner = stake_owner(genesis.validators[0]);
    EXPECT_FALSE(parse_genesis(genesis_to_text(genesis)).ok());
}

// Breaks if a peer can make this node check made-up signatures for block after block.
TEST(Evidence, made_up_evidence_of_a_peer_does_not_come_to_wait) {
    const Liar liar;
    using enum VoteKind;
    Equivocation evidence = liar.both(liar.statement(notarize, 'a'), liar.statement(notarize, 'b'));
    const auto come = [&] {
        const auto told = evidence_submission(evidence, [](const auto&) {});
        return from_gossip(to_gossip(*told, 1'000), liar.chain.genesis, liar.chain.id,
                           liar.chain.state);
    };
    EXPECT_TRUE(come().ok());
    evidence.first_signature.bytes[0] ^= 1U;
    EXPECT_EQ(come().error().code, ErrorCode::check_failed);
    evidence.second = evidence.first;
    EXPECT_EQ(come().error().code, ErrorCode::invalid_argument);
}

// ---- what a node does with it -----------------------------------------------------------------

class EvidenceOfNode : public testing::Test {
  protected:
    EvidenceOfNode() {
        config_.chain = "toy";
        config_.members = {{toy::key_of('A').public_key(), 1},
                           {toy::key_of('B').public_key(), 1},
                           {toy::key_of('C').public_key(), 1}};
        config_.self = 0;
    }
    static simplex::Evidence lie(std::uint32_t member, std::uint64_t view) {
        simplex::Evidence found{{member, {VoteKind::finalize, view, {}}, {}},
                                {member, {VoteKind::nullify, view, {}}, {}}};
        found.first.statement.block.bytes[0] = 1;
        return found;
    }
    simplex::Config config_{};
};

// Breaks if a liar can fill memory, log or chain with its lies.
TEST_F(EvidenceOfNode, the_first_lie_of_each_other_member_is_told_once) {
    EvidenceDesk desk(config_);
    EXPECT_TRUE(desk.take(lie(1, 5)));
    for (std::uint64_t view = 6; view < 2'000; ++view) EXPECT_FALSE(desk.take(lie(1, view)));
    EXPECT_TRUE(desk.take(lie(2, 5)));
    EXPECT_FALSE(desk.take(lie(0, 5))) << "a node does not accuse itself";
    const auto told = desk.to_submit(0);
    ASSERT_EQ(told.size(), 2U);
    EXPECT_TRUE(desk.to_submit(100'000).empty());
    const auto& item = std::get<EncodedItem>(told[0]->operation());
    EXPECT_EQ(item.content.kind, evidence_kind);
    EXPECT_TRUE(item.content.principal.is_zero());
    const auto evidence = decode<Equivocation>(item.content.body.bytes);
    ASSERT_TRUE(evidence.ok());
    EXPECT_EQ(evidence.value().first.kind, VoteKind::nullify) << "in order, as everybody tells it";
    EXPECT_EQ(evidence.value().validator, config_.members[1].key);
}

// Breaks if a full pool lets a liar get away, or if a node goes on after the chain has ruled.
TEST_F(EvidenceOfNode, it_is_told_again_until_the_chain_has_ruled) {
    EvidenceDesk desk(config_);
    ASSERT_TRUE(desk.take(lie(1, 5)));
    auto told = desk.to_submit(0);
    ASSERT_EQ(told.size(), 1U);
    told[0]->answer(Error{ErrorCode::overloaded, "Full.", "", ""});
    EXPECT_TRUE(desk.to_submit(10).empty()) << "not at once";
    told = desk.to_submit(5'000);
    ASSERT_EQ(told.size(), 1U);
    told[0]->answer(Error{ErrorCode::already_exists, "Slashed.", "", ""});
    EXPECT_TRUE(desk.to_submit(10'000).empty());
}

TEST_F(EvidenceOfNode, where_nobody_may_lie_the_chain_is_not_asked) {
    config_.fault_model = FaultModel::crash;
    EvidenceDesk desk(config_);
    EXPECT_TRUE(desk.take(lie(1, 5)));
    EXPECT_TRUE(desk.to_submit(0).empty());
}

// Breaks if an answer that comes late, or never, finds nobody there.
TEST_F(EvidenceOfNode, an_answer_may_outlive_the_node) {
    std::vector<SubmissionPtr> told;
    {
        EvidenceDesk desk(config_);
        ASSERT_TRUE(desk.take(lie(1, 5)));
        told = desk.to_submit(0);
    }
    ASSERT_EQ(told.size(), 1U);
    told[0]->answer(Applied{});
}

}  // namespace
}  // namespace ait::consensus
