#pragma once

// The inference port: Ollama's routes for programs on this machine, and those to which the node's
// gateway forwards. It lives in the process that holds the engine.

#include <cstdint>
#include <memory>
#include <string>

#include "net/http_server.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/miner/engine_host.hpp"
#include "runtime/miner/work_queue.hpp"

namespace ait::miner_process {

class InferenceServer {
  public:
    struct Options {
        std::string host = "127.0.0.1";
        std::uint16_t port = 11434;
        bool port_may_move = true;  ///< an Ollama server may be there already
        WorkQueue::Options queue{};
    };
    /// `host`, `clock` and `random` outlive the server. Errors: those of HttpServer::open.
    static Result<std::unique_ptr<InferenceServer>> open(EngineHost& host, const Clock& clock,
                                                         Random& random, const Options& options);
    /// Ends what runs.
    ~InferenceServer();
    InferenceServer(const InferenceServer&) = delete;
    InferenceServer& operator=(const InferenceServer&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return server_->tcp_port(); }
    [[nodiscard]] std::string url() const;

  private:
    InferenceServer(EngineHost& host, const Clock& clock, Random& random, const Options& options);
    void handle(const std::shared_ptr<net::HttpExchange>& exchange);
    void enqueue(const std::shared_ptr<net::HttpExchange>& exchange);

    EngineHost& host_;
    const Clock& clock_;
    Random& random_;
    const Options options_;
    std::unique_ptr<WorkQueue> queue_{};
    std::unique_ptr<net::HttpServer> server_{};
};

}  // namespace ait::miner_process
