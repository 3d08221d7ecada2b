// The pitfalls of CONSENSUS 1.12 that concern votes: a node that falls into one can fork the chain
// or stop it.

#include "tests/unit/actors/simplex_fixture.hpp"

namespace ait::consensus::simplex {
namespace {

TEST(SimplexPitfall01, a_vote_leaves_only_when_it_is_on_disk) {
    Bench bench;
    bench.start();
    bench.syncs = false;
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    ASSERT_EQ(bench.unsynced.size(), 1U);
    EXPECT_EQ(bench.said(VoteKind::notarize, 1, block.hash), 0U);
    bench.sync();
    EXPECT_EQ(bench.said(VoteKind::notarize, 1, block.hash), 1U);
}

TEST(SimplexPitfall02, a_nullified_view_is_never_finalized) {
    Bench bench;
    bench.start();
    bench.give(WorkWaiting{true});
    bench.pass(3 * bench.config.delta_ms);
    ASSERT_GE(bench.said(VoteKind::nullify, 1), 1U);
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    bench.hear(bench.proof(VoteKind::notarize, 1, block.hash, {1, 2, 3}), 1);
    bench.pass(1'000);
    EXPECT_EQ(bench.said(VoteKind::finalize, 1, block.hash), 0U);
    bench.restart();
    bench.hear_proposal(block);
    bench.hear(bench.proof(VoteKind::notarize, 1, block.hash, {1, 2, 3}), 1);
    bench.pass(1'000);
    EXPECT_EQ(bench.said(VoteKind::finalize, 1, block.hash), 0U);
}

TEST(SimplexPitfall02, a_finalized_view_is_never_nullified) {
    Bench bench;
    bench.start();
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    bench.hear(bench.proof(VoteKind::notarize, 1, block.hash, {1, 2, 3}), 1);
    ASSERT_EQ(bench.said(VoteKind::finalize, 1, block.hash), 1U);
    const StatusMessage stuck{.view = 1, .missing = 1, .ask = true};
    bench.hear_bytes(2, encode_message(WireKind::status, 0, stuck));
    bench.pass(5'000);
    EXPECT_EQ(bench.said(VoteKind::nullify, 1), 0U);
}

TEST(SimplexPitfall03, the_order_of_journal_records_says_nothing) {
    Bench bench;
    bench.start();
    const auto first = bench.block(1);
    bench.hear_proposal(first);
    bench.hear(bench.proof(VoteKind::nullify, 1, {}, {1, 2, 3}), 1);
    const auto second = bench.block(2);
    bench.hear_proposal(second);
    ASSERT_EQ(bench.said(VoteKind::notarize, 2, second.hash), 1U);
    std::reverse(bench.journal.begin() + 1, bench.journal.end());
    bench.restart();
    // Another block of either view finds the vote remembered.
    for (const std::uint64_t view : {1U, 2U}) {
        const auto other = bench.block(view, nullptr, bench.unix_ms + bench.now_ms + 1);
        bench.hear_proposal(other);
        EXPECT_EQ(bench.said(VoteKind::notarize, view, other.hash), 0U);
    }
}

TEST(SimplexPitfall04, a_nullify_of_an_earlier_life_is_sent_again) {
    Bench bench;
    bench.start();
    bench.give(WorkWaiting{true});
    bench.pass(3 * bench.config.delta_ms);
    ASSERT_GE(bench.said(VoteKind::nullify, 1), 1U);
    bench.restart();
    bench.pass(5 * bench.config.delta_ms);
    EXPECT_GE(bench.said(VoteKind::nullify, 1), 2U);
}

TEST(SimplexPitfall05, own_votes_of_an_earlier_life_count_here_too) {
    Bench bench;
    bench.start();
    bench.give(WorkWaiting{true});
    bench.pass(3 * bench.config.delta_ms);
    bench.restart();
    bench.hear(bench.vote(1, VoteKind::nullify, 1));
    EXPECT_EQ(bench.core->position().view, 1U);
    bench.hear(bench.vote(2, VoteKind::nullify, 1));
    EXPECT_EQ(bench.core->position().view, 2U) << "two others and itself are the quorum";
}

TEST(SimplexPitfall06, an_echo_of_an_own_vote_is_harmless) {
    Bench bench;
    bench.start();
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    bench.restart();
    bench.hear(bench.vote(0, VoteKind::notarize, 1, block.hash));
    bench.hear(bench.vote(0, VoteKind::notarize, 1, block.hash));
    EXPECT_TRUE(bench.all<Alarm>().empty());
    EXPECT_TRUE(bench.core->position().may_vote);
}

TEST(SimplexPitfall10, a_certificate_before_its_body_moves_on_fetches_and_does_not_finalize) {
    Bench bench;
    bench.start();
    const auto block = bench.block(1);
    bench.hear(bench.proof(VoteKind::notarize, 1, block.hash, {1, 2, 3}), 1);
    EXPECT_EQ(bench.core->position().view, 2U);
    EXPECT_EQ(bench.said(VoteKind::finalize, 1, block.hash), 0U);
    bench.pass(bench.config.delta_ms);
    ASSERT_GE(bench.sent<WantBlockMessage>(WireKind::want_block).size(), 1U);
    const auto asked = bench.all<Send>().back().peer;
    // Who has nothing is left for the next at once.
    bench.hear_bytes(
        asked, encode_message(WireKind::block, 0, BlockMessage{.view = 1, .hash = block.hash}));
    ASSERT_GE(bench.sent<WantBlockMessage>(WireKind::want_block).size(), 2U);
    const BlockMessage answer{1, block.hash, {block.block->header}, {block.block->body}};
    bench.hear_bytes(2, encode_message(WireKind::block, 0, answer));
    EXPECT_EQ(bench.said(VoteKind::finalize, 1, block.hash), 1U);
}

TEST(SimplexPitfall16, a_block_whose_execution_differs_is_nullified_at_once) {
    Bench bench;
    bench.start();
    bench.executes = false;
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    bench.give(Executed{.hash = block.hash, .ok = false, .reason = "The roots differ."});
    EXPECT_EQ(bench.said(VoteKind::notarize, 1, block.hash), 0U);
    EXPECT_EQ(bench.said(VoteKind::nullify, 1), 1U);
}

TEST(SimplexPitfall17, a_leader_never_proposes_twice_in_a_view) {
    Bench bench(1);
    bench.start();
    bench.give(WorkWaiting{true});
    ASSERT_EQ(bench.all<Build>().size(), 1U);
    const auto block = bench.block(1);
    bench.give(Built{.view = 1, .block = block.block});
    ASSERT_EQ(bench.sent<ProposalMessage>(WireKind::proposal).size(), 1U);
    bench.restart();
    bench.give(WorkWaiting{true});
    EXPECT_TRUE(bench.all<Build>().empty());
}

TEST(SimplexVotes, two_proposals_of_one_leader_are_evidence_and_get_one_vote) {
    Bench bench;
    bench.start();
    const auto first = bench.block(1);
    const auto second = bench.block(1, nullptr, bench.unix_ms + bench.now_ms + 1);
    bench.hear_proposal(first);
    bench.hear_proposal(second);
    EXPECT_EQ(bench.said(VoteKind::notarize, 1, first.hash), 1U);
    EXPECT_EQ(bench.said(VoteKind::notarize, 1, second.hash), 0U);
    ASSERT_EQ(bench.all<Evidence>().size(), 1U);
    EXPECT_EQ(bench.all<Evidence>()[0].second.member, 1U);
}

TEST(SimplexVotes, notarize_then_nullify_is_no_evidence) {
    Bench bench;
    bench.start();
    const auto block = bench.block(1);
    bench.hear(bench.vote(2, VoteKind::notarize, 1, block.hash));
    bench.hear(bench.vote(2, VoteKind::nullify, 1));
    EXPECT_TRUE(bench.all<Evidence>().empty());
    bench.hear(bench.vote(2, VoteKind::finalize, 1, block.hash));
    EXPECT_EQ(bench.all<Evidence>().size(), 1U) << "nullify and finalize are";
}

TEST(SimplexVotes, a_wiped_node_is_mute_until_a_quorum_has_answered_and_beyond) {
    Bench bench;
    bench.restored.journal.clear();
    bench.restored.guard_missing = true;
    bench.start();
    EXPECT_EQ(bench.all<Alarm>().at(0).kind, AlarmKind::guard_missing);
    EXPECT_EQ(bench.persists, 0U) << "nothing may make the guard look present";
    for (const Peer peer : {1U, 2U, 3U}) {
        EXPECT_FALSE(bench.core->position().may_vote);
        bench.hear_bytes(peer, encode_message(WireKind::answer, 0,
                                              AnswerMessage{bench.config.incarnation, 4, {}}));
    }
    EXPECT_EQ(bench.persists, 1U);
    for (std::uint64_t view = 1; view <= 5; ++view) {
        bench.hear(bench.proof(VoteKind::nullify, view, {}, {1, 2, 3}), 1);
        EXPECT_EQ(bench.core->position().may_vote, false) << view;
    }
    bench.pass(3 * bench.config.delta_ms);
    EXPECT_TRUE(bench.core->position().may_vote) << "view 6 is one above the highest answer + 1";
}

TEST(SimplexVotes, an_answer_to_an_earlier_life_does_not_count) {
    Bench bench;
    bench.config.incarnation = 7;
    bench.restored.guard_missing = true;
    bench.restored.journal.clear();
    bench.start();
    for (const Peer peer : {1U, 2U, 3U})
        bench.hear_bytes(peer, encode_message(WireKind::answer, 0, AnswerMessage{6, 4, {}}));
    EXPECT_EQ(bench.persists, 0U);
}

TEST(SimplexVotes, an_old_backup_hears_its_own_later_vote_and_goes_mute) {
    Bench old;  // its journal is the first record, as if restored from the day of its key
    old.start();
    StatusMessage status{.view = 1};
    status.yours = to_wire(old.vote(0, VoteKind::nullify, 9));
    old.hear_bytes(1, encode_message(WireKind::status, 0, status));
    ASSERT_EQ(old.all<Alarm>().size(), 1U);
    EXPECT_EQ(old.all<Alarm>()[0].kind, AlarmKind::guard_missing);
    EXPECT_FALSE(old.core->position().may_vote);
}

}  // namespace
}  // namespace ait::consensus::simplex
