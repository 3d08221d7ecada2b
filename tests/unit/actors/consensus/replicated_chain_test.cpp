// Chains that several nodes keep, with real disks, threads and signatures: whatever one node
// acknowledged is on all of them, whoever dies, forgets or is cut off.

#include "actors/consensus/replicated_chain.hpp"

#include "actors/consensus/gossip.hpp"
#include "actors/consensus/simplex/wire.hpp"
#include "tests/unit/actors/consensus/chain_cluster.hpp"

namespace ait::consensus {
namespace {

Result<Applied> answer_of(std::future<Result<Applied>>& answer) {
    if (answer.wait_for(patience) != std::future_status::ready) {
        return Error{ErrorCode::deadline_exceeded, "The node did not answer in time.", "", ""};
    }
    return answer.get();
}

Result<Applied> ask(ClusterNode& node, Submission::Operation operation) {
    auto answer = node.send(std::move(operation));
    return answer_of(answer);
}

void expect_equal(ChainCluster& cluster, std::uint64_t height) {
    for (const auto& node : cluster.nodes) {
        if (!node) continue;
        ASSERT_TRUE(node->reaches(height));
        for (std::uint64_t at = 1; at <= height; ++at) {
            EXPECT_EQ(node->hash_at(at), cluster.nodes[0]->hash_at(at)) << "height " << at;
        }
    }
}

// Breaks if a node can acknowledge what the others do not have, or have otherwise.
TEST(ReplicatedChain, what_any_node_acknowledges_is_on_all_of_them) {
    ChainCluster cluster(4);
    cluster.start_all();
    std::uint64_t height = 0;
    for (std::size_t i = 0; i < 40; ++i) {
        const auto applied = ask(*cluster.nodes[i % 4],
                                 toy::Chain::item("job" + std::to_string(i), std::to_string(i)));
        ASSERT_TRUE(applied.ok()) << i << ": " << applied.error().what << applied.error().why;
        height = std::max(height, applied.value().height);
    }
    expect_equal(cluster, height);
    for (const auto& node : cluster.nodes) {
        EXPECT_EQ(node->data->reader()->state().get("toy/job39"), "39");
        EXPECT_TRUE(node->replication.get().alarms.empty());
    }
}

TEST(ReplicatedChain, one_of_four_may_be_dead_and_comes_back_to_the_same_blocks) {
    ChainCluster cluster(4);
    for (const std::size_t i : {0U, 1U, 2U}) cluster.start(i);
    std::uint64_t height = 0;
    for (int i = 0; i < 10; ++i) {
        const auto applied =
            ask(*cluster.nodes[1], toy::Chain::item("job" + std::to_string(i), "text"));
        ASSERT_TRUE(applied.ok()) << i << ": " << applied.error().what << applied.error().why;
        height = std::max(height, applied.value().height);
    }
    cluster.start(3);
    expect_equal(cluster, height);
}

TEST(ReplicatedChain, a_node_that_was_killed_knows_all_that_it_acknowledged) {
    ChainCluster cluster(3, FaultModel::crash);
    cluster.start_all();
    std::uint64_t height = 0;
    for (std::size_t round = 0; round < 6; ++round) {
        const std::size_t victim = round % 3;
        const auto before =
            ask(*cluster.nodes[victim], toy::Chain::item("before" + std::to_string(round), "text"));
        ASSERT_TRUE(before.ok()) << before.error().what << before.error().why;
        cluster.stop(victim);
        const auto meanwhile = ask(*cluster.nodes[(victim + 1) % 3],
                                   toy::Chain::item("meanwhile" + std::to_string(round), "text"));
        ASSERT_TRUE(meanwhile.ok()) << meanwhile.error().what << meanwhile.error().why;
        cluster.start(victim);
        EXPECT_TRUE(cluster.nodes[victim]->data->reader()->state().get("toy/before" +
                                                                       std::to_string(round)));
        height = std::max(height, meanwhile.value().height);
    }
    expect_equal(cluster, height);
}

// Breaks if a node alone can decide anything, or loses what waited while it was.
TEST(ReplicatedChain, a_node_that_is_cut_off_decides_nothing_and_joins_again) {
    ChainCluster cluster(4);
    cluster.start_all();
    ASSERT_TRUE(ask(*cluster.nodes[0], toy::Chain::item("first", "text")).ok());
    cluster.isolate(0, true);
    auto alone = cluster.nodes[0]->send(toy::Chain::item("alone", "text"));
    const auto others = ask(*cluster.nodes[2], toy::Chain::item("others", "text"));
    ASSERT_TRUE(others.ok()) << others.error().what << others.error().why;
    EXPECT_EQ(alone.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    cluster.isolate(0, false);
    const auto joined = answer_of(alone);
    ASSERT_TRUE(joined.ok()) << joined.error().what << joined.error().why;
    expect_equal(cluster, joined.value().height);
}

// Breaks if a node that missed something, and has not noticed, tells a client that an operation was
// refused which the others take or have done.
TEST(ReplicatedChain, a_node_refuses_nothing_by_a_state_that_nobody_vouches_for) {
    ChainCluster cluster(4);
    cluster.start_all();
    ASSERT_TRUE(ask(*cluster.nodes[3], toy::Chain::item("first", "text")).ok());
    ClusterNode& apart = *cluster.nodes[3];
    for (std::size_t i = 0; i < 3; ++i)
        cluster.wires.cut_unnoticed(apart.id(), cluster.nodes[i]->id());
    ASSERT_TRUE(
        ask(*cluster.nodes[0], cluster.chain.verified(cluster.chain.own(1, "one", "text"))).ok());
    // By the state of the node that is apart, 1 is the next nonce.
    auto second = apart.send(cluster.chain.verified(cluster.chain.own(2, "two", "text")));
    auto after_it = apart.send(toy::Chain::item("trial", "text"), true);
    ASSERT_TRUE(answer_of(after_it).ok());
    EXPECT_EQ(second.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    for (std::size_t i = 0; i < 3; ++i) cluster.wires.mend(apart.id(), cluster.nodes[i]->id());
    const auto taken = answer_of(second);
    ASSERT_TRUE(taken.ok()) << taken.error().what << taken.error().why;
    expect_equal(cluster, taken.value().height);
}

TEST(ReplicatedChain, an_idempotency_key_gets_the_first_answer_from_any_node) {
    ChainCluster cluster(4);
    cluster.start_all();
    const BatchItem item = toy::Chain::item("job", "text", "key");
    const auto first = ask(*cluster.nodes[0], item);
    ASSERT_TRUE(first.ok()) << first.error().what;
    for (const auto& node : cluster.nodes) {
        ASSERT_TRUE(node->reaches(first.value().height));
        const auto again = ask(*node, item);
        ASSERT_TRUE(again.ok()) << again.error().what << again.error().why;
        EXPECT_TRUE(again.value().repeated);
        EXPECT_EQ(again.value().outcome.response, first.value().outcome.response);
    }
}

TEST(ReplicatedChain, transactions_of_one_account_that_come_at_once_are_done_in_order) {
    ChainCluster cluster(4);
    cluster.start_all();
    std::vector<std::future<Result<Applied>>> answers;
    for (std::uint64_t nonce = 1; nonce <= 20; ++nonce) {
        const auto wire = cluster.chain.own(nonce, "job" + std::to_string(nonce), "text");
        answers.push_back(cluster.nodes[1]->send(cluster.chain.verified(wire)));
    }
    for (auto& answer : answers) {
        const auto applied = answer_of(answer);
        ASSERT_TRUE(applied.ok()) << applied.error().what << applied.error().why;
    }
    const auto again =
        ask(*cluster.nodes[1], cluster.chain.verified(cluster.chain.own(20, "twice", "text")));
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, ErrorCode::nonce_mismatch);
}

TEST(ReplicatedChain, a_refusal_needs_no_block) {
    ChainCluster cluster(4);
    cluster.start_all();
    const auto refused = ask(*cluster.nodes[3], toy::Chain::item("job", "wrong"));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    const auto idle = ask(*cluster.nodes[3], toy::Chain::item("job", "idle"));
    ASSERT_TRUE(idle.ok());
    EXPECT_EQ(cluster.nodes[3]->data->reader()->height(), 0U);
}

TEST(ReplicatedChain, blobs_travel_with_their_operation_and_reach_those_who_come_later) {
    ChainCluster cluster(4);
    for (const std::size_t i : {0U, 1U, 2U}) cluster.start(i);
    BatchItem item = toy::Chain::item("job", "text");
    const std::string blob(200'000, 'b');
    const Hash hash = crypto::blake2b_256(blob);
    item.blobs.push_back(hash);
    auto answer = cluster.nodes[2]->send(item, false, {blob});
    const auto applied = answer_of(answer);
    ASSERT_TRUE(applied.ok()) << applied.error().what << applied.error().why;
    cluster.start(3);
    for (const auto& node : cluster.nodes) {
        ASSERT_TRUE(node->reaches(applied.value().height));
        EXPECT_EQ(node->data->reader()->blob(hash), blob);
    }
}

// Breaks if an operation without a key that is told again, after it was done, is done twice.
TEST(ReplicatedChain, what_is_told_again_after_it_was_done_is_not_done_again) {
    ChainCluster cluster(4);
    cluster.start_all();
    const BatchItem item = toy::Chain::item("once", "text");
    const auto first = ask(*cluster.nodes[0], item);
    ASSERT_TRUE(first.ok()) << first.error().what;
    WaitingOperations again;
    again.operations.push_back({.is_signed = false,
                                .bytes = Blob{EncodedItem(item).bytes},
                                .blobs = {},
                                .good_for_ms = 2'000});
    for (const auto& node : cluster.nodes) {
        ASSERT_TRUE(node->reaches(first.value().height));
        for (const auto& other : cluster.nodes) {
            if (other != node)
                cluster.wires.send(other->id(), node->id(), PeerMessage::operations, encode(again));
        }
    }
    std::uint64_t height = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        const auto other =
            ask(*cluster.nodes[i % 4], toy::Chain::item("other" + std::to_string(i), "text"));
        ASSERT_TRUE(other.ok()) << other.error().what;
        height = std::max(height, other.value().height);
    }
    expect_equal(cluster, height);
    const auto events = cluster.nodes[0]->data->reader()->events_after(0, 0, 1'000);
    EXPECT_EQ(std::count_if(events.begin(), events.end(),
                            [](const auto& each) { return each.event.subject == "once"; }),
              1);
}

// Breaks if operations that come together are too much for one message of a link.
TEST(Gossip, what_waits_is_told_in_messages_that_links_take) {
    WaitingOperations all;
    for (int i = 0; i < 10; ++i) {
        all.operations.push_back({.is_signed = false,
                                  .bytes = Blob{std::string(100, static_cast<char>('a' + i))},
                                  .blobs = {Blob{std::string(i == 4 ? 5'000 : 200, 'b')}},
                                  .good_for_ms = 1'000});
    }
    const auto messages = in_messages(std::move(all), 1'000);
    std::string order;
    for (const auto& message : messages) {
        std::size_t bytes = 0;
        for (const auto& operation : message.operations) {
            order.push_back(operation.bytes.bytes.front());
            bytes += operation.bytes.bytes.size() + operation.blobs.front().bytes.size();
        }
        EXPECT_TRUE(bytes <= 1'000 || message.operations.size() == 1) << bytes;
    }
    EXPECT_EQ(order, "abcdefghij");
    EXPECT_TRUE(in_messages({}, 1'000).empty());
}

// Breaks if a follower cannot serve clients, or could ever vote.
TEST(ReplicatedChain, a_node_that_is_no_validator_follows_and_takes_operations) {
    ChainCluster cluster(3, FaultModel::crash);
    cluster.start_all();
    const auto key = toy::key_of('F');
    ClusterNode follower(cluster.folder.path + "/follower", cluster.chain.genesis, key,
                         cluster.wires);
    const auto applied = ask(follower, toy::Chain::item("job", "text"));
    ASSERT_TRUE(applied.ok()) << applied.error().what << applied.error().why;
    expect_equal(cluster, applied.value().height);
    EXPECT_EQ(follower.hash_at(applied.value().height),
              cluster.nodes[0]->hash_at(applied.value().height));
    EXPECT_FALSE(follower.replication.get().position.may_vote);
}

TEST(ReplicatedChain, every_block_of_the_store_is_proven_final_by_a_quorum) {
    ChainCluster cluster(4);
    cluster.start_all();
    std::uint64_t height = 0;
    for (int i = 0; i < 12; ++i) {
        const auto applied =
            ask(*cluster.nodes[0], toy::Chain::item("job" + std::to_string(i), "text"));
        ASSERT_TRUE(applied.ok());
        height = applied.value().height;
    }
    const auto reader = cluster.nodes[0]->data->reader();
    for (std::uint64_t at = 1; at <= height; ++at) {
        const auto block = reader->block(at);
        ASSERT_TRUE(block.ok() && block.value());
        const auto& record = block.value()->record;
        const Status final = verify_certificate(
            record.certificate, record.links, cluster.chain.id, genesis_set(cluster.chain.genesis),
            block.value()->header, header_hash(record.header.bytes));
        EXPECT_TRUE(final.ok()) << at << ": " << final.error().why;
    }
}

TEST(ReplicatedChain, a_validator_whose_disk_was_wiped_comes_back_without_having_voted_twice) {
    ChainCluster cluster(4);
    cluster.start_all();
    const auto before = ask(*cluster.nodes[1], toy::Chain::item("before", "text"));
    ASSERT_TRUE(before.ok());
    cluster.stop(3);
    cluster.wipe(3);
    cluster.start_without_guard(3);
    ASSERT_TRUE(cluster.nodes[3]->reaches(before.value().height));
    const auto after = ask(*cluster.nodes[3], toy::Chain::item("after", "text"));
    ASSERT_TRUE(after.ok()) << after.error().what << after.error().why;
    expect_equal(cluster, after.value().height);
}

TEST(Finality, a_block_is_final_by_a_descendant_that_its_links_lead_to) {
    toy::Chain chain;
    std::vector<ExecutedBlock> blocks;
    for (int i = 0; i < 3; ++i) {
        auto builder = chain.builder(2'000);
        ASSERT_TRUE(std::holds_alternative<ItemOutcome>(
            builder.add_item(toy::Chain::item("job", std::to_string(i)))));
        blocks.push_back(std::move(builder).seal(chain.validator));
        chain.take(blocks.back());
    }
    const Certificate last = chain.certify(blocks[2]);
    const std::vector<Blob> links{Blob{blocks[1].encoded_header}, Blob{blocks[2].encoded_header}};
    const auto check = [&](const std::vector<Blob>& given) {
        return verify_certificate(last, given, chain.id, genesis_set(chain.genesis),
                                  blocks[0].header, blocks[0].hash)
            .ok();
    };
    EXPECT_TRUE(check(links));
    EXPECT_FALSE(check({})) << "the certificate is about another block";
    EXPECT_FALSE(check({links[1]})) << "a link is missing";
    EXPECT_FALSE(check({links[1], links[0]})) << "the links are in the wrong order";
    EXPECT_FALSE(check({links[0]})) << "the certified one is missing";
}

/// Figures are copied from time to time: makes blocks until it is so.
template <class Probe>
bool comes_true(ClusterNode& node, Probe probe) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (int i = 0; !probe() && std::chrono::steady_clock::now() < end; ++i)
        static_cast<void>(ask(node, toy::Chain::item("look" + std::to_string(i), "")));
    return probe();
}

/// Two notarize votes of node 3, which is not there, for one view: told to one node each.
std::vector<std::string> lies_of_the_last(const ChainCluster& cluster, std::uint64_t view) {
    std::vector<std::string> messages;
    for (const std::uint8_t block : {std::uint8_t{1}, std::uint8_t{2}}) {
        VoteStatement said{
            cluster.chain.genesis.chain, cluster.chain.id, 0, VoteKind::notarize, view, {}};
        said.block.bytes.fill(block);
        simplex::BundleMessage bundle;
        bundle.votes.push_back(simplex::to_wire(
            {3, {said.kind, said.view, said.block}, sign_vote(said, cluster.keys[3])}));
        messages.push_back(simplex::encode_message(simplex::WireKind::bundle, 0, bundle));
    }
    return messages;
}

// Breaks if a lie that one node has seen is not on the chain of all.
TEST(ReplicatedChain, a_validator_that_contradicts_itself_is_on_record_at_every_node) {
    ChainCluster cluster(4);
    for (const std::size_t i : {0U, 1U, 2U}) cluster.start(i);
    const std::string key = "toy/liar/" + to_hex(cluster.keys[3].public_key().view());
    for (const std::uint64_t view : {4U, 5U}) {
        for (const auto& message : lies_of_the_last(cluster, view)) {
            cluster.wires.send(cluster.keys[3].public_key(), cluster.keys[0].public_key(),
                               PeerMessage::vote, message);
        }
    }
    for (const std::size_t i : {0U, 1U, 2U}) ASSERT_TRUE(cluster.nodes[i]->reaches(1)) << i;
    for (const std::size_t i : {0U, 1U, 2U})
        EXPECT_EQ(cluster.nodes[i]->data->reader()->state().get(key), "4") << i;
    EXPECT_TRUE(comes_true(*cluster.nodes[0], [&] {
        return cluster.nodes[0]->replication.get().evidence_total == 2;
    })) << "the second is counted";
    EXPECT_EQ(cluster.nodes[0]->replication.get().alarms.size(), 1U) << "and not told again";
}

// Breaks if operators who trust each other are not told of a key in two places.
TEST(ReplicatedChain, where_nobody_may_lie_a_contradiction_is_an_alarm_and_no_operation) {
    ChainCluster cluster(4, FaultModel::crash);
    for (const std::size_t i : {0U, 1U, 2U}) cluster.start(i);
    for (const auto& message : lies_of_the_last(cluster, 4)) {
        cluster.wires.send(cluster.keys[3].public_key(), cluster.keys[0].public_key(),
                           PeerMessage::vote, message);
    }
    EXPECT_TRUE(comes_true(*cluster.nodes[0], [&] {
        return cluster.nodes[0]->replication.get().evidence_total == 1;
    }));
    EXPECT_EQ(cluster.nodes[0]->replication.get().alarms.size(), 1U);
    const std::string key = "toy/liar/" + to_hex(cluster.keys[3].public_key().view());
    EXPECT_FALSE(cluster.nodes[0]->data->reader()->state().get(key).has_value());
}

}  // namespace
}  // namespace ait::consensus
