#include "actors/coordinator/patience.hpp"
#include "actors/coordinator/queue.hpp"
#include "actors/coordinator/settlement.hpp"
#include "actors/coordinator/state.hpp"
#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

const Person alice = person(1);
const Person rig = person(9);
const Person other = person(8);

class Leases : public testing::Test {
  protected:
    Leases() {
        chain_.fund(alice, 100_ait);
        (void)chain_.accept<miner::MinerView>("miner.register", rig, small_miner());
        (void)chain_.accept<miner::MinerView>("miner.register", other, small_miner());
    }
    std::string submit(SubmitJob tx = small_job()) {
        return chain_.accept<SubmitAnswer>("job.submit", alice, tx).job_id;
    }
    std::vector<LeasedJob> lease(const Person& who, std::uint32_t count = 1) {
        return chain_.accept<LeaseAnswer>("job.lease", who, LeaseJobs{who.address, count}).jobs;
    }
    LeasedJob lease_one(const Person& who) {
        const auto jobs = lease(who);
        EXPECT_EQ(jobs.size(), 1U);
        return jobs.empty() ? LeasedJob{} : jobs.front();
    }
    miner::MinerRecord record(const Person& who) {
        return miner::find_miner(chain_.state(), who.address).value();
    }

    TestChain chain_{};
};

// Breaks if jobs were not handed out in the order in which they came.
TEST_F(Leases, the_oldest_matching_jobs_come_first_and_no_more_than_the_concurrency) {
    SubmitJob elsewhere = small_job();
    elsewhere.constraints.region = "moon";
    const std::string skipped = submit(elsewhere);
    const std::string first = submit();
    const std::string second = submit();
    const std::string third = submit();
    const auto jobs = lease(rig, 10);
    ASSERT_EQ(jobs.size(), 2U);
    EXPECT_EQ(jobs[0].job_id, first);
    EXPECT_EQ(jobs[1].job_id, second);
    EXPECT_EQ(jobs[0].attempt, 1U);
    EXPECT_EQ(chain_.job(first).state, JobState::processing);
    EXPECT_EQ(record(rig).jobs_running, 2U);
    EXPECT_EQ(chain_.refuse("job.lease", rig, LeaseJobs{rig.address, 1}), ErrorCode::limit_reached);
    EXPECT_EQ(lease_one(other).job_id, third);
    EXPECT_EQ(chain_.job(skipped).state, JobState::pending);
}

// Breaks if an account could lease for another, or without being a miner that takes work.
TEST_F(Leases, every_refusal_leaves_no_trace) {
    (void)submit();
    EXPECT_EQ(chain_.refuse("job.lease", other, LeaseJobs{rig.address, 1}), ErrorCode::forbidden);
    EXPECT_EQ(chain_.refuse("job.lease", alice, LeaseJobs{alice.address, 1}), ErrorCode::not_found);
    EXPECT_EQ(chain_.refuse("job.lease", rig, LeaseJobs{rig.address, 0}),
              ErrorCode::invalid_argument);
    EXPECT_EQ(chain_.refuse("job.lease", rig, LeaseJobs{rig.address, 65}),
              ErrorCode::invalid_argument);
    EXPECT_EQ(chain_.refuse("job.renew", other, RenewLeases{.miner = rig.address}),
              ErrorCode::forbidden);
    EXPECT_EQ(chain_.refuse("job.renew", alice, RenewLeases{.miner = alice.address}),
              ErrorCode::not_found);
    (void)chain_.accept<miner::MinerView>("miner.drain", rig, miner::DrainMiner{});
    EXPECT_EQ(chain_.refuse("job.lease", rig, LeaseJobs{rig.address, 1}), ErrorCode::conflict);
}

// Breaks if a poll that finds nothing were an error: scenario 2.2 wants "no jobs in queue".
TEST_F(Leases, an_empty_queue_gives_an_empty_answer) {
    EXPECT_TRUE(lease(rig).empty());
}

// Breaks if the signed result could be for other work, another price or another attempt.
TEST_F(Leases, a_result_must_repeat_its_lease) {
    const std::string id = submit();
    const LeasedJob leased = lease_one(rig);
    const auto refuse = [&](auto change, const Person& who = rig) {
        CompleteJob tx = result_for(leased, 10);
        change(tx);
        return chain_.refuse("job.complete", who, tx);
    };
    EXPECT_EQ(refuse([](CompleteJob&) {}, other), ErrorCode::lease_lost);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.attempt = 2; }), ErrorCode::lease_lost);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.job_id = "job-none"; }), ErrorCode::not_found);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.payload = {}; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.price_per_hour.micro += 1; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.result = {}; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.result_bytes = 0; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.result_bytes = limits::blob_bytes_max + 1; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.model_ran.clear(); }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](CompleteJob& tx) { tx.ended_at.ms = 0; }), ErrorCode::invalid_argument);
    const auto done = chain_.accept<CompleteAnswer>("job.complete", rig, result_for(leased, 10));
    EXPECT_EQ(done.status, JobState::completed);
    EXPECT_EQ(refuse([](CompleteJob&) {}), ErrorCode::lease_lost);  // never twice
    EXPECT_EQ(chain_.job(id).delivery->miner, rig.address);
    EXPECT_EQ(record(rig).jobs_completed, 1U);
    EXPECT_EQ(record(rig).jobs_running, 0U);
}

