#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <fstream>
#include <random>

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

struct Hostile : testing::Test {
    TestNode node{'n'};
    TestNode member{'m'};
    TestNode stranger{'s'};
    void start() {
        node.knows(member.key(), 0);
        node.start();
    }
    std::unique_ptr<HostileNode> linked() {
        auto peer = std::make_unique<HostileNode>(member.secret(), node->port());
        EXPECT_TRUE(peer->greet(hello_of(member)));
        EXPECT_TRUE(node.wait_up(member.key()));
        return peer;
    }
    PeerEnd end_of_link() {
        EXPECT_TRUE(node.wait_down(member.key()));
        return node.changes().back().why;
    }
};

TEST_F(Hostile, length_above_the_limit_ends_the_link_before_its_bytes_come) {
    start();
    const auto peer = linked();
    std::string head;
    append_frame_header(head, test_kind::vote, 0, 1'001, false);
    ASSERT_TRUE(peer->say(head));
    EXPECT_EQ(peer->hear_refusal(), PeerEnd::too_large);
    EXPECT_EQ(end_of_link(), PeerEnd::too_large);
}

TEST_F(Hostile, kind_above_the_role_ends_the_link) {
    node.options.peers.clear();
    node.knows(member.key(), 0, PeerRole::follower);
    member.options.role = PeerRole::follower;
    node.start();
    const auto peer = linked();
    ASSERT_TRUE(peer->say_frame(test_kind::gossip, 0, "allowed"));
    ASSERT_TRUE(node.wait_messages(1));
    ASSERT_TRUE(peer->say_frame(test_kind::vote, 0, "not mine to cast"));
    EXPECT_EQ(end_of_link(), PeerEnd::not_allowed);
    EXPECT_EQ(node.messages().size(), 1U);
}

TEST_F(Hostile, unknown_kinds_are_skipped_and_counted) {
    start();
    const auto peer = linked();
    ASSERT_TRUE(peer->say_frame(222, 0, "from a newer version"));
    ASSERT_TRUE(peer->say_frame(test_kind::vote, 5, "known"));
    ASSERT_TRUE(node.wait_messages(1));
    EXPECT_EQ(node.messages()[0].payload, "known");
    EXPECT_EQ(node.link(member.key()).skipped_frames_total, 1U);
}

// Breaks if an answer that nobody asked for reaches somebody.
TEST_F(Hostile, answers_to_nothing_are_counted_and_forgotten) {
    start();
    const auto peer = linked();
    ASSERT_TRUE(peer->say_frame(test_kind::answer, 1, std::string(1, '\0')));
    ASSERT_TRUE(peer->say_frame(test_kind::vote, 5, "after it"));
    ASSERT_TRUE(node.wait_messages(1));
    EXPECT_EQ(node->figures().stray_replies_total, 1U);
    EXPECT_EQ(node.messages().size(), 1U);
}

TEST_F(Hostile, greetings_out_of_order_are_refused) {
    start();
    for (const std::uint8_t kind : {control_kind::ready, control_kind::welcome}) {
        HostileNode peer(member.secret(), node->port());
        ASSERT_TRUE(peer.shake());
        ASSERT_TRUE(peer.say_frame(kind, 0, ""));
        EXPECT_EQ(peer.hear_refusal(), PeerEnd::malformed);
    }
    HostileNode eager(member.secret(), node->port());
    ASSERT_TRUE(eager.shake());
    ASSERT_TRUE(eager.say_frame(test_kind::vote, 0, "before the greeting"));
    EXPECT_EQ(eager.hear_refusal(), PeerEnd::not_allowed);
    HostileNode garbled(member.secret(), node->port());
    ASSERT_TRUE(garbled.shake());
    ASSERT_TRUE(garbled.say_frame(control_kind::hello, 0, big_endian(1) + "no hello"));
    EXPECT_EQ(garbled.hear_refusal(), PeerEnd::malformed);
    EXPECT_TRUE(node.changes().empty());
}

// Breaks if a connection that says nothing holds its place for ever.
TEST_F(Hostile, silence_ends_at_the_deadline_of_the_greeting) {
    node.options.handshake_ms_max = 50;
    start();
    RawPeer silent = RawPeer::connect_tcp(node->port());
    EXPECT_TRUE(silent.is_closed_by_peer());
    HostileNode half(member.secret(), node->port());
    ASSERT_TRUE(half.shake());
    EXPECT_TRUE(half.raw().is_closed_by_peer());
    EXPECT_TRUE(node.wait_refusal(PeerEnd::hangs));
    EXPECT_TRUE(node.wait([&] { return node->figures().handshakes_open == 0; }) ||
                node->figures().handshakes_open == 0);
}

TEST_F(Hostile, one_address_holds_only_its_share_and_strangers_make_room) {
    node.options.handshakes_per_address_max = 2;
    node.options.handshakes_max = 4;
    start();
    std::vector<RawPeer> silent;
    for (const char* from : {"127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"}) {
        silent.push_back(RawPeer::connect_tcp(node->port(), from));
    }
    RawPeer third = RawPeer::connect_tcp(node->port(), "127.0.0.2");
    EXPECT_TRUE(third.is_closed_by_peer());
    // All places are taken by who says nothing; an honest node gets one of them.
    HostileNode honest(member.secret(), node->port(), "127.0.0.4");
    EXPECT_TRUE(honest.greet(hello_of(member)));
    EXPECT_TRUE(silent[0].is_closed_by_peer());
    EXPECT_GE(node->figures().refused_total[static_cast<std::size_t>(PeerEnd::limit_reached)], 2U);
}

TEST_F(Hostile, peers_without_a_certificate_or_with_old_tls_are_refused) {
    start();
    for (const bool is_old : {false, true}) {
        SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
        if (is_old) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
        SSL* const ssl = SSL_new(context);
        BIO* const in = BIO_new(BIO_s_mem());
        BIO* const out = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl, in, out);
        SSL_set_connect_state(ssl);
        RawPeer raw = RawPeer::connect_tcp(node->port());
        bool is_refused = false;
        for (int i = 0; i < 10 && !is_refused; ++i) {
            char plain[100];
            const int result = SSL_read(ssl, plain, sizeof plain);
            is_refused = result <= 0 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ;
            std::string bytes(static_cast<std::size_t>(BIO_pending(out)), '\0');
            BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
            if (!bytes.empty() && !raw.send(bytes)) break;
            const std::string answer = is_refused ? "" : raw.read_some();
            if (answer.empty()) break;
            BIO_write(in, answer.data(), static_cast<int>(answer.size()));
        }
        EXPECT_TRUE(raw.is_closed_by_peer());
        SSL_free(ssl);
        SSL_CTX_free(context);
    }
    EXPECT_TRUE(node.wait_refusal(PeerEnd::not_a_peer));
    EXPECT_TRUE(node.changes().empty());
}

