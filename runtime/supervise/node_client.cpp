#include "runtime/supervise/node_client.hpp"

namespace ait::supervise {
namespace {

constexpr std::uint32_t answer_ms_max = 10'000;
constexpr std::uint32_t ready_ms_max = 1'000;
constexpr std::size_t answer_bytes_max = 1024 * 1024;

net::HttpClient::Options client_options() {
    return {.response_bytes_max = answer_bytes_max, .unavailable_next = "Start it: aitbc up"};
}

}  // namespace

NodeClient::NodeClient(const std::string& socket_path)
    : client_(net::HttpEndpoint{.is_unix = true, .socket_path = socket_path}, client_options()) {}

Status NodeClient::check_ready() {
    const auto answer = client_.request({.target = "/readyz?verbose", .deadline_ms = ready_ms_max});
    if (!answer.ok()) return answer.error();
    if (answer.value().status == 200) return {};
    return Error{ErrorCode::not_ready, "The node is not ready yet.", answer.value().body, ""};
}

Result<Json> NodeClient::get(const std::string& target, const std::string& account) {
    net::HttpCall call{.target = target, .deadline_ms = answer_ms_max};
    if (!account.empty()) call.headers.push_back({"aitbc-account", account});
    return ask(call);
}

Result<Json> NodeClient::post(const std::string& target, const std::string& account,
                              const Json& body) {
    return ask({.method = "POST",
                .target = target,
                .headers = {{"aitbc-account", account}, {"content-type", "application/json"}},
                .body = dump_json(body),
                .deadline_ms = answer_ms_max});
}

Result<Json> NodeClient::ask(const net::HttpCall& call) {
    const auto answer = client_.request(call);
    if (!answer.ok()) return answer.error();
    auto json = parse_json(answer.value().body, answer_bytes_max);
    if (!json.ok()) return json.error();
    if (answer.value().status / 100 != 2) return error_from_json(json.value());
    return json;
}

}  // namespace ait::supervise
