#include "runtime/miner/node_api.hpp"

#include "net/http_target.hpp"
#include "runtime/base/assert.hpp"

namespace ait::miner_process {
namespace {

constexpr std::size_t answer_bytes_max = 96U * 1024 * 1024;  ///< a full poll of the largest jobs

}  // namespace

NodeConnection::NodeConnection(net::HttpEndpoint endpoint, const std::string& chain)
    : client_(std::move(endpoint), {.response_bytes_max = answer_bytes_max,
                                    .user_agent = "aitbc-miner",
                                    .unavailable_next = "Start the node: aitbc up"}),
      query_(chain.empty() ? "" : "?chain=" + net::percent_encode(chain)) {}

Result<Json> NodeConnection::ask(const NodeCall& call, std::stop_token stop) {
    AIT_ASSERT(call.target.find('?') == std::string::npos);
    net::HttpCall request{.method = call.method,
                          .target = call.target + query_,
                          .headers = {{"aitbc-timeout-ms", std::to_string(call.deadline_ms)}},
                          .body = call.body,
                          .deadline_ms = call.deadline_ms};
    if (!call.token.empty()) request.headers.push_back({"authorization", "Bearer " + call.token});
    if (!call.body.empty()) request.headers.push_back({"content-type", "application/json"});
    const auto answer = client_.request(request, std::move(stop));
    if (!answer.ok()) return answer.error();
    auto json = parse_json(answer.value().body, answer_bytes_max);
    const int status = answer.value().status;
    if (status / 100 == 2) return json;
    if (json.ok()) {
        Error error = error_from_json(json.value());
        if (error.code != ErrorCode::internal || !error.why.empty()) return error;
    }
    return Error{status >= 500 ? ErrorCode::unavailable : ErrorCode::malformed,
                 "The node's answer cannot be used.",
                 "It came with HTTP status " + std::to_string(status) + ".",
                 "Check that this address is a node's."};
}

}  // namespace ait::miner_process
