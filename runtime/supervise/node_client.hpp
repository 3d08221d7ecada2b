#pragma once

// The few questions that `aitbc up` asks a node that is just starting. Internal to this room.

#include <string>

#include "net/http_client.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/result.hpp"

namespace ait::supervise {

class NodeClient {
  public:
    explicit NodeClient(const std::string& socket_path);

    /// Ready, or why not: unavailable (nobody listens), not_ready with the node's own words.
    Status check_ready();
    /// The answer's JSON. Errors: the node's own, those of HttpClient.
    Result<Json> get(const std::string& target, const std::string& account = "");
    Result<Json> post(const std::string& target, const std::string& account, const Json& body);

  private:
    Result<Json> ask(const net::HttpCall& call);
    net::HttpClient client_;
};

}  // namespace ait::supervise
