#include "net/http_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "raw_peers.hpp"

namespace ait::net {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

HttpServer::Handler echo() {
    return [](std::shared_ptr<HttpExchange> exchange) {
        const HttpRequest& request = exchange->request();
        exchange->respond({.body = request.method + ' ' + request.path + ' ' + request.body,
                           .content_type = "text/plain"});
    };
}

std::unique_ptr<HttpServer> open_server(HttpServer::Handler handler,
                                        HttpServer::Options options = {}) {
    auto server = HttpServer::open(std::move(options), std::move(handler));
    EXPECT_TRUE(server.ok()) << render_error(server.error());
    return std::move(server).value();
}

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos;
         at = text.find(part, at + part.size())) {
        ++count;
    }
    return count;
}

// Breaks if a connection is not reused: each CLI call and dashboard poll would pay for a new one.
TEST(HttpServer, one_connection_serves_many_requests) {
    const auto server = open_server(echo());
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(peer.send("GET /a HTTP/1.1\r\nhost: x\r\n\r\n"));
        const std::string answer = peer.read_until("GET /a ");
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
        EXPECT_THAT(answer, HasSubstr("content-length: 7\r\n"));
        EXPECT_THAT(answer, HasSubstr("content-type: text/plain\r\n"));
        EXPECT_THAT(answer, HasSubstr(" GMT\r\n"));
    }
    EXPECT_EQ(server->counters().requests_total, 3U);
    EXPECT_EQ(server->counters().connections_total, 1U);
}

