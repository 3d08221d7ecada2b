#include "runtime/cli/node_client.hpp"

#include <algorithm>

#include "net/http_target.hpp"
#include "runtime/registry/registry.hpp"

namespace ait::cli {
namespace {

constexpr std::size_t event_bytes_max = 4U * 1024 * 1024;

net::HttpClient::Options client_options() {
    net::HttpClient::Options options;
    options.unavailable_next =
        "Start a local node: `aitbc up`; or name one that runs: `--node ENDPOINT`.";
    return options;
}

std::string path_value(const Json& input, std::string_view name) {
    const auto found = input.find(name);
    return found == input.end() ? "" : query_text(*found);
}

Result<std::string> path_of(const Operation& operation, const Json& input) {
    std::vector<registry::PathValue> values;
    for (const auto name : registry::path_parameters(operation.rest.path)) {
        values.emplace_back(name, path_value(input, name));
    }
    return registry::fill_route(operation, values);
}

/// What is left of the input once the path has taken its part.
Json without_path(const Operation& operation, const Json& input) {
    const auto names = registry::path_parameters(operation.rest.path);
    Json rest = Json::object();
    for (const auto& [key, value] : input.items()) {
        if (std::find(names.begin(), names.end(), key) == names.end()) rest[key] = value;
    }
    return rest;
}

std::string query_of(const Json& input) {
    std::string query;
    for (const auto& [key, value] : input.items()) {
        const Json values = value.is_array() ? value : Json::array({value});
        for (const auto& each : values) {
            query += (query.empty() ? "?" : "&") + net::percent_encode(key) + "=" +
                     net::percent_encode(query_text(each));
        }
    }
    return query;
}

/// 207 is partly_done, whose body is an error that lists what was not done.
bool is_success(int status) {
    return status >= 200 && status < 300 && status != 207;
}

}  // namespace

std::string query_text(const Json& value) {
    return value.is_string() ? value.get<std::string>() : dump_json(value);
}

Error refusal_of(int status, std::string_view body) {
    auto json = parse_json(body);
    const bool ours = json.ok() && json.value().is_object() && json.value().contains("error") &&
                      json.value()["error"].is_object();
    if (ours) return error_from_json(json.value());
    return {ErrorCode::internal, "The node's answer cannot be read.",
            "HTTP status " + std::to_string(status) + " without the error body that a node sends.",
            "Check that the address is a node's: `aitbc status`."};
}

NodeClient::NodeClient(net::HttpEndpoint endpoint, Options options)
    : client_(std::move(endpoint), client_options()), options_(std::move(options)) {}

net::HttpCall NodeClient::prepare(std::string method, std::string target,
                                  const CallOptions& options) const {
    net::HttpCall call;
    call.method = std::move(method);
    call.target = std::move(target);
    if (!options_.chain.empty()) {
        call.target += (call.target.find('?') == std::string::npos ? "?chain=" : "&chain=") +
                       net::percent_encode(options_.chain);
    }
    call.deadline_ms = options.timeout_ms + options.answer_slack_ms;
    call.headers.push_back({"accept", "application/json"});
    call.headers.push_back({"aitbc-timeout-ms", std::to_string(options.timeout_ms)});
    if (!options.account.empty()) call.headers.push_back({"aitbc-account", options.account});
    if (!options.idempotency_key.empty())
        call.headers.push_back({"idempotency-key", options.idempotency_key});
    if (!options_.token.empty())
        call.headers.push_back({"authorization", "Bearer " + options_.token});
    return call;
}

Result<std::string> NodeClient::send(net::HttpCall call) {
    auto answer = client_.request(call, options_.stop);
    if (!answer.ok()) return answer.error();
    const auto* id = answer.value().find_header("x-request-id");
    request_id_ = id == nullptr ? "" : *id;
    if (options_.trace) {
        options_.trace(call.method + " " + call.target + " -> " +
                       std::to_string(answer.value().status) +
                       (request_id_.empty() ? "" : " trace=" + request_id_));
    }
    if (!is_success(answer.value().status))
        return refusal_of(answer.value().status, answer.value().body);
    return std::move(answer).value().body;
}

Result<Json> NodeClient::send_json(net::HttpCall call) {
    auto body = send(std::move(call));
    if (!body.ok()) return body.error();
    auto json = parse_json(body.value(), 64U * 1024 * 1024);
    if (json.ok()) return json;
    return Error{ErrorCode::internal, "The node's answer cannot be read.", json.error().why,
                 "Check that the address is a node's: `aitbc status`."};
}

Result<Json> NodeClient::call(const Operation& operation, const Json& input,
                              const CallOptions& options) {
    auto path = path_of(operation, input);
    if (!path.ok()) return path.error();
    const Json rest = without_path(operation, input);
    const bool in_query = operation.rest.method == "GET" || operation.rest.method == "DELETE";
    std::string target = std::move(path).value();
    if (in_query) target += query_of(rest);
    if (options.dry_run)
        target += (target.find('?') == std::string::npos ? "?" : "&") + std::string("dry_run=true");
    auto call = prepare(std::string(operation.rest.method), std::move(target), options);
    if (!in_query) {
        call.headers.push_back({"content-type", "application/json"});
        call.body = dump_json(rest);
    }
    return send_json(std::move(call));
}

Result<Json> NodeClient::post(const Operation& operation, const Json& path_from, const Json& body,
                              const CallOptions& options) {
    auto path = path_of(operation, path_from);
    if (!path.ok()) return path.error();
    auto call =
        prepare(std::string(operation.rest.method),
                std::move(path).value() + (options.dry_run ? "?dry_run=true" : ""), options);
    call.headers.push_back({"content-type", "application/json"});
    call.body = dump_json(body);
    return send_json(std::move(call));
}

Result<std::string> NodeClient::get_bytes(const std::string& target, const CallOptions& options) {
    return send(prepare("GET", target, options));
}

Result<Json> NodeClient::get(const std::string& target, const CallOptions& options) {
    return send_json(prepare("GET", target, options));
}

Status NodeClient::events(const std::string& target, const std::string& last_event_id,
                          std::uint32_t idle_ms, const CallOptions& options,
                          const OnEvent& on_event) {
    auto call = prepare("GET", target, options);
    call.headers[0].value = "text/event-stream";
    call.deadline_ms = 0;  // the caller bounds it by `idle_ms`, `on_event` and the stop token
    call.first_byte_ms = options.timeout_ms;
    call.idle_ms = idle_ms;
    if (!last_event_id.empty()) call.headers.push_back({"last-event-id", last_event_id});
    net::SseParser parser(event_bytes_max);
    std::string refused;
    int status = 0;
    Status failure;
    auto head = client_.stream(
        call,
        [&](const net::HttpResponse& response) {
            status = response.status;
            return true;
        },
        [&](std::string_view bytes) {
            if (!is_success(status)) {
                refused +=
                    bytes.substr(0, event_bytes_max - std::min(refused.size(), event_bytes_max));
                return refused.size() < event_bytes_max;
            }
            std::vector<net::SseEvent> events;
            failure = parser.feed(bytes, events);
            for (const auto& event : events) {
                if (!on_event(event)) return false;
            }
            return failure.ok();
        },
        options_.stop);
    if (!failure.ok()) return failure;
    if (!head.ok()) return head.error();
    if (!is_success(status)) return refusal_of(status, refused);
    return {};
}

Status NodeClient::lines(const Operation& operation, const Json& input, const CallOptions& options,
                         const OnLine& on_line) {
    auto path = path_of(operation, input);
    if (!path.ok()) return path.error();
    auto call = prepare("POST", std::move(path).value(), options);
    call.headers.push_back({"content-type", "application/json"});
    call.body = dump_json(without_path(operation, input));
    net::LineSplitter splitter(event_bytes_max);
    std::string refused;
    int status = 0;
    Status failure;
    const auto take = [&](const std::string& line) {
        if (line.empty()) return true;
        auto json = parse_json(line);
        if (!json.ok()) {
            failure = json.error();
            return false;
        }
        if (json.value().contains("error")) {
            failure = error_from_json(json.value());
            return false;
        }
        return on_line(json.value());
    };
    auto head = client_.stream(
        call,
        [&](const net::HttpResponse& response) {
            status = response.status;
            return true;
        },
        [&](std::string_view bytes) {
            if (!is_success(status)) {
                refused +=
                    bytes.substr(0, event_bytes_max - std::min(refused.size(), event_bytes_max));
                return refused.size() < event_bytes_max;
            }
            std::vector<std::string> lines;
            const auto fed = splitter.feed(bytes, lines);
            for (const auto& line : lines) {
                if (!take(line)) return false;
            }
            if (!fed.ok()) failure = fed;
            return fed.ok();
        },
        options_.stop);
    if (!head.ok()) return head.error();
    if (!is_success(status)) return refusal_of(status, refused);
    if (failure.ok())
        (void)take(
            splitter.take_rest());  // the last line may lack its end; take() keeps the failure
    return failure;
}

}  // namespace ait::cli
