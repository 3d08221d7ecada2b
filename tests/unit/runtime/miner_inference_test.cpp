#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "gpu/core/synthetic.hpp"
#include "miner_fakes.hpp"
#include "net/http_client.hpp"
#include "runtime/miner/engine_executor.hpp"
#include "runtime/miner/inference_server.hpp"
#include "runtime/miner/miner_process.hpp"
#include "runtime/miner/ollama_executor.hpp"

namespace ait::miner_process {
namespace {

using ::testing::HasSubstr;

const std::string tiny = gpu::to_uri(gpu::SyntheticLlama{});
/// Long enough at work that a test sees whether it was stopped: minutes for a full context.
const std::string slow = gpu::to_uri(
    {.layers = 12, .width = 512, .heads = 8, .kv_heads = 8, .ffn = 1'024, .context = 65'536});

std::unique_ptr<EngineHost> open_host(const std::string& model) {
    auto host = EngineHost::create({.model = model,
                                    .models_dir = "/nonexistent",
                                    .aliases = {{"llama3", model}, {"absent", "not-there"}},
                                    .threads = 1});
    EXPECT_TRUE(host.ok()) << render_error(host.error());
    return std::move(host).value();
}

struct Bench {
    explicit Bench(const std::string& model = tiny, WorkQueue::Options queue = {})
        : host(open_host(model)) {
        auto opened = InferenceServer::open(*host, system_clock(), system_random(),
                                            {.port = 0, .queue = queue});
        EXPECT_TRUE(opened.ok()) << render_error(opened.error());
        server = std::move(opened).value();
    }
    [[nodiscard]] net::HttpClient client() const {
        return net::HttpClient(endpoint_of(server->port()));
    }
    [[nodiscard]] net::HttpResponse ask(const std::string& method, const std::string& target,
                                        const std::string& body = "",
                                        std::vector<net::HttpHeader> headers = {}) const {
        auto answer = client().request(
            {.method = method, .target = target, .headers = std::move(headers), .body = body});
        EXPECT_TRUE(answer.ok()) << render_error(answer.error());
        return answer.ok() ? answer.value() : net::HttpResponse{.status = 0};
    }
    [[nodiscard]] Json post(const std::string& target, const std::string& body) const {
        const auto answer = ask("POST", target, body);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return parse_json(answer.body).value();
    }

