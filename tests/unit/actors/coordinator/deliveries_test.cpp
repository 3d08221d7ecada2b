// What miners bring back many at a time: under one signature, or without one for jobs that carry no
// money.

#include <set>

#include "actors/coordinator/state.hpp"
#include "actors/coordinator/transitions.hpp"
#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

const Person alice = person(1);
const Person rig = person(9);
const Person other = person(8);

class Deliveries : public testing::Test {
  protected:
    Deliveries() {
        chain_.fund(alice, 100_ait);
        (void)chain_.accept<miner::MinerView>("miner.register", rig, small_miner());
        (void)chain_.accept<miner::MinerView>("miner.register", other, small_miner());
    }
    std::vector<LeasedJob> lease_two() {
        for (int i = 0; i < 2; ++i)
            (void)chain_.accept<SubmitAnswer>("job.submit", alice, small_job());
        return chain_.accept<LeaseAnswer>("job.lease", rig, LeaseJobs{rig.address, 2}).jobs;
    }
    void pay(const std::string& job_id) {
        (void)chain_.accept<PayAnswer>("job.pay", alice, PayJob{job_id, 10_ait});
    }
    static DeliveredResult delivered(const LeasedJob& job) {
        return {.job_id = job.job_id,
                .attempt = job.attempt,
                .result = crypto::blake2b_256("result"),
                .result_bytes = 6,
                .model_ran = "tiny",
                .duration_ms = 5};
    }
    TestChain chain_{};
};

TEST_F(Deliveries, many_results_under_one_signature_are_each_paid) {
    const auto jobs = lease_two();
    ASSERT_EQ(jobs.size(), 2U);
    for (const auto& job : jobs) pay(job.job_id);
    chain_.advance(7'200);
    const auto answer = chain_.accept<ResultsAnswer>(
        "job.complete_batch", rig,
        CompleteJobs{{result_for(jobs[0], 3'600), result_for(jobs[1], 7'200)}});
    ASSERT_EQ(answer.results.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_TRUE(answer.results[i].taken);
        const Job job = chain_.job(jobs[i].job_id);
        EXPECT_EQ(job.payment.state, PaymentState::paid);
        EXPECT_EQ(job.delivery->item, i);
        EXPECT_EQ(job.delivery->miner_key, rig.key);
        EXPECT_EQ(job.payment.paid_to_miner, answer.results[i].paid_to_miner);
    }
    EXPECT_TRUE(chain_.supply().balanced);
}

// Breaks if one lost lease cost a miner the pay for all that it did beside it.
TEST_F(Deliveries, a_result_that_comes_too_late_does_not_spoil_the_others) {
    const auto jobs = lease_two();
    ASSERT_EQ(jobs.size(), 2U);
    auto late = result_for(jobs[0], 10);
    ++late.attempt;
    const auto answer = chain_.accept<ResultsAnswer>("job.complete_batch", rig,
                                                     CompleteJobs{{late, result_for(jobs[1], 10)}});
    EXPECT_FALSE(answer.results[0].taken);
    EXPECT_EQ(answer.results[0].error, "lease_lost");
    EXPECT_TRUE(answer.results[1].taken);
    EXPECT_EQ(chain_.job(jobs[0].job_id).state, JobState::processing);
    EXPECT_EQ(chain_.refuse("job.complete_batch", rig, CompleteJobs{{late}}),
              ErrorCode::lease_lost);
}

// Breaks if money could move without the miner's own signature.
TEST_F(Deliveries, a_funded_job_takes_no_result_without_a_signature) {
    const auto jobs = lease_two();
    ASSERT_EQ(jobs.size(), 2U);
    pay(jobs[0].job_id);
    const auto answer = chain_.accept<ResultsAnswer>(
        "job.deliver", rig, DeliverResults{{delivered(jobs[0]), delivered(jobs[1])}});
    EXPECT_EQ(answer.results[0].error, "forbidden");
    EXPECT_TRUE(answer.results[1].taken);
    EXPECT_EQ(chain_.job(jobs[0].job_id).state, JobState::processing);
    const Job job = chain_.job(jobs[1].job_id);
    EXPECT_EQ(job.state, JobState::completed);
    EXPECT_TRUE(job.delivery->miner_key.is_zero());
    EXPECT_EQ(chain_.refuse("job.deliver", other, DeliverResults{{delivered(jobs[0])}}),
              ErrorCode::lease_lost);
    EXPECT_EQ(chain_.refuse("job.deliver", rig, DeliverResults{}), ErrorCode::invalid_argument);
}

// Breaks if one operation could complete a job twice.
TEST_F(Deliveries, the_same_job_twice_in_one_operation_is_taken_once) {
    const auto jobs = lease_two();
    ASSERT_EQ(jobs.size(), 2U);
    const auto answer = chain_.accept<ResultsAnswer>(
        "job.deliver", rig, DeliverResults{{delivered(jobs[0]), delivered(jobs[0])}});
    EXPECT_TRUE(answer.results[0].taken);
    EXPECT_FALSE(answer.results[1].taken);
    EXPECT_EQ(miner::find_miner(chain_.state(), rig.address)->jobs_completed, 1U);
}

// Breaks if ended jobs stayed in the state for ever, or went before their time.
TEST_F(Deliveries, jobs_are_forgotten_a_month_after_they_ended_within_a_day) {
    const auto jobs = lease_two();
    ASSERT_EQ(jobs.size(), 2U);
    (void)chain_.accept<ResultsAnswer>("job.deliver", rig, DeliverResults{{delivered(jobs[0])}});
    chain_.advance(job_kept_ms - 1'000);
    EXPECT_TRUE(find_job(chain_.state(), jobs[0].job_id).has_value());
    chain_.advance(forget_interval_ms + 2'000);
    EXPECT_FALSE(find_job(chain_.state(), jobs[0].job_id).has_value());
    EXPECT_EQ(unpaid_count(chain_.state(), alice.address), 0U);
}

// Breaks if a day of more jobs than one block may look at were forgotten only in part.
TEST_F(Deliveries, a_long_list_is_forgotten_over_several_blocks) {
    std::set<std::string> ids;
    for (std::size_t i = 0; i < forget_records_max + 10; ++i) {
        const auto job = chain_.accept<SubmitAnswer>("job.submit", alice, small_job());
        (void)chain_.accept<CancelAnswer>("job.cancel", alice, CancelJob{job.job_id});
        ids.insert(job.job_id);
    }
    chain_.advance(job_kept_ms + 2 * forget_interval_ms);
    for (const auto& id : ids) EXPECT_FALSE(find_job(chain_.state(), id).has_value());
}

}  // namespace
}  // namespace ait::coordinator
