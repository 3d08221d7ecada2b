#pragma once

// What the routes of the inference port share. Internal to this room.

#include <memory>
#include <stop_token>

#include "net/http_server.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/miner/engine_host.hpp"

namespace ait::miner_process {

/// One request on a thread that may take its time.
struct RouteCall {
    net::HttpExchange* exchange = nullptr;
    EngineHost* host = nullptr;
    Random* random = nullptr;
    const Clock* clock = nullptr;
    std::stop_token stop{};  ///< the client is gone, or the server closes
};

/// An answer of lines that begins with the first of them, so that what fails before it still has a
/// status of its own.
class LineStream {
  public:
    LineStream(net::HttpExchange& exchange, std::vector<net::HttpHeader> headers)
        : exchange_(&exchange), headers_(std::move(headers)) {}

    /// False when nobody reads (fast enough).
    bool write(const Json& line) {
        if (!is_begun_) {
            is_begun_ = exchange_->begin_stream(200, std::move(headers_), "application/x-ndjson");
            if (!is_begun_) return false;
        }
        return exchange_->write(dump_json(line) + "\n");
    }
    void end() {
        if (is_begun_) exchange_->end();
    }
    [[nodiscard]] bool is_begun() const noexcept { return is_begun_; }

  private:
    net::HttpExchange* exchange_;
    std::vector<net::HttpHeader> headers_;
    bool is_begun_ = false;
};

// Ollama's
void answer_generate(const RouteCall& call);
void answer_chat(const RouteCall& call);
net::HttpResponse tags_response(const EngineHost& host);
/// {"error": "..."}.
net::HttpResponse ollama_error(const Error& error);

// Ours
void answer_complete(const RouteCall& call);
void answer_tokenize(const RouteCall& call);
net::HttpResponse models_response(const EngineHost& host);
/// The error body of the REST surface.
net::HttpResponse own_error(const Error& error, const net::HttpRequest& request);

}  // namespace ait::miner_process
