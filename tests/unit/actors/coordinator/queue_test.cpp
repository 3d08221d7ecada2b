#include "actors/coordinator/queue.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

/// Counts what a lease costs.
class CountingReader final : public storage::StateReader {
  public:
    explicit CountingReader(const storage::StateReader& base) : base_(base) {}
    [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
        ++gets;
        return base_.get(key);
    }
    void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
        ++scans;
        base_.scan(prefix, from, [&](std::string_view key, std::string_view value) {
            ++visited;
            return visit(key, value);
        });
    }
    mutable std::size_t gets = 0;
    mutable std::size_t scans = 0;
    mutable std::size_t visited = 0;

  private:
    const storage::StateReader& base_;
};

class Queue : public testing::Test {
  protected:
    std::string add(const Person& owner, std::string model = "m", std::string region = "") {
        ++sequence_;
        Job job{.id = "job-" + std::to_string(sequence_),
                .owner = owner.address,
                .type = "inference",
                .model = std::move(model),
                .sequence = sequence_,
                .expires_at_ms = 1};
        job.constraints.region = std::move(region);
        storage::StateView view(state_);
        store_job(view, job);
        put_in_queue(view, job);
        state_.apply(view.take_writes());
        return job.id;
    }
    void take(const Job& job) {
        storage::StateView view(state_);
        take_from_queue(view, job);
        state_.apply(view.take_writes());
    }
    std::vector<Job> next(const Address& after, std::size_t count_max,
                          const std::string& model = "", std::uint64_t height = 1) const {
        return next_in_turn(state_,
                            {.after = after,
                             .count_max = count_max,
                             .height = height,
                             .takes_class =
                                 [&](const Job& job) {
                                     return job.constraints.region.empty() &&
                                            (model.empty() || job.model == model);
                                 },
                             .takes_job = [](const Job& job) { return job.expires_at_ms == 1; }});
    }
    static std::vector<std::string> ids(const std::vector<Job>& jobs) {
        std::vector<std::string> list;
        for (const Job& job : jobs) list.push_back(job.id);
        return list;
    }

    std::uint64_t sequence_ = 0;
    storage::MemoryState state_{};
};

const Person alice = person(1);
const Person bob = person(2);