std::uint64_t resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
    }
    return 0;
}

/// Frames of every kind, each with some of its bits changed.
std::string mutated_frames(std::mt19937& random, int count) {
    std::string bytes;
    for (int i = 0; i < count; ++i) {
        std::string frame;
        append_frame(frame, static_cast<std::uint8_t>(random() % 32), random(),
                     std::string(random() % 60, 'x'));
        for (auto flips = random() % 3; flips > 0; --flips) {
            frame[random() % frame.size()] = static_cast<char>(random());
        }
        bytes += frame;
    }
    return bytes;
}

// Breaks if somebody without a key in the table can crash the node, reach its frame reader or make
// its memory grow. A million frames with AITBC_TEST_LONG, else a fiftieth of it.
TEST_F(Hostile, mutated_frames_of_strangers_change_nothing) {
    start();
    const char* const is_long = std::getenv("AITBC_TEST_LONG");
    const int rounds = is_long != nullptr && std::string_view(is_long) == "1" ? 5'000 : 100;
    std::mt19937 random(4'711);
    std::uint64_t before_kib = 0;
    for (int round = 0; round < rounds; ++round) {
        if (round == rounds / 10) before_kib = resident_kib();
        const std::string bytes = mutated_frames(random, 200);
        switch (round % 3) {
            case 0: {  // no TLS at all
                RawPeer raw = RawPeer::connect_tcp(node->port());
                (void)raw.send(bytes);
                EXPECT_TRUE(raw.is_closed_by_peer());
                break;
            }
            case 1: {  // a key that nobody knows
                HostileNode peer(stranger.secret(), node->port());
                ASSERT_TRUE(peer.shake());
                (void)peer.say(bytes);
                EXPECT_TRUE(peer.raw().is_closed_by_peer());
                break;
            }
            default: {  // a member that greets with garbage
                HostileNode peer(member.secret(), node->port());
                ASSERT_TRUE(peer.shake());
                (void)peer.say(bytes);
                EXPECT_TRUE(peer.raw().is_closed_by_peer());
                break;
            }
        }
    }
    const std::uint64_t after_kib = resident_kib();
    std::printf("%d frames in %d connections; resident before %llu KiB, after %llu KiB\n",
                rounds * 200, rounds, static_cast<unsigned long long>(before_kib),
                static_cast<unsigned long long>(after_kib));
    EXPECT_LT(after_kib, before_kib + 8'192);
    EXPECT_TRUE(node.changes().empty());
    EXPECT_EQ(node.link(member.key()).received_frames_total, 0U);
    const auto peer = linked();
    ASSERT_TRUE(peer->say_frame(test_kind::vote, 0, "all is well"));
    EXPECT_TRUE(node.wait_messages(1));
}

}  // namespace
}  // namespace ait::net
