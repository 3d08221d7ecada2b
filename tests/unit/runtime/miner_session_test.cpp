#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/consensus/transaction.hpp"
#include "miner_fakes.hpp"
#include "runtime/base/codec/msgpack.hpp"
#include "runtime/base/crypto/hash.hpp"
#include "runtime/miner/mine_ollama.hpp"
#include "runtime/miner/node_session.hpp"

namespace ait::miner_process {
namespace {

using ::testing::HasSubstr;

const Hash genesis = crypto::blake2b_256("genesis of this test");

crypto::SecretKey test_key() {
    return std::move(crypto::SecretKey::from_seed(std::string(32, 'k'))).value();
}

/// A node as far as a miner sees one: it checks signatures and nonces like the real one.
class FakeNode {
  public:
    FakeNode() : server_(open_fake([this](auto exchange) { handle(*exchange); })) {}

    [[nodiscard]] net::HttpEndpoint endpoint() const { return endpoint_of(server_->tcp_port()); }

    std::mutex mutex{};
    std::string token = "token-1";
    int sessions = 0;
    std::uint64_t nonce = 4;      ///< of the last transaction
    int nonce_races = 0;          ///< answers of nonce_mismatch still to give
    int outages = 0;              ///< submissions that are applied but never answered well
    std::optional<Json> miner{};  ///< the record
    std::vector<consensus::UnsignedTransaction> applied{};
    std::vector<std::string> keys_seen{};
    std::vector<Json> polls{};
    std::vector<Json> beats{};
    Json poll_answer = Json{{"jobs", Json::array()}, {"height", 9}};

  private:
    static void refuse(net::HttpExchange& exchange, const Error& error) {
        exchange.respond({.status = error_code_row(error.code).http_status,
                          .body = dump_json(error_to_json(error, "r"))});
    }
    static void answer(net::HttpExchange& exchange, const Json& json) {
        exchange.respond({.body = dump_json(json)});
    }

    void handle(net::HttpExchange& exchange) {
        const std::scoped_lock lock(mutex);
        const net::HttpRequest& request = exchange.request();
        if (request.path == "/api/v1/chain") {
            return answer(
                exchange,
                Json{{"chain", "ait-test"}, {"genesis", to_hex(genesis.view())}, {"height", 9}});
        }
        if (request.path == "/api/v1/miners/sessions") return open_session(exchange);
        const std::string* authorization = request.find_header("authorization");
        if (authorization == nullptr || *authorization != "Bearer " + token) {
            return refuse(exchange, {ErrorCode::unauthenticated, "Unknown token.", "", ""});
        }
        if (request.path.starts_with("/api/v1/accounts/")) {
            return answer(exchange, Json{{"nonce", nonce}});
        }
        if (request.path == "/api/v1/miners/poll") {
            polls.push_back(parse_json(request.body).value());
            return answer(exchange, poll_answer);
        }
        if (request.path == "/api/v1/miners/heartbeat") {
            beats.push_back(parse_json(request.body).value());
            return answer(exchange, Json{{"cancelled_jobs", {"job-9"}}, {"drain", true}});
        }
        if (request.method == "POST") return submit(exchange);
        if (miner) return answer(exchange, *miner);
        refuse(exchange, {ErrorCode::not_found, "No such miner.", "", ""});
    }

