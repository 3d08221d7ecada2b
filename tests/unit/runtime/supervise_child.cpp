// Stands for aitbcd in the supervisor's tests: the real supervisor role, and a node that behaves as
// AITBC_TEST_NODE says: "serve" (answers what `aitbc up` asks), "hang", or else ends at once.

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/http_server.hpp"
#include "runtime/supervise/supervisor.hpp"

namespace {

using namespace ait;

std::atomic<int> readiness_questions = 0;
std::atomic<int> fundings = 0;

std::string account_text() {
    const std::string amount = std::to_string(1'000 * fundings.load()) + ".000000";
    return R"({"available":")" + amount + R"(","total":")" + amount + R"(","nonce":0})";
}

/// Not ready at first, so that polling shows; an account whose balance counts the faucet's gifts.
net::HttpResponse answer(const net::HttpRequest& request) {
    const int asked = request.path == "/readyz" ? ++readiness_questions : 0;
    if (asked > 0) return {.status = asked < 3 ? 503 : 200, .body = R"({"ready":false})"};
    if (request.path == "/api/v1/status") {
        return {.body = R"({"pid":1,"chain":"ait-devnet","height":2,"version":"0","miners":1,)"
                        R"("inference_url":"http://127.0.0.1:1"})"};
    }
    if (request.path == "/api/v1/chain")
        return {.body = R"({"parameters":{"faucet_enabled":true}})"};
    if (request.path.starts_with("/api/v1/accounts/ait1")) return {.body = account_text()};
    if (request.path != "/api/v1/faucet" || request.method != "POST") return {.status = 404};
    ++fundings;
    return {.body = account_text()};
}

int run_node(const config::NodeConfig& config) {
    const char* wanted = std::getenv("AITBC_TEST_NODE");
    const std::string_view behaviour = wanted == nullptr ? "" : wanted;
    if (behaviour != "serve" && behaviour != "hang") {
        std::fputs("the disk is on fire\n", stderr);
        return 7;
    }
    Result<std::unique_ptr<net::HttpServer>> server = std::unique_ptr<net::HttpServer>();
    if (behaviour == "serve") {
        server = net::HttpServer::open(
            {.unix_socket_path = config.gateway.unix_socket, .tcp_enabled = false},
            [](const std::shared_ptr<net::HttpExchange>& exchange) {
                exchange->respond(answer(exchange->request()));
            });
    }
    if (!server.ok()) return 4;
    ::pause();
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 5) return 64;  // --role ROLE --config FILE [--set KEY=VALUE]...
    const std::string_view role = arguments[2];
    const std::string file = arguments[4];
    config::Sources sources{.environment = config::process_environment(), .file = file};
    for (int i = 5; i + 1 < count; i += 2) {
        const std::string text = arguments[i + 1];
        sources.flags.emplace_back(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
    }
    const auto config = config::load_config(sources);
    if (!config.ok()) return 2;
    if (role == "node") return run_node(config.value().values);
    if (role == "miner") return ::pause();
    const auto options = supervise::supervisor_options(config.value(), sources, arguments[0]);
    return options.ok() ? supervise::run_supervisor(options.value()) : 3;
}
