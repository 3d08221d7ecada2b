#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "miner_fakes.hpp"
#include "runtime/miner/mining_loop.hpp"
#include "runtime/miner/stage_log.hpp"

namespace ait::miner_process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FunctionExecutor final : public Executor {
  public:
    using Function = std::function<Result<Execution>(const miner::PolledJobView&, std::stop_token)>;
    explicit FunctionExecutor(Function function) : function_(std::move(function)) {}
    Result<Execution> run(const miner::PolledJobView& job, const Progress& /*progress*/,
                          std::stop_token stop) override {
        return function_(job, std::move(stop));
    }
    Status probe(std::stop_token /*stop*/) override {
        return ++probes <= probes_that_fail ? Status(unavailable_) : Status();
    }
    int probes = 0;
    int probes_that_fail = 0;

  private:
    Error unavailable_{ErrorCode::unavailable, "Nobody answers.", "", ""};
    Function function_;
};

Execution good_execution() {
    return {.result = R"({"response":"hello"})",
            .model_ran = "tiny",
            .prompt_tokens = 3,
            .completion_tokens = 5,
            .duration_ms = 40};
}

/// Runs until it is told to stop.
Result<Execution> run_until_stopped(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, stop, [] { return false; });
    return Error{ErrorCode::cancelled, "Stopped.", "", ""};
}

struct Bench {
    explicit Bench(FunctionExecutor::Function function) : executor(std::move(function)) {}

    std::unique_ptr<MiningLoop> loop(MiningLoop::Options options) {
        options.heartbeat_ms = beat_ms_of_tests;
        return std::make_unique<MiningLoop>(MiningLoop::Parts{.session = &session,
                                                              .executor = &executor,
                                                              .observer = &log,
                                                              .clock = &clock,
                                                              .pause = &pause},
                                            options);
    }
    std::vector<std::string> stages() {
        const std::scoped_lock lock(lines_mutex);
        std::vector<std::string> names;
        for (const std::string& line : lines) {
            const std::string rest = line.substr(line.find("  ") + 2);
            names.push_back(rest.substr(0, rest.find("  ")));
        }
        return names;
    }

    FakeSession session{};
    FunctionExecutor executor;
    ManualClock clock{};
    TestPause pause{};
    std::mutex lines_mutex{};
    std::vector<std::string> lines{};
    StageLog log{clock, "tiny", [this](const std::string& line) {
                     const std::scoped_lock lock(lines_mutex);
                     lines.push_back(line);
                 }};
};