// Breaks if pipelined answers overtake each other: a client would take one for another.
TEST(HttpServer, pipelined_requests_are_answered_in_order_even_by_slow_threads) {
    std::vector<std::jthread> threads;
    const auto server = open_server([&threads](std::shared_ptr<HttpExchange> exchange) {
        threads.emplace_back([exchange] { exchange->respond({.body = exchange->request().path}); });
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    std::string all;
    for (int i = 0; i < 50; ++i) {
        all +=
            "POST /" + std::to_string(i) + " HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc";
    }
    ASSERT_TRUE(peer.send(all));
    peer.shutdown_send();  // a client that has said all; it still gets every answer
    const std::string answers = peer.read_all();
    std::size_t at = 0;
    for (int i = 0; i < 50; ++i) {
        at = answers.find("\r\n\r\n/" + std::to_string(i), at);
        ASSERT_NE(at, std::string::npos) << i;
    }
}

// Breaks if a client that has sent all and closed its direction loses answers that did not fit.
TEST(HttpServer, large_answers_to_pipelined_requests_all_arrive_after_a_half_close) {
    const auto server = open_server([](std::shared_ptr<HttpExchange> exchange) {
        exchange->respond({.body = std::string(200'000, 'x')});
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    std::string all;
    for (int i = 0; i < 100; ++i) all += "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    ASSERT_TRUE(peer.send(all));
    peer.shutdown_send();
    EXPECT_EQ(count_of(peer.read_all(), "HTTP/1.1 200 OK"), 100U);
}

TEST(HttpServer, a_request_cut_into_single_bytes_is_the_same_request) {
    const auto server = open_server(echo());
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    for (const char c : std::string_view("\r\nPOST /b?x=%41 HTTP/1.1\r\nHost: x\r\n"
                                         "Transfer-Encoding: chunked\r\n\r\n"
                                         "2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nTrailer: y\r\n\r\n")) {
        ASSERT_TRUE(peer.send({&c, 1}));
    }
    EXPECT_THAT(peer.read_until("hello"), EndsWith("POST /b hello"));
}

// Breaks if an empty chunked body in small packets trips an assertion of Beast 1.74: anybody could
// end the node with it. Found by tests/fuzz/http_fuzz.
TEST(HttpServer, an_empty_chunked_body_may_come_byte_by_byte) {
    const auto server = open_server(echo());
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(
        peer.send("POST /e HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
                  "transfer-encoding: chunked\r\n\r\n"));
    EXPECT_THAT(peer.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 100 "));
    for (const char c : std::string_view("0\r\n\r\n")) ASSERT_TRUE(peer.send({&c, 1}));
    EXPECT_THAT(peer.read_until("/e "), EndsWith("POST /e "));
}

// Breaks if HEAD carries a body: the next answer on the connection would be misread.
TEST(HttpServer, head_has_the_length_of_get_and_no_body) {
    const auto server = open_server(echo());
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(peer.send("HEAD /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    const std::string answer = peer.read_all();
    EXPECT_THAT(answer, HasSubstr("content-length: 8\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(HttpServer, http_1_0_closes_unless_asked_to_stay) {
    const auto server = open_server(echo());
    RawPeer closing = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(closing.send("GET / HTTP/1.0\r\n\r\n"));
    EXPECT_THAT(closing.read_all(), HasSubstr("connection: close\r\n"));
    RawPeer staying = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(staying.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"));
    EXPECT_THAT(staying.read_until("GET / "), HasSubstr("connection: keep-alive\r\n"));
}

TEST(HttpServer, a_client_that_waits_for_100_continue_gets_it) {
    const auto server = open_server(echo());
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(
        peer.send("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
                  "content-length: 2\r\n\r\n"));
    EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    ASSERT_TRUE(peer.send("hi"));
    EXPECT_THAT(peer.read_until("hi"), StartsWith("HTTP/1.1 200"));
}

// Breaks if a value from outside that a handler echoes could forge headers.
TEST(HttpServer, line_ends_in_answer_headers_are_neutralised) {
    const auto server = open_server([](std::shared_ptr<HttpExchange> exchange) {
        exchange->respond(
            {.headers = {{"x-request-id", "a\r\nset-cookie: b"}, {"content-length", "999"}},
             .body = "ok"});
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    const std::string answer = peer.read_all();
    EXPECT_THAT(answer, HasSubstr("x-request-id: a  set-cookie: b\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("999")));
}

// Breaks if a forgotten request hangs its client until a timeout.
TEST(HttpServer, a_dropped_exchange_is_answered_with_500_and_the_connection_lives) {
    const auto server = open_server([](std::shared_ptr<HttpExchange>) {});
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
        EXPECT_THAT(peer.read_until("}}"), StartsWith("HTTP/1.1 500 "));
    }
}

TEST(HttpServer, only_the_first_answer_counts) {
    const auto server = open_server([](std::shared_ptr<HttpExchange> exchange) {
        exchange->respond({.body = "first"});
        exchange->respond({.body = "second"});
        EXPECT_FALSE(exchange->begin_stream(200, {}, "text/plain"));
        EXPECT_FALSE(exchange->write("third"));
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    const std::string answer = peer.read_all();
    EXPECT_THAT(answer, EndsWith("first"));
    EXPECT_EQ(count_of(answer, "HTTP/1.1"), 1U);
}

// Breaks if a stream spoils the connection behind it.
TEST(HttpServer, a_stream_arrives_in_chunks_and_the_connection_lives_on) {
    std::jthread writer;
    const auto server = open_server([&writer](std::shared_ptr<HttpExchange> exchange) {
        writer = std::jthread([exchange] {
            ASSERT_TRUE(exchange->begin_stream(200, {{"x-a", "b"}}, "text/event-stream"));
            for (int i = 0; i < 3; ++i) EXPECT_TRUE(exchange->write("part" + std::to_string(i)));
            exchange->end();
        });
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
        const std::string answer = peer.read_until("\r\n0\r\n\r\n");
        EXPECT_THAT(answer, HasSubstr("transfer-encoding: chunked\r\n\r\n5\r\npart0\r\n"));
        EXPECT_THAT(answer, HasSubstr("5\r\npart2\r\n0\r\n\r\n"));
    }
}

TEST(HttpServer, a_stream_to_http_1_0_ends_with_the_connection) {
    const auto server = open_server([](std::shared_ptr<HttpExchange> exchange) {
        ASSERT_TRUE(exchange->begin_stream(200, {}, "text/plain"));
        exchange->write("raw");
        exchange->end();
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(peer.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"));
    const std::string answer = peer.read_all();
    EXPECT_THAT(answer, EndsWith("\r\n\r\nraw"));
    EXPECT_THAT(answer, Not(HasSubstr("chunked")));
}

// Breaks if a stream that failed looks whole to its reader.
TEST(HttpServer, a_dropped_stream_is_cut_without_the_last_chunk) {
    const auto server = open_server([](std::shared_ptr<HttpExchange> exchange) {
        ASSERT_TRUE(exchange->begin_stream(200, {}, "text/plain"));
        exchange->write("half");
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    EXPECT_THAT(peer.read_all(), Not(HasSubstr("\r\n0\r\n")));
}

TEST(HttpServer, head_of_a_stream_is_answered_without_one) {
    Latch refused;
    const auto server = open_server([&refused](std::shared_ptr<HttpExchange> exchange) {
        if (!exchange->begin_stream(200, {}, "text/event-stream")) refused.set();
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(peer.send("HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
    EXPECT_THAT(peer.read_all(), EndsWith("\r\n\r\n"));
    EXPECT_TRUE(refused.wait());
}

// Breaks if work goes on for a client that has left: GPUs would decode for nobody.
TEST(HttpServer, on_close_fires_when_the_client_leaves_while_it_waits_or_reads) {
    for (const bool is_stream : {false, true}) {
        for (const bool is_reset : {false, true}) {
            Latch arrived;
            Latch left;
            std::shared_ptr<HttpExchange> held;
            const auto server = open_server([&](std::shared_ptr<HttpExchange> exchange) {
                exchange->on_close([&left] { left.set(); });
                if (is_stream) {
                    EXPECT_TRUE(exchange->begin_stream(200, {}, "text/plain"));
                }
                held = std::move(exchange);
                arrived.set();
            });
            RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
            ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
            ASSERT_TRUE(arrived.wait());
            is_reset ? peer.reset_connection() : peer.close();
            EXPECT_TRUE(left.wait()) << is_stream << is_reset;
            EXPECT_TRUE(held->is_closed());
            EXPECT_FALSE(held->write("x"));
            Latch late;
            held->on_close([&late] { late.set(); });
            EXPECT_TRUE(late.wait());
        }
    }
}

TEST(HttpServer, on_close_does_not_fire_for_a_complete_answer) {
    bool fired = false;
    {
        const auto server = open_server([&fired](std::shared_ptr<HttpExchange> exchange) {
            exchange->on_close([&fired] { fired = true; });
            exchange->respond({.body = "ok"});
        });
        RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
        ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
        EXPECT_THAT(peer.read_until("ok"), EndsWith("ok"));
    }
    EXPECT_FALSE(fired);
}

// Breaks if an actor that answers late crashes the node during its stop.
TEST(HttpServer, an_exchange_may_outlive_its_server) {
    Latch arrived;
    Latch closed;
    std::shared_ptr<HttpExchange> held;
    auto server = open_server([&](std::shared_ptr<HttpExchange> exchange) {
        exchange->on_close([&closed] { closed.set(); });
        held = std::move(exchange);
        arrived.set();
    });
    RawPeer peer = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(peer.send("GET /kept HTTP/1.1\r\nhost: x\r\n\r\n"));
    ASSERT_TRUE(arrived.wait());
    server.reset();
    EXPECT_TRUE(closed.wait());
    EXPECT_EQ(held->request().path, "/kept");
    held->respond({.body = "too late"});
    held.reset();
    EXPECT_EQ(peer.read_all(), "");
}

// Breaks if a rolling restart cuts answers that were under way.
TEST(HttpServer, drain_lets_answers_finish_closes_idle_connections_and_takes_no_new_ones) {
    Latch arrived;
    std::shared_ptr<HttpExchange> held;
    auto server = open_server([&](std::shared_ptr<HttpExchange> exchange) {
        held = std::move(exchange);
        arrived.set();
    });
    RawPeer idle = RawPeer::connect_tcp(server->tcp_port());
    RawPeer busy = RawPeer::connect_tcp(server->tcp_port());
    ASSERT_TRUE(busy.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    ASSERT_TRUE(arrived.wait());
    EXPECT_FALSE(server->drain(milliseconds(1)));
    EXPECT_TRUE(idle.is_closed_by_peer());
    held->respond({.body = "done"});
    const std::string answer = busy.read_all();
    busy.close();
    EXPECT_TRUE(server->drain(milliseconds(test_wait_ms)));
    EXPECT_THAT(answer, HasSubstr("connection: close\r\n"));
    EXPECT_THAT(answer, EndsWith("done"));
    EXPECT_EQ(server->counters().connections_open, 0U);
    EXPECT_EQ(server->counters().requests_in_flight, 0U);
}

// Breaks if an operator cannot see who holds the port.
TEST(HttpServer, a_taken_port_is_an_error_that_names_it_and_its_holder_or_moves_on) {
    const auto first = open_server(echo());
    HttpServer::Options options;
    options.tcp_port = first->tcp_port();
    const auto refused = HttpServer::open(options, echo());
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_THAT(refused.error().what, HasSubstr(std::to_string(first->tcp_port())));
    EXPECT_THAT(refused.error().why, HasSubstr(std::to_string(::getpid())));
    options.tcp_port_may_move = true;
    const auto moved = open_server(echo(), options);
    EXPECT_NE(moved->tcp_port(), first->tcp_port());
    RawPeer peer = RawPeer::connect_tcp(moved->tcp_port());
    ASSERT_TRUE(peer.send("GET /moved HTTP/1.1\r\nhost: x\r\n\r\n"));
    EXPECT_THAT(peer.read_until("/moved"), HasSubstr("/moved"));
}

TEST(HttpServer, a_host_that_is_no_address_is_refused) {
    HttpServer::Options options;
    options.tcp_host = "not-an-address";
    const auto refused = HttpServer::open(options, echo());
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
}

// Breaks if other users of the machine may speak to a node, or its user is not recognised.
TEST(HttpServer, the_unix_socket_is_private_and_tells_the_users_id) {
    const ScratchFolder folder;
    HttpServer::Options options;
    options.unix_socket_path = folder / "node.sock";
    options.tcp_enabled = false;
    std::promise<HttpRequest> seen;
    auto server = open_server(
        [&seen](std::shared_ptr<HttpExchange> exchange) {
            seen.set_value(exchange->request());
            exchange->respond({.body = "ok"});
        },
        options);
    EXPECT_EQ(server->tcp_port(), 0);
    struct stat entry{};
    ASSERT_EQ(::lstat(options.unix_socket_path.c_str(), &entry), 0);
    EXPECT_EQ(entry.st_mode & 0777U, 0600U);
    RawPeer peer = RawPeer::connect_unix(options.unix_socket_path);
    ASSERT_TRUE(peer.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    EXPECT_THAT(peer.read_until("ok"), EndsWith("ok"));
    const HttpRequest request = seen.get_future().get();
    EXPECT_TRUE(request.local_socket);
    EXPECT_EQ(request.peer_uid, ::getuid());
    EXPECT_EQ(request.peer_address, "");
    server.reset();
    EXPECT_NE(::lstat(options.unix_socket_path.c_str(), &entry), 0);
}

TEST(HttpServer, a_live_unix_socket_is_kept_a_stale_one_replaced_and_a_file_never_touched) {
    const ScratchFolder folder;
    HttpServer::Options options;
    options.tcp_enabled = false;
    options.unix_socket_path = folder / "node.sock";
    auto first = open_server(echo(), options);
    const auto second = HttpServer::open(options, echo());
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::already_exists);
    EXPECT_THAT(second.error().what, HasSubstr(options.unix_socket_path));
    EXPECT_THAT(second.error().why, HasSubstr(std::to_string(::getpid())));

    // What a killed process leaves behind: the file of a socket that nobody serves.
    const std::string stale = folder / "stale.sock";
    ASSERT_EQ(::link(options.unix_socket_path.c_str(), stale.c_str()), 0);
    first.reset();
    options.unix_socket_path = stale;
    EXPECT_TRUE(HttpServer::open(options, echo()).ok());

    options.unix_socket_path = folder / "precious.txt";
    std::ofstream(options.unix_socket_path) << "keep me";
    const auto third = HttpServer::open(options, echo());
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code, ErrorCode::conflict);
    options.unix_socket_path = folder / std::string(120, 'x');
    EXPECT_EQ(HttpServer::open(options, echo()).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace ait::net