    std::unique_ptr<EngineHost> host;
    std::unique_ptr<InferenceServer> server{};
};

std::vector<Json> lines_of(const std::string& text) {
    std::vector<Json> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        lines.push_back(parse_json(text.substr(begin, end - begin)).value());
        begin = end + 1;
    }
    return lines;
}

// Breaks if programs that look for Ollama do not find it here.
TEST(InferenceServer, it_greets_and_lists_like_ollama) {
    const Bench bench;
    EXPECT_EQ(bench.ask("GET", "/").body, "Ollama is running");
    EXPECT_EQ(bench.ask("HEAD", "/").status, 200);
    EXPECT_THAT(bench.ask("GET", "/api/version").body, HasSubstr("\"version\":\""));
    const Json tags = parse_json(bench.ask("GET", "/api/tags").body).value();
    ASSERT_EQ(tags["models"].size(), 2U);
    EXPECT_EQ(tags["models"][0]["name"], tiny);
    EXPECT_EQ(tags["models"][1]["name"], "llama3:latest");
    const Json models = parse_json(bench.ask("GET", "/aitbc/v1/models").body).value();
    EXPECT_EQ(models["items"][0]["name"], tiny);
    EXPECT_EQ(models["items"][0]["aliases"], Json::array({"llama3"}));
    EXPECT_EQ(models["items"][0]["loaded"], false);
    EXPECT_TRUE(models["next_cursor"].is_null());
}

// Breaks if a stream and a whole answer differ, or an alias hides what ran.
TEST(InferenceServer, generate_answers_whole_or_in_lines_with_the_same_text) {
    const Bench bench;
    const std::string options = R"("options":{"num_predict":12,"temperature":0,"seed":1})";
    const Json whole = bench.post("/api/generate", R"({"model":"llama3","prompt":"Hello",)" +
                                                       options + R"(,"stream":false})");
    EXPECT_EQ(whole["model"], "llama3");
    EXPECT_EQ(whole["model_ran"], tiny);
    EXPECT_EQ(whole["done"], true);
    EXPECT_GT(whole["prompt_eval_count"], 0);
    EXPECT_GT(whole["eval_duration"], 0);

    const auto answer = bench.ask("POST", "/api/generate",
                                  R"({"model":"llama3:latest","prompt":"Hello",)" + options + "}");
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(*answer.find_header("content-type"), "application/x-ndjson");
    EXPECT_EQ(*answer.find_header("aitbc-model"), tiny);
    std::string text;
    const auto lines = lines_of(answer.body);
    for (const Json& line : lines) text += line["response"].get<std::string>();
    EXPECT_EQ(text, whole["response"].get<std::string>());
    EXPECT_EQ(lines.back()["done"], true);
    EXPECT_EQ(lines.back()["eval_count"], whole["eval_count"]);
    EXPECT_EQ(lines.back()["model"], "llama3:latest");

    EXPECT_EQ(bench.post("/api/generate", R"({"model":"llama3"})")["done_reason"], "load");
}

// Breaks if what an option asks for is silently not done.
TEST(InferenceServer, refusals_have_the_form_and_status_of_their_protocol) {
    const Bench bench;
    const auto missing = bench.ask("POST", "/api/generate", R"({"model":"absent","prompt":"x"})");
    EXPECT_EQ(missing.status, 404);
    EXPECT_THAT(missing.body, HasSubstr("{\"error\":\"There is no model"));
    EXPECT_EQ(bench.ask("POST", "/api/generate", "{").status, 400);
    EXPECT_EQ(bench.ask("POST", "/api/generate", R"({"prompt":"x"})").status, 400);
    EXPECT_EQ(
        bench.ask("POST", "/api/generate", R"({"model":"llama3","prompt":"x","format":"json"})")
            .status,
        422);
    EXPECT_EQ(bench
                  .ask("POST", "/api/generate",
                       R"({"model":"llama3","prompt":"x","options":{"temperature":99}})")
                  .status,
              422);
    EXPECT_EQ(bench.ask("GET", "/api/generate").status, 405);
    EXPECT_EQ(bench.ask("GET", "/nowhere").status, 404);
    EXPECT_EQ(bench.ask("GET", "/api/tags", "", {{"origin", "https://example.com"}}).status, 403);
    EXPECT_EQ(bench.ask("GET", "/api/tags", "", {{"origin", "http://localhost:3000"}}).status, 200);

    const auto own = bench.ask("POST", "/aitbc/v1/complete", R"({"prompt":"x","top_k":-1})",
                               {{"x-request-id", "abc"}});
    EXPECT_EQ(own.status, 422);
    const Json error = parse_json(own.body).value()["error"];
    EXPECT_EQ(error["code"], "invalid_argument");
    EXPECT_EQ(error["request_id"], "abc");
    // Anybody could name a model of any size.
    const std::string other = gpu::to_uri({.layers = 3});
    EXPECT_EQ(bench.ask("POST", "/aitbc/v1/complete", R"({"prompt":"x","model":")" + other + "\"}")
                  .status,
              404);
}

