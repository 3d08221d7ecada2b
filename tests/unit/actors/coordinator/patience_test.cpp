#include "actors/coordinator/patience.hpp"

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

constexpr std::int64_t lease_ms = 30'000;

const Person alice = person(1);
const Person rig = person(9);
const Person other = person(8);

class Patience : public testing::Test {
  protected:
    Patience() {
        (void)chain_.accept<miner::MinerView>("miner.register", rig, small_miner());
        (void)chain_.accept<miner::MinerView>("miner.register", other, small_miner());
    }
    std::string submit() {
        return chain_.accept<SubmitAnswer>("job.submit", alice, small_job()).job_id;
    }
    std::vector<LeasedJob> lease(const Person& who) {
        return chain_.accept<LeaseAnswer>("job.lease", who, LeaseJobs{who.address, 1}).jobs;
    }
    /// The miner takes a job and gives it up.
    void fail_one(const Person& who, bool retryable = true) {
        const auto jobs = lease(who);
        ASSERT_EQ(jobs.size(), 1U);
        (void)chain_.accept<FailAnswer>("job.fail", who,
                                        FailJob{.job_id = jobs.front().job_id,
                                                .attempt = jobs.front().attempt,
                                                .error_code = "unavailable",
                                                .retryable = retryable});
    }
    miner::MinerRecord record(const Person& who) {
        return miner::find_miner(chain_.state(), who.address).value();
    }

    TestChain chain_{};
};

