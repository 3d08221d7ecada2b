#include <gtest/gtest.h>

#include <future>

#include "hostile_node.hpp"
#include "peer_nodes.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::net {
namespace {

PeerProbe probe(TestNode& node, std::uint16_t port, std::optional<PublicKey> expected,
                std::uint32_t timeout_ms = 10'000) {
    std::promise<PeerProbe> end;
    node->probe("127.0.0.1", port, expected, timeout_ms,
                [&](PeerProbe found) { end.set_value(std::move(found)); });
    return end.get_future().get();
}

/// Why `high` gets no link to `low`, which differs in one thing.
PeerEnd refused_because(const std::function<void(TestNode& low)>& change) {
    Pair pair;
    change(*pair.low);
    pair.low->knows(*pair.high);
    pair.low->start();
    pair.high->knows(*pair.low);
    pair.high->options.peers[0].name = pair.low->options.name == "other" ? "a" : "";
    pair.high->start();
    EXPECT_TRUE(pair.high->wait([&] { return !pair.high->refusals().empty(); }));
    EXPECT_TRUE(pair.high->changes().empty());
    EXPECT_TRUE(pair.low->changes().empty());
    return pair.high->refusals().front().why;
}

// Breaks if nodes join that do not belong together, or the operator is told the wrong reason.
TEST(PeerGreeting, refuses_each_mismatch_by_its_name) {
    EXPECT_EQ(refused_because([](TestNode& low) { low.options.version = 2; }),
              PeerEnd::another_version);
    EXPECT_EQ(refused_because(
                  [](TestNode& low) { low.options.cluster = crypto::blake2b_256("another"); }),
              PeerEnd::another_cluster);
    EXPECT_EQ(refused_because([](TestNode& low) { low.options.name = "other"; }),
              PeerEnd::another_name);
    EXPECT_EQ(refused_because([](TestNode& low) { low.options.role = PeerRole::follower; }),
              PeerEnd::another_role);
}

TEST(PeerGreeting, refuses_a_node_with_another_key_than_the_configured_one) {
    TestNode node('n');
    TestNode stranger('s');
    TestNode expected('e');
    stranger.knows(node);
    stranger.start();
    node.knows(expected.key(), stranger->port());
    node.start();
    ASSERT_TRUE(node.wait_refusal(PeerEnd::another_key));
    EXPECT_EQ(node.refusals().front().peer, stranger.key());
    EXPECT_TRUE(node.changes().empty());
    EXPECT_EQ(node.link(expected.key()).last_end, PeerEnd::another_key);
}

TEST(PeerGreeting, refuses_a_key_that_is_not_in_its_table_and_reads_nothing_of_it) {
    TestNode node('n');
    TestNode stranger('s');
    node.start();
    stranger.knows(node);
    stranger.start();
    ASSERT_TRUE(stranger.wait_refusal(PeerEnd::unknown_key));
    ASSERT_TRUE(node.wait_refusal(PeerEnd::unknown_key));
    EXPECT_TRUE(node.refusals().front().refused_by_us);
    EXPECT_FALSE(stranger.refusals().front().refused_by_us);
}

// Breaks if a node may run twice with one key, which would let it vote twice.
TEST(PeerGreeting, refuses_the_second_of_two_nodes_with_one_key) {
    TestNode node('n');
    TestNode first('t');
    TestNode second('t');
    node.knows(first.key(), 0);
    node.start();
    first.knows(node);
    first.start();
    ASSERT_TRUE(node.wait_up(first.key()));
    second.knows(node);
    second.start();
    ASSERT_TRUE(second.wait_refusal(PeerEnd::duplicate_key));
    EXPECT_TRUE(second.changes().empty());
    EXPECT_EQ(node.changes().size(), 1U);
    // Its place is free when the first has gone.
    first.stop();
    EXPECT_TRUE(second.wait_up(node.key()));
}

TEST(PeerGreeting, refuses_its_own_key) {
    TestNode node('n');
    TestNode twin('n');
    node.start();
    HostileNode peer(twin.secret(), node->port());
    ASSERT_TRUE(peer.shake());
    EXPECT_EQ(peer.hear_refusal(), PeerEnd::duplicate_key);
}

// Breaks if `node test` cannot tell a dead address from a hung or a wrong one.
TEST(PeerProbing, tells_what_is_at_an_address) {
    TestNode node('n');
    TestNode friendly('f', "friendly");
    TestNode foreign('o');
    node.start();
    friendly.knows(node.key(), 0);
    friendly.start();
    foreign.options.cluster = crypto::blake2b_256("another");
    foreign.start();

    const PeerProbe good = probe(node, friendly->port(), friendly.key());
    EXPECT_EQ(good.why, PeerEnd::none) << good.detail;
    EXPECT_EQ(good.name, "friendly");
    EXPECT_EQ(good.key, friendly.key());
    EXPECT_EQ(good.role, PeerRole::validator);
    EXPECT_GE(good.handshake_us, good.connect_us);
    EXPECT_GE(good.connect_us, 0);
    EXPECT_EQ(probe(node, friendly->port(), foreign.key()).why, PeerEnd::another_key);
    EXPECT_EQ(probe(node, foreign->port(), std::nullopt).why, PeerEnd::another_cluster);
    TestNode unknown('u');
    unknown.start();
    EXPECT_EQ(probe(unknown, friendly->port(), std::nullopt).why, PeerEnd::unknown_key);
    EXPECT_TRUE(friendly.changes().empty());

    const std::uint16_t dead_port = foreign->port();
    foreign.stop();
    const PeerProbe dead = probe(node, dead_port, std::nullopt);
    EXPECT_EQ(dead.why, PeerEnd::nobody_listens);
    EXPECT_EQ(dead.connect_us, -1);
    std::promise<void> over;
    const ScriptedServer hung([&](RawPeer& peer, int) { (void)peer.is_closed_by_peer(); });
    EXPECT_EQ(probe(node, hung.port(), std::nullopt, 200).why, PeerEnd::hangs);
    const ScriptedServer web([](RawPeer& peer, int) {
        (void)peer.read_some();
        (void)peer.send("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    });
    EXPECT_EQ(probe(node, web.port(), std::nullopt).why, PeerEnd::not_a_peer);
    node.stop();
    EXPECT_EQ(probe(node, friendly->port(), std::nullopt).why, PeerEnd::stopping);
}

TEST(PeerGreeting, refuses_tables_that_contradict_themselves) {
    const auto code_of = [](const std::function<void(TestNode&)>& change) {
        TestNode node('n');
        change(node);
        const auto started = PeerTransport::start(node.options);
        return started.ok() ? ErrorCode::internal : started.error().code;
    };
    TestNode taken('t');
    taken.start();
    const std::vector<std::pair<ErrorCode, std::function<void(TestNode&)>>> cases{
        {ErrorCode::invalid_argument, [](TestNode& n) { n.options.key = nullptr; }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.options.clock = nullptr; }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.options.host = "no address"; }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.options.name.assign(65, 'n'); }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.options.kinds[0].number = 3; }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.options.kinds[0].number = 17; }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.options.kinds[0].reply_kind = 99; }},
        {ErrorCode::invalid_argument,
         [](TestNode& n) { n.options.kinds[0].follower_bytes_max = UINT32_MAX; }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.knows(n.key(), 1); }},
        {ErrorCode::invalid_argument, [](TestNode& n) { n.knows(PublicKey{}, 1); }},
        {ErrorCode::invalid_argument,
         [&](TestNode& n) { n.knows(taken.key(), 1).knows(taken.key(), 2); }},
        {ErrorCode::invalid_argument,
         [&](TestNode& n) { n.knows(taken.key(), 1).options.peers_max = 0; }},
        {ErrorCode::conflict, [&](TestNode& n) { n.options.port = taken->port(); }},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(code_of(cases[i].second), cases[i].first) << "case " << i;
    }
}

}  // namespace
}  // namespace ait::net
