// Validators that come and go on a running chain, with real disks, threads and signatures: whoever
// is on either side of a boundary, every node has the same blocks, and none votes where it must
// not.

#include <gtest/gtest.h>

#include "actors/consensus/epoch_proof.hpp"
#include "actors/consensus/receipt.hpp"
#include "tests/unit/actors/consensus/chain_cluster.hpp"

namespace ait::consensus {
namespace {

using toy::Chain;

class Epochs : public ::testing::Test {
  protected:
    Result<Applied> ask(std::size_t node, Submission::Operation operation) {
        auto answer = cluster.nodes[node]->send(std::move(operation));
        if (answer.wait_for(patience) != std::future_status::ready)
            return Error{ErrorCode::deadline_exceeded, "The node did not answer in time.", "", ""};
        return answer.get();
    }
    /// Applies one operation, and says at which height.
    std::uint64_t work(std::size_t node) {
        const auto applied = ask(node, Chain::item("job" + std::to_string(done_++), "text"));
        EXPECT_TRUE(applied.ok()) << applied.error().what << applied.error().why;
        return applied.ok() ? applied.value().height : 0;
    }
    /// The epoch that this makes.
    std::uint64_t change(std::size_t asked, std::size_t who, bool leaves) {
        const auto applied = ask(asked, Chain::change("node-" + std::to_string(who),
                                                      cluster.keys[who].public_key(), leaves));
        EXPECT_TRUE(applied.ok()) << applied.error().what << applied.error().why;
        return applied.ok() ? applied.value().height : 0;
    }
    [[nodiscard]] std::uint64_t epoch_at(std::size_t node, std::uint64_t height) const {
        const auto block = cluster.nodes[node]->data->reader()->block(height);
        return block.ok() && block.value() ? block.value()->header.epoch : ~std::uint64_t{0};
    }
    [[nodiscard]] bool votes(std::size_t node) const {
        return cluster.nodes[node]->replication.get().position.may_vote;
    }
    /// Votes now or soon, while the chain goes on.
    [[nodiscard]] bool comes_to_vote(std::size_t node) {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!votes(node)) {
            if (std::chrono::steady_clock::now() > end) return false;
            work(0);
        }
        return true;
    }
    void expect_equal(std::uint64_t height) {
        expect_equal_blocks(height);
        for (const auto& node : cluster.nodes) {
            if (!node) continue;
            for (const auto& alarm : node->replication.get().alarms) ADD_FAILURE() << alarm;
        }
    }
    void expect_equal_blocks(std::uint64_t height) {
        const ClusterNode* first = nullptr;
        for (const auto& node : cluster.nodes) {
            if (!node) continue;
            ASSERT_TRUE(node->reaches(height));
            if (first == nullptr) first = node.get();
            for (std::uint64_t at = 1; at <= height; ++at)
                EXPECT_EQ(node->hash_at(at), first->hash_at(at)) << "height " << at;
        }
    }

