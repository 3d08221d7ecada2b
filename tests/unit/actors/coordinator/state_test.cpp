#include "actors/coordinator/state.hpp"

#include "actors/coordinator/queue.hpp"
#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

const Person alice = person(1);
const Person bob = person(2);
const Person rig = person(9);

consensus::ChainParameters holding() {
    auto parameters = TestChain::development();
    parameters.jobs_unfunded = UnfundedJobs::hold;
    return parameters;
}

std::string submit(TestChain& chain, const SubmitJob& tx = small_job()) {
    return chain.accept<SubmitAnswer>("job.submit", alice, tx).job_id;
}

std::vector<LeasedJob> lease(TestChain& chain, std::uint32_t count = 1) {
    return chain.accept<LeaseAnswer>("job.lease", rig, LeaseJobs{rig.address, count}).jobs;
}

void register_rig(TestChain& chain, Amount price = Amount{500'000}) {
    (void)chain.accept<miner::MinerView>("miner.register", rig, small_miner(price));
}

// Breaks if a new job had another state than scenario 1.1 promises.
TEST(JobSubmit, a_new_job_is_pending_and_unfunded_and_in_the_queue_where_that_is_accepted) {
    TestChain chain;
    const auto answer = chain.accept<SubmitAnswer>("job.submit", alice, small_job());
    EXPECT_TRUE(answer.job_id.starts_with("job-"));
    EXPECT_LE(answer.job_id.size(), limits::id_bytes_max);
    EXPECT_EQ(answer.status, JobState::pending);
    EXPECT_EQ(answer.payment_state, PaymentState::unfunded);
    EXPECT_EQ(answer.expires_at.ms, chain.now_ms + 900'000);
    const Job job = chain.job(answer.job_id);
    EXPECT_EQ(job.owner, alice.address);
    EXPECT_EQ(queue_position(chain.state(), job), 1U);
    EXPECT_EQ(unpaid_count(chain.state(), alice.address), 1U);
}

// Breaks if unpaid jobs reached miners on a chain that holds them.
TEST(JobSubmit, where_unfunded_jobs_are_held_only_payment_queues_them) {
    TestChain chain(holding());
    chain.fund(alice, 10_ait);
    register_rig(chain);
    const std::string id = submit(chain);
    EXPECT_FALSE(queue_position(chain.state(), chain.job(id)).has_value());
    EXPECT_TRUE(lease(chain).empty());
    const auto paid = chain.accept<PayAnswer>("job.pay", alice, PayJob{id, 5_ait});
    EXPECT_EQ(paid.status, JobState::queued);
    EXPECT_EQ(paid.payment_state, PaymentState::funded);
    EXPECT_EQ(lease(chain).size(), 1U);
}

// Breaks if something nobody can run, or nobody owns, came into the state.
TEST(JobSubmit, every_refusal_leaves_no_trace) {
    TestChain chain;
    const auto refuse = [&](auto change) {
        SubmitJob tx = small_job();
        change(tx);
        return chain.refuse("job.submit", alice, tx);
    };
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.type = ""; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.type = "Infer ence"; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.model = "a\nb"; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.payload = {}; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.payload_bytes = 0; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.payload_bytes = limits::prompt_bytes_max + 1; }),
              ErrorCode::too_large);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.ttl_ms = 999; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.ttl_ms = 86'400'001; }), ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.constraints.gpu = "\x7f"; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.constraints.models = {""}; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(refuse([](SubmitJob& tx) { tx.constraints.min_vram_gb = 100'000; }),
              ErrorCode::invalid_argument);
    EXPECT_EQ(chain.refuse("job.submit", Person{}, small_job()), ErrorCode::unauthenticated);
}

// Breaks if one account could fill the chain with jobs that nobody pays for.
TEST(JobSubmit, the_free_quota_and_the_chains_room_are_kept_and_freed_again) {
    auto parameters = TestChain::development();
    parameters.jobs_unfunded_per_account_max = 2;
    parameters.jobs_open_max = 3;
    TestChain chain(parameters);
    const std::string first = submit(chain);
    (void)submit(chain);
    EXPECT_EQ(chain.refuse("job.submit", alice, small_job()), ErrorCode::limit_reached);
    (void)chain.accept<SubmitAnswer>("job.submit", bob, small_job());
    EXPECT_EQ(chain.refuse("job.submit", bob, small_job()), ErrorCode::limit_reached);
    (void)chain.accept<CancelAnswer>("job.cancel", alice, CancelJob{first});
    (void)submit(chain);
}

// Breaks if a batch could be taken in part.
TEST(JobBatch, is_taken_whole_or_not_at_all) {
    auto parameters = TestChain::development();
    parameters.jobs_unfunded_per_account_max = 3;
    TestChain chain(parameters);
    SubmitBatch bad{.jobs = {small_job(), small_job(), small_job()}};
    bad.jobs[2].payload_bytes = 0;
    EXPECT_EQ(chain.refuse("job.batch_submit", alice, bad), ErrorCode::invalid_argument);
    EXPECT_EQ(chain.refuse("job.batch_submit", alice, SubmitBatch{}), ErrorCode::invalid_argument);
    SubmitBatch many{.jobs = std::vector<SubmitJob>(4, small_job())};
    EXPECT_EQ(chain.refuse("job.batch_submit", alice, many), ErrorCode::limit_reached);

    many.jobs.pop_back();
    const auto answer = chain.accept<SubmitBatchAnswer>("job.batch_submit", alice, many);
    ASSERT_EQ(answer.jobs.size(), 3U);
    EXPECT_NE(answer.jobs[0].job_id, answer.jobs[1].job_id);
    for (std::uint64_t i = 0; i < 3; ++i) {
        EXPECT_EQ(queue_position(chain.state(), chain.job(answer.jobs[i].job_id)), i + 1);
    }
}

// Breaks if money stayed locked after a cancellation, or strangers could cancel.
TEST(JobCancel, gives_everything_back_from_every_open_state) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    register_rig(chain);
    const std::string id = submit(chain);
    (void)chain.accept<PayAnswer>("job.pay", alice, PayJob{id, 4_ait});
    const auto leased = lease(chain);
    ASSERT_EQ(leased.size(), 1U);
    EXPECT_EQ(chain.refuse("job.cancel", bob, CancelJob{id}), ErrorCode::forbidden);
    EXPECT_EQ(chain.refuse("job.cancel", alice, CancelJob{"job-none"}), ErrorCode::not_found);

    const auto answer = chain.accept<CancelAnswer>("job.cancel", alice, CancelJob{id});
    EXPECT_EQ(answer.status, JobState::cancelled);
    EXPECT_EQ(answer.payment_state, PaymentState::refunded);
    EXPECT_EQ(answer.refunded, 4_ait);
    EXPECT_EQ(chain.balance(alice.address).available, 10_ait);
    EXPECT_EQ(chain.refuse("job.cancel", alice, CancelJob{id}), ErrorCode::conflict);
    EXPECT_EQ(chain.refuse("job.complete", rig, result_for(leased[0], 100)), ErrorCode::lease_lost);
    EXPECT_EQ(miner::find_miner(chain.state(), rig.address)->jobs_running, 0U);
}