// Breaks if the scores of tokens, by which engines are compared, are missing or of another token.
TEST(InferenceServer, complete_shows_each_token_with_its_scores) {
    const Bench bench;
    const std::string body =
        R"({"prompt":"The sky is","raw":true,"temperature":0,"max_tokens":4,"logprobs":3)";
    const Json best = bench.post("/aitbc/v1/complete", body + "}");
    ASSERT_EQ(best["model"], tiny);
    ASSERT_GE(best["tokens"].size(), 1U);
    for (const Json& token : best["tokens"]) {
        ASSERT_EQ(token["top"].size(), 3U);
        EXPECT_EQ(token["id"], token["top"][0]["id"]);  // at temperature 0 the best is taken
        EXPECT_EQ(token["logit"], token["top"][0]["logit"]);
        EXPECT_LT(token["logprob"].get<double>(), 0.0);
    }
    const Json scalar = bench.post("/aitbc/v1/complete", body + R"(,"backend":"scalar"})");
    EXPECT_EQ(scalar["kernels"], "scalar");
    EXPECT_NEAR(scalar["tokens"][0]["logit"].get<double>(),
                best["tokens"][0]["logit"].get<double>(), 0.5);

    const auto stream = bench.ask("POST", "/aitbc/v1/complete", body + R"(,"stream":true})");
    const auto lines = lines_of(stream.body);
    EXPECT_EQ(lines.back()["done"], true);
    EXPECT_EQ(lines.back()["text"], best["text"]);
    EXPECT_EQ(lines.back()["tokens"].size(), best["tokens"].size());
}

// Breaks if conversations or token ids cannot be had through the node.
TEST(InferenceServer, chat_and_tokenize_answer) {
    const Bench bench;
    const Json chat = bench.post("/aitbc/v1/chat",
                                 R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":3})");
    EXPECT_LE(chat["completion_tokens"], 3);
    const Json ids = bench.post("/aitbc/v1/tokenize", R"({"texts":["Hello AITBC",""]})");
    EXPECT_EQ(ids["model"], tiny);
    ASSERT_EQ(ids["items"].size(), 2U);
    EXPECT_FALSE(ids["items"][0]["ids"].empty());
    EXPECT_TRUE(ids["items"][1]["ids"].empty());
    EXPECT_EQ(bench.ask("POST", "/aitbc/v1/tokenize", R"({"texts":"x"})").status, 422);
    const Json ollama =
        bench.post("/api/chat", R"({"model":"llama3","messages":[{"role":"user","content":"Hi"}],)"
                                R"("stream":false,"options":{"num_predict":3}})");
    EXPECT_EQ(ollama["message"]["role"], "assistant");
}

constexpr const char* endless = R"({"model":"llama3","prompt":"Hi","raw":true,)"
                                R"("options":{"temperature":0,"num_predict":-1}})";

