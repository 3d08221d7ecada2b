#pragma once

// The node as the command line sees it: operations of the registry sent over HTTP, answers and
// refusals back as values. Contract: runtime/cli/README.md, "Talking to a node".

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_stream.hpp"
#include "net/http_client.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/operation.hpp"

namespace ait::cli {

/// What goes along with one call.
struct CallOptions {
    std::string account{};          ///< on whose behalf; empty = nobody's
    std::string idempotency_key{};  ///< of commands
    bool dry_run = false;
    std::uint32_t timeout_ms = limits::request_timeout_ms_default;
    /// The node answers deadline_exceeded itself; so much longer the client waits to hear it.
    std::uint32_t answer_slack_ms = 2'000;
};

/// One user at a time. Errors of all functions: unavailable (names `aitbc up`), deadline_exceeded,
/// cancelled, and whatever the node refuses with.
class NodeClient {
  public:
    struct Options {
        std::string token{};  ///< bearer token; empty over the unix socket
        std::string chain{};  ///< goes with each request; empty: the node's default one
        std::stop_token stop{};
        std::function<void(const std::string&)> trace{};  ///< called with a line for each request
    };

    NodeClient(net::HttpEndpoint endpoint, Options options);

    /// Sends checked input by the row's route: path, query or body as the method wants it.
    Result<Json> call(const Operation& operation, const Json& input, const CallOptions& options);
    /// Sends a body that is not the row's input (a signed transaction); `path_from` fills the path.
    Result<Json> post(const Operation& operation, const Json& path_from, const Json& body,
                      const CallOptions& options);
    /// Plain GET; the bytes as served.
    Result<std::string> get_bytes(const std::string& target, const CallOptions& options);
    Result<Json> get(const std::string& target, const CallOptions& options);

    /// Server-sent events until `on_event` says false, the stream ends or is silent for `idle_ms`.
    using OnEvent = std::function<bool(const net::SseEvent&)>;
    Status events(const std::string& target, const std::string& last_event_id,
                  std::uint32_t idle_ms, const CallOptions& options, const OnEvent& on_event);
    /// Lines of JSON (NDJSON) of a POST until `on_line` says false or the answer ends.
    using OnLine = std::function<bool(const Json&)>;
    Status lines(const Operation& operation, const Json& input, const CallOptions& options,
                 const OnLine& on_line);

    /// Id of the last answer, for error reports; may be empty.
    [[nodiscard]] const std::string& request_id() const noexcept { return request_id_; }
    [[nodiscard]] const net::HttpEndpoint& endpoint() const noexcept { return client_.endpoint(); }

  private:
    [[nodiscard]] net::HttpCall prepare(std::string method, std::string target,
                                        const CallOptions& options) const;
    Result<std::string> send(net::HttpCall call);
    Result<Json> send_json(net::HttpCall call);

    net::HttpClient client_;
    Options options_;
    std::string request_id_{};
};

/// The error of an answer with a refusing status.
Error refusal_of(int status, std::string_view body);

/// The value as text in a path or query: texts bare, the rest as JSON.
std::string query_text(const Json& value);

}  // namespace ait::cli
