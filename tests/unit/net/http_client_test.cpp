#include "net/http_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "net/event_stream.hpp"
#include "net/http_server.hpp"
#include "raw_peers.hpp"

namespace ait::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpEndpoint loopback(std::uint16_t port) {
    return {.is_unix = false, .socket_path = {}, .host = "127.0.0.1", .port = port, .prefix = {}};
}

TEST(HttpEndpoint, texts_are_parsed_and_printed_back) {
    for (const std::string_view text : {"unix:/run/aitbc/node.sock", "http://127.0.0.1:8090",
                                        "http://[::1]:8090/api/v2", "http://node.example:80"}) {
        const auto endpoint = parse_http_endpoint(text);
        ASSERT_TRUE(endpoint.ok()) << text;
        EXPECT_EQ(to_text(endpoint.value()), text);
    }
    EXPECT_EQ(parse_http_endpoint("http://host/x/").value().prefix, "/x");
    EXPECT_EQ(parse_http_endpoint("http://host").value().port, 80);
}

TEST(HttpEndpoint, what_is_no_address_is_refused_and_https_by_name) {
    for (const std::string_view text :
         {"", "localhost:80", "unix:relative", "http://", "http://:80", "http://h:0",
          "http://h:65536", "http://h:8o", "http://h:", "http://[::1", "http://[::1]x",
          "http://a@b:1", "http://h/a b", "http://h/x?y=1", "ftp://h"}) {
        const auto endpoint = parse_http_endpoint(text);
        ASSERT_FALSE(endpoint.ok()) << text;
        EXPECT_EQ(endpoint.error().code, ErrorCode::invalid_argument) << text;
    }
    const auto https = parse_http_endpoint("https://node:443");
    ASSERT_FALSE(https.ok());
    EXPECT_EQ(https.error().code, ErrorCode::unsupported);
}

/// Our own server, answering with what it got.
std::unique_ptr<HttpServer> open_echo(HttpServer::Options options = {}) {
    auto server = HttpServer::open(options, [](std::shared_ptr<HttpExchange> exchange) {
        const HttpRequest& request = exchange->request();
        exchange->respond({.status = 202,
                           .headers = {{"x-method", request.method}},
                           .body = request.target + '|' + request.body});
    });
    EXPECT_TRUE(server.ok());
    return std::move(server).value();
}

