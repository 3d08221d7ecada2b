#pragma once

// Jobs done by an Ollama server. Such a server may hang, drip, break off or talk nonsense: every
// wait has a deadline, every size a bound, and each fault a code that says whose it is.

#include <cstdint>
#include <string>
#include <vector>

#include "net/http_client.hpp"
#include "runtime/miner/executor.hpp"
#include "runtime/miner/job_payload.hpp"

namespace ait::miner_process {

inline constexpr const char* ollama_url_default = "http://127.0.0.1:11434";

/// What a server may cost. A job is given back when the first of them is over.
struct OllamaDeadlines {
    std::uint32_t connect_ms = 3'000;
    std::uint32_t first_byte_ms = 300'000;  ///< a large model is loaded meanwhile
    /// Between two whole pieces of the answer: a server that drips bytes is one that hangs.
    std::uint32_t idle_ms = 60'000;
    std::uint32_t total_ms = 1'800'000;
};

/// Any thread; every job has a connection of its own.
class OllamaExecutor final : public Executor {
  public:
    struct Options {
        net::HttpEndpoint endpoint{};
        std::string model{};  ///< runs jobs that ask for it or for none
        OllamaDeadlines deadlines{};
        const Clock* clock = &system_clock();
    };
    explicit OllamaExecutor(Options options) : options_(std::move(options)) {}

    /// The models that the server lists. Errors: unavailable, deadline_exceeded, cancelled.
    [[nodiscard]] Result<std::vector<std::string>> models(std::stop_token stop) const;
    /// The server's name for a model; `llama3` is `llama3:latest`. Errors: not_found, which lists
    /// what is there; those of models().
    [[nodiscard]] Result<std::string> resolve(const std::string& model, std::stop_token stop) const;

    Result<Execution> run(const miner::PolledJobView& job, const Progress& progress,
                          std::stop_token stop) override;
    /// Whether the server lists the model.
    Status probe(std::stop_token stop) override;

  private:
    Options options_;
};

}  // namespace ait::miner_process
