// The pitfalls of CONSENSUS 1.12 that concern blocks, clocks, limits and other nodes: a node that
// falls into one stalls the chain, or lets strangers cost it memory and time.

#include "runtime/base/crypto/keys.hpp"
#include "tests/simulation/random.hpp"
#include "tests/unit/actors/simplex_fixture.hpp"

namespace ait::consensus::simplex {
namespace {

using simulation::SeededRandom;

TEST(SimplexPitfall07, two_blocks_of_one_height_live_side_by_side) {
    Bench bench;
    bench.start();
    const auto first = bench.block(1);
    bench.hear_proposal(first);
    bench.hear(bench.proof(VoteKind::nullify, 1, {}, {1, 2, 3}), 1);
    const auto second = bench.block(2);
    ASSERT_EQ(first.height, second.height);
    bench.hear_proposal(second);
    EXPECT_EQ(bench.all<Execute>().size(), 2U);
    bench.hear(bench.proof(VoteKind::finalize, 2, second.hash, {1, 2, 3}), 1);
    ASSERT_EQ(bench.all<Finalized>().size(), 1U);
    EXPECT_EQ(bench.all<Finalized>()[0].hash, second.hash);
}

TEST(SimplexPitfall08, a_dead_block_is_given_back_when_its_sibling_is_final) {
    Bench bench;
    bench.start();
    const auto first = bench.block(1);
    bench.hear_proposal(first);
    bench.hear(bench.proof(VoteKind::nullify, 1, {}, {1, 2, 3}), 1);
    EXPECT_TRUE(bench.all<Abandoned>().empty()) << "it may still have been notarized elsewhere";
    const auto second = bench.block(2);
    bench.hear_proposal(second);
    bench.hear(bench.proof(VoteKind::finalize, 2, second.hash, {1, 2, 3}), 1);
    ASSERT_EQ(bench.all<Abandoned>().size(), 1U);
    EXPECT_EQ(bench.all<Abandoned>()[0].hash, first.hash);
}

TEST(SimplexPitfall09, certificates_that_a_proposal_rests_on_are_asked_for) {
    Bench bench;
    bench.start();
    bench.hear(bench.proof(VoteKind::nullify, 2, {}, {1, 2, 3}), 1);
    ASSERT_EQ(bench.core->position().view, 3U);
    const auto block = bench.block(3);  // on genesis: needs X(1) and X(2)
    bench.out.clear();
    bench.hear_proposal(block);
    EXPECT_EQ(bench.said(VoteKind::notarize, 3, block.hash), 0U);
    const auto asked = bench.sent<StatusMessage>(WireKind::status);
    ASSERT_GE(asked.size(), 1U);
    EXPECT_TRUE(asked[0].ask);
    EXPECT_EQ(asked[0].missing, 1U);
    bench.hear(bench.proof(VoteKind::nullify, 1, {}, {1, 2, 3}), 3);
    EXPECT_EQ(bench.said(VoteKind::notarize, 3, block.hash), 1U);
}

TEST(SimplexPitfall11, a_body_above_the_limit_is_refused) {
    Bench bench;
    bench.start();
    auto block = bench.block(1);
    block.block = std::make_shared<Block>(
        Block{block.block->header, std::string(bench.config.body_bytes_max + 1, 'x')});
    bench.hear_proposal(block);
    EXPECT_TRUE(bench.all<Execute>().empty());
    EXPECT_EQ(bench.core->counters().bad_blocks, 1U);
}

TEST(SimplexPitfall12, timeouts_grow_until_a_final_view_and_not_with_a_notarized_one) {
    Bench bench;
    bench.start();
    bench.give(WorkWaiting{true});
    std::vector<std::int64_t> waits;
    for (std::uint64_t view = 1; view <= 8; ++view) {
        const std::int64_t began = bench.now_ms;
        while (bench.said(VoteKind::nullify, view) == 0 && bench.now_ms < began + 20'000)
            bench.pass(10);
        waits.push_back(bench.now_ms - began);
        // Notarized as well: growth goes on all the same.
        bench.hear(bench.proof(VoteKind::notarize, view, bench.block(view).hash, {1, 2, 3}), 1);
        bench.hear(bench.proof(VoteKind::nullify, view, {}, {1, 2, 3}), 1);
    }
    EXPECT_GT(waits[6], 2 * waits[1]);
}

TEST(SimplexPitfall13, what_is_sent_in_a_standstill_is_bounded_in_size_and_rate) {
    Bench bench;
    bench.start();
    bench.give(WorkWaiting{true});
    for (std::uint64_t view = 1; view <= 40; ++view)
        bench.hear(bench.proof(VoteKind::nullify, view, {}, {1, 2, 3}), 1);
    bench.pass(10'000);
    bench.out.clear();
    bench.pass(10'000);
    std::size_t bytes = 0;
    for (const auto& send : bench.all<Send>()) bytes += send.bytes.size();
    EXPECT_GT(bytes, 0U);
    EXPECT_LT(bytes, 64U * 1024U)
        << "ten seconds without an answer, forty views since the last final";
}

TEST(SimplexPitfall14, a_block_from_the_future_or_before_its_parent_is_nullified) {
    Bench bench;
    bench.start();
    const auto ahead = bench.block(1, nullptr, bench.unix_ms + bench.now_ms + 60'000);
    bench.hear_proposal(ahead);
    EXPECT_EQ(bench.said(VoteKind::notarize, 1, ahead.hash), 0U);
    EXPECT_EQ(bench.said(VoteKind::nullify, 1), 1U);
    bench.hear(bench.proof(VoteKind::nullify, 1, {}, {1, 2, 3}), 1);
    const auto parent = bench.block(2);
    bench.hear_proposal(parent);
    bench.hear(bench.proof(VoteKind::notarize, 2, parent.hash, {1, 2, 3}), 1);
    const auto back = bench.block(3, &parent, parent.time - 1);
    bench.hear_proposal(back);
    EXPECT_EQ(bench.said(VoteKind::notarize, 3, back.hash), 0U);
}

TEST(SimplexPitfall14, a_wall_clock_that_jumps_back_does_not_stop_the_chain) {
    Bench bench;
    bench.start();
    const auto parent = bench.block(1);
    bench.hear_proposal(parent);
    bench.hear(bench.proof(VoteKind::notarize, 1, parent.hash, {1, 2, 3}), 1);
    bench.unix_ms -= 365LL * 86'400'000;
    const auto block = bench.block(2, &parent, parent.time);
    bench.hear_proposal(block);
    EXPECT_EQ(bench.said(VoteKind::notarize, 2, block.hash), 1U);
}

TEST(SimplexPitfall15, a_block_that_takes_long_to_execute_ends_its_view) {
    Bench bench;
    bench.start();
    bench.executes = false;
    bench.hear_proposal(bench.block(1));
    bench.pass(4 * bench.config.delta_ms);
    EXPECT_GE(bench.said(VoteKind::nullify, 1), 1U);
}

TEST(SimplexPitfall18, votes_for_far_views_are_not_kept) {
    Bench bench;
    bench.start();
    for (std::uint64_t view = 1'000; view < 2'000; ++view)
        bench.hear(bench.vote(3, VoteKind::nullify, view));
    EXPECT_EQ(bench.core->counters().outside_window, 1'000U);
    EXPECT_LE(bench.core->position().views_held, 10U);
}

TEST(SimplexPitfall19, a_known_vote_costs_no_signature) {
    Bench bench;
    bench.start();
    for (int copy = 0; copy < 100; ++copy) bench.hear(bench.vote(3, VoteKind::nullify, 1));
    EXPECT_EQ(bench.core->counters().signatures_checked, 1U);
    EXPECT_EQ(bench.core->counters().duplicates, 99U);
}

TEST(SimplexPitfall20, a_block_of_another_epoch_is_refused) {
    Bench bench;
    bench.start();
    auto block = bench.block(1);
    auto header = decode<BlockHeader>(block.block->header).value();
    header.epoch = 1;
    block.block = std::make_shared<Block>(Block{encode(header), "body"});
    block.hash = header_hash(block.block->header);
    bench.hear_proposal(block);
    EXPECT_TRUE(bench.all<Execute>().empty());
    bench.hear_bytes(1, encode_message(WireKind::bundle, 1, BundleMessage{}));
    EXPECT_EQ(bench.core->counters().other_epoch, 1U);
}

TEST(SimplexPitfall21, a_journal_of_a_newer_version_stops_the_votes) {
    Bench bench;
    bench.restored.journal.push_back("\x09" + bench.restored.journal[0].substr(1));
    bench.start();
    ASSERT_EQ(bench.all<Alarm>().size(), 1U);
    EXPECT_EQ(bench.all<Alarm>()[0].kind, AlarmKind::guard_unreadable);
    bench.hear_proposal(bench.block(1));
    EXPECT_EQ(bench.persists, 0U);
}

TEST(SimplexPitfall22, a_vote_means_nothing_on_another_chain_or_epoch) {
    const auto key = crypto::SecretKey::from_seed(std::string(32, 'k')).value();
    Config config{.chain = "ait-one", .self = 0};
    config.members = {{.key = key.public_key()}};
    const KeyAuthenticator one(config, &key);
    const Statement statement{VoteKind::nullify, 5, {}};
    const Signature signature = one.sign(statement);
    EXPECT_TRUE(one.verify(0, statement, signature));
    Config other = config;
    other.chain = "ait-two";
    EXPECT_FALSE(KeyAuthenticator(other, &key).verify(0, statement, signature));
    other = config;
    other.epoch = 1;
    EXPECT_FALSE(KeyAuthenticator(other, &key).verify(0, statement, signature));
    other = config;
    other.genesis.bytes[0] = 1;
    EXPECT_FALSE(KeyAuthenticator(other, &key).verify(0, statement, signature));
}

TEST(SimplexPitfall23, a_leader_that_is_gone_is_skipped_while_a_quorum_is_there) {
    Bench bench;
    bench.start();
    bench.give(PeerGone{1});
    bench.give(WorkWaiting{true});
    EXPECT_EQ(bench.said(VoteKind::nullify, 1), 1U) << "at once";
    Bench alone;
    alone.start();
    for (const Peer peer : {1U, 2U, 3U}) alone.give(PeerGone{peer});
    alone.give(WorkWaiting{true});
    EXPECT_EQ(alone.said(VoteKind::nullify, 1), 0U) << "who is cut off judges nobody";
}

TEST(SimplexPitfall24, a_final_block_is_delivered_after_its_execution) {
    Bench bench;
    bench.start();
    bench.executes = false;
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    bench.hear(bench.proof(VoteKind::finalize, 1, block.hash, {1, 2, 3}), 1);
    EXPECT_TRUE(bench.all<Finalized>().empty());
    bench.give(Executed{.hash = block.hash, .ok = true});
    EXPECT_EQ(bench.all<Finalized>().size(), 1U);
}

TEST(SimplexProtocol, a_chain_of_one_needs_one_sync_a_block) {
    Bench bench(0, 1);
    bench.start();
    Bench::Made parent = bench.block(1);
    for (std::uint64_t height = 1; height <= 5; ++height) {
        const auto block = height == 1 ? parent : bench.block(height, &parent);
        bench.give(WorkWaiting{true});
        bench.give(Built{.view = height, .block = block.block});
        bench.give(WorkWaiting{false});
        parent = block;
    }
    EXPECT_EQ(bench.all<Finalized>().size(), 5U);
    EXPECT_EQ(bench.persists, 5U);
    EXPECT_TRUE(bench.all<Send>().empty());
}

TEST(SimplexProtocol, an_idle_chain_is_silent_but_for_its_beacon) {
    Bench bench;
    bench.start();
    bench.out.clear();
    bench.pass(60'000);
    EXPECT_TRUE(bench.all<Persist>().empty());
    EXPECT_EQ(bench.sent<BundleMessage>(WireKind::bundle).size(), 0U);
    EXPECT_LE(bench.all<Send>().size(), 31U * 3U);
}

TEST(SimplexProtocol, an_ancestor_is_proved_final_by_the_headers_down_to_its_descendant) {
    Bench bench;
    bench.start();
    const auto first = bench.block(1);
    bench.hear_proposal(first);
    bench.hear(bench.proof(VoteKind::notarize, 1, first.hash, {1, 2, 3}), 1);
    const auto second = bench.block(2, &first);
    bench.hear_proposal(second);
    bench.hear(bench.proof(VoteKind::finalize, 2, second.hash, {1, 2, 3}), 1);
    const auto finals = bench.all<Finalized>();
    ASSERT_EQ(finals.size(), 2U);
    EXPECT_EQ(finals[0].proof.links.size(), 1U);
    const simulation::HashAuthenticator judge(0, 0);
    for (const auto& final : finals) {
        EXPECT_TRUE(verify_finality(final.proof, final.block->header, bench.config, judge).ok());
        auto spoiled = final.proof;
        spoiled.certificate.signatures.pop_back();
        EXPECT_FALSE(verify_finality(spoiled, final.block->header, bench.config, judge).ok());
    }
    EXPECT_FALSE(
        verify_finality(finals[0].proof, finals[1].block->header, bench.config, judge).ok());
}

TEST(SimplexProtocol, the_block_that_changes_the_members_ends_the_epoch) {
    Bench bench;
    bench.start();
    bench.executes = false;
    const auto last = bench.block(1);
    bench.hear_proposal(last);
    bench.give(Executed{.hash = last.hash, .ok = true, .ends_epoch = true});
    bench.hear(bench.proof(VoteKind::notarize, 1, last.hash, {1, 2, 3}), 1);
    bench.hear(bench.proof(VoteKind::finalize, 1, last.hash, {1, 2, 3}), 1);
    ASSERT_EQ(bench.all<EpochEnded>().size(), 1U);
    EXPECT_EQ(bench.all<EpochEnded>()[0].hash, last.hash);
    bench.give(WorkWaiting{true});
    bench.pass(10'000);
    EXPECT_FALSE(bench.core->position().may_vote);
    EXPECT_EQ(bench.said(VoteKind::nullify, 2), 0U);
}

TEST(SimplexProtocol, a_request_beyond_the_limit_is_cut_and_an_empty_one_is_answered) {
    Bench bench;
    bench.start();
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    bench.hear(bench.proof(VoteKind::finalize, 1, block.hash, {1, 2, 3}), 1);
    bench.hear_bytes(2, encode_message(WireKind::want_final, 0, WantFinalMessage{1, 1'000'000}));
    ASSERT_EQ(bench.all<ReadFinal>().size(), 1U);
    EXPECT_EQ(bench.all<ReadFinal>()[0].count, bench.config.final_blocks_per_answer_max);
    bench.hear_bytes(2, encode_message(WireKind::want_final, 0, WantFinalMessage{99, 1}));
    EXPECT_EQ(bench.sent<FinalBlocksMessage>(WireKind::final_blocks).size(), 1U);
}

// Breaks if a node that is being given a whole state fetches all blocks beside it, or never again.
TEST(SimplexProtocol, who_is_told_to_wait_for_a_state_fetches_no_blocks_meanwhile) {
    Bench bench;
    bench.start();
    bench.give(HoldCatchUp{true});
    bench.hear_bytes(2, encode_message(WireKind::status, 0,
                                       StatusMessage{.final_height = 500,
                                                     .final_view = 500,
                                                     .view = 501,
                                                     .missing = 501,
                                                     .ask = false,
                                                     .yours = {}}));
    EXPECT_EQ(bench.core->blocks_behind(), 500U);
    bench.pass(5'000);
    EXPECT_TRUE(bench.sent<WantFinalMessage>(WireKind::want_final).empty());
    bench.give(HoldCatchUp{false});
    bench.pass(1'000);
    EXPECT_FALSE(bench.sent<WantFinalMessage>(WireKind::want_final).empty());
}

TEST(SimplexProtocol, no_bytes_whatever_do_more_than_count) {
    Bench bench;
    bench.start();
    const auto block = bench.block(1);
    bench.hear_proposal(block);
    bench.hear(bench.proof(VoteKind::notarize, 1, block.hash, {1, 2, 3}), 1);
    bench.pass(5'000);
    std::vector<std::string> messages;
    for (const auto& send : bench.all<Send>()) messages.push_back(send.bytes);
    ASSERT_GE(messages.size(), 3U);
    SeededRandom random(20'261'121);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes = messages[random.below(messages.size())];
        for (int change = 0; change < 1 + round % 4 && !bytes.empty(); ++change)
            bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
        if (random.one_in(4)) bytes.resize(random.below(bytes.size() + 1));
        bench.hear_bytes(1 + static_cast<Peer>(random.below(3)), std::move(bytes));
    }
    EXPECT_GT(bench.core->counters().malformed, 0U);
    EXPECT_TRUE(bench.all<Alarm>().empty());
    EXPECT_TRUE(bench.all<Evidence>().empty());
}

TEST(SimplexProtocol, leaders_take_turns_by_weight) {
    Config config;
    for (const std::uint64_t weight : {1U, 2U, 1U}) config.members.push_back({.weight = weight});
    const auto table = leader_table(config);
    ASSERT_EQ(table.size(), 4U);
    EXPECT_EQ(std::count(table.begin(), table.end(), 1U), 2);
    for (auto& member : config.members) member.weight *= 1'000'000'007ULL;
    EXPECT_EQ(leader_table(config), table) << "only the ratio counts";
    config.members[0].weight = 999'999'999;
    EXPECT_LE(leader_table(config).size(), 1'100U);
}

TEST(SimplexProtocol, quorums_are_as_the_proof_needs_them) {
    for (std::uint64_t count = 1; count <= 40; ++count) {
        Config config{.members = std::vector<Member>(count)};
        EXPECT_EQ(quorum_weight(config), 2 * count / 3 + 1);
        config.fault_model = FaultModel::crash;
        EXPECT_EQ(quorum_weight(config), count / 2 + 1);
    }
}

}  // namespace
}  // namespace ait::consensus::simplex