// Breaks if a slow miner's result were taken after the job went to another.
TEST_F(Leases, a_lost_lease_queues_the_job_again_and_fences_the_old_attempt) {
    const std::string id = submit();
    const std::string later = submit();
    const LeasedJob slow = lease_one(rig);
    chain_.advance(30'000);
    EXPECT_EQ(chain_.job(id).state, JobState::pending);
    EXPECT_EQ(record(rig).jobs_expired, 1U);
    EXPECT_EQ(record(rig).jobs_running, 0U);
    EXPECT_EQ(queue_position(chain_.state(), chain_.job(id)), 1U);  // its old place
    EXPECT_EQ(queue_position(chain_.state(), chain_.job(later)), 2U);

    const LeasedJob fresh = lease_one(other);
    EXPECT_EQ(fresh.job_id, id);
    EXPECT_EQ(fresh.attempt, 2U);
    EXPECT_EQ(chain_.refuse("job.complete", rig, result_for(slow, 10)), ErrorCode::lease_lost);
    (void)chain_.accept<CompleteAnswer>("job.complete", other, result_for(fresh, 10));
}

// Breaks if a miner that renews lost its job, or one that does not kept it.
TEST_F(Leases, renewal_moves_the_end_and_names_what_is_lost) {
    const std::string id = submit();
    const LeasedJob leased = lease_one(rig);
    for (int i = 0; i < 4; ++i) {
        chain_.advance(20'000);
        const auto answer =
            chain_.accept<RenewAnswer>("job.renew", rig, RenewLeases{.miner = rig.address});
        EXPECT_EQ(answer.renewed, std::vector{id});
        EXPECT_EQ(answer.lease_expires_at.ms, chain_.now_ms + 30'000);
    }
    const auto mixed =
        chain_.accept<RenewAnswer>("job.renew", rig, RenewLeases{rig.address, {"job-none", id}});
    EXPECT_EQ(mixed.renewed, std::vector{id});
    EXPECT_EQ(mixed.lost, std::vector<std::string>{"job-none"});
    chain_.advance(29'999);
    EXPECT_EQ(chain_.job(id).state, JobState::processing);
    chain_.advance(1);
    EXPECT_EQ(chain_.job(id).state, JobState::pending);
    EXPECT_EQ(leased.attempt, 1U);
}

// Breaks if a job that no miner can hold were tried for ever, or its payer were charged.
TEST_F(Leases, the_last_attempt_fails_the_job_and_refunds_it) {
    const std::string id = submit();
    (void)chain_.accept<PayAnswer>("job.pay", alice, PayJob{id, 9_ait});
    for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
        EXPECT_EQ(lease_one(rig).attempt, attempt);
        chain_.advance(30'000 + pause_ms(30'000, attempt));
    }
    const Job job = chain_.job(id);
    EXPECT_EQ(job.state, JobState::failed);
    ASSERT_TRUE(job.error.has_value());
    EXPECT_EQ(job.error->code, "lease_expired");
    EXPECT_EQ(job.past_attempts.size(), 3U);
    EXPECT_EQ(job.payment.state, PaymentState::refunded);
    EXPECT_EQ(chain_.balance(alice.address).available, 100_ait);
}

// Breaks if a retryable failure ended a job, or a final one were retried.
TEST_F(Leases, a_miners_failure_is_retried_or_final_as_it_says) {
    const std::string id = submit();
    const LeasedJob first = lease_one(rig);
    FailJob fail{.job_id = id,
                 .attempt = first.attempt,
                 .error_code = "engine_failed",
                 .message = "out of memory"};
    EXPECT_EQ(chain_.refuse("job.fail", other, fail), ErrorCode::lease_lost);
    FailJob nameless = fail;
    nameless.error_code.clear();
    EXPECT_EQ(chain_.refuse("job.fail", rig, nameless), ErrorCode::invalid_argument);
    const auto again = chain_.accept<FailAnswer>("job.fail", rig, fail);
    EXPECT_TRUE(again.requeued);
    EXPECT_EQ(again.status, JobState::pending);

    chain_.advance(pause_ms(30'000, 1));
    fail.attempt = lease_one(rig).attempt;
    fail.retryable = false;
    const auto final = chain_.accept<FailAnswer>("job.fail", rig, fail);
    EXPECT_FALSE(final.requeued);
    EXPECT_EQ(final.status, JobState::failed);
    EXPECT_EQ(final.attempts, 2U);
    EXPECT_EQ(record(rig).jobs_failed, 2U);
    EXPECT_EQ(chain_.job(id).error->message, "out of memory");
}

// Breaks if a miner that leaves took its jobs with it.
TEST_F(Leases, a_forced_deregistration_gives_the_jobs_back) {
    const std::string id = submit();
    (void)lease_one(rig);
    EXPECT_EQ(chain_.refuse("miner.deregister", rig, miner::DeregisterMiner{}),
              ErrorCode::conflict);
    const auto answer = chain_.accept<miner::DeregisterAnswer>("miner.deregister", rig,
                                                               miner::DeregisterMiner{true});
    EXPECT_EQ(answer.requeued, std::vector{id});
    EXPECT_EQ(chain_.job(id).state, JobState::pending);
    EXPECT_EQ(record(rig).status, miner::MinerStatus::deregistered);
    EXPECT_EQ(lease_one(other).job_id, id);
    chain_.advance(29'999);
    EXPECT_EQ(chain_.job(id).state, JobState::processing);
}

}  // namespace
}  // namespace ait::coordinator
