#include "net/peer/frame.hpp"

#include <gtest/gtest.h>

#include <random>

#include "net/peer/handshake.hpp"
#include "peer_nodes.hpp"

namespace ait::net {
namespace {

const FrameRules& validator_rules() {
    static const FrameRules rules = frame_rules_of(test_kinds(), PeerRole::validator);
    return rules;
}
const FrameRules& follower_rules() {
    static const FrameRules rules = frame_rules_of(test_kinds(), PeerRole::follower);
    return rules;
}

/// All messages of a stream that is read in portions of `step` bytes.
std::vector<SeenMessage> read_in_steps(std::string_view stream, std::size_t step,
                                       const FrameRules& rules, FrameReader& reader) {
    std::vector<SeenMessage> seen;
    while (!stream.empty()) {
        std::string_view input = stream.substr(0, step);
        stream.remove_prefix(input.size());
        PeerFrame frame;
        for (bool goes_on = true; goes_on;) {
            switch (reader.next(input, rules, frame)) {
                case FrameReader::Step::frame:
                    seen.push_back({{}, frame.kind, frame.correlation, std::string(frame.payload)});
                    break;
                case FrameReader::Step::skipped:
                    break;
                case FrameReader::Step::more:
                    goes_on = false;
                    break;
                case FrameReader::Step::failed:
                    return seen;
            }
        }
        reader.release();
    }
    return seen;
}

PeerEnd failure_of(std::string_view stream, const FrameRules& rules) {
    FrameReader reader;
    (void)read_in_steps(stream, stream.size(), rules, reader);
    return reader.failure();
}

// Breaks if a message is lost, doubled or cut when the network divides the stream elsewhere.
TEST(FrameReader, gives_the_same_messages_however_the_stream_is_cut) {
    std::string stream;
    append_frame(stream, test_kind::vote, 7, "a vote");
    append_frame(stream, test_kind::gossip, 0, "");
    append_frame(stream, control_kind::ping, 0, std::string(heartbeat_bytes, 'x'));
    append_frame_header(stream, test_kind::body, 9, 5, true);
    stream += "body ";
    append_frame(stream, test_kind::vote, 8, "between the pieces of a body");
    append_frame(stream, 200, 1, "a kind that nobody knows");
    append_frame(stream, test_kind::body, 9, "and its end");
    FrameReader whole;
    const auto expected = read_in_steps(stream, stream.size(), validator_rules(), whole);
    ASSERT_EQ(expected.size(), 5U);
    EXPECT_EQ(expected[3].payload, "between the pieces of a body");
    EXPECT_EQ(expected[4].payload, "body and its end");
    EXPECT_EQ(expected[4].correlation, 9U);
    for (std::size_t step = 1; step < stream.size(); ++step) {
        FrameReader reader;
        const auto seen = read_in_steps(stream, step, validator_rules(), reader);
        ASSERT_EQ(seen.size(), expected.size()) << "step " << step;
        for (std::size_t i = 0; i < seen.size(); ++i) {
            EXPECT_EQ(seen[i].kind, expected[i].kind);
            EXPECT_EQ(seen[i].payload, expected[i].payload);
        }
        EXPECT_EQ(reader.kept_bytes(), 0U);
    }
}

// Breaks if a peer can make us keep more than it has sent, or more than its kind allows.
TEST(FrameReader, refuses_a_length_above_the_limit_before_it_keeps_a_byte_of_the_payload) {
    std::string head;
    append_frame_header(head, test_kind::vote, 0, 1'001, false);
    EXPECT_EQ(failure_of(head, validator_rules()), PeerEnd::too_large);
    const std::string four_gib("\x7f\xff\xff\xff\x12" + std::string(8, '\0'));
    FrameReader reader;
    (void)read_in_steps(four_gib, 1, validator_rules(), reader);
    EXPECT_EQ(reader.failure(), PeerEnd::too_large);
    EXPECT_LE(reader.kept_bytes(), frame_header_bytes);
}

// Breaks if a message in many pieces may grow beyond its kind's limit.
TEST(FrameReader, refuses_the_piece_that_passes_the_limit_of_the_whole_message) {
    std::string stream;
    for (int i = 0; i < 2; ++i) {
        append_frame_header(stream, test_kind::vote, 3, 600, true);
        stream += std::string(600, 'v');
    }
    FrameReader reader;
    (void)read_in_steps(stream, 100, validator_rules(), reader);
    EXPECT_EQ(reader.failure(), PeerEnd::too_large);
    EXPECT_LE(reader.kept_bytes(), 600U + frame_header_bytes);
}

// Breaks if followers could vote, or if anybody could repeat the greeting on a link.
TEST(FrameReader, refuses_kinds_that_the_role_may_not_send) {
    std::string vote;
    append_frame(vote, test_kind::vote, 0, "v");
    EXPECT_EQ(failure_of(vote, validator_rules()), PeerEnd::none);
    EXPECT_EQ(failure_of(vote, follower_rules()), PeerEnd::not_allowed);
    std::string hello;
    append_frame(hello, control_kind::hello, 0, "h");
    EXPECT_EQ(failure_of(hello, validator_rules()), PeerEnd::not_allowed);
    EXPECT_EQ(failure_of(vote, handshake_frame_rules()), PeerEnd::not_allowed);
}

TEST(FrameReader, refuses_streams_that_are_out_of_form) {
    EXPECT_EQ(failure_of(std::string(4, '\0') + std::string(9, 'x'), validator_rules()),
              PeerEnd::malformed);
    std::string empty_piece;
    append_frame_header(empty_piece, test_kind::body, 1, 0, true);
    EXPECT_EQ(failure_of(empty_piece, validator_rules()), PeerEnd::malformed);
    std::string other_message;
    append_frame_header(other_message, test_kind::body, 1, 1, true);
    other_message += "x";
    append_frame(other_message, test_kind::body, 2, "y");
    EXPECT_EQ(failure_of(other_message, validator_rules()), PeerEnd::malformed);
    std::string long_control;
    append_frame(long_control, control_kind::ping, 0, std::string(control_bytes_max + 1, 'p'));
    EXPECT_EQ(failure_of(long_control, validator_rules()), PeerEnd::too_large);
}

// Breaks if garbage could crash or hang the reader, or make it keep more than one limit allows.
TEST(FrameReader, keeps_its_bounds_with_a_million_mutated_frames) {
    std::mt19937 random(20'261'121);
    std::string good;
    append_frame(good, test_kind::vote, 1, std::string(100, 'v'));
    append_frame_header(good, test_kind::body, 1, 30, true);
    good += std::string(30, 'b');
    append_frame(good, test_kind::gossip, 0, std::string(40, 'g'));
    append_frame(good, test_kind::body, 1, "end");
    std::size_t kept_max = 0;
    for (int i = 0; i < 250'000; ++i) {  // four frames each
        std::string stream = good;
        for (auto flips = 1 + random() % 4; flips > 0; --flips) {
            stream[random() % stream.size()] = static_cast<char>(random());
        }
        FrameReader reader;
        (void)read_in_steps(stream, 1 + random() % stream.size(), validator_rules(), reader);
        kept_max = std::max(kept_max, reader.kept_bytes());
    }
    EXPECT_LE(kept_max, good.size());
}

}  // namespace
}  // namespace ait::net