TEST(HttpClient, requests_reuse_one_connection_over_tcp_and_unix) {
    const ScratchFolder folder;
    HttpServer::Options options;
    options.unix_socket_path = folder / "node.sock";
    const auto server = open_echo(options);
    HttpEndpoint tcp = loopback(server->tcp_port());
    tcp.prefix = "/base";
    HttpEndpoint local{.is_unix = true, .socket_path = options.unix_socket_path};
    HttpClient clients[] = {HttpClient(tcp), HttpClient(local)};
    for (HttpClient& client : clients) {
        for (const std::string method : {"POST", "GET", "HEAD", "DELETE"}) {
            const std::string body = method == "POST" ? std::string(300'000, 'b') : std::string();
            const auto answer =
                client.request({.method = method, .target = "/a?b=c", .body = body});
            ASSERT_TRUE(answer.ok()) << render_error(answer.error());
            EXPECT_EQ(answer.value().status, 202);
            EXPECT_EQ(*answer.value().find_header("x-method"), method);
            EXPECT_EQ(answer.value().content_type, "application/json");
            const std::string echoed = client.endpoint().prefix + "/a?b=c|" + body;
            EXPECT_EQ(answer.value().body, method == "HEAD" ? "" : echoed);
        }
    }
    EXPECT_EQ(server->counters().connections_total, 2U);
}

// Breaks if a stopped node is not told from a broken one: the CLI decides by the code.
TEST(HttpClient, nobody_listening_is_unavailable_and_says_what_to_do) {
    const ScratchFolder folder;
    HttpClient::Options options;
    options.unavailable_next = "Start one: aitbc up";
    std::uint16_t free_port = 0;
    {
        free_port = open_echo()->tcp_port();
    }
    for (const HttpEndpoint& endpoint :
         {HttpEndpoint{.is_unix = true, .socket_path = folder / "none.sock"},
          loopback(free_port)}) {
        HttpClient client(endpoint, options);
        const auto answer = client.request({});
        ASSERT_FALSE(answer.ok());
        EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
        EXPECT_THAT(answer.error().what, HasSubstr(to_text(endpoint)));
        EXPECT_EQ(answer.error().next, "Start one: aitbc up");
    }
}

ErrorCode code_of(const Result<HttpResponse>& answer) {
    EXPECT_FALSE(answer.ok());
    return answer.ok() ? ErrorCode::internal : answer.error().code;
}

// Breaks if a hung engine costs more than its deadline.
TEST(HttpClient, each_deadline_ends_a_request_to_a_server_that_hangs_or_drips) {
    const ScriptedServer server([](RawPeer& peer, int index) {
        peer.read_until("\r\n\r\n");
        if (index > 0) (void)peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx");
        // Says no more until the client has gone.
        EXPECT_TRUE(peer.is_closed_by_peer());
    });
    HttpClient client(loopback(server.port()));
    const auto hung = client.request({.deadline_ms = 0, .first_byte_ms = 30});
    EXPECT_EQ(code_of(hung), ErrorCode::deadline_exceeded);
    EXPECT_THAT(hung.error().why, HasSubstr("first byte"));
    const auto dripping = client.request({.deadline_ms = 0, .idle_ms = 30});
    EXPECT_EQ(code_of(dripping), ErrorCode::deadline_exceeded);
    EXPECT_THAT(dripping.error().why, HasSubstr("more of the answer"));
    const auto total = client.request({.deadline_ms = 30});
    EXPECT_EQ(code_of(total), ErrorCode::deadline_exceeded);
}

/// The result of one GET to a server that says `bytes` and closes.
Result<HttpResponse> get_from(std::string bytes, HttpClient::Options options = {}) {
    const ScriptedServer server([&bytes](RawPeer& peer, int) {
        peer.read_until("\r\n\r\n");
        (void)peer.send(bytes);
        peer.shutdown_send();
        (void)peer.is_closed_by_peer();
    });
    HttpClient client(loopback(server.port()), std::move(options));
    return client.request({.deadline_ms = test_wait_ms});
}

TEST(HttpClient, answers_in_every_legal_form_are_read) {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    EXPECT_EQ(get_from(head + "content-length: 2\r\n\r\nhi").value().body, "hi");
    EXPECT_EQ(
        get_from(head +
                 "transfer-encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\na: b\r\n\r\n")
            .value()
            .body,
        "hi");
    EXPECT_EQ(get_from(head + "\r\nuntil the end").value().body, "until the end");
    EXPECT_EQ(
        get_from("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").value().status,
        204);
}

// Breaks if a broken answer passes for a whole one: a result could be lost or halved unseen.
TEST(HttpClient, broken_answers_are_typed_errors) {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    EXPECT_EQ(code_of(get_from("")), ErrorCode::unavailable);
    EXPECT_EQ(code_of(get_from("HTTP/1.1 200")), ErrorCode::unavailable);
    const auto cut = get_from(head + "content-length: 10\r\n\r\nhalf");
    EXPECT_EQ(code_of(cut), ErrorCode::unavailable);
    EXPECT_THAT(cut.error().why, HasSubstr("4 bytes"));
    EXPECT_EQ(code_of(get_from(head + "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")),
              ErrorCode::unavailable);
    EXPECT_EQ(code_of(get_from("SSH-2.0-OpenSSH_9.2\r\n\r\n")), ErrorCode::malformed);
    EXPECT_EQ(code_of(get_from(head + "content-length: two\r\n\r\nhi")), ErrorCode::malformed);
    EXPECT_EQ(code_of(get_from(head + "transfer-encoding: gzip\r\n\r\nhi")), ErrorCode::malformed);
    EXPECT_EQ(code_of(get_from(head + "transfer-encoding: chunked\r\n\r\nzz\r\n")),
              ErrorCode::malformed);
    EXPECT_EQ(code_of(get_from(head + std::string(200'000, 'h'))), ErrorCode::malformed);
    std::string interim;
    for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_EQ(code_of(get_from(interim)), ErrorCode::malformed);
    HttpClient::Options small;
    small.response_bytes_max = 5;
    EXPECT_EQ(code_of(get_from(head + "content-length: 6\r\n\r\n123456", small)),
              ErrorCode::too_large);
    EXPECT_EQ(code_of(get_from(head + "\r\n123456", small)), ErrorCode::too_large);
    EXPECT_EQ(code_of(get_from(head + "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n",
                               small)),
              ErrorCode::too_large);
}

// Breaks if a write is sent twice, or a read fails because an idle connection went stale.
TEST(HttpClient, only_idempotent_requests_are_repeated_and_only_on_a_stale_connection) {
    for (const std::string method : {"GET", "POST"}) {
        std::atomic<int> requests = 0;
        const ScriptedServer server([&requests](RawPeer& peer, int index) {
            peer.read_until("\r\n\r\n");
            ++requests;
            (void)peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            if (index > 0) return;
            // The second request of the first connection is read, and then dropped.
            peer.read_until("\r\n\r\n");
            ++requests;
        });
        HttpClient client(loopback(server.port()));
        ASSERT_TRUE(client.request({.method = method}).ok());
        const auto second = client.request({.method = method});
        if (method == "GET") {
            EXPECT_TRUE(second.ok());
            EXPECT_EQ(requests, 3);
        } else {
            EXPECT_EQ(code_of(second), ErrorCode::unavailable);
            EXPECT_EQ(requests, 2);
        }
    }
}

TEST(HttpClient, an_answer_that_comes_before_the_body_is_sent_is_seen) {
    HttpServer::Options options;
    options.body_bytes_max = 1'000;
    const auto server = open_echo(options);
    HttpClient client(loopback(server->tcp_port()));
    const auto refused = client.request({.method = "POST", .body = std::string(6'000'000, 'b')});
    ASSERT_TRUE(refused.ok()) << render_error(refused.error());
    EXPECT_EQ(refused.value().status, 413);
    EXPECT_EQ(client.request({}).value().status, 202);
}

TEST(HttpClient, requests_that_would_be_read_as_two_are_not_sent) {
    HttpClient client(loopback(1));
    EXPECT_EQ(code_of(client.request({.method = "GET /"})), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(client.request({.target = "/a b"})), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(client.request({.target = "a"})), ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(client.request({.headers = {{"x", "a\r\nb: c"}}})),
              ErrorCode::invalid_argument);
    EXPECT_EQ(code_of(client.request({.headers = {{"content-length", "1"}}})),
              ErrorCode::invalid_argument);
}

// Breaks if `--follow` misses events or cannot be ended by Ctrl-C.
TEST(HttpClient, a_stream_is_given_in_pieces_until_its_end_its_reader_or_a_stop_ends_it) {
    std::jthread writer;
    auto opened = HttpServer::open({}, [&writer](std::shared_ptr<HttpExchange> exchange) {
        writer = std::jthread([exchange] {
            EXPECT_TRUE(exchange->begin_stream(200, {}, "text/event-stream"));
            for (const char* text : {"a", "b", "c"}) {
                exchange->write(format_sse_event({.data = text}));
            }
            if (exchange->request().path == "/finite") {
                exchange->end();
                return;
            }
            Latch gone;
            exchange->on_close([&gone] { gone.set(); });
            EXPECT_TRUE(gone.wait());
        });
    });
    ASSERT_TRUE(opened.ok());
    HttpClient client(loopback(opened.value()->tcp_port()));
    SseParser parser(1'000);
    std::vector<SseEvent> events;
    const auto collect = [&](std::string_view bytes) { return parser.feed(bytes, events).ok(); };
    const auto accept = [](const HttpResponse& head) { return head.status == 200; };
    const auto whole = client.stream({.target = "/finite", .deadline_ms = 0}, accept, collect);
    ASSERT_TRUE(whole.ok()) << render_error(whole.error());
    EXPECT_EQ(whole.value().content_type, "text/event-stream");
    EXPECT_EQ(events.size(), 3U);

    const auto ended = client.stream({.target = "/endless", .deadline_ms = 0}, accept,
                                     [](std::string_view) { return false; });
    EXPECT_TRUE(ended.ok());

    std::stop_source stop;
    events.clear();
    const auto stopped = client.stream(
        {.target = "/endless", .deadline_ms = 0}, accept,
        [&](std::string_view bytes) {
            collect(bytes);
            if (events.size() >= 3) stop.request_stop();
            return true;
        },
        stop.get_token());
    EXPECT_EQ(code_of(stopped), ErrorCode::cancelled);
    EXPECT_EQ(events.size(), 3U);
}

}  // namespace
}  // namespace ait::net