TEST(Pauses, double_from_a_sixteenth_of_a_lease_up_to_a_lease) {
    EXPECT_EQ(pause_ms(lease_ms, 0), 0);
    EXPECT_EQ(pause_ms(lease_ms, 1), 1'875);
    EXPECT_EQ(pause_ms(lease_ms, 2), 3'750);
    EXPECT_EQ(pause_ms(lease_ms, 5), 30'000);
    EXPECT_EQ(pause_ms(lease_ms, ~std::uint64_t{0}), 30'000);
    EXPECT_EQ(pause_ms(1, 1), 1);
    EXPECT_EQ(pause_ms(86'400'000, 99), 86'400'000);
}

// Breaks if one miner could use up all attempts of a job within a moment, or if the job waited for
// it while another could do it.
TEST_F(Patience, a_failed_job_is_anothers_at_once_and_the_same_miners_only_after_a_pause) {
    const std::string id = submit();
    fail_one(rig);
    EXPECT_TRUE(lease(rig).empty());
    chain_.advance(pause_ms(lease_ms, 1) - 1);
    EXPECT_TRUE(lease(rig).empty());

    fail_one(other);
    EXPECT_TRUE(lease(other).empty());
    chain_.advance(1);
    const auto again = lease(rig);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again.front().job_id, id);
    EXPECT_EQ(again.front().attempt, 3U);
}

// Breaks if a pause ended without a block: polls that wait would not look again.
TEST_F(Patience, the_end_of_a_pause_is_due) {
    (void)submit();
    fail_one(rig);
    const auto due = consensus::next_due(chain_.state());
    ASSERT_TRUE(due.has_value());
    EXPECT_EQ(*due, chain_.now_ms + pause_ms(lease_ms, 1));
    chain_.advance(pause_ms(lease_ms, 1));
    EXPECT_EQ(lease(rig).size(), 1U);
}

// Breaks if other jobs of the same owner hid behind one that this miner may not have yet.
TEST_F(Patience, a_pause_is_for_one_job_and_not_for_the_next) {
    (void)submit();
    const std::string next = submit();
    fail_one(rig);
    const auto jobs = lease(rig);
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs.front().job_id, next);
}

// Breaks if a sick miner went through the whole queue at full speed.
TEST_F(Patience, a_row_of_failures_makes_a_miner_rest_longer_each_time) {
    for (int i = 0; i < 8; ++i) (void)submit();
    fail_one(rig);
    EXPECT_EQ(record(rig).rests_until_ms, 0);
    fail_one(rig);
    for (std::uint64_t row = 2; row <= 7; ++row) {
        const std::int64_t until = record(rig).rests_until_ms;
        EXPECT_EQ(until, chain_.now_ms + pause_ms(lease_ms, row - 1)) << row;
        EXPECT_EQ(record(rig).failures_in_row, row);
        chain_.advance(until - chain_.now_ms - 1);
        EXPECT_TRUE(lease(rig).empty()) << row;
        chain_.advance(1);
        fail_one(rig);
    }
    EXPECT_EQ(lease(other).size(), 1U);
}

TEST_F(Patience, a_result_ends_the_row_and_the_rest) {
    for (int i = 0; i < 4; ++i) (void)submit();
    const auto held = lease(rig);
    ASSERT_EQ(held.size(), 1U);
    fail_one(rig);
    fail_one(rig);
    EXPECT_TRUE(lease(rig).empty());
    (void)chain_.accept<CompleteAnswer>("job.complete", rig, result_for(held.front(), 10));
    EXPECT_EQ(record(rig).failures_in_row, 0U);
    EXPECT_EQ(lease(rig).size(), 1U);
}

// Breaks if a client could lame a miner with jobs that nobody can do.
TEST_F(Patience, faults_of_jobs_do_not_make_the_rest_longer) {
    for (int i = 0; i < 7; ++i) {
        (void)submit();
        fail_one(rig, false);
        const std::int64_t rest = record(rig).rests_until_ms - chain_.now_ms;
        EXPECT_LE(rest, pause_ms(lease_ms, 1));
        chain_.advance(pause_ms(lease_ms, 1));
    }
}

// Breaks if a miner that takes jobs and goes silent got new ones as fast as any.
TEST_F(Patience, silence_counts_as_failure) {
    for (int i = 0; i < 3; ++i) (void)submit();
    ASSERT_EQ(lease(rig).size(), 1U);
    ASSERT_EQ(lease(rig).size(), 1U);
    chain_.advance(lease_ms);
    EXPECT_EQ(record(rig).failures_in_row, 2U);
    EXPECT_TRUE(lease(rig).empty());
    EXPECT_EQ(lease(other).size(), 1U);
}

// Breaks if a lease whose answer got lost used up an attempt, or could be answered all the same.
TEST_F(Patience, a_withdrawn_lease_costs_no_attempt_and_no_pause) {
    const std::string id = submit();
    for (std::uint32_t attempt = 1; attempt <= 5; ++attempt) {
        const auto jobs = lease(rig);
        ASSERT_EQ(jobs.size(), 1U);
        EXPECT_EQ(jobs.front().attempt, attempt);
        const ReleaseLeases release{rig.address, {{id, attempt}}};
        EXPECT_EQ(chain_.refuse("job.release", other, release), ErrorCode::forbidden);
        const auto stale = chain_.accept<ReleaseAnswer>(
            "job.release", rig, ReleaseLeases{rig.address, {{id, attempt - 1}, {"job-none", 1}}});
        EXPECT_TRUE(stale.released.empty());
        const auto answer = chain_.accept<ReleaseAnswer>("job.release", rig, release);
        EXPECT_EQ(answer.released, std::vector{id});
        EXPECT_EQ(chain_.refuse("job.complete", rig, result_for(jobs.front(), 10)),
                  ErrorCode::lease_lost);
    }
    EXPECT_EQ(record(rig).jobs_running, 0U);
    EXPECT_EQ(record(rig).failures_in_row, 0U);
    EXPECT_TRUE(chain_.job(id).past_attempts.empty());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(chain_.job(id).state, JobState::pending);
        fail_one(i % 2 == 0 ? rig : other);
        chain_.advance(lease_ms);
    }
    EXPECT_EQ(chain_.job(id).state, JobState::failed);
}

}  // namespace
}  // namespace ait::coordinator
