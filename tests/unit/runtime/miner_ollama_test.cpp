#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "miner_fakes.hpp"
#include "runtime/miner/ollama_executor.hpp"

namespace ait::miner_process {
namespace {

using ::testing::HasSubstr;

constexpr const char* good_lines =
    "{\"model\":\"llama3:latest\",\"response\":\"Hel\",\"done\":false}\n"
    "{\"model\":\"llama3:latest\",\"response\":\"lo\",\"done\":false}\n"
    "{\"model\":\"llama3:latest\",\"response\":\"\",\"done\":true,\"done_reason\":\"stop\","
    "\"prompt_eval_count\":11,\"eval_count\":2,\"total_duration\":5000000}\n";

/// Lists llama3:latest and mistral:7b, and answers generate as a test wants.
struct FakeOllama {
    explicit FakeOllama(std::function<void(const std::shared_ptr<net::HttpExchange>&)> generate)
        : server(open_fake([this, generate](std::shared_ptr<net::HttpExchange> exchange) {
              if (exchange->request().path == "/api/tags") {
                  return exchange->respond(
                      {.body = R"({"models":[{"name":"llama3:latest"},{"name":"mistral:7b"}]})"});
              }
              const std::scoped_lock lock(mutex);
              bodies.push_back(exchange->request().path + " " + exchange->request().body);
              kept.push_back(exchange);
              generate(exchange);
          })) {}
    ~FakeOllama() {
        kept.clear();
        server.reset();
    }