    ChainCluster cluster{3, FaultModel::crash};
    int done_ = 0;
};

// Breaks if a chain stays with its first validators for ever, or forks where they change.
TEST_F(Epochs, a_follower_joins_and_its_vote_counts) {
    cluster.start_all();
    work(0);
    const std::size_t fourth = cluster.add_follower();
    const std::uint64_t epoch = change(1, fourth, false);
    EXPECT_EQ(epoch_at(1, epoch), 0U) << "the block that changes the members is of the old epoch";
    expect_equal(work(fourth));
    EXPECT_TRUE(comes_to_vote(fourth));
    // Three of four must agree: without the first one only with the fourth one's vote.
    cluster.stop(0);
    const std::uint64_t height = work(1);
    EXPECT_EQ(epoch_at(1, height), epoch);
    expect_equal(height);
}

TEST_F(Epochs, a_validator_that_left_follows_and_the_others_need_it_no_more) {
    cluster.start_all();
    work(0);
    const std::uint64_t epoch = change(0, 2, true);
    const std::uint64_t height = work(2);
    EXPECT_EQ(epoch_at(2, height), epoch);
    expect_equal(height);
    EXPECT_FALSE(votes(2));
    cluster.stop(2);
    work(0);
    cluster.start(2);
    expect_equal(work(2));
    EXPECT_FALSE(votes(2));
}

// Breaks if a restart forgets who votes: votes of an old epoch would be worth nothing.
TEST_F(Epochs, every_node_comes_up_in_the_epoch_in_which_it_was_killed) {
    cluster.start_all();
    const std::size_t fourth = cluster.add_follower();
    const std::uint64_t epoch = change(2, fourth, false);
    expect_equal(work(0));
    for (std::size_t node = 0; node < 4; ++node) {
        cluster.stop(node);
        work((node + 1) % 4);
        cluster.start(node);
        const std::uint64_t height = work(node);
        EXPECT_EQ(epoch_at(node, height), epoch);
        expect_equal(height);
    }
    for (std::size_t node = 0; node < 4; ++node) cluster.stop(node);
    for (std::size_t node = 0; node < 4; ++node) cluster.start(node);
    const std::uint64_t height = work(fourth);
    EXPECT_EQ(epoch_at(fourth, height), epoch);
    expect_equal(height);
}

// Pitfall 20: a node that slept through several changes judges each block by those who voted then.
TEST_F(Epochs, a_laggard_crosses_several_epochs_by_blocks) {
    cluster.start_all();
    work(0);
    cluster.stop(2);
    const std::size_t fourth = cluster.add_follower();
    const std::size_t fifth = cluster.add_follower();
    std::vector<std::uint64_t> epochs{0};
    for (const std::size_t joiner : {fourth, fifth}) {
        epochs.push_back(change(0, joiner, false));
        work(joiner);
    }
    epochs.push_back(change(1, 0, true));
    const std::uint64_t height = work(fifth);
    EXPECT_EQ(epoch_at(fifth, height), epochs.back());
    cluster.start(2);
    expect_equal(height);
    expect_equal(work(2));
    EXPECT_TRUE(std::is_sorted(epochs.begin(), epochs.end()));
}

// A node that knows the genesis alone meets nobody whom that names: what is final proves itself.
TEST_F(Epochs, a_new_node_syncs_from_validators_that_its_genesis_does_not_know) {
    cluster.start_all();
    std::vector<std::size_t> joined;
    for (int i = 0; i < 3; ++i) joined.push_back(cluster.add_follower());
    for (const std::size_t joiner : joined) {
        change(0, joiner, false);
        work(joiner);
    }
    for (const std::size_t old : {0U, 1U, 2U}) {
        change(joined[0], old, true);
        work(joined[1]);
    }
    for (const std::size_t old : {0U, 1U, 2U}) cluster.stop(old);
    const std::size_t last = cluster.add_follower();
    expect_equal(work(last));
}

// Breaks if a key whose record was lost in one epoch could vote a second time in the next.
TEST_F(Epochs, a_wiped_validator_that_joined_later_asks_before_it_votes_again) {
    cluster.start_all();
    const std::size_t fourth = cluster.add_follower();
    change(0, fourth, false);
    expect_equal(work(fourth));
    cluster.stop(fourth);
    cluster.wipe(fourth);
    cluster.start_without_guard(fourth);
    ASSERT_TRUE(comes_to_vote(fourth));
    bool has_asked = false;
    for (const auto& alarm : cluster.nodes[fourth]->replication.get().alarms)
        has_asked |= alarm.starts_with("The record of this key's votes is missing.");
    EXPECT_TRUE(has_asked);
    cluster.stop(0);
    expect_equal_blocks(work(1));
}

// Breaks if who joins late must execute everything since the members last changed, or believes
// whoever says that he votes.
TEST_F(Epochs, a_node_begins_from_a_checkpoint_of_an_epoch_that_it_does_not_know) {
    cluster.checkpoint_blocks = 40;
    cluster.start_all();
    const std::size_t fourth = cluster.add_follower();
    change(0, fourth, false);
    work(0);
    const std::uint64_t epoch = change(1, 0, true);
    std::uint64_t height = 0;
    while (height < 3 * cluster.checkpoint_blocks) height = work(1);
    const auto end = std::chrono::steady_clock::now() + patience;
    while (cluster.nodes[1]->replication.get().snapshot.checkpoint_height < 80) {
        ASSERT_LT(std::chrono::steady_clock::now(), end) << "no checkpoint is proved";
        height = work(1);
    }
    const std::size_t fifth = cluster.add_follower();
    ASSERT_TRUE(cluster.nodes[fifth]->has_joined());
    cluster.stop(fifth);
    cluster.start(fifth);
    ASSERT_TRUE(cluster.nodes[fifth]->reaches(work(1)));
    const auto reader = cluster.nodes[fifth]->data->reader();
    EXPECT_GT(reader->history_from(), 1U) << "it executed no old block";
    EXPECT_EQ(epoch_in_force(reader->state()), epoch);
    const auto steps = steps_between(*reader, 0, epoch);
    ASSERT_TRUE(steps.ok()) << steps.error().what;
    EXPECT_EQ(steps.value().size(), 2U) << "and can prove to others who votes";
}

TEST_F(Epochs, a_receipt_of_a_later_epoch_proves_who_was_entitled_to_sign_it) {
    cluster.start_all();
    const std::size_t fourth = cluster.add_follower();
    change(0, fourth, false);
    work(0);
    const std::uint64_t epoch = change(0, 1, true);
    const auto applied = ask(0, Chain::item("proven", "text"));
    ASSERT_TRUE(applied.ok());
    const auto reader = cluster.nodes[0]->data->reader();
    const auto position = reader->find_operation(applied.value().operation);
    ASSERT_TRUE(position.has_value());
    const auto proof = prove_operation(*reader, *position);
    ASSERT_TRUE(proof.ok()) << proof.error().what << proof.error().why;
    ASSERT_EQ(proof.value().epochs.size(), 2U);
    const auto& genesis = cluster.chain.genesis;
    const auto members =
        follow_steps(genesis_set(genesis), proof.value().epochs, genesis.chain, cluster.chain.id);
    ASSERT_TRUE(members.ok()) << members.error().why;
    EXPECT_EQ(members.value().epoch, epoch);
    EXPECT_EQ(members.value().members.size(), 3U);

    auto steps = proof.value().epochs;
    steps[0].members.members.pop_back();
    EXPECT_FALSE(follow_steps(genesis_set(genesis), steps, genesis.chain, cluster.chain.id).ok())
        << "other members than the block names";
    steps = {proof.value().epochs[1]};
    EXPECT_FALSE(follow_steps(genesis_set(genesis), steps, genesis.chain, cluster.chain.id).ok())
        << "a step is missing";
    steps = proof.value().epochs;
    steps[1].certificate.signatures.pop_back();
    EXPECT_FALSE(follow_steps(genesis_set(genesis), steps, genesis.chain, cluster.chain.id).ok())
        << "a signature is missing";
}

}  // namespace
}  // namespace ait::consensus