    void open_session(net::HttpExchange& exchange) {
        const Json body = parse_json(exchange.request().body).value();
        const auto key = fixed_from_hex<PublicKey>(body["public_key"].get<std::string>()).value();
        const auto signature =
            fixed_from_hex<Signature>(body["signature"].get<std::string>()).value();
        const std::string statement = "ait-test|" + to_hex(genesis.view()) + "|" +
                                      body["address"].get<std::string>() + "|" +
                                      std::to_string(body["time_unix_ms"].get<std::int64_t>());
        if (!crypto::verify(key, "session/1", statement, signature)) {
            return refuse(exchange, {ErrorCode::unauthenticated, "Bad signature.", "", ""});
        }
        ++sessions;
        answer(exchange, Json{{"token", token},
                              {"miner_id", "miner-1"},
                              {"expires_at", "2030-01-01T00:00:00.000Z"},
                              {"heartbeat_ms", 5'000}});
    }

    void submit(net::HttpExchange& exchange) {
        const Json body = parse_json(exchange.request().body).value();
        const auto wire = from_base64(body["transaction"].get<std::string>()).value();
        const auto transaction = consensus::verify_transaction(wire, "ait-test", genesis);
        if (!transaction.ok()) return refuse(exchange, transaction.error());
        const auto& content = transaction.value().content;
        keys_seen.push_back(content.idempotency_key);
        const bool is_known = std::any_of(applied.begin(), applied.end(), [&](const auto& other) {
            return other.idempotency_key == content.idempotency_key;
        });
        if (!is_known && (nonce_races > 0 || content.nonce != nonce + 1)) {
            --nonce_races;
            ++nonce;
            return refuse(exchange, {ErrorCode::nonce_mismatch, "Another came first.", "", ""});
        }
        if (!is_known) {
            applied.push_back(content);
            ++nonce;
        }
        if (outages > 0) {
            --outages;
            return refuse(exchange, {ErrorCode::deadline_exceeded, "No time left.", "", ""});
        }
        answer(exchange, Json{{"job_id", "job-1"},
                              {"status", "completed"},
                              {"payment_state", "paid"},
                              {"paid_duration_ms", 40},
                              {"paid_to_miner", "0.000005"},
                              {"fee", "0.000000"},
                              {"refunded", "9.999995"},
                              {"transaction_hash", std::string(64, 'a')},
                              {"height", 10},
                              {"block_time", "2026-11-21T08:15:30.123Z"}});
    }

    std::unique_ptr<net::HttpServer> server_;
};

struct Bench {
    FakeNode node{};
    ManualClock clock{};
    TestPause pause{};
    NodeSession session{node.endpoint(), test_key(), {.clock = &clock, .pause = &pause}};

    [[nodiscard]] SubmitLimits limits() const {
        return {.deadline_unix_ms = clock.now_unix_ms() + 60'000};
    }
};

// Breaks if a restarted node, which knows no sessions, loses its miners.
TEST(NodeSession, a_node_that_forgot_the_session_gets_a_new_one) {
    Bench bench;
    ASSERT_TRUE(bench.session.open({}).ok());
    EXPECT_EQ(bench.session.miner_id(), "miner-1");
    EXPECT_EQ(bench.session.heartbeat_ms(), 5'000U);
    {
        const std::scoped_lock lock(bench.node.mutex);
        bench.node.token = "token-2";
    }
    const auto view = bench.session.heartbeat(
        {.jobs = {{"job-1", 2}}, .models = {"tiny"}, .inference_url = "http://127.0.0.1:1"}, {});

    ASSERT_TRUE(view.ok()) << render_error(view.error());
    EXPECT_TRUE(view.value().drain);
    EXPECT_EQ(view.value().cancelled_jobs, std::vector<std::string>{"job-9"});
    EXPECT_EQ(bench.node.sessions, 2);
    EXPECT_EQ(dump_json(bench.node.beats.back()),
              R"({"jobs":[{"job_id":"job-1","attempt":2}],"models":["tiny"],"metrics":{},)"
              R"("inference_url":"http://127.0.0.1:1"})");
}

// Breaks if a job on the wire is not what the loop works with.
TEST(NodeSession, polled_jobs_arrive_whole_and_no_more_than_were_asked_for) {
    Bench bench;
    Json row = to_json_value(job_view("job-1"));
    row["a_later_field"] = 1;
    bench.node.poll_answer["jobs"] = Json::array({row, row, row});
    row["leased_at"] = "2026-11-21T08:15:30.123Z";
    for (auto& job : bench.node.poll_answer["jobs"]) {
        job["leased_at"] = row["leased_at"];
        job["lease_expires_at"] = row["leased_at"];
    }
    const auto jobs = bench.session.poll(2, 7, {});

    ASSERT_TRUE(jobs.ok()) << render_error(jobs.error());
    ASSERT_EQ(jobs.value().size(), 2U);
    EXPECT_EQ(jobs.value()[0].payload.text, R"({"prompt":"hi"})");
    EXPECT_EQ(jobs.value()[0].price_per_hour, Amount{500'000});
    EXPECT_EQ(dump_json(bench.node.polls.back()), R"({"max":2,"wait":7})");
}

// Breaks if a result whose answer was lost is paid twice, or never.
TEST(NodeSession, a_result_is_repeated_under_one_key_until_it_is_answered) {
    Bench bench;
    bench.node.outages = 3;
    const coordinator::CompleteJob job{.job_id = "job-1", .attempt = 2};
    const auto answer = bench.session.complete(job, R"({"response":"x"})", bench.limits());

    ASSERT_TRUE(answer.ok()) << render_error(answer.error());
    EXPECT_EQ(answer.value().paid_to_miner, Amount{5});
    ASSERT_EQ(bench.node.applied.size(), 1U);
    EXPECT_EQ(bench.node.applied[0].kind, "job.complete");
    EXPECT_EQ(bench.node.applied[0].nonce, 5U);
    EXPECT_EQ(bench.node.applied[0].expiry_height, 1'009U);
    EXPECT_EQ(bench.node.applied[0].blobs[0], crypto::blake2b_256(R"({"response":"x"})"));
    EXPECT_EQ(bench.node.keys_seen.size(), 4U);
    for (const auto& key : bench.node.keys_seen) {
        EXPECT_EQ(key, submission_key("job.complete", "job-1", 2));
        EXPECT_LE(key.size(), limits::idempotency_key_bytes_max);
    }
    EXPECT_EQ(bench.pause.pauses().size(), 3U);
}

// Breaks if two programs with one wallet cannot both send.
TEST(NodeSession, a_nonce_that_was_taken_is_fetched_again) {
    Bench bench;
    bench.node.nonce_races = 2;
    const auto answer =
        bench.session.complete({.job_id = "job-1", .attempt = 1}, "{}", bench.limits());

    ASSERT_TRUE(answer.ok()) << render_error(answer.error());
    EXPECT_EQ(bench.node.applied[0].nonce, 7U);
    EXPECT_TRUE(bench.pause.pauses().empty());
}

// Breaks if a miner goes on for ever with a result that nobody wants any more.
TEST(NodeSession, repeating_ends_with_the_deadline_and_with_the_stop) {
    Bench bench;
    bench.node.outages = 1'000;
    const auto late = bench.session.complete({.job_id = "job-1"}, "{}",
                                             {.deadline_unix_ms = bench.clock.now_unix_ms()});
    ASSERT_FALSE(late.ok());
    EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
    EXPECT_TRUE(bench.pause.pauses().empty());

    std::stop_source stop;
    stop.request_stop();
    SubmitLimits stopped = bench.limits();
    stopped.stop = stop.get_token();
    EXPECT_FALSE(bench.session.complete({.job_id = "job-2"}, "{}", stopped).ok());
}

// Breaks if mine-ollama wipes the GPUs and the price that its owner registered.
TEST(NodeSession, mining_a_model_adds_it_to_the_record_and_keeps_the_rest) {
    Bench bench;
    bench.node.miner = Json{
        {"miner_id", "miner-1"},
        {"status", "active"},
        {"gpus",
         {{{"model", "RTX 4090"}, {"count", 1}, {"memory_mb", 24'564}, {"source", "claimed"}}}},
        {"models", {{{"name", "mistral"}, {"aliases", Json::array()}}}},
        {"types", {"inference"}},
        {"price_per_hour", "0.500000"},
        {"concurrency", 2},
        {"region", "eu"},
        {"earned", "1.000000"}};
    const Status offered = ensure_offered(bench.session, "llama3", bench.limits());

    ASSERT_TRUE(offered.ok()) << render_error(offered.error());
    ASSERT_EQ(bench.node.applied.size(), 1U);
    const auto offer = decode<miner::RegisterMiner>(bench.node.applied[0].body.bytes);
    ASSERT_TRUE(offer.ok());
    EXPECT_EQ(offer.value().gpus[0].model, "RTX 4090");
    EXPECT_EQ(offer.value().price_per_hour, Amount{500'000});
    EXPECT_EQ(offer.value().concurrency, 2U);
    ASSERT_EQ(offer.value().models.size(), 2U);
    EXPECT_EQ(offer.value().models[1].name, "llama3");

    bench.node.miner->at("models").push_back({{"name", "llama3"}, {"aliases", Json::array()}});
    EXPECT_TRUE(ensure_offered(bench.session, "llama3:latest", bench.limits()).ok());
    EXPECT_EQ(bench.node.applied.size(), 1U);  // nothing to change, nothing sent
}

// Breaks if a wallet that never mined cannot start.
TEST(NodeSession, a_wallet_without_a_record_is_registered) {
    Bench bench;
    ASSERT_TRUE(ensure_offered(bench.session, "llama3:latest", bench.limits()).ok());
    ASSERT_EQ(bench.node.applied.size(), 1U);
    EXPECT_EQ(bench.node.applied[0].kind, "miner.register");
    EXPECT_EQ(decode<miner::RegisterMiner>(bench.node.applied[0].body.bytes).value().models[0].name,
              "llama3");
}

// Breaks if what listens at the node's address is no node and the miner cannot say so.
TEST(NodeSession, nonsense_from_the_other_side_is_an_error_with_words) {
    const auto server =
        open_fake([](auto exchange) { exchange->respond({.status = 200, .body = "<html>"}); });
    NodeSession session(endpoint_of(server->tcp_port()), test_key(), {});
    const Status opened = session.open({});
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::malformed);
}

}  // namespace
}  // namespace ait::miner_process
