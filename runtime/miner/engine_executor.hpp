#pragma once

// Jobs done by the engine of this process.

#include "runtime/base/clock.hpp"
#include "runtime/miner/engine_host.hpp"
#include "runtime/miner/executor.hpp"

namespace ait::miner_process {

/// Any thread; the engine takes one sequence after the other.
class EngineExecutor final : public Executor {
  public:
    EngineExecutor(EngineHost& host, const Clock& clock, Random& random)
        : host_(&host), clock_(&clock), random_(&random) {}

    Result<Execution> run(const miner::PolledJobView& job, const Progress& progress,
                          std::stop_token stop) override;

  private:
    EngineHost* host_;
    const Clock* clock_;
    Random* random_;
};

}  // namespace ait::miner_process
