#include "net/peer/handshake.hpp"

#include <gtest/gtest.h>

#include "net/peer/pending_requests.hpp"
#include "runtime/base/crypto/hash.hpp"

namespace ait::net {
namespace {

Hello hello() {
    return {.version = 3,
            .cluster = crypto::blake2b_256("cluster"),
            .name = "node-1",
            .role = PeerRole::validator,
            .instance = 77};
}

KnownPeer row() {
    return {.name = "node-1", .role = PeerRole::validator};
}

PeerEnd difference_of(const Hello& theirs, const KnownPeer& known) {
    const auto difference = find_difference(hello(), theirs, &known);
    return difference ? difference->why : PeerEnd::none;
}

// Breaks if two nodes that do not belong together join, or if the operator is told the wrong field.
TEST(Handshake, names_each_field_that_differs) {
    EXPECT_EQ(difference_of(hello(), row()), PeerEnd::none);
    Hello theirs = hello();
    theirs.version = 4;
    EXPECT_EQ(difference_of(theirs, row()), PeerEnd::another_version);
    theirs = hello();
    theirs.cluster = crypto::blake2b_256("elsewhere");
    EXPECT_EQ(difference_of(theirs, row()), PeerEnd::another_cluster);
    theirs = hello();
    theirs.name = "node-2";
    EXPECT_EQ(difference_of(theirs, row()), PeerEnd::another_name);
    theirs = hello();
    theirs.role = PeerRole::follower;
    EXPECT_EQ(difference_of(theirs, row()), PeerEnd::another_role);
    KnownPeer lenient = row();
    lenient.name.clear();
    lenient.role_must_match = false;
    theirs.name = "anything";
    EXPECT_EQ(difference_of(theirs, lenient), PeerEnd::none);
}

TEST(Handshake, reads_what_it_writes_and_the_version_of_what_it_cannot_read) {
    const auto read = decode_hello(encode_hello(hello()), 3);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read.value().name, "node-1");
    EXPECT_EQ(read.value().instance, 77U);
    const auto newer = decode_hello(big_endian(9) + "what version 9 says", 3);
    ASSERT_TRUE(newer.ok());
    EXPECT_EQ(newer.value().version, 9U);
    EXPECT_FALSE(decode_hello("short", 3).ok());
    EXPECT_FALSE(decode_hello(big_endian(3) + "not msgpack", 3).ok());
    Hello long_name = hello();
    long_name.name.assign(limits::name_bytes_max + 1, 'n');
    EXPECT_FALSE(decode_hello(encode_hello(long_name), 3).ok());
}

TEST(Handshake, cuts_a_refusal_s_text_between_characters) {
    const Refusal refusal{.why = PeerEnd::another_key,
                          .detail = std::string(255, 'x') + "\xc3\xa4 and more"};
    const auto read = decode_refusal(encode_refusal(refusal));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read.value().why, PeerEnd::another_key);
    EXPECT_EQ(read.value().detail, std::string(255, 'x'));
    EXPECT_FALSE(decode_refusal("\x91\xcc\xff").ok());
}

TEST(Handshake, has_a_name_and_a_sentence_for_each_end) {
    for (std::size_t i = 0; i < peer_end_count; ++i) {
        EXPECT_FALSE(peer_end_name(static_cast<PeerEnd>(i)).empty());
        EXPECT_NE(peer_end_meaning(static_cast<PeerEnd>(i)), "Unknown.");
    }
}

// Breaks if an answer reaches the wrong asker, or two answers the same.
TEST(PendingRequests, gives_each_answer_once_and_to_its_own_request) {
    PendingRequests pending;
    std::vector<std::string> got;
    const auto keep = [&](const Result<std::string>& reply) { got.push_back(reply.value()); };
    const auto first = pending.add(20, 1'000, keep);
    const auto second = pending.add(20, 500, keep);
    EXPECT_EQ(pending.next_deadline_us(), 500);
    EXPECT_EQ(pending.take(first, 21), nullptr);  // another kind of answer
    EXPECT_EQ(pending.take(second + 1, 20), nullptr);
    const auto reply = pending.take(first, 20);
    ASSERT_NE(reply, nullptr);
    reply(std::string("one"));
    EXPECT_EQ(pending.take(first, 20), nullptr);
    EXPECT_TRUE(pending.take_expired(499).empty());
    EXPECT_EQ(pending.take_expired(500).size(), 1U);
    EXPECT_EQ(pending.count(), 0U);
    EXPECT_EQ(pending.next_deadline_us(), PendingRequests::never_us);
    EXPECT_GT(pending.add(20, 1, keep), second);
    EXPECT_EQ(pending.take_all().size(), 1U);
}

TEST(PendingRequests, carries_errors_over_the_wire) {
    const auto error = decode_reply(
        encode_error_reply({ErrorCode::not_found, "No such block.", "Height 7.", "Ask another."}));
    ASSERT_FALSE(error.ok());
    EXPECT_EQ(error.error().code, ErrorCode::not_found);
    EXPECT_EQ(error.error().why, "Height 7.");
    EXPECT_EQ(decode_reply(std::string(1, reply_is_answer) + "x").value(), "x");
    EXPECT_EQ(decode_reply("").error().code, ErrorCode::malformed);
    EXPECT_EQ(decode_reply("\x07").error().code, ErrorCode::malformed);
    EXPECT_EQ(decode_reply("\x01 nonsense").error().code, ErrorCode::malformed);
    const std::string long_text(5'000, 'w');
    EXPECT_EQ(decode_reply(encode_error_reply({ErrorCode::internal, long_text, "", ""}))
                  .error()
                  .what.size(),
              limits::error_text_bytes_max);
}

}  // namespace
}  // namespace ait::net
