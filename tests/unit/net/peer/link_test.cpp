#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "hostile_node.hpp"
#include "peer_nodes.hpp"

namespace ait::net {
namespace {

Hello hello_of(const TestNode& node) {
    return {.version = node.options.version,
            .cluster = node.options.cluster,
            .name = node.options.name,
            .role = node.options.role,
            .instance = 4'711};
}

// Breaks if messages are lost, doubled or out of order on a healthy link.
TEST(PeerLink, carries_messages_both_ways_in_order) {
    Pair pair;
    ASSERT_TRUE(pair.start());
    for (std::uint64_t i = 0; i < 2'000; ++i) {
        const std::string text = "message " + std::to_string(i);
        ASSERT_TRUE((*pair.low)->send(pair.high->key(), test_kind::gossip, i, text).ok());
        ASSERT_TRUE((*pair.high)->send(pair.low->key(), test_kind::gossip, i, text).ok());
    }
    for (TestNode* node : {pair.low.get(), pair.high.get()}) {
        ASSERT_TRUE(node->wait_messages(2'000));
        const auto messages = node->messages();
        for (std::uint64_t i = 0; i < 2'000; ++i) {
            ASSERT_EQ(messages[i].correlation, i);
            ASSERT_EQ(messages[i].payload, "message " + std::to_string(i));
        }
        EXPECT_LT(node->batches(), 2'000U);  // many frames a read come in one call
    }
    const PeerLinkFigures figures = pair.low->link(pair.high->key());
    EXPECT_EQ(figures.sent_frames_total, 2'000U);
    EXPECT_EQ(figures.received_frames_total, 2'000U);
    EXPECT_GT(figures.sent_bytes_total, 2'000U * 9);
    EXPECT_TRUE(figures.is_up);
}

TEST(PeerLink, carries_long_messages_and_shares_one_payload_among_peers) {
    Pair pair;
    ASSERT_TRUE(pair.start());
    const auto body = std::make_shared<const std::string>(5UL << 20U, 'b');
    EXPECT_EQ((*pair.low)->broadcast(test_kind::body, body).queued, 1U);
    ASSERT_TRUE((*pair.low)->send(pair.high->key(), test_kind::vote, 1, "vote").ok());
    ASSERT_TRUE(pair.high->wait_messages(2));
    for (const SeenMessage& message : pair.high->messages()) {
        EXPECT_EQ(message.payload, message.kind == test_kind::body ? *body : "vote");
    }
}

TEST(PeerLink, refuses_what_cannot_be_sent_and_says_why) {
    Pair pair;
    pair.low->knows(*pair.high);
    pair.low->start();
    TestNode& low = *pair.low;
    EXPECT_EQ(low->send(pair.high->key(), test_kind::vote, 0, "v").error().code,
              ErrorCode::unavailable);
    EXPECT_EQ(low->send(low.key(), test_kind::vote, 0, "v").error().code, ErrorCode::not_found);
    EXPECT_EQ(low->send(pair.high->key(), 99, 0, "v").error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(low->send(pair.high->key(), test_kind::vote, 0, std::string(1'001, 'v')).error().code,
              ErrorCode::too_large);
    low->set_role(PeerRole::follower);
    EXPECT_EQ(low->send(pair.high->key(), test_kind::vote, 0, "v").error().code,
              ErrorCode::forbidden);
    low.stop();
    low.stop();
    EXPECT_EQ(low->send(pair.high->key(), test_kind::gossip, 0, "v").error().code,
              ErrorCode::unavailable);
}

TEST(PeerLink, answers_requests_errors_and_silence) {
    Pair pair;
    pair.high->answer = [&](const SeenMessage& message) {
        if (message.payload == "silence") return;
        if (message.payload == "error") {
            (void)(*pair.high)
                ->reply_error(message.peer, message.kind, message.correlation,
                              {ErrorCode::not_found, "No such block.", "", ""});
        } else {
            (void)(*pair.high)
                ->reply(message.peer, message.kind, message.correlation, "re: " + message.payload);
        }
    };
    ASSERT_TRUE(pair.start());
    const auto ask = [&](std::string_view text, std::uint32_t timeout_ms) {
        auto promise = std::make_shared<std::promise<Result<std::string>>>();
        const Status sent =
            (*pair.low)->request(pair.high->key(), test_kind::ask, text, timeout_ms,
                                 [promise](Result<std::string> r) { promise->set_value(r); });
        EXPECT_TRUE(sent.ok());
        return promise->get_future();
    };
    auto silence = ask("silence", 30);
    auto question = ask("question", 10'000);
    auto error = ask("error", 10'000);
    EXPECT_EQ(question.get().value(), "re: question");
    EXPECT_EQ(error.get().error().code, ErrorCode::not_found);
    EXPECT_EQ(silence.get().error().code, ErrorCode::deadline_exceeded);
    EXPECT_EQ((*pair.low)->request(pair.high->key(), test_kind::gossip, "", 1, {}).error().code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(pair.low->link(pair.high->key()).requests_in_flight, 0U);
}

// Breaks if a caller waits for ever after its peer has gone.
TEST(PeerLink, fails_all_pending_requests_when_the_link_ends_and_comes_back) {
    Pair pair;
    ASSERT_TRUE(pair.start());
    std::atomic<int> failed = 0;
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE((*pair.high)
                        ->request(pair.low->key(), test_kind::ask, "?", 60'000,
                                  [&](const Result<std::string>& reply) {
                                      EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
                                      ++failed;
                                      pair.high->tell();
                                  })
                        .ok());
    }
    const std::uint16_t port = (*pair.low)->port();
    pair.low->stop();
    EXPECT_TRUE(pair.high->wait([&] { return failed == 100; }));
    ASSERT_TRUE(pair.high->wait_down(pair.low->key()));
    // A node that stops does not wait: its last word may be lost with what it has not read.
    const PeerEnd why = pair.high->changes().back().why;
    EXPECT_TRUE(why == PeerEnd::stopping || why == PeerEnd::closed_by_peer);

    TestNode again(pair.low->options.name[0], pair.low->options.name);
    ASSERT_EQ(again.key(), pair.low->key());
    again.options.port = port;
    again.knows(pair.high->key(), 0);
    again.start();
    EXPECT_TRUE(pair.high->wait_up(again.key(), 2));
    EXPECT_TRUE(again.wait_up(pair.high->key()));
    EXPECT_EQ(pair.high->link(again.key()).links_total, 2U);
    ASSERT_TRUE(again->send(pair.high->key(), test_kind::vote, 1, "back").ok());
    EXPECT_TRUE(pair.high->wait_messages(1));
}

TEST(PeerLink, answers_what_is_pending_when_it_stops) {
    Pair pair;
    ASSERT_TRUE(pair.start());
    std::promise<Result<std::string>> reply;
    ASSERT_TRUE((*pair.low)
                    ->request(pair.high->key(), test_kind::ask, "?", 60'000,
                              [&](Result<std::string> r) { reply.set_value(r); })
                    .ok());
    pair.low->stop();
    EXPECT_EQ(reply.get_future().get().error().code, ErrorCode::cancelled);
    EXPECT_FALSE(pair.low->changes().back().is_up);
    EXPECT_EQ(pair.low->changes().back().why, PeerEnd::stopping);
}

// Breaks if a peer that stops reading makes this node's memory grow.
TEST(PeerLink, bounds_what_waits_for_a_peer_that_does_not_read) {
    TestNode node('n');
    TestNode slow('s');
    auto& queues = node.options.queues;
    queues[static_cast<std::size_t>(PeerPriority::gossip)] = {1U << 20U, 100'000,
                                                              PeerQueuePolicy::drop};
    queues[static_cast<std::size_t>(PeerPriority::body)] = {1U << 20U, 100'000,
                                                            PeerQueuePolicy::refuse};
    node.knows(slow.key(), 0);
    node.start();
    HostileNode peer(slow.secret(), node->port());
    peer.raw().shrink_receive_buffer();
    ASSERT_TRUE(peer.greet(hello_of(slow)));
    ASSERT_TRUE(node.wait_up(slow.key()));
    const std::string payload(10'000, 'x');
    Status sent;
    for (int i = 0; i < 100'000 && sent.ok(); ++i) {
        sent = node->send(slow.key(), test_kind::body, 0, payload);
    }
    ASSERT_FALSE(sent.ok());
    EXPECT_EQ(sent.error().code, ErrorCode::overloaded);
    for (int i = 0; i < 2'000; ++i) {
        EXPECT_TRUE(node->send(slow.key(), test_kind::gossip, 0, payload).ok());
    }
    const PeerLinkFigures figures = node.link(slow.key());
    EXPECT_LE(figures.queue_bytes[static_cast<std::size_t>(PeerPriority::body)], 1U << 20U);
    EXPECT_LE(figures.queue_bytes[static_cast<std::size_t>(PeerPriority::gossip)], 1U << 20U);
    EXPECT_GE(figures.dropped_total[static_cast<std::size_t>(PeerPriority::gossip)], 1'800U);
    EXPECT_GE(figures.refused_total[static_cast<std::size_t>(PeerPriority::body)], 1U);
    // Urgent messages still have their room.
    EXPECT_TRUE(node->send(slow.key(), test_kind::vote, 0, "vote").ok());
}

// Breaks if a hung peer is taken for alive, or if its callers wait for longer than it takes to see.
TEST(PeerLink, ends_a_link_whose_peer_falls_silent) {
    TestNode node('n');
    TestNode mute('m');
    node.options.heartbeat_ms = 20;
    node.options.dead_ms = 60;
    node.knows(mute.key(), 0);
    node.start();
    HostileNode peer(mute.secret(), node->port());
    ASSERT_TRUE(peer.greet(hello_of(mute)));
    ASSERT_TRUE(node.wait_up(mute.key()));
    ASSERT_TRUE(node.wait_down(mute.key()));
    EXPECT_EQ(node.changes().back().why, PeerEnd::silent);
}

TEST(PeerLink, measures_round_trip_and_skew_of_the_clocks) {
    Pair pair;
    ManualClock late(system_clock().now_unix_ms() - 5'000);
    pair.low->options.clock = &late;
    pair.low->options.heartbeat_ms = pair.high->options.heartbeat_ms = 10;
    ASSERT_TRUE(pair.start());
    ASSERT_TRUE(pair.high->wait([&] {
        (void)(*pair.low)->send(pair.high->key(), test_kind::gossip, 0, "wakes the waiting test");
        return pair.high->link(pair.low->key()).rtt_us >= 0;
    }));
    const PeerLinkFigures figures = pair.high->link(pair.low->key());
    EXPECT_LT(figures.rtt_us, 10'000'000);
    EXPECT_LT(figures.skew_us, -4'000'000);
}

TEST(PeerLink, adds_and_removes_peers_while_it_runs) {
    Pair pair;
    pair.low->start();
    pair.high->start();
    EXPECT_FALSE((*pair.high)->is_up(pair.low->key()));
    ASSERT_TRUE((*pair.low)->put_peer({.key = pair.high->key(), .role = PeerRole::validator}).ok());
    ASSERT_TRUE((*pair.high)
                    ->put_peer({.key = pair.low->key(),
                                .host = "127.0.0.1",
                                .port = (*pair.low)->port(),
                                .role = PeerRole::validator})
                    .ok());
    ASSERT_TRUE(pair.high->wait_up(pair.low->key()));
    ASSERT_TRUE(pair.low->wait_up(pair.high->key()));
    EXPECT_TRUE((*pair.high)->is_up(pair.low->key()));
    ASSERT_TRUE((*pair.low)->remove_peer(pair.high->key()).ok());
    ASSERT_TRUE(pair.high->wait_down(pair.low->key()));
    ASSERT_TRUE(pair.low->wait_down(pair.high->key()));
    EXPECT_TRUE(pair.high->wait_refusal(PeerEnd::unknown_key));
    EXPECT_EQ((*pair.low)->remove_peer(pair.high->key()).error().code, ErrorCode::not_found);
    EXPECT_EQ((*pair.low)->put_peer({.key = pair.low->key()}).error().code,
              ErrorCode::invalid_argument);
}

// Breaks if two nodes that dial each other at once end up with no link, or keep changing it.
TEST(PeerLink, keeps_one_link_when_both_sides_dial) {
    for (int round = 0; round < 20; ++round) {
        Pair pair;
        pair.low->start();
        pair.high->start();
        const KnownPeer low{.key = pair.low->key(),
                            .host = "127.0.0.1",
                            .port = (*pair.low)->port(),
                            .role = PeerRole::validator};
        const KnownPeer high{.key = pair.high->key(),
                             .host = "127.0.0.1",
                             .port = (*pair.high)->port(),
                             .role = PeerRole::validator};
        std::thread other([&] { EXPECT_TRUE((*pair.low)->put_peer(high).ok()); });
        EXPECT_TRUE((*pair.high)->put_peer(low).ok());
        other.join();
        ASSERT_TRUE(pair.low->wait_up(pair.high->key()));
        ASSERT_TRUE(pair.high->wait_up(pair.low->key()));
        for (TestNode* from : {pair.low.get(), pair.high.get()}) {
            TestNode* to = from == pair.low.get() ? pair.high.get() : pair.low.get();
            ASSERT_TRUE((*from)->send(to->key(), test_kind::vote, 0, "over it").ok());
            ASSERT_TRUE(to->wait_messages(1));
            EXPECT_EQ(from->changes().size(), 1U);
        }
    }
}

// Breaks if the transport's own threads and callers' race; meant for TSan.
TEST(PeerLink, takes_messages_from_many_threads_while_links_come_and_go) {
    Pair pair;
    ASSERT_TRUE(pair.start());
    std::atomic<int> answers = 0;
    pair.high->answer = {};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 300; ++i) {
                (void)(*pair.low)->send(pair.high->key(), test_kind::gossip, 0, "message");
                const Status asked = (*pair.low)->request(pair.high->key(), test_kind::ask, "?", 20,
                                                          [&](const Result<std::string>& reply) {
                                                              EXPECT_FALSE(reply.ok());
                                                              ++answers;
                                                              pair.low->tell();
                                                          });
                if (!asked.ok()) ++answers;
                if (i % 100 == 50) (void)(*pair.low)->figures();
            }
        });
    }
    ASSERT_TRUE((*pair.low)->remove_peer(pair.high->key()).ok());
    ASSERT_TRUE((*pair.low)->put_peer({.key = pair.high->key(), .role = PeerRole::validator}).ok());
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(pair.low->wait([&] { return answers == 900; }));
    EXPECT_TRUE(pair.low->wait_up(pair.high->key(), 2));
}

}  // namespace
}  // namespace ait::net