// Breaks if the price of scenario 3.3 changed: half an AIT an hour, the fee on top, the rest back.
TEST(JobPay, a_completed_job_pays_measured_time_at_the_agreed_price) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    register_rig(chain, 36_ait);  // 0.01 AIT a second
    const std::string id = submit(chain);
    const auto paid = chain.accept<PayAnswer>("job.pay", alice, PayJob{id, 10_ait});
    EXPECT_EQ(paid.status, JobState::queued);
    EXPECT_EQ(paid.payment_states, std::vector{PaymentState::funded});
    EXPECT_EQ(paid.escrow, 10_ait);
    EXPECT_EQ(chain.balance(alice.address).locked, 10_ait);

    const auto leased = lease(chain);
    ASSERT_EQ(leased.size(), 1U);
    chain.advance(20'000);
    const auto done =
        chain.accept<CompleteAnswer>("job.complete", rig, result_for(leased[0], 10'000));
    EXPECT_EQ(done.payment_state, PaymentState::paid);
    EXPECT_EQ(done.paid_duration_ms, 10'000U);
    EXPECT_EQ(done.paid_to_miner.micro, 100'000U);
    EXPECT_EQ(done.fee.micro, 2'500U);
    EXPECT_EQ(done.refunded.micro, 9'897'500U);
    EXPECT_EQ(chain.balance(rig.address).available.micro, 100'000U);
    EXPECT_EQ(chain.balance(ledger::network_fee_address()).available.micro, 2'500U);
    EXPECT_EQ(chain.balance(alice.address).available.micro, 9'897'500U);
    EXPECT_EQ(miner::find_miner(chain.state(), rig.address)->earned.micro, 100'000U);
    EXPECT_TRUE(chain.supply().balanced);
}

// Breaks if paying late did not settle at once, as Part 0 decides.
TEST(JobPay, a_completed_unfunded_job_is_settled_at_once_and_shows_both_states) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    register_rig(chain, 36_ait);
    const std::string id = submit(chain);
    const auto leased = lease(chain);
    ASSERT_EQ(leased.size(), 1U);
    chain.advance(5'000);
    const auto done =
        chain.accept<CompleteAnswer>("job.complete", rig, result_for(leased[0], 99'000));
    EXPECT_EQ(done.payment_state, PaymentState::unfunded);
    EXPECT_EQ(done.paid_duration_ms, 5'000U);  // no more than the lease lasted
    EXPECT_EQ(unpaid_count(chain.state(), alice.address), 1U);

    const auto paid = chain.accept<PayAnswer>("job.pay", alice, PayJob{id, 10_ait});
    EXPECT_EQ(paid.payment_states, (std::vector{PaymentState::funded, PaymentState::paid}));
    EXPECT_EQ(paid.payment_state, PaymentState::paid);
    EXPECT_EQ(paid.status, JobState::completed);
    EXPECT_EQ(paid.escrow, Amount{});
    EXPECT_EQ(paid.paid_to_miner.micro, 50'000U);
    EXPECT_EQ(paid.fee.micro, 1'250U);
    EXPECT_EQ(unpaid_count(chain.state(), alice.address), 0U);
    ASSERT_EQ(chain.events.size(), 2U);
    EXPECT_EQ(chain.events[0].kind, "job.funded");
    EXPECT_EQ(chain.events[1].kind, "job.paid");
    EXPECT_EQ(chain.refuse("job.pay", alice, PayJob{id, 1_ait}), ErrorCode::conflict);
}

// Breaks if a job could be paid twice, by a stranger, for nothing, or after it failed.
TEST(JobPay, every_refusal_leaves_no_trace) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    chain.fund(bob, 10_ait);
    const std::string id = submit(chain);
    EXPECT_EQ(chain.refuse("job.pay", bob, PayJob{id, 1_ait}), ErrorCode::forbidden);
    EXPECT_EQ(chain.refuse("job.pay", alice, PayJob{"job-none", 1_ait}), ErrorCode::not_found);
    EXPECT_EQ(chain.refuse("job.pay", alice, PayJob{id, {}}), ErrorCode::invalid_argument);
    EXPECT_EQ(chain.refuse("job.pay", alice, PayJob{id, 11_ait}), ErrorCode::insufficient_funds);
    (void)chain.accept<PayAnswer>("job.pay", alice, PayJob{id, 1_ait});
    EXPECT_EQ(chain.refuse("job.pay", alice, PayJob{id, 1_ait}), ErrorCode::conflict);
    const std::string gone = submit(chain);
    (void)chain.accept<CancelAnswer>("job.cancel", alice, CancelJob{gone});
    EXPECT_EQ(chain.refuse("job.pay", alice, PayJob{gone, 1_ait}), ErrorCode::conflict);
}

// Breaks if a job that is worked on lost its lease when it was paid.
TEST(JobPay, a_job_that_is_worked_on_stays_with_its_miner) {
    TestChain chain;
    chain.fund(alice, 10_ait);
    register_rig(chain);
    const std::string id = submit(chain);
    const auto leased = lease(chain);
    const auto paid = chain.accept<PayAnswer>("job.pay", alice, PayJob{id, 1_ait});
    EXPECT_EQ(paid.status, JobState::processing);
    const auto done = chain.accept<CompleteAnswer>("job.complete", rig, result_for(leased[0], 1));
    EXPECT_EQ(done.payment_state, PaymentState::paid);
}

// Breaks if a never-read job never ended, or kept its payer's money.
TEST(JobExpiry, ends_waiting_held_and_running_jobs_and_refunds_them) {
    for (const bool running : {false, true}) {
        TestChain chain;
        chain.fund(alice, 10_ait);
        register_rig(chain);
        SubmitJob tx = small_job();
        tx.ttl_ms = 10'000;
        const std::string id = submit(chain, tx);
        (void)chain.accept<PayAnswer>("job.pay", alice, PayJob{id, 2_ait});
        const auto leased = running ? lease(chain) : std::vector<LeasedJob>{};
        chain.advance(9'999);
        EXPECT_FALSE(is_terminal(chain.job(id).state));
        chain.advance(1);
        const Job job = chain.job(id);
        EXPECT_EQ(job.state, JobState::expired);
        EXPECT_EQ(job.payment.state, PaymentState::refunded);
        EXPECT_EQ(chain.balance(alice.address).available, 10_ait);
        if (running) {
            EXPECT_EQ(chain.refuse("job.complete", rig, result_for(leased[0], 1)),
                      ErrorCode::lease_lost);
        }
        EXPECT_TRUE(chain.supply().balanced);
    }
    TestChain chain(holding());
    const std::string held = submit(chain);
    chain.advance(900'000);
    EXPECT_EQ(chain.job(held).state, JobState::expired);
    EXPECT_EQ(unpaid_count(chain.state(), alice.address), 0U);
}

// Breaks if terminal jobs stayed in the state for ever, or took indexes with them half.
TEST(JobRetention, terminal_jobs_leave_the_state_without_a_rest) {
    TestChain chain;
    register_rig(chain);
    const auto before = chain.state().entries();
    const std::string cancelled = submit(chain);
    (void)chain.accept<CancelAnswer>("job.cancel", alice, CancelJob{cancelled});
    (void)submit(chain);
    const auto leased = lease(chain);
    (void)chain.accept<CompleteAnswer>("job.complete", rig, result_for(leased[0], 1));
    chain.advance(31LL * 24 * 3'600'000);
    EXPECT_FALSE(find_job(chain.state(), cancelled).has_value());
    std::vector<std::string> rest;
    for (const auto& [key, value] : chain.state().entries()) {
        if (!before.contains(key)) rest.push_back(key);
    }
    EXPECT_EQ(rest, std::vector<std::string>{"job/counters"});
}

// Breaks if somebody could be paid for a result that nobody has.
TEST(CoordinatorCompleteJob, a_result_whose_bytes_did_not_come_along_is_refused) {
    TestChain chain;
    const Person owner = person(1);
    const Person machine = person(2);
    (void)chain.accept<miner::MinerView>("miner.register", machine, small_miner());
    (void)chain.accept<SubmitAnswer>("job.submit", owner, small_job());
    const auto leased =
        chain.accept<LeaseAnswer>("job.lease", machine, LeaseJobs{machine.address, 1}).jobs;
    ASSERT_EQ(leased.size(), 1U);
    CompleteJob done = result_for(leased[0], 5);
    done.result = crypto::blake2b_256("never sent");
    EXPECT_EQ(chain.refuse("job.complete", machine, done), ErrorCode::invalid_argument);
}

// Breaks if a job could enter the queue that no miner can work on.
TEST(CoordinatorSubmitJob, a_payload_that_did_not_come_along_is_refused) {
    TestChain chain;
    SubmitJob job = small_job();
    job.payload = crypto::blake2b_256("never sent");
    EXPECT_EQ(chain.refuse("job.submit", person(1), job), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace ait::coordinator
