#pragma once

// The stages of mining as lines for people: "polling", "job received", "local inference execution",
// "result submitted", "waiting", each with its time and what belongs to it.

#include <functional>
#include <mutex>
#include <string>

#include "runtime/miner/mining_loop.hpp"

namespace ait::miner_process {

class StageLog final : public MiningObserver {
  public:
    /// `write` gets whole lines without their end, one at a time.
    StageLog(const Clock& clock, std::string model, std::function<void(const std::string&)> write)
        : clock_(&clock), model_(std::move(model)), write_(std::move(write)) {}

    void polling() override;
    void received(const miner::PolledJobView& job) override;
    void executing(const miner::PolledJobView& job) override;
    void submitted(const miner::PolledJobView& job, const Execution& execution,
                   const coordinator::CompleteAnswer& answer) override;
    void failed(const miner::PolledJobView& job, const Error& error, bool is_requeued) override;
    void dropped(const miner::PolledJobView& job, const Error& why) override;
    void waiting(std::string_view reason) override;
    void troubled(std::string_view activity, const Error& error, std::int64_t retry_ms) override;

  private:
    void line(std::string_view stage, const std::string& facts);

    const Clock* clock_;
    const std::string model_;
    std::function<void(const std::string&)> write_;
    std::mutex mutex_{};
};

}  // namespace ait::miner_process
