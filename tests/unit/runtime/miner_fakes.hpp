#pragma once

// What surrounds a miner, for tests: a node in one object, pauses that take no time, and servers
// that answer by a function.

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "net/http_server.hpp"
#include "runtime/miner/mining_loop.hpp"

namespace ait::miner_process {

/// Longer than any pause that a loop draws for itself.
inline constexpr std::int64_t beat_ms_of_tests = 77'777;

/// Heartbeat pauses last until they are stopped; all others no time.
class TestPause final : public Pause {
  public:
    bool wait_ms(std::int64_t ms, const std::stop_token& stop) override {
        std::unique_lock lock(mutex_);
        if (ms == beat_ms_of_tests) {
            changed_.wait(lock, stop, [] { return false; });
            return false;
        }
        pauses_.push_back(ms);
        return !stop.stop_requested();
    }
    [[nodiscard]] std::vector<std::int64_t> pauses() {
        const std::scoped_lock lock(mutex_);
        return pauses_;
    }

  private:
    std::mutex mutex_{};
    std::condition_variable_any changed_{};
    std::vector<std::int64_t> pauses_{};
};

inline miner::PolledJobView job_view(const std::string& id,
                                     const std::string& payload = R"({"prompt":"hi"})") {
    miner::PolledJobView job;
    job.job_id = id;
    job.attempt = 1;
    job.type = "inference";
    job.model = "llama3";
    job.payload.text = payload;
    job.payload_hash.bytes[0] = 7;
    job.price_per_hour = Amount{500'000};
    job.expires_at = UnixMs{4'000'000'000'000};
    return job;
}

/// Answers polls from a list, then waits to be stopped.
class FakeSession final : public MinerSession {
  public:
    using Poll = Result<std::vector<miner::PolledJobView>>;

    Poll poll(std::uint32_t count_max, std::uint32_t /*wait_s*/, std::stop_token stop) override {
        std::unique_lock lock(mutex);
        rooms.push_back(count_max);
        changed.notify_all();
        if (polls.empty()) {
            changed.wait(lock, stop, [] { return false; });
            return Error{ErrorCode::cancelled, "Stopped.", "", ""};
        }
        Poll next = std::move(polls.front());
        polls.pop_front();
        return next;
    }
    Result<miner::HeartbeatView> heartbeat(const HeartbeatReport& report,
                                           std::stop_token /*stop*/) override {
        const std::scoped_lock lock(mutex);
        reports.push_back(report);
        changed.notify_all();
        return beat_answer;
    }
    Result<coordinator::CompleteAnswer> complete(const coordinator::CompleteJob& job,
                                                 const std::string& result,
                                                 const SubmitLimits& /*limits*/) override {
        const std::scoped_lock lock(mutex);
        completed.push_back(job);
        results.push_back(result);
        changed.notify_all();
        if (complete_error) return *complete_error;
        return coordinator::CompleteAnswer{.job_id = job.job_id};
    }
    Result<coordinator::FailAnswer> fail(const coordinator::FailJob& job,
                                         const SubmitLimits& /*limits*/) override {
        const std::scoped_lock lock(mutex);
        failed.push_back(job);
        changed.notify_all();
        return coordinator::FailAnswer{.job_id = job.job_id, .requeued = job.retryable};
    }
    /// False when time is up.
    bool wait_until(const std::function<bool()>& is_so) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, std::chrono::seconds(10), is_so);
    }

    std::mutex mutex{};
    std::condition_variable_any changed{};
    std::deque<Poll> polls{};
    std::vector<std::uint32_t> rooms{};
    std::vector<HeartbeatReport> reports{};
    miner::HeartbeatView beat_answer{};
    std::optional<Error> complete_error{};
    std::vector<coordinator::CompleteJob> completed{};
    std::vector<std::string> results{};
    std::vector<coordinator::FailJob> failed{};
};

inline std::unique_ptr<net::HttpServer> open_fake(net::HttpServer::Handler handler) {
    auto server = net::HttpServer::open({}, std::move(handler));
    EXPECT_TRUE(server.ok()) << render_error(server.error());
    return std::move(server).value();
}

inline net::HttpEndpoint endpoint_of(std::uint16_t port) {
    return {.host = "127.0.0.1", .port = port};
}

}  // namespace ait::miner_process