    [[nodiscard]] OllamaExecutor executor() const {
        return OllamaExecutor({.endpoint = endpoint_of(server->tcp_port()),
                               .model = "llama3",
                               .first_byte_ms = 200,
                               .idle_ms = 200,
                               .total_ms = 5'000});
    }
    Result<Execution> run(const miner::PolledJobView& job, std::stop_token stop = {}) {
        return executor().run(
            job, [this](std::uint64_t count) { progress = count; }, std::move(stop));
    }

    std::mutex mutex{};
    std::vector<std::string> bodies{};
    std::vector<std::shared_ptr<net::HttpExchange>> kept{};  ///< or they would be cut
    std::uint64_t progress = 0;
    std::unique_ptr<net::HttpServer> server;
};

std::function<void(const std::shared_ptr<net::HttpExchange>&)> streaming(std::string text) {
    return [text = std::move(text)](const std::shared_ptr<net::HttpExchange>& exchange) {
        exchange->begin_stream(200, {}, "application/x-ndjson");
        exchange->write(text);
        exchange->end();
    };
}

void expect_ours(const Result<Execution>& execution, ErrorCode code) {
    ASSERT_FALSE(execution.ok());
    EXPECT_EQ(execution.error().code, code) << render_error(execution.error());
    EXPECT_TRUE(may_succeed_elsewhere(execution.error()));
}

// Breaks if a miner with Ollama earns nothing.
TEST(OllamaExecutor, a_streamed_answer_becomes_a_result_that_names_the_model) {
    FakeOllama ollama(streaming(good_lines));
    const auto execution = ollama.run(job_view(
        "job-1", R"({"prompt":"Hello AITBC","temperature":0.5,"options":{"num_predict":9}})"));

    ASSERT_TRUE(execution.ok()) << render_error(execution.error());
    EXPECT_EQ(execution.value().model_ran, "llama3:latest");
    EXPECT_EQ(execution.value().prompt_tokens, 11U);
    EXPECT_EQ(execution.value().completion_tokens, 2U);
    const Json result = parse_json(execution.value().result).value();
    EXPECT_EQ(result["response"], "Hello");
    EXPECT_EQ(result["provider"], "ollama");
    EXPECT_EQ(result["eval_count"], 2);
    EXPECT_EQ(ollama.progress, 2U);
    EXPECT_EQ(ollama.bodies.at(0),
              R"(/api/generate {"model":"llama3:latest","stream":true,"options":)"
              R"({"num_predict":9,"temperature":0.5},"prompt":"Hello AITBC"})");
}

// Breaks if conversations are flattened into a prompt.
TEST(OllamaExecutor, messages_go_to_the_chat_route) {
    FakeOllama ollama(streaming(
        "{\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n"
        "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"eval_count\":1}"));
    const auto execution =
        ollama.run(job_view("job-1", R"({"messages":[{"role":"user","content":"Hello"}]})"));

    ASSERT_TRUE(execution.ok()) << render_error(execution.error());
    EXPECT_THAT(ollama.bodies.at(0), ::testing::StartsWith("/api/chat "));
    EXPECT_EQ(parse_json(execution.value().result).value()["response"], "Hi");
}

// Breaks if a job for a model that is not there runs on another one, or the user cannot see which
// there are.
TEST(OllamaExecutor, a_model_that_the_server_lacks_is_named_with_those_it_has) {
    FakeOllama ollama(streaming(good_lines));
    miner::PolledJobView job = job_view("job-1");
    job.model = "gemma";
    const auto execution = ollama.run(job);
    expect_ours(execution, ErrorCode::not_found);
    EXPECT_THAT(execution.error().why, HasSubstr("llama3:latest, mistral:7b"));
    EXPECT_TRUE(ollama.bodies.empty());
}

// Breaks if a hanging server holds a job longer than one deadline.
TEST(OllamaExecutor, a_server_that_never_answers_costs_one_deadline) {
    FakeOllama ollama([](const auto&) {});
    expect_ours(ollama.run(job_view("job-1")), ErrorCode::deadline_exceeded);
}

// Breaks if a server that falls silent in the middle is waited for for ever.
TEST(OllamaExecutor, a_server_that_falls_silent_costs_one_idle_deadline) {
    FakeOllama ollama([](const auto& exchange) {
        exchange->begin_stream(200, {}, "application/x-ndjson");
        exchange->write("{\"response\":\"H\",\"done\":false}\n");
    });
    expect_ours(ollama.run(job_view("job-1")), ErrorCode::deadline_exceeded);
}

// Breaks if half an answer is sold as a whole one.
TEST(OllamaExecutor, an_answer_that_breaks_off_is_no_answer) {
    FakeOllama ended(streaming("{\"response\":\"H\",\"done\":false}\n"));
    expect_ours(ended.run(job_view("job-1")), ErrorCode::unavailable);

    FakeOllama* self = nullptr;
    FakeOllama cut([&](const auto& exchange) {
        exchange->begin_stream(200, {}, "application/x-ndjson");
        exchange->write("{\"response\":\"H\",\"done\":false}\n");
        self->kept.clear();  // the last reference but the caller's: cut on return
    });
    self = &cut;
    expect_ours(cut.run(job_view("job-1")), ErrorCode::unavailable);
}

// Breaks if a server's fault is taken for the job's, which would fail it everywhere.
TEST(OllamaExecutor, faults_of_the_server_are_not_faults_of_the_job) {
    FakeOllama failing([](const auto& exchange) {
        exchange->respond({.status = 500, .body = R"({"error":"out of memory"})"});
    });
    const auto failed = failing.run(job_view("job-1"));
    expect_ours(failed, ErrorCode::unavailable);
    EXPECT_THAT(failed.error().why, HasSubstr("out of memory"));

    FakeOllama babbling(streaming("<html>busy</html>\n"));
    expect_ours(babbling.run(job_view("job-1")), ErrorCode::unavailable);

    FakeOllama erring(streaming("{\"response\":\"H\",\"done\":false}\n{\"error\":\"crashed\"}\n"));
    const auto erred = erring.run(job_view("job-1"));
    expect_ours(erred, ErrorCode::unavailable);
    EXPECT_THAT(erred.error().why, HasSubstr("crashed"));

    FakeOllama endless([](const auto& exchange) {
        exchange->respond({.body = std::string(2 * limits::blob_bytes_max, 'x')});
    });
    expect_ours(endless.run(job_view("job-1")), ErrorCode::unavailable);
}

// Breaks if a cancelled job goes on burning the GPU.
TEST(OllamaExecutor, a_stop_hangs_up_at_once) {
    std::stop_source stop;
    FakeOllama ollama([&](const auto&) { stop.request_stop(); });
    const auto execution = ollama.run(job_view("job-1"), stop.get_token());
    ASSERT_FALSE(execution.ok());
    EXPECT_EQ(execution.error().code, ErrorCode::cancelled);
}

// Breaks if a payload that no miner can use is tried by all of them.
TEST(OllamaExecutor, a_payload_without_words_is_the_jobs_own_fault) {
    FakeOllama ollama(streaming(good_lines));
    for (const char* payload : {"{}", "[]", R"({"prompt":""})", R"({"prompt":"x","top_k":-1})",
                                R"({"prompt":"x","temperature":"hot"})"}) {
        const auto execution = ollama.run(job_view("job-1", payload));
        ASSERT_FALSE(execution.ok()) << payload;
        EXPECT_FALSE(may_succeed_elsewhere(execution.error())) << payload;
    }
}

// Breaks if a wrong address is taken for a missing model.
TEST(OllamaExecutor, nobody_at_the_address_is_unavailable) {
    std::uint16_t port = 0;
    {
        const auto server = open_fake([](auto) {});
        port = server->tcp_port();
    }
    const OllamaExecutor executor({.endpoint = endpoint_of(port), .model = "llama3"});
    const auto model = executor.resolve("llama3", {});
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace ait::miner_process
