#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

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
        {
            const std::scoped_lock lock(mutex);
            kept.clear();
        }
        server.reset();
    }

    [[nodiscard]] OllamaExecutor executor() const {
        return OllamaExecutor(
            {.endpoint = endpoint_of(server->tcp_port()),
             .model = "llama3",
             .deadlines = {
                 .connect_ms = 3'000, .first_byte_ms = 200, .idle_ms = 200, .total_ms = 5'000}});
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

/// Sends these bytes to whoever asks for a completion, one after another with a pause.
class DrippingOllama {
  public:
    DrippingOllama(std::string before, std::string dripped)
        : before_(std::move(before)), dripped_(std::move(dripped)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener_, generic, size), 0);
        EXPECT_EQ(::listen(listener_, 8), 0);
        EXPECT_EQ(::getsockname(listener_, generic, &size), 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this] { serve(); });
    }
    ~DrippingOllama() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    DrippingOllama(const DrippingOllama&) = delete;
    DrippingOllama& operator=(const DrippingOllama&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    void serve() const {
        for (int peer = ::accept(listener_, nullptr, nullptr); peer >= 0;
             peer = ::accept(listener_, nullptr, nullptr)) {
            answer(peer);
            ::close(peer);
        }
    }
    void answer(int peer) const {
        std::array<char, 4096> space{};
        const auto count = ::recv(peer, space.data(), space.size(), 0);
        if (count <= 0) return;
        if (std::string_view(space.data(), static_cast<std::size_t>(count)).starts_with("GET")) {
            const std::string tags = R"({"models":[{"name":"llama3:latest"}]})";
            say(peer, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(tags.size()) +
                          "\r\nConnection: close\r\n\r\n" + tags);
            return;
        }
        say(peer, before_);
        pollfd gone{.fd = peer, .events = POLLRDHUP, .revents = 0};
        for (std::size_t i = 0; ::poll(&gone, 1, 20) == 0; i = (i + 1) % dripped_.size()) {
            if (!say(peer, dripped_.substr(i, 1))) return;
        }
    }
    static bool say(int peer, const std::string& bytes) {
        return ::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
    }

    const std::string before_;
    const std::string dripped_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::jthread thread_{};
};

// Breaks if a byte now and then counted as an answer: such a server would hold a job for the half
// hour that is the longest that a job may take.
TEST(OllamaExecutor, a_server_that_drips_costs_one_deadline) {
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";
    const DrippingOllama in_head("", "HTTP/1.1 200 OK\r\nX-Long: " + std::string(100'000, 'x'));
    const DrippingOllama in_line(head, "{\"response\":\"" + std::string(100'000, 'x'));
    const DrippingOllama in_space(head + "{\"response\":\"H\",\"done\":false}\n", "\n");
    for (const DrippingOllama* server : {&in_head, &in_line, &in_space}) {
        OllamaExecutor executor(
            {.endpoint = endpoint_of(server->port()),
             .model = "llama3",
             .deadlines = {
                 .connect_ms = 1'000, .first_byte_ms = 200, .idle_ms = 200, .total_ms = 600'000}});
        const auto execution = executor.run(job_view("job-1"), [](std::uint64_t) {}, {});
        expect_ours(execution, ErrorCode::deadline_exceeded);
    }
}

// Breaks if an answer for other work, or one with impossible figures, were sold as a result.
TEST(OllamaExecutor, an_answer_that_cannot_be_true_is_no_answer) {
    const std::string piece = R"({"model":"llama3:latest","response":"H","done":false})";
    for (const char* last :
         {R"({"model":"mistral:7b","response":"","done":true})",
          R"({"model":7,"response":"","done":true})",
          R"({"response":"","done":true,"eval_count":-5})",
          R"({"response":"","done":true,"eval_count":"many"})",
          R"({"response":"","done":true,"prompt_eval_count":1e30})",
          R"({"response":"","done":true,"prompt_eval_count":18446744073709551615})"}) {
        FakeOllama lying(streaming(piece + "\n" + last + "\n"));
        expect_ours(lying.run(job_view("job-1")), ErrorCode::unavailable);
    }
}

// Breaks if a server behind a password, or one that sends its clients elsewhere, ended jobs that
// other miners can do.
TEST(OllamaExecutor, only_a_refusal_of_the_request_itself_is_the_jobs_fault) {
    for (const int status : {204, 301, 302, 401, 403, 405, 408, 429, 502, 599}) {
        FakeOllama odd([status](const auto& exchange) {
            exchange->respond({.status = status, .headers = {{"location", "http://127.0.0.1:1/"}}});
        });
        const auto execution = odd.run(job_view("job-1"));
        ASSERT_FALSE(execution.ok()) << status;
        EXPECT_TRUE(may_succeed_elsewhere(execution.error())) << status;
    }
    FakeOllama refusing([](const auto& exchange) { exchange->respond({.status = 400}); });
    const auto execution = refusing.run(job_view("job-1"));
    ASSERT_FALSE(execution.ok());
    EXPECT_FALSE(may_succeed_elsewhere(execution.error()));
}

TEST(OllamaExecutor, a_probe_asks_for_the_model_and_costs_no_job) {
    FakeOllama ollama(streaming(good_lines));
    EXPECT_TRUE(ollama.executor().probe({}).ok());
    EXPECT_TRUE(ollama.bodies.empty());
    OllamaExecutor lacking({.endpoint = endpoint_of(ollama.server->tcp_port()), .model = "gemma"});
    EXPECT_FALSE(lacking.probe({}).ok());
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