// Breaks if an engine goes on for clients that have hung up.
TEST(InferenceServer, a_client_that_hangs_up_frees_the_engine) {
    const Bench bench(slow, {.threads = 1, .waiting_max = 1});
    auto client = bench.client();
    bool has_seen = false;
    const auto head = client.stream(
        {.method = "POST", .target = "/api/generate", .body = endless},
        [](const net::HttpResponse&) { return true; },
        [&](std::string_view) {
            has_seen = true;
            return false;  // hang up in the middle
        });
    ASSERT_TRUE(head.ok()) << render_error(head.error());
    ASSERT_TRUE(has_seen);
    // The one thread is free again, or this would wait for minutes.
    const auto next = bench.client().request({.method = "POST",
                                              .target = "/aitbc/v1/complete",
                                              .body = R"({"prompt":"x","raw":true,"max_tokens":1})",
                                              .deadline_ms = 20'000});
    ASSERT_TRUE(next.ok()) << render_error(next.error());
    EXPECT_EQ(next.value().status, 200);
}

// Breaks if requests pile up behind a busy engine without end.
TEST(InferenceServer, what_does_not_fit_is_refused_at_once) {
    const Bench bench(slow, {.threads = 1, .waiting_max = 0});
    std::promise<void> begun;
    std::stop_source stop;
    std::jthread busy([&] {
        auto client = bench.client();
        bool is_first = true;
        const auto ended = client.stream(
            {.method = "POST", .target = "/api/generate", .body = endless},
            [](const net::HttpResponse&) { return true; },
            [&](std::string_view) {
                if (std::exchange(is_first, false)) begun.set_value();
                return true;
            },
            stop.get_token());
        EXPECT_FALSE(ended.ok());
    });
    begun.get_future().wait();
    const auto refused = bench.ask("POST", "/aitbc/v1/complete", R"({"prompt":"x"})");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(parse_json(refused.body).value()["error"]["code"], "overloaded");
    EXPECT_NE(refused.find_header("retry-after"), nullptr);
    EXPECT_EQ(bench.ask("GET", "/api/tags").status, 200);
    stop.request_stop();
}

// Breaks if the port of a second miner on one machine is an error.
TEST(InferenceServer, a_taken_port_moves_on) {
    const Bench first;
    auto second = InferenceServer::open(*first.host, system_clock(), system_random(),
                                        {.port = first.server->port()});
    ASSERT_TRUE(second.ok()) << render_error(second.error());
    EXPECT_NE(second.value()->port(), first.server->port());
    EXPECT_EQ(second.value()->url(), "http://127.0.0.1:" + std::to_string(second.value()->port()));
}

// Breaks if a paid job has no text, or the chain does not learn which model ran.
TEST(EngineExecutor, a_job_becomes_a_result_that_can_be_repeated) {
    const auto host = open_host(tiny);
    EngineExecutor executor(*host, system_clock(), system_random());
    const auto run = [&](const std::string& payload) {
        return executor.run(job_view("job-1", payload), [](std::uint64_t) {}, {});
    };
    const auto first = run(R"({"prompt":"Hello AITBC","max_tokens":8})");
    ASSERT_TRUE(first.ok()) << render_error(first.error());
    EXPECT_EQ(first.value().model_ran, tiny);
    EXPECT_LE(first.value().completion_tokens, 8U);
    const Json result = parse_json(first.value().result).value();
    EXPECT_EQ(result["model"], tiny);
    EXPECT_EQ(result["provider"], "aitbc-cpu");
    const auto again = run(R"({"prompt":"Hello AITBC","max_tokens":8,"seed":)" +
                           std::to_string(result["seed"].get<std::uint64_t>()) + "}");
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(parse_json(again.value().result).value()["response"], result["response"]);
}

// Breaks if a cancelled or hopeless job is paid for.
TEST(EngineExecutor, stopped_and_unusable_jobs_are_errors) {
    const auto host = open_host(tiny);
    EngineExecutor executor(*host, system_clock(), system_random());
    std::stop_source stop;
    const auto cancelled = executor.run(
        job_view("job-1", R"({"prompt":"x","raw":true,"temperature":0,"max_tokens":1000})"),
        [&](std::uint64_t) { stop.request_stop(); }, stop.get_token());
    ASSERT_FALSE(cancelled.ok());
    EXPECT_EQ(cancelled.error().code, ErrorCode::cancelled);
    const auto empty = executor.run(job_view("job-1", "{}"), [](std::uint64_t) {}, {});
    ASSERT_FALSE(empty.ok());
    EXPECT_FALSE(may_succeed_elsewhere(empty.error()));
}

// Breaks if mining through our own port, as an Ollama server, loses the name of what ran.
TEST(OllamaExecutor, our_own_port_serves_as_an_ollama_server) {
    const Bench bench;
    OllamaExecutor executor({.endpoint = endpoint_of(bench.server->port()), .model = "llama3"});
    const auto execution = executor.run(
        job_view("job-1", R"({"prompt":"Hello AITBC","max_tokens":5})"), [](std::uint64_t) {}, {});
    ASSERT_TRUE(execution.ok()) << render_error(execution.error());
    EXPECT_EQ(execution.value().model_ran, tiny);
    EXPECT_GT(execution.value().prompt_tokens, 0U);
}

// Breaks if jobs for an alias do not match the miner that serves it.
TEST(MinerProcess, the_offer_names_the_model_and_its_aliases) {
    const auto host = open_host(tiny);
    const auto offer = offer_of(
        {.price_per_hour = Amount{500'000}, .concurrency = 2, .region = "local"}, *host, {});
    ASSERT_EQ(offer.models.size(), 1U);
    EXPECT_EQ(offer.models[0].name, tiny);
    EXPECT_EQ(offer.models[0].aliases, std::vector<std::string>{"llama3"});
    EXPECT_EQ(offer.concurrency, 2U);
    EXPECT_TRUE(offer.gpus.empty());
}

}  // namespace
}  // namespace ait::miner_process
