#pragma once

// One kept connection to a node: JSON in, JSON out, errors as the node worded them. Several of them
// make a session, so that a long poll does not hold up a heartbeat.

#include <cstdint>
#include <stop_token>
#include <string>

#include "net/http_client.hpp"
#include "runtime/base/codec/json.hpp"

namespace ait::miner_process {

struct NodeCall {
    std::string method = "GET";
    std::string target{};
    std::string token{};  ///< bearer; empty = none
    std::string body{};   ///< JSON text
    std::uint32_t deadline_ms = 30'000;
};

/// One user at a time. Any thread.
class NodeConnection {
  public:
    /// `chain`: of the node; empty: its default one.
    explicit NodeConnection(net::HttpEndpoint endpoint, const std::string& chain = {});

    /// The answer's JSON. Errors: the node's own, those of HttpClient, malformed.
    Result<Json> ask(const NodeCall& call, std::stop_token stop);

  private:
    net::HttpClient client_;
    const std::string query_;  ///< goes with each target, none of which has one of its own
};

/// The fields of T in an answer that may hold more. Error: malformed.
template <Described T>
Result<T> read_known(const Json& answer) {
    Json known = Json::object();
    for_each_field<T>([&](const auto& row, std::size_t) {
        if (!answer.is_object()) return;
        const auto found = answer.find(row.name);
        if (found != answer.end() && !found->is_null()) known[std::string(row.name)] = *found;
    });
    auto value = from_json_value<T>(known);
    if (value.ok()) return value;
    return Error{ErrorCode::malformed, "The node's answer cannot be used.",
                 value.error().what + " " + value.error().why,
                 "Check that node and miner are of one version."};
}

}  // namespace ait::miner_process