// Breaks if whoever fills the queue first made all others wait for the end of it.
TEST_F(Queue, one_client_with_ten_thousand_jobs_delays_another_by_one) {
    for (int i = 0; i < 10'000; ++i) (void)add(alice);
    const std::string late = add(bob);
    Address after = bob.address;
    std::vector<std::string> served;
    for (int i = 0; i < 3; ++i) {
        const auto jobs = next(after, 1);
        ASSERT_EQ(jobs.size(), 1U);
        served.push_back(jobs.front().id);
        after = jobs.front().owner;
        take(jobs.front());
    }
    EXPECT_EQ(served, (std::vector<std::string>{"job-1", late, "job-2"}));
    EXPECT_EQ(queue_position(state_, find_job(state_, "job-4").value()), 2U);
}

// Breaks if the cost of a lease grew with the queue.
TEST_F(Queue, a_lease_costs_the_same_with_a_short_and_a_long_queue) {
    for (int i = 0; i < 20'000; ++i) (void)add(alice);
    for (int i = 0; i < 20'000; ++i) (void)add(bob, "m", "moon");
    const CountingReader counted(state_);
    const auto jobs = next_in_turn(
        counted, {.after = alice.address,
                  .takes_class = [](const Job& job) { return job.constraints.region.empty(); },
                  .takes_job = [](const Job&) { return true; }});
    EXPECT_EQ(ids(jobs), std::vector<std::string>{"job-1"});
    EXPECT_LE(counted.scans, 5U);
    EXPECT_LE(counted.visited, 40U);
    EXPECT_LE(counted.gets, 4U);
}

// Breaks if a short queue, the usual one, cost more than reading it once.
TEST_F(Queue, a_short_queue_is_read_once) {
    (void)add(alice);
    (void)add(bob);
    const CountingReader counted(state_);
    const auto jobs = next_in_turn(counted, {.after = {},
                                             .takes_class = [](const Job&) { return true; },
                                             .takes_job = [](const Job&) { return true; }});
    EXPECT_EQ(jobs.size(), 1U);
    EXPECT_EQ(counted.scans, 1U);
}

TEST_F(Queue, a_batch_takes_one_job_of_each_owner_and_round) {
    std::map<Address, std::vector<std::string>> expected;
    for (std::uint8_t i = 1; i <= 5; ++i) {
        for (std::uint8_t k = 0; k < i; ++k) {
            expected[person(i).address].push_back(add(person(i), k % 2 == 0 ? "m" : "n"));
        }
    }
    std::vector<std::string> order;
    for (std::size_t round = 0; round < 5; ++round) {
        for (const auto& [owner, jobs] : expected) {
            if (round < jobs.size()) order.push_back(jobs[round]);
        }
    }
    EXPECT_EQ(ids(next(Address{}, 64)), order);
    order.resize(7);
    EXPECT_EQ(ids(next(Address{}, 7)), order);
}

// Breaks if jobs that nobody can do stood in the way of others, however many and of whoever.
TEST_F(Queue, impossible_jobs_block_neither_their_owner_nor_others) {
    for (int i = 0; i < 3'000; ++i) (void)add(alice, "m", "moon");
    const std::string own = add(alice);
    const std::string others = add(bob);
    EXPECT_EQ(next(Address{}, 4).size(), 2U);
    EXPECT_EQ(ids(next(bob.address, 1, "m")), std::vector<std::string>{own});
    EXPECT_EQ(ids(next(alice.address, 1, "m")), std::vector<std::string>{others});
}

// Breaks if somebody who invents classes could hide a job for ever.
TEST_F(Queue, a_job_behind_more_classes_than_are_looked_at_is_found_at_some_height) {
    for (int i = 0; i < 1'500; ++i) (void)add(alice, "m", "moon " + std::to_string(i));
    const std::string hidden = add(bob);
    std::size_t found = 0;
    for (std::uint64_t height = 1; height <= 200; ++height) {
        found += next(Address{}, 1, "m", height).size();
    }
    EXPECT_GT(found, 5U);
}

/// The order that next_in_turn promises, the slow way.
std::vector<std::string> plain_order(const std::vector<Job>& waiting, const Address& after,
                                     std::size_t count_max) {
    std::map<std::pair<bool, Address>, std::vector<const Job*>> turns;
    for (const Job& job : waiting) turns[{job.owner <= after, job.owner}].push_back(&job);
    for (auto& [place, jobs] : turns) {
        std::sort(jobs.begin(), jobs.end(),
                  [](const Job* a, const Job* b) { return a->sequence < b->sequence; });
    }
    std::vector<std::string> order;
    for (std::size_t round = 0; order.size() < std::min(count_max, waiting.size()); ++round) {
        for (const auto& [place, jobs] : turns) {
            if (round < jobs.size() && order.size() < count_max) order.push_back(jobs[round]->id);
        }
    }
    return order;
}

TEST_F(Queue, random_queues_are_served_in_the_plain_order) {
    std::mt19937 random(20'261'121);
    std::vector<Job> waiting;
    Address after{};
    for (int step = 0; step < 600; ++step) {
        if (random() % 3 != 0) {
            const auto owner = person(static_cast<std::uint8_t>(1 + random() % 9));
            waiting.push_back(
                find_job(state_, add(owner, "m" + std::to_string(random() % 4))).value());
        }
        const std::size_t count = 1 + random() % 20;
        const auto jobs = next(after, count);
        ASSERT_EQ(ids(jobs), plain_order(waiting, after, count)) << step;
        if (random() % 2 == 0 || jobs.empty()) continue;
        take(jobs.front());
        after = jobs.front().owner;
        std::erase_if(waiting, [&](const Job& job) { return job.id == jobs.front().id; });
    }
    EXPECT_GT(waiting.size(), 20U);
}

TEST_F(Queue, a_position_is_the_latest_turn) {
    for (int i = 0; i < 3; ++i) (void)add(alice);
    const std::string only = add(bob);
    const std::string elsewhere = add(bob, "n");
    const auto position = [&](const std::string& id) {
        return queue_position(state_, find_job(state_, id).value());
    };
    EXPECT_EQ(position("job-1"), 2U);
    EXPECT_EQ(position("job-3"), 4U);
    EXPECT_EQ(position(only), 2U);
    EXPECT_EQ(position(elsewhere), 1U);
    EXPECT_FALSE(queue_position(state_, find_job(state_, "job-3").value(), 2).has_value());
    take(find_job(state_, only).value());
    EXPECT_FALSE(position(only).has_value());
    EXPECT_EQ(position("job-1"), 1U);
}

}  // namespace
}  // namespace ait::coordinator
