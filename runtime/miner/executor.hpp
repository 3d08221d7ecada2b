#pragma once

// Carrying out one job, whatever does it: the engine of this process or a server beside it.

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "actors/miner/messages.hpp"
#include "runtime/base/result.hpp"

namespace ait::miner_process {

/// What came of a job.
struct Execution {
    std::string result{};     ///< JSON text: {"response","model","provider","eval_count",...}
    std::string model_ran{};  ///< the model that really ran
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::uint64_t duration_ms = 0;  ///< of the execution alone
};

/// Told the tokens written so far, on the thread that runs the job.
using Progress = std::function<void(std::uint64_t completion_tokens)>;

class Executor {
  public:
    virtual ~Executor() = default;
    /// Blocks; several threads at a time. Errors: cancelled when stopped; what
    /// may_succeed_elsewhere() calls the job's own fault; else what is wrong here.
    virtual Result<Execution> run(const miner::PolledJobView& job, const Progress& progress,
                                  std::stop_token stop) = 0;
    /// Asked after a failure, before another job is risked: does what does the work answer at all?
    /// Cheap; blocks. Errors: what is wrong.
    virtual Status probe(std::stop_token) { return {}; }
};

/// False for faults of the job itself, which every miner would find again.
bool may_succeed_elsewhere(const Error& error) noexcept;

}  // namespace ait::miner_process
