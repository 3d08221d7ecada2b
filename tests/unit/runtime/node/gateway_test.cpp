// The gateway without sockets: exchanges are made by hand, the node behind it is a fake.

#include "runtime/node/gateway.hpp"

#include <gtest/gtest.h>

#include <future>

#include "../../actors/shells/fake_node.hpp"
#include "actors/coordinator/operations.hpp"
#include "actors/ledger/operations.hpp"

namespace ait::node {
namespace {

class FakeExchange final : public net::HttpExchange {
  public:
    explicit FakeExchange(net::HttpRequest request) : request_(std::move(request)) {}
    [[nodiscard]] const net::HttpRequest& request() const noexcept override { return request_; }
    void respond(net::HttpResponse response) override { answered_.set_value(std::move(response)); }
    bool begin_stream(int, std::vector<net::HttpHeader>, std::string) override { return false; }
    bool write(std::string) override { return false; }
    void end() override {}
    [[nodiscard]] bool is_closed() const override { return false; }
    void on_close(std::function<void()>) override {}
    std::future<net::HttpResponse> answer() { return answered_.get_future(); }

  private:
    net::HttpRequest request_;
    std::promise<net::HttpResponse> answered_{};
};

struct Door {
    Door() {
        for (const auto part : {ledger::bindings(), coordinator::bindings()}) {
            bindings.insert(bindings.end(), part.begin(), part.end());
        }
        gateway.emplace(
            Gateway::Parts{.services = node,
                           .access = access,
                           .bindings = bindings,
                           .in_flight_max = 4,
                           .threads = 1,
                           .find_chain = [this](std::string_view name) -> Result<NodeServices*> {
                               if (name == "second") return &second;
                               return Error{ErrorCode::not_found, "No chain.", "", ""};
                           }});
    }
    static net::HttpRequest request(std::string method, std::string path, std::string body = "") {
        net::HttpRequest made;
        made.method = std::move(method);
        made.path = std::move(path);
        made.body = std::move(body);
        made.local_socket = true;
        made.peer_uid = 1'000;
        made.headers.push_back({"aitbc-account", crypto::to_text(person(1).address)});
        return made;
    }
    std::future<net::HttpResponse> send(net::HttpRequest made) {
        auto exchange = std::make_shared<FakeExchange>(std::move(made));
        auto answer = exchange->answer();
        gateway->handle(exchange);
        return answer;
    }
    net::HttpResponse ask(net::HttpRequest made) { return send(std::move(made)).get(); }
    static std::string code(const net::HttpResponse& response) {
        return parse_json(response.body).value()["error"]["code"].get<std::string>();
    }

