#pragma once

// What a miner process writes to its log.

#include <string>

#include "runtime/miner/mining_loop.hpp"

namespace ait::miner_process {

/// A text for a log line: one line, and without what ends a string in either form of the log.
std::string log_text(std::string_view text);

class LogObserver final : public MiningObserver {
  public:
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
    std::mutex mutex_{};
    std::string last_trouble_{};  ///< a node that stays away is one line, then debug lines
    std::uint64_t troubles_same_ = 0;
};

}  // namespace ait::miner_process