// Breaks if people and scripts that watch mine-ollama cannot recognise its stages.
TEST(MiningLoop, one_job_passes_through_the_five_stages_in_order) {
    Bench bench([](const auto&, const auto&) { return good_execution(); });
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    const auto loop = bench.loop({.jobs_max = 1});

    ASSERT_TRUE(loop->run({}, {}).ok());

    EXPECT_THAT(bench.stages(), ElementsAre("polling", "job received", "local inference execution",
                                            "result submitted", "waiting"));
    EXPECT_THAT(bench.lines[3], HasSubstr("job=job-1"));
    EXPECT_THAT(bench.lines[3], HasSubstr("duration_ms=40"));
    EXPECT_THAT(bench.lines[3], HasSubstr("completion_tokens=5"));
    ASSERT_EQ(bench.session.completed.size(), 1U);
    EXPECT_EQ(bench.session.completed[0].model_ran, "tiny");
    EXPECT_EQ(bench.session.completed[0].payload, job_view("job-1").payload_hash);
    EXPECT_EQ(bench.session.completed[0].price_per_hour, Amount{500'000});
    EXPECT_EQ(loop->jobs_completed(), 1U);
}

// Breaks if a miner works on, and delivers, what the network has given to somebody else.
TEST(MiningLoop, a_job_that_the_heartbeat_calls_cancelled_is_stopped_and_not_delivered) {
    Bench bench([](const auto&, const auto& stop) { return run_until_stopped(stop); });
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    const auto loop = bench.loop({.jobs_max = 1});
    std::jthread runner([&] { EXPECT_TRUE(loop->run({}, {}).ok()); });
    ASSERT_TRUE(bench.session.wait_until([&] { return !bench.session.reports.empty(); }));
    {
        const std::scoped_lock lock(bench.session.mutex);
        bench.session.beat_answer.cancelled_jobs = {"job-1"};
    }
    // Until the beat that reports the job: a beat before that may not touch it.
    while (true) {
        ASSERT_TRUE(loop->beat({}).ok());
        const std::scoped_lock lock(bench.session.mutex);
        if (!bench.session.reports.back().jobs.empty()) break;
    }
    runner.join();

    EXPECT_TRUE(bench.session.completed.empty());
    EXPECT_TRUE(bench.session.failed.empty());
    EXPECT_THAT(bench.stages(), ::testing::Contains("job dropped"));
}

// Breaks if stopping a miner lets its jobs hang until their leases run out.
TEST(MiningLoop, a_drain_gives_back_what_cannot_be_finished_in_time) {
    std::stop_source drain;
    Bench bench([&](const auto&, const auto& stop) {
        drain.request_stop();
        return run_until_stopped(stop);
    });
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    const auto loop = bench.loop({.drain_ms = 1});

    ASSERT_TRUE(loop->run(drain.get_token(), {}).ok());

    ASSERT_EQ(bench.session.failed.size(), 1U);
    EXPECT_EQ(bench.session.failed[0].error_code, "cancelled");
    EXPECT_TRUE(bench.session.failed[0].retryable);
    EXPECT_TRUE(bench.session.completed.empty());
}

// Breaks if a drain throws away work that is nearly done.
TEST(MiningLoop, a_drain_lets_a_job_be_finished_within_its_time) {
    std::stop_source drain;
    Bench bench([&](const auto&, const auto&) {
        drain.request_stop();
        return good_execution();
    });
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    const auto loop = bench.loop({.drain_ms = 10'000});

    ASSERT_TRUE(loop->run(drain.get_token(), {}).ok());

    EXPECT_EQ(bench.session.completed.size(), 1U);
    EXPECT_TRUE(bench.session.failed.empty());
}

// Breaks if a miner takes more jobs at once than it registered for, or idles with room left.
TEST(MiningLoop, it_polls_for_as_many_jobs_as_it_has_room_for) {
    std::stop_source drain;
    Bench bench([](const auto&, const auto& stop) { return run_until_stopped(stop); });
    bench.session.polls.push_back(std::vector{job_view("job-1"), job_view("job-2")});
    const auto loop = bench.loop({.concurrency = 3, .drain_ms = 1});
    std::jthread runner([&] { EXPECT_TRUE(loop->run(drain.get_token(), {}).ok()); });
    ASSERT_TRUE(bench.session.wait_until([&] { return bench.session.rooms.size() == 2; }));
    drain.request_stop();
    runner.join();

    EXPECT_THAT(bench.session.rooms, ElementsAre(3U, 1U));
    EXPECT_EQ(bench.session.failed.size(), 2U);
}

// Breaks if a node that restarts ends its miners, or if they hammer it while it is away.
TEST(MiningLoop, polls_that_fail_for_a_while_are_repeated_with_growing_pauses) {
    Bench bench([](const auto&, const auto&) { return good_execution(); });
    for (int i = 0; i < 4; ++i) {
        bench.session.polls.push_back(Error{ErrorCode::unavailable, "Away.", "", ""});
    }
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    const auto loop = bench.loop({.jobs_max = 1});

    ASSERT_TRUE(loop->run({}, {}).ok());

    const auto pauses = bench.pause.pauses();
    ASSERT_EQ(pauses.size(), 4U);
    for (std::size_t i = 0; i < pauses.size(); ++i) {
        const std::int64_t bound = 250LL << i;
        EXPECT_LE(pauses[i], bound);
        EXPECT_GE(pauses[i], bound / 2);
    }
    EXPECT_EQ(loop->jobs_completed(), 1U);
}

// Breaks if a miner that nobody knows polls for ever instead of saying so.
TEST(MiningLoop, a_refusal_that_no_waiting_mends_ends_the_loop_with_it) {
    Bench bench([](const auto&, const auto&) { return good_execution(); });
    bench.session.polls.push_back(Error{ErrorCode::not_found, "No such miner.", "", ""});
    const auto loop = bench.loop({});

    const Status outcome = loop->run({}, {});

    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, ErrorCode::not_found);
}

// Breaks if one dead engine uses up the attempts of every job in the queue within a second.
TEST(MiningLoop, after_a_failure_of_its_own_it_pauses_before_the_next_poll) {
    int runs = 0;
    Bench bench([&](const auto&, const auto&) -> Result<Execution> {
        if (++runs == 1) return Error{ErrorCode::unavailable, "The engine is gone.", "", ""};
        return good_execution();
    });
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    bench.session.polls.push_back(std::vector{job_view("job-2")});
    const auto loop = bench.loop({.jobs_max = 2});

    ASSERT_TRUE(loop->run({}, {}).ok());

    ASSERT_EQ(bench.session.failed.size(), 1U);
    EXPECT_TRUE(bench.session.failed[0].retryable);
    EXPECT_EQ(bench.session.completed.size(), 1U);
    ASSERT_EQ(bench.pause.pauses().size(), 1U);
    EXPECT_GE(bench.pause.pauses()[0], 500);
}

// Breaks if jobs were risked, one after another, on what does not even answer.
TEST(MiningLoop, after_a_failure_no_job_is_taken_before_what_does_the_work_answers_again) {
    int runs = 0;
    Bench bench([&](const auto&, const auto&) -> Result<Execution> {
        if (++runs == 1) return Error{ErrorCode::deadline_exceeded, "It hangs.", "", ""};
        return good_execution();
    });
    bench.executor.probes_that_fail = 3;
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    bench.session.polls.push_back(std::vector{job_view("job-2")});
    const auto loop = bench.loop({.jobs_max = 2});

    ASSERT_TRUE(loop->run({}, {}).ok());

    EXPECT_EQ(bench.executor.probes, 4);
    EXPECT_EQ(bench.session.failed.size(), 1U);
    EXPECT_EQ(bench.session.completed.size(), 1U);
    const auto pauses = bench.pause.pauses();
    ASSERT_EQ(pauses.size(), 4U);
    EXPECT_GE(pauses[3], 4'000) << "they grow";
}

// Breaks if a job that no miner can do goes round until its attempts are used up.
TEST(MiningLoop, a_fault_of_the_job_itself_is_final_and_no_reason_to_pause) {
    Bench bench([](const auto&, const auto&) -> Result<Execution> {
        return Error{ErrorCode::invalid_argument, "Nothing to say.", "", ""};
    });
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    const auto loop = bench.loop({.jobs_max = 1});

    ASSERT_TRUE(loop->run({}, {}).ok());

    ASSERT_EQ(bench.session.failed.size(), 1U);
    EXPECT_FALSE(bench.session.failed[0].retryable);
    EXPECT_TRUE(bench.pause.pauses().empty());
}

// Breaks if a result that the node will never take makes the miner's loop fall over.
TEST(MiningLoop, a_lost_lease_drops_the_result_and_an_overlong_one_is_a_failure) {
    Bench bench([](const miner::PolledJobView& job, const auto&) {
        Execution execution = good_execution();
        if (job.job_id == "job-2") execution.result.assign(limits::blob_bytes_max + 1, 'x');
        return execution;
    });
    bench.session.complete_error = Error{ErrorCode::lease_lost, "Lost.", "", ""};
    bench.session.polls.push_back(std::vector{job_view("job-1")});
    bench.session.polls.push_back(std::vector{job_view("job-2")});
    const auto loop = bench.loop({.jobs_max = 2});

    ASSERT_TRUE(loop->run({}, {}).ok());

    EXPECT_EQ(bench.session.completed.size(), 1U);
    ASSERT_EQ(bench.session.failed.size(), 1U);
    EXPECT_EQ(bench.session.failed[0].error_code, "too_large");
    EXPECT_EQ(loop->jobs_completed(), 0U);
}

}  // namespace
}  // namespace ait::miner_process
