#include <gtest/gtest.h>

#include "fake_node.hpp"

namespace ait {
namespace {

struct Desk {
    Desk() : actor(coordinator::spawn_coordinator(caf.system(), node)) {
        node.desk.emplace(actor);
        caf.run();
        node.blobs[crypto::blake2b_256("payload")] = R"({"prompt":"hi"})";
    }
    ~Desk() {
        node.desk.reset();
        caf::anon_send_exit(actor, caf::exit_reason::kill);
        actor = nullptr;
        caf.run();
    }
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    void enlist(const Person& who) {
        (void)node.chain.accept<miner::MinerView>("miner.register", who, small_miner());
    }
    std::string submit_job() {
        const auto answer =
            node.chain.accept<coordinator::SubmitAnswer>("job.submit", owner, small_job());
        return answer.job_id;
    }
    /// What a poll was answered; empty while it waits.
    using Answers = std::shared_ptr<std::vector<Result<Json>>>;
    Answers poll(const Person& who, std::int64_t wait_ms, std::function<bool()> is_gone = {}) {
        auto answers = std::make_shared<std::vector<Result<Json>>>();
        node.desk->poll(
            {.miner = who.address,
             .count_max = 1,
             .deadline_unix_ms = node.manual.now_unix_ms() + wait_ms,
             .respond = [answers](Result<Json> answer) { answers->push_back(std::move(answer)); },
             .is_gone = std::move(is_gone)});
        caf.run();
        return answers;
    }
    void make_block() {
        node.make_block();
        caf.run();
    }
    void advance(std::int64_t ms) {
        node.advance(ms);
        caf.advance_ms(ms);
    }

    FakeNode node{};
    StandingSystem caf{};
    coordinator::CoordinatorActor actor{};
    const Person owner = person(1);
    const Person first = person(2);
    const Person second = person(3);
};

std::size_t jobs_in(const Desk::Answers& answers) {
    AIT_ASSERT(answers->size() == 1);
    AIT_ASSERT(answers->front().ok());
    return answers->front().value()["jobs"].size();
}

TEST(LeaseDesk, a_job_that_waits_is_leased_at_once_with_its_payload) {
    Desk desk;
    desk.enlist(desk.first);
    const std::string job = desk.submit_job();
    const auto answers = desk.poll(desk.first, 5'000);
    EXPECT_TRUE(answers->empty()) << "nothing is answered before the lease is final";
    desk.make_block();
    ASSERT_EQ(jobs_in(answers), 1U);
    const Json& leased = answers->front().value()["jobs"][0];
    EXPECT_EQ(leased["job_id"], job);
    EXPECT_EQ(leased["payload"]["prompt"], "hi");
    EXPECT_EQ(leased["attempt"], 1);
}

TEST(LeaseDesk, a_poll_waits_without_making_blocks_until_a_job_comes) {
    Desk desk;
    desk.enlist(desk.first);
    const auto answers = desk.poll(desk.first, 5'000);
    desk.make_block();
    desk.make_block();
    EXPECT_EQ(desk.node.proposals_waiting(), 0U) << "a useless lease would cost a block";
    desk.submit_job();
    desk.make_block();  // the block with the job
    desk.make_block();  // the block with the lease
    EXPECT_EQ(jobs_in(answers), 1U);
}

TEST(LeaseDesk, when_its_time_is_up_a_poll_is_answered_with_no_jobs) {
    Desk desk;
    desk.enlist(desk.first);
    const auto answers = desk.poll(desk.first, 5'000);
    desk.advance(4'999);
    EXPECT_TRUE(answers->empty());
    desk.advance(1);
    EXPECT_EQ(jobs_in(answers), 0U);
}

// Breaks if a miner could starve another by polling often.
TEST(LeaseDesk, the_miner_that_has_waited_longest_gets_the_job) {
    Desk desk;
    desk.enlist(desk.first);
    desk.enlist(desk.second);
    const auto earlier = desk.poll(desk.second, 5'000);
    const auto later = desk.poll(desk.first, 5'000);
    desk.submit_job();
    desk.make_block();
    desk.make_block();
    EXPECT_EQ(jobs_in(earlier), 1U);
    EXPECT_TRUE(later->empty());
}

// Breaks if two miners could get one job: it would be worked on and paid twice.
TEST(LeaseDesk, two_miners_asking_at_the_same_moment_get_one_job_once) {
    Desk desk;
    desk.enlist(desk.first);
    desk.enlist(desk.second);
    desk.submit_job();
    const auto one = desk.poll(desk.first, 5'000);
    const auto two = desk.poll(desk.second, 5'000);
    desk.make_block();
    EXPECT_EQ(jobs_in(one), 1U);
    EXPECT_TRUE(two->empty()) << "the slower one waits on";
    desk.advance(5'000);
    EXPECT_EQ(jobs_in(two), 0U);
}

TEST(LeaseDesk, a_miner_that_hung_up_gets_no_job) {
    Desk desk;
    desk.enlist(desk.first);
    bool is_gone = false;
    const auto answers = desk.poll(desk.first, 5'000, [&is_gone] { return is_gone; });
    is_gone = true;
    desk.submit_job();
    desk.make_block();
    desk.make_block();
    EXPECT_TRUE(answers->empty());
    const auto other = desk.poll(desk.first, 5'000);
    desk.make_block();
    EXPECT_EQ(jobs_in(other), 1U) << "the job is still there for who is";
}

// Breaks if a job waits a whole lease for a miner that never got it.
TEST(LeaseDesk, a_lease_whose_miner_hung_up_meanwhile_goes_back_at_once) {
    Desk desk;
    desk.enlist(desk.first);
    desk.enlist(desk.second);
    desk.submit_job();
    bool is_gone = false;
    const auto answers = desk.poll(desk.first, 5'000, [&is_gone] { return is_gone; });
    is_gone = true;
    desk.make_block();  // the block with the lease
    EXPECT_TRUE(answers->empty());
    desk.make_block();  // the block that gives it back
    const auto other = desk.poll(desk.second, 5'000);
    desk.make_block();
    EXPECT_EQ(jobs_in(other), 1U);
}

TEST(LeaseDesk, a_stranger_is_told_to_register) {
    Desk desk;
    const auto answers = desk.poll(desk.first, 5'000);
    desk.make_block();
    ASSERT_EQ(answers->size(), 1U);
    ASSERT_FALSE(answers->front().ok());
    EXPECT_EQ(answers->front().error().code, ErrorCode::not_found);
}

// Breaks if a lost miner keeps a job for ever.
TEST(LeaseDesk, a_lease_that_runs_out_goes_to_the_next_miner_with_a_higher_attempt) {
    Desk desk;
    desk.enlist(desk.first);
    desk.enlist(desk.second);
    desk.submit_job();
    const auto lost = desk.poll(desk.first, 5'000);
    desk.make_block();
    ASSERT_EQ(jobs_in(lost), 1U);
    desk.advance(30'000);
    const auto next = desk.poll(desk.second, 5'000);
    desk.make_block();
    ASSERT_EQ(jobs_in(next), 1U);
    EXPECT_EQ(next->front().value()["jobs"][0]["attempt"], 2);
}

}  // namespace
}  // namespace ait