    FakeNode node{};
    FakeNode second{};  ///< another chain of the same node
    Access access{1'000};
    std::vector<Binding> bindings{};
    std::optional<Gateway> gateway{};
};

TEST(Gateway, an_unknown_route_is_404_and_a_wrong_verb_405_with_those_that_are_allowed) {
    Door door;
    const auto unknown = door.ask(Door::request("GET", "/api/v1/nothing"));
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(Door::code(unknown), "not_found");
    const auto wrong = door.ask(Door::request("DELETE", "/api/v1/jobs"));
    EXPECT_EQ(wrong.status, 405);
    ASSERT_NE(wrong.find_header("allow"), nullptr);
    EXPECT_NE(wrong.find_header("allow")->find("POST"), std::string::npos);
    EXPECT_EQ(door.ask(Door::request("OPTIONS", "/api/v1/anything")).status, 204);
}

TEST(Gateway, malformed_or_unknown_input_is_refused_before_any_handler_sees_it) {
    Door door;
    EXPECT_EQ(door.ask(Door::request("POST", "/api/v1/jobs", "{not json")).status, 400);
    EXPECT_EQ(door.ask(Door::request("POST", "/api/v1/jobs", "[1]")).status, 400);
    const auto unknown = door.ask(Door::request("POST", "/api/v1/jobs", R"({"modell":"x"})"));
    EXPECT_EQ(unknown.status, 422);
    EXPECT_NE(unknown.body.find("modell"), std::string::npos);
    EXPECT_EQ(door.node.proposals_waiting(), 0U);
}

TEST(Gateway, a_command_is_answered_when_its_block_is_made_and_not_before) {
    Door door;
    auto answer = door.send(Door::request(
        "POST", "/api/v1/jobs", R"({"type":"inference","model":"tiny","data":{"prompt":"hi"}})"));
    ASSERT_EQ(door.node.proposals_waiting(), 1U);
    EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    door.node.make_block();
    const auto response = answer.get();
    EXPECT_EQ(response.status, 200);
    const Json body = parse_json(response.body).value();
    EXPECT_EQ(body["status"], "pending");
    EXPECT_TRUE(body.contains("transaction_hash"));
    ASSERT_NE(response.find_header("x-request-id"), nullptr);
}

TEST(Gateway, more_requests_than_credits_are_turned_away_with_a_time_to_come_back) {
    Door door;
    std::vector<std::future<net::HttpResponse>> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.push_back(door.send(
            Door::request("POST", "/api/v1/jobs", R"({"model":"tiny","data":{"prompt":"hi"}})")));
    }
    const auto refused = door.ask(Door::request("GET", "/api/v1/jobs"));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(Door::code(refused), "overloaded");
    ASSERT_NE(refused.find_header("retry-after"), nullptr);
    door.node.make_block();
    for (auto& answer : waiting) EXPECT_EQ(answer.get().status, 200);
    EXPECT_EQ(door.ask(Door::request("GET", "/api/v1/jobs")).status, 200) << "credits come back";
}

TEST(Gateway, what_moves_money_is_not_done_without_the_accounts_signature) {
    Door door;
    const auto bare =
        door.ask(Door::request("POST", "/api/v1/transfers", R"({"to":"ait1x","amount":"1"})"));
    EXPECT_EQ(bare.status, 422);
    EXPECT_NE(bare.body.find("signed"), std::string::npos);
    EXPECT_EQ(door.node.proposals_waiting(), 0U);
}

TEST(Gateway, a_stranger_on_tcp_reads_nothing_that_needs_a_role) {
    Door door;
    net::HttpRequest request = Door::request("GET", "/api/v1/jobs");
    request.local_socket = false;
    EXPECT_EQ(door.ask(request).status, 401);
}

// Breaks if somebody without a token, or guessing at one, can keep the node busy for ever.
TEST(Gateway, who_asks_too_often_gets_429_and_the_seconds_to_wait) {
    Door door;
    net::HttpRequest stranger = Door::request("GET", "/api/v1/chain");
    stranger.local_socket = false;
    stranger.peer_address = "10.0.0.1";
    net::HttpResponse last;
    for (int i = 0; i < 1'001; ++i) last = door.ask(stranger);
    EXPECT_EQ(last.status, 429);
    EXPECT_EQ(Door::code(last), "limit_reached");
    ASSERT_NE(last.find_header("retry-after"), nullptr);
    EXPECT_EQ(*last.find_header("retry-after"), "1");
    stranger.peer_address = "10.0.0.2";
    EXPECT_NE(door.ask(stranger).status, 429) << "only its own address pays";

    stranger.headers.push_back({"authorization", "Bearer " + std::string(64, 'x')});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(door.ask(stranger).status, 401);
    const auto guessed = door.ask(stranger);
    EXPECT_EQ(guessed.status, 429);
    EXPECT_EQ(*guessed.find_header("retry-after"), "6");
    EXPECT_EQ(door.gateway->figures().rate_limited_total, 2U);
    for (int i = 0; i < 2'000; ++i) {
        EXPECT_EQ(door.ask(Door::request("GET", "/api/v1/jobs")).status, 200) << "the owner";
    }
}

TEST(Gateway, a_request_id_of_the_caller_comes_back_and_a_hostile_one_is_replaced) {
    Door door;
    net::HttpRequest good = Door::request("GET", "/api/v1/jobs");
    good.headers.push_back({"x-request-id", "my-id_1"});
    EXPECT_EQ(*door.ask(good).find_header("x-request-id"), "my-id_1");
    net::HttpRequest bad = Door::request("GET", "/api/v1/jobs");
    bad.headers.push_back({"x-request-id", "a\r\nset-cookie: x"});
    EXPECT_EQ(door.ask(bad).find_header("x-request-id")->find('\n'), std::string::npos);
}

TEST(Gateway, asking_for_a_height_that_is_not_there_yet_says_so) {
    Door door;
    net::HttpRequest request = Door::request("GET", "/api/v1/jobs");
    request.query.emplace_back("min_height", "1000000");
    request.headers.push_back({"aitbc-timeout-ms", "20"});
    const auto response = door.ask(request);
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(Door::code(response), "unavailable");
}

// Breaks if what is meant for one chain is done on another.
TEST(Gateway, a_request_goes_to_the_chain_that_it_names_and_to_the_default_one_without_a_name) {
    Door door;
    const std::string job = R"({"model":"tiny","data":{"prompt":"hi"}})";
    auto request = Door::request("POST", "/api/v1/jobs", job);
    request.query.emplace_back("chain", "second");
    auto answer = door.send(request);
    EXPECT_EQ(door.node.proposals_waiting(), 0U);
    ASSERT_EQ(door.second.proposals_waiting(), 1U);
    door.second.make_block();
    EXPECT_EQ(answer.get().status, 200);

    auto listed = Door::request("GET", "/api/v1/jobs");
    EXPECT_EQ(parse_json(door.ask(listed).body).value()["items"].size(), 0U);
    listed.query.emplace_back("chain", "second");
    EXPECT_EQ(parse_json(door.ask(listed).body).value()["items"].size(), 1U);
}

// Breaks if a slip in a name falls back to the default chain, where it may cost money.
TEST(Gateway, a_chain_that_is_not_there_is_refused_and_nothing_is_done_elsewhere) {
    Door door;
    for (const char* name : {"third", "second%00", "../second", ""}) {
        auto request =
            Door::request("POST", "/api/v1/jobs", R"({"model":"tiny","data":{"prompt":"hi"}})");
        request.query.emplace_back("chain", name);
        EXPECT_EQ(door.ask(request).status, *name == 0 ? 422 : 404) << name;
    }
    EXPECT_EQ(door.node.proposals_waiting(), 0U);
    EXPECT_EQ(door.second.proposals_waiting(), 0U);
}

// Breaks if a block of one chain wakes those who wait for the height of another.
TEST(Gateway, a_minimum_height_is_that_of_the_chain_that_is_named) {
    Door door;
    door.second.advance(1'000);
    auto request = Door::request("GET", "/api/v1/jobs");
    request.query.emplace_back("chain", "second");
    request.query.emplace_back("min_height", std::to_string(door.second.chain.height + 1));
    auto answer = door.send(request);
    door.node.chain.height += 10;
    door.node.make_block();
    EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    ++door.second.chain.height;
    door.second.make_block();
    EXPECT_EQ(answer.get().status, 200);
}

}  // namespace
}  // namespace ait::node
