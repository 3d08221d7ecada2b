// What the server does with peers that are hostile, broken or slow. Time limits are set short by
// the options; the only clock in play is the server's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "net/http_server.hpp"
#include "raw_peers.hpp"

namespace ait::net {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Fixture {
    explicit Fixture(HttpServer::Options options = {}) {
        auto opened =
            HttpServer::open(std::move(options), [this](std::shared_ptr<HttpExchange> one) {
                ++handled;
                one->respond({.body = "fine"});
            });
        EXPECT_TRUE(opened.ok());
        server = std::move(opened).value();
    }
    [[nodiscard]] RawPeer connect(const std::string& from = "127.0.0.1") const {
        return RawPeer::connect_tcp(server->tcp_port(), from);
    }
    [[nodiscard]] std::uint64_t refused(HttpRefusal refusal) const {
        return server->counters().refused_total[static_cast<std::size_t>(refusal)];
    }
    std::atomic<int> handled = 0;
    std::unique_ptr<HttpServer> server;
};

/// Everything the server says to these bytes before it closes.
std::string answer_to(const Fixture& fixture, std::string_view bytes) {
    RawPeer peer = fixture.connect();
    // A server that has refused already may not take the rest.
    (void)peer.send(bytes);
    return peer.read_all();
}

// Breaks if a proxy and we can disagree about where a request ends (request smuggling).
TEST(HttpServerLimits, ambiguous_framing_is_refused_and_the_connection_closed) {
    Fixture fixture;
    const std::string smuggled = "GET /admin HTTP/1.1\r\nhost: x\r\n\r\n";
    const std::string start = "POST / HTTP/1.1\r\nhost: x\r\n";
    const std::vector<std::string> attempts{
        start + "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        start + "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n" + smuggled,
        start + "content-length: 5\r\ncontent-length: 5\r\n\r\nhello" + smuggled,
        start + "content-length: 5\r\ncontent-length: 6\r\n\r\nhello" + smuggled,
        start + "content-length: 5, 5\r\n\r\nhello" + smuggled,
        start + "content-length: +5\r\n\r\nhello" + smuggled,
        start + "content-length: -1\r\n\r\n" + smuggled,
        start + "content-length: 0x5\r\n\r\nhello" + smuggled,
        start + "content-length: 99999999999999999999\r\n\r\n" + smuggled,
        start + "content-length : 5\r\n\r\nhello" + smuggled,
        start + "content-length:\r\n 5\r\n\r\nhello" + smuggled,
        start + "x-a: b\r\n\tc: d\r\ncontent-length: 5\r\n\r\nhello" + smuggled,
        start + "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled,
        start + "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled,
        start + "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
        start + "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" +
            smuggled,
        start + "transfer-encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n" + smuggled,
        start + "transfer-encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n" + smuggled,
        start + "transfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n" + smuggled,
        start + "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx" + smuggled,
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
    };
    for (const std::string& attempt : attempts) {
        const std::string answer = answer_to(fixture, attempt);
        EXPECT_THAT(answer, AnyOf(StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.1 413 ")))
            << attempt;
        EXPECT_THAT(answer, HasSubstr("connection: close\r\n")) << attempt;
        EXPECT_EQ(answer.find("fine"), std::string::npos) << attempt;
    }
    EXPECT_EQ(fixture.handled, 0);
    EXPECT_EQ(
        fixture.refused(HttpRefusal::malformed) + fixture.refused(HttpRefusal::body_too_large),
        attempts.size());
}

TEST(HttpServerLimits, what_is_not_http_is_refused) {
    Fixture fixture;
    for (const std::string_view bytes :
         {"\x16\x03\x01\x02\x03garbage\r\n\r\n", "GET /\r\n\r\n",
          "GET / HTTP/2.0\r\nhost: x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
          "GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", "GET /%zz HTTP/1.1\r\nhost: x\r\n\r\n",
          "GET /%00 HTTP/1.1\r\nhost: x\r\n\r\n", "GET /%ff HTTP/1.1\r\nhost: x\r\n\r\n",
          "GET jobs HTTP/1.1\r\nhost: x\r\n\r\n", "GET * HTTP/1.1\r\nhost: x\r\n\r\n",
          "GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n", "G@T / HTTP/1.1\r\nhost: x\r\n\r\n",
          "GET / HTTP/1.1\nhost: x\n\n\r\n\r\n"}) {
        EXPECT_THAT(answer_to(fixture, bytes), StartsWith("HTTP/1.1 400 ")) << bytes;
    }
    EXPECT_THAT(answer_to(fixture, "POST / HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n"),
                StartsWith("HTTP/1.1 417 "));
    EXPECT_EQ(fixture.handled, 0);
}

// Breaks if one request can take more memory than its limit.
TEST(HttpServerLimits, large_heads_and_bodies_are_refused_at_their_limits) {
    HttpServer::Options options;
    options.header_bytes_max = 4'096;
    options.body_bytes_max = 10'000;
    Fixture fixture(options);
    const std::string start = "POST / HTTP/1.1\r\nhost: x\r\n";
    EXPECT_THAT(answer_to(fixture, start + "x: " + std::string(5'000, 'a') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(answer_to(fixture, start + std::string(100'000, 'a')), StartsWith("HTTP/1.1 431 "));
    std::string many = start;
    for (int i = 0; i < 300; ++i) many += "a:b\r\n";
    EXPECT_THAT(answer_to(fixture, many + "\r\n"), StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(answer_to(fixture, start + "content-length: 10001\r\n\r\n"),
                StartsWith("HTTP/1.1 413 "));
    // The whole body is on its way: the answer must survive it.
    EXPECT_THAT(
        answer_to(fixture, start + "content-length: 200000\r\n\r\n" + std::string(200'000, 'b')),
        StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer_to(fixture, start + "transfer-encoding: chunked\r\n\r\n2000\r\n" +
                                       std::string(0x2000, 'b') + "\r\n1000\r\n"),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer_to(fixture, start + "transfer-encoding: chunked\r\n\r\n1;" +
                                       std::string(1'000, 'e') + "\r\nb\r\n0\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_EQ(fixture.handled, 0);
    EXPECT_THAT(answer_to(fixture, start + "connection: close\r\ncontent-length: 10000\r\n\r\n" +
                                       std::string(10'000, 'b')),
                StartsWith("HTTP/1.1 200 "));
}

// Breaks if many large bodies at once can take all memory, or if their share is never given back.
TEST(HttpServerLimits, all_bodies_together_are_bounded_and_their_share_comes_back) {
    HttpServer::Options options;
    options.bodies_bytes_max = 15'000;
    std::shared_ptr<HttpExchange> held;
    std::atomic<bool> is_held = false;
    Latch arrived;
    auto opened = HttpServer::open(options, [&](std::shared_ptr<HttpExchange> exchange) {
        if (is_held.exchange(true)) {
            exchange->respond({.body = "fine"});
            return;
        }
        held = std::move(exchange);
        arrived.set();
    });
    ASSERT_TRUE(opened.ok());
    const std::string upload =
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        "content-length: 10000\r\n\r\n" +
        std::string(10'000, 'b');
    RawPeer first = RawPeer::connect_tcp(opened.value()->tcp_port());
    ASSERT_TRUE(first.send(upload));
    ASSERT_TRUE(arrived.wait());
    RawPeer second = RawPeer::connect_tcp(opened.value()->tcp_port());
    (void)second.send(upload);
    EXPECT_THAT(second.read_all(), StartsWith("HTTP/1.1 503 "));
    held.reset();  // answers 500 and gives the share back
    EXPECT_THAT(first.read_all(), StartsWith("HTTP/1.1 500 "));
    RawPeer third = RawPeer::connect_tcp(opened.value()->tcp_port());
    ASSERT_TRUE(third.send(upload));
    EXPECT_THAT(third.read_all(), StartsWith("HTTP/1.1 200 "));
}

HttpServer::Options short_times() {
    HttpServer::Options options;
    options.header_timeout_ms = 40;
    options.idle_timeout_ms = 40;
    options.rate_grace_ms = 40;
    return options;
}

// Breaks if slow clients can hold connections for nothing (slowloris).
TEST(HttpServerLimits, slow_heads_are_cut) {
    Fixture fixture(short_times());
    RawPeer silent = fixture.connect();
    RawPeer dripping = fixture.connect();
    ASSERT_TRUE(dripping.send("GET / HTTP/1.1\r\nx"));
    EXPECT_TRUE(silent.is_closed_by_peer());
    EXPECT_TRUE(dripping.is_closed_by_peer());
    EXPECT_EQ(fixture.refused(HttpRefusal::header_timeout), 2U);
    EXPECT_EQ(fixture.handled, 0);
}

TEST(HttpServerLimits, slow_bodies_are_cut_with_408) {
    Fixture fixture(short_times());
    RawPeer peer = fixture.connect();
    ASSERT_TRUE(peer.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nab"));
    EXPECT_THAT(peer.read_all(), StartsWith("HTTP/1.1 408 "));
    EXPECT_EQ(fixture.refused(HttpRefusal::body_too_slow), 1U);
}

TEST(HttpServerLimits, idle_connections_are_closed_without_counting_as_refused) {
    HttpServer::Options options;
    options.idle_timeout_ms = 40;
    Fixture fixture(options);
    RawPeer peer = fixture.connect();
    ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    EXPECT_THAT(peer.read_until("fine"), HasSubstr("fine"));
    EXPECT_TRUE(peer.is_closed_by_peer());
    EXPECT_EQ(fixture.refused(HttpRefusal::header_timeout), 0U);
}

// Breaks if one address can take all connections, or if closing one does not free its place.
TEST(HttpServerLimits, connections_are_capped_in_total_and_for_each_address) {
    HttpServer::Options options;
    options.connections_max = 5;
    options.connections_per_address_max = 2;
    Fixture fixture(options);
    std::vector<RawPeer> peers;
    const auto open_and_ask = [&](const std::string& from) {
        RawPeer peer = fixture.connect(from);
        (void)peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        const std::string answer = peer.read_until("\r\n\r\n");
        peers.push_back(std::move(peer));
        return answer.substr(0, 12);
    };
    EXPECT_EQ(open_and_ask("127.0.0.2"), "HTTP/1.1 200");
    EXPECT_EQ(open_and_ask("127.0.0.2"), "HTTP/1.1 200");
    EXPECT_EQ(open_and_ask("127.0.0.2"), "HTTP/1.1 503");
    EXPECT_EQ(open_and_ask("127.0.0.3"), "HTTP/1.1 200");
    EXPECT_EQ(open_and_ask("127.0.0.4"), "HTTP/1.1 200");
    EXPECT_EQ(open_and_ask("127.0.0.5"), "HTTP/1.1 200");
    EXPECT_EQ(fixture.refused(HttpRefusal::address_full), 1U);
    EXPECT_EQ(fixture.server->counters().connections_open, 5U);
    // All idle: a newcomer gets the place of the address that holds most, and no other.
    EXPECT_EQ(open_and_ask("127.0.0.6"), "HTTP/1.1 200");
    EXPECT_TRUE(peers[0].is_closed_by_peer());
    EXPECT_EQ(fixture.refused(HttpRefusal::displaced), 1U);
    EXPECT_EQ(open_and_ask("127.0.0.2"), "HTTP/1.1 503") << "nobody else holds two";
    EXPECT_EQ(fixture.refused(HttpRefusal::connections_full), 1U);
    EXPECT_EQ(fixture.server->counters().connections_open, 5U);

    // The server has closed its side once we read the end of ours.
    peers[1].shutdown_send();
    EXPECT_TRUE(peers[1].is_closed_by_peer());
    EXPECT_EQ(open_and_ask("127.0.0.2"), "HTTP/1.1 200");
}

// Breaks if slow connections from many addresses can lock everybody else out.
TEST(HttpServerLimits, those_who_drip_make_room_for_whoever_asks_whole_questions) {
    HttpServer::Options options;
    options.connections_max = 40;
    options.connections_per_address_max = 5;
    Fixture fixture(options);
    RawPeer honest = fixture.connect("127.0.1.1");
    ASSERT_TRUE(honest.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    EXPECT_THAT(honest.read_until("fine"), HasSubstr("fine"));
    std::vector<RawPeer> slow;
    for (int i = 0; i < 100; ++i) {
        slow.push_back(fixture.connect("127.0.2." + std::to_string(1 + i / 5)));
        ASSERT_TRUE(slow.back().send("GET / HTTP/1.1\r\nx"));
    }
    for (int i = 1; i <= 20; ++i) {
        RawPeer newcomer = fixture.connect("127.0.3." + std::to_string(i));
        ASSERT_TRUE(newcomer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
        EXPECT_THAT(newcomer.read_until("fine"), StartsWith("HTTP/1.1 200 "));
    }
    ASSERT_TRUE(honest.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    EXPECT_THAT(honest.read_until("fine"), HasSubstr("fine")) << "it was idle, but its own only";
    EXPECT_LE(fixture.server->counters().connections_open, 40U);
    EXPECT_EQ(fixture.handled, 22);
}

// Breaks if a newcomer can make the server drop work that is under way.
TEST(HttpServerLimits, a_request_under_way_keeps_its_place) {
    HttpServer::Options options;
    options.connections_max = 2;
    std::vector<std::shared_ptr<HttpExchange>> held;
    Latch arrived;
    auto opened = HttpServer::open(options, [&](std::shared_ptr<HttpExchange> exchange) {
        held.push_back(std::move(exchange));
        if (held.size() == 2) arrived.set();
    });
    ASSERT_TRUE(opened.ok());
    const std::uint16_t port = opened.value()->tcp_port();
    std::vector<RawPeer> peers;
    for (int i = 0; i < 2; ++i) {
        peers.push_back(RawPeer::connect_tcp(port, "127.0.0.2"));
        ASSERT_TRUE(peers.back().send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    }
    ASSERT_TRUE(arrived.wait());
    RawPeer newcomer = RawPeer::connect_tcp(port, "127.0.0.3");
    EXPECT_THAT(newcomer.read_all(), StartsWith("HTTP/1.1 503 "));
    for (int i = 0; i < 2; ++i) {
        held[static_cast<std::size_t>(i)]->respond({.body = "fine"});
        EXPECT_THAT(peers[static_cast<std::size_t>(i)].read_until("fine"), HasSubstr("fine"));
    }
}

// Breaks if a reader that stands still makes the node hold all that it does not read.
TEST(HttpServerLimits, a_slow_reader_fills_a_bounded_queue_and_is_cut) {
    HttpServer::Options options;
    options.rate_grace_ms = 100;
    options.rate_bytes_per_second_min = 100'000'000;
    Latch closed;
    std::size_t accepted_bytes = 0;
    std::size_t refused_writes = 0;
    std::jthread writer;
    auto opened = HttpServer::open(options, [&](std::shared_ptr<HttpExchange> exchange) {
        exchange->on_close([&closed] { closed.set(); });
        writer = std::jthread([&, exchange] {
            EXPECT_TRUE(exchange->begin_stream(200, {}, "text/plain"));
            while (!exchange->is_closed()) {
                if (exchange->write(std::string(10'000, 'x'))) {
                    accepted_bytes += 10'000;
                } else {
                    ++refused_writes;
                    std::this_thread::yield();
                }
            }
        });
    });
    ASSERT_TRUE(opened.ok());
    RawPeer peer = RawPeer::connect_tcp(opened.value()->tcp_port());
    peer.shrink_receive_buffer();
    ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    EXPECT_TRUE(closed.wait());
    writer.join();
    EXPECT_GT(refused_writes, 0U);
    // The kernel's own buffers take some megabytes at most, ours no more than the bound.
    EXPECT_LT(accepted_bytes, 16U * 1024 * 1024);
    const auto counters = opened.value()->counters();
    EXPECT_EQ(counters.refused_total[static_cast<std::size_t>(HttpRefusal::reader_too_slow)], 1U);
    EXPECT_EQ(counters.connections_open, 0U);
}

// Breaks if a client that pipelines without reading makes answers pile up.
TEST(HttpServerLimits, pipelining_without_reading_stops_the_reading_of_requests) {
    HttpServer::Options options;
    options.rate_grace_ms = 100;
    options.rate_bytes_per_second_min = 1'000'000'000;
    std::atomic<std::size_t> handled = 0;
    auto opened = HttpServer::open(options, [&handled](std::shared_ptr<HttpExchange> exchange) {
        ++handled;
        exchange->respond({.body = std::string(100'000, 'x')});
    });
    ASSERT_TRUE(opened.ok());
    RawPeer peer = RawPeer::connect_tcp(opened.value()->tcp_port());
    peer.shrink_receive_buffer();
    std::string all;
    for (int i = 0; i < 10'000; ++i) all += "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    (void)peer.send(all);
    EXPECT_TRUE(peer.is_closed_by_peer());
    EXPECT_LT(handled, 1'000U);
}

}  // namespace
}  // namespace ait::net
