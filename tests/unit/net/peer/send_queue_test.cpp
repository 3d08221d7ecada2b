#include "net/peer/send_queue.hpp"

#include <gtest/gtest.h>

#include "net/peer/frame.hpp"
#include "peer_nodes.hpp"

namespace ait::net {
namespace {

std::string bytes_of(const std::vector<SendQueue::Chunk>& chunks) {
    std::string bytes;
    for (const SendQueue::Chunk& chunk : chunks) {
        bytes += chunk.bytes;
        if (chunk.payload) bytes.append(*chunk.payload, chunk.offset, chunk.size);
    }
    return bytes;
}

std::vector<std::string> payloads_of(std::string_view stream, FrameReader& reader) {
    static const FrameRules rules = frame_rules_of(test_kinds(), PeerRole::validator);
    std::vector<std::string> payloads;
    PeerFrame frame;
    while (reader.next(stream, rules, frame) == FrameReader::Step::frame) {
        payloads.emplace_back(frame.payload);
    }
    EXPECT_EQ(reader.failure(), PeerEnd::none);
    reader.release();
    return payloads;
}

// Breaks if a vote waits for gossip that was queued before it.
TEST(SendQueue, gives_the_most_urgent_first_and_keeps_the_order_within_a_priority) {
    SendQueue queue(peer_queue_rules_default);
    ASSERT_TRUE(queue.push(PeerPriority::gossip, test_kind::gossip, 0, "gossip"));
    ASSERT_TRUE(queue.push(PeerPriority::body, test_kind::body, 0, "body"));
    ASSERT_TRUE(queue.push(PeerPriority::certificate, test_kind::certificate, 0, "certificate 1"));
    ASSERT_TRUE(queue.push(PeerPriority::vote, test_kind::vote, 0, "vote"));
    ASSERT_TRUE(queue.push(PeerPriority::certificate, test_kind::certificate, 0, "certificate 2"));
    ASSERT_TRUE(queue.push(PeerPriority::catch_up, test_kind::ask, 0, "catch-up"));
    std::vector<SendQueue::Chunk> chunks;
    EXPECT_EQ(queue.take(chunks, 1U << 20U), 6U);
    FrameReader reader;
    EXPECT_EQ(payloads_of(bytes_of(chunks), reader),
              (std::vector<std::string>{"vote", "certificate 1", "certificate 2", "body",
                                        "catch-up", "gossip"}));
    EXPECT_TRUE(queue.is_empty());
}

// Breaks if a vote waits for the end of a long body that has begun.
TEST(SendQueue, lets_a_vote_pass_between_the_pieces_of_a_body) {
    SendQueue queue(peer_queue_rules_default);
    const auto body = std::make_shared<const std::string>(5UL * piece_bytes_max + 17, 'b');
    ASSERT_TRUE(queue.push(PeerPriority::body, test_kind::body, 4, body));
    std::vector<SendQueue::Chunk> chunks;
    FrameReader reader;
    EXPECT_EQ(queue.take(chunks, 1), 0U);
    EXPECT_TRUE(payloads_of(bytes_of(chunks), reader).empty());
    ASSERT_TRUE(queue.push(PeerPriority::vote, test_kind::vote, 0, "vote"));
    EXPECT_EQ(queue.take(chunks, 1), 1U);
    EXPECT_EQ(payloads_of(bytes_of(chunks), reader), std::vector<std::string>{"vote"});
    std::vector<std::string> rest;
    while (!queue.is_empty()) {
        (void)queue.take(chunks, 1);
        for (auto& payload : payloads_of(bytes_of(chunks), reader)) rest.push_back(payload);
    }
    ASSERT_EQ(rest.size(), 1U);
    EXPECT_EQ(rest[0], *body);
}

// Breaks if a peer that does not read makes our memory grow, or if one priority's flood fills
// another's room.
TEST(SendQueue, refuses_what_is_above_a_priority_s_bound_and_nothing_else) {
    auto rules = peer_queue_rules_default;
    rules[static_cast<std::size_t>(PeerPriority::gossip)] = {1'000, 100, PeerQueuePolicy::drop};
    SendQueue queue(rules);
    std::size_t queued = 0;
    while (queue.push(PeerPriority::gossip, test_kind::gossip, 0, std::string(87, 'g'))) ++queued;
    EXPECT_EQ(queued, 10U);
    EXPECT_EQ(queue.bytes(PeerPriority::gossip), 1'000U);
    EXPECT_TRUE(queue.push(PeerPriority::vote, test_kind::vote, 0, "vote"));
    std::vector<SendQueue::Chunk> chunks;
    EXPECT_EQ(queue.take(chunks, 1U << 20U), 11U);
    EXPECT_EQ(queue.bytes(PeerPriority::gossip), 0U);
    // One that is longer than the bound goes when nothing else waits.
    EXPECT_TRUE(queue.push(PeerPriority::gossip, test_kind::gossip, 0, std::string(5'000, 'g')));
    EXPECT_FALSE(queue.push(PeerPriority::gossip, test_kind::gossip, 0, ""));
    EXPECT_EQ(queue.clear(), 1U);
    EXPECT_TRUE(queue.is_empty());
}

TEST(SendQueue, bounds_the_number_of_frames_and_of_its_own) {
    auto rules = peer_queue_rules_default;
    rules[0].frames_max = 3;
    SendQueue queue(rules);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(queue.push(PeerPriority::vote, test_kind::vote, 0, ""));
    }
    EXPECT_FALSE(queue.push(PeerPriority::vote, test_kind::vote, 0, ""));
    int controls = 0;
    while (queue.push_control(control_kind::ping, std::string(16, 'p'))) ++controls;
    EXPECT_LT(controls, 1'000);
}

}  // namespace
}  // namespace ait::net
