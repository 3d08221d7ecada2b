// The actors on real threads, pressed from all sides. In an ordinary build it shows that answers
// are right whatever the order; under TSan (scripts/test) it is what finds races between actors and
// between an actor and who calls it. planted/ holds one that it must find.

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "threaded_node.hpp"

namespace ait {
namespace {

constexpr std::size_t clients = 2;
constexpr std::size_t miners = 2;
constexpr std::size_t jobs_of_a_client = 20;
constexpr std::size_t jobs_all = clients * jobs_of_a_client;

/// Which jobs were worked on; shared by the miners' threads.
class Finished {
  public:
    void note(const std::string& job) {
        const std::lock_guard lock(mutex_);
        jobs_.insert(job);
    }
    [[nodiscard]] std::multiset<std::string> jobs() const {
        const std::lock_guard lock(mutex_);
        return jobs_;
    }
    /// All is done, or it takes too long.
    [[nodiscard]] bool is_over() const {
        const std::lock_guard lock(mutex_);
        return jobs_.size() >= jobs_all || std::chrono::steady_clock::now() > until_;
    }

  private:
    const std::chrono::steady_clock::time_point until_ =
        std::chrono::steady_clock::now() + patience;
    mutable std::mutex mutex_{};
    std::multiset<std::string> jobs_{};
};

void submit_jobs(ThreadedNode& node, std::uint8_t number) {
    for (std::uint64_t i = 0; i < jobs_of_a_client; ++i) {
        NodeOperation operation{
            .principal = person(number).address, .kind = "job.submit", .body = encode(small_job())};
        operation.blobs = {"payload"};
        operation.salt = i;
        Awaited<consensus::Applied> applied;
        node.propose(std::move(operation), applied.put());
        const auto outcome = applied.get();
        ASSERT_TRUE(outcome.ok()) << outcome.error().what << " " << outcome.error().why;
    }
}

Result<Json> heartbeat(ThreadedNode& node, const Address& miner, Json held) {
    for (const auto& binding : miner::edge_bindings()) {
        if (binding.name != "miner.heartbeat") continue;
        Awaited<Json> answer;
        Call call;
        call.input = Json{{"jobs", std::move(held)}};
        call.principal.account = miner;
        binding.async(node, std::move(call), answer.put());
        return answer.get();
    }
    return Error{ErrorCode::not_found, "There is no such binding.", "", ""};
}

/// What health checks, metrics and the watch's own timer look at all the time.
void look_around(ThreadedNode& node) {
    node.sweep();
    EXPECT_LE(node.liveness().alive_count(30'000), std::size_t{miners});
    EXPECT_EQ(node.liveness().inference_url(30'000), "");
    EXPECT_EQ(node.figures().overloaded_total.load(), 0U);
    const std::uint64_t published = node.reader()->height();
    EXPECT_LE(published, node.reader()->height()) << "heights only grow";
    const auto listener = node.listeners().add([](std::uint64_t height) { EXPECT_GT(height, 0U); });
    node.listeners().remove(listener);
}

/// Completes one leased job.
void complete(ThreadedNode& node, const crypto::SecretKey& key, std::uint64_t nonce,
              const Json& job) {
    const auto price = parse_amount(job["price_per_hour"].get<std::string>());
    ASSERT_TRUE(price.ok());
    const coordinator::CompleteJob result{.job_id = job["job_id"].get<std::string>(),
                                          .attempt = job["attempt"].get<std::uint32_t>(),
                                          .payload = crypto::blake2b_256("payload"),
                                          .result = crypto::blake2b_256("result"),
                                          .result_bytes = 6,
                                          .model_ran = "tiny",
                                          .duration_ms = 1,
                                          .started_at = UnixMs{1},
                                          .ended_at = UnixMs{2},
                                          .price_per_hour = price.value()};
    const auto completed = node.sign(key, nonce, "job.complete", result, {"result"});
    ASSERT_TRUE(completed.ok()) << completed.error().what << " " << completed.error().why;
}

/// Registers, then polls, renews and completes until all jobs are done.
void mine(ThreadedNode& node, char letter, Finished& finished) {
    const crypto::SecretKey key = key_from(letter);
    const Address address = crypto::address_of(key.public_key());
    std::uint64_t nonce = 0;
    ASSERT_TRUE(node.sign(key, ++nonce, "miner.register", small_miner()).ok());
    while (!finished.is_over()) {
        Awaited<Json> polled;
        node.leases().poll({.miner = address,
                            .count_max = 2,
                            .deadline_unix_ms = node.clock().now_unix_ms() + 100,
                            .respond = polled.put(),
                            .is_gone = {}});
        const auto leases = polled.get();
        ASSERT_TRUE(leases.ok()) << leases.error().what << " " << leases.error().why;
        Json held = Json::array();
        for (const Json& job : leases.value()["jobs"])
            held.push_back({{"job_id", job["job_id"]}, {"attempt", job["attempt"]}});
        const auto heard = heartbeat(node, address, std::move(held));
        ASSERT_TRUE(heard.ok()) << heard.error().what << " " << heard.error().why;
        EXPECT_TRUE(heard.value()["cancelled_jobs"].empty());
        look_around(node);
        for (const Json& job : leases.value()["jobs"]) {
            complete(node, key, ++nonce, job);
            finished.note(job["job_id"].get<std::string>());
        }
    }
}

// Breaks if two miners could get one job, or one could be forgotten, when all come at once.
TEST(ActorsOnThreads, every_job_is_done_once_while_clients_and_miners_press) {
    ThreadedNode node;
    Finished finished;
    {
        std::vector<std::jthread> threads;
        for (std::uint8_t i = 0; i < clients; ++i)
            threads.emplace_back([&node, i] { submit_jobs(node, i); });
        for (const char letter : {'a', 'b'})
            threads.emplace_back([&node, &finished, letter] { mine(node, letter, finished); });
    }
    const auto jobs = finished.jobs();
    EXPECT_EQ(jobs.size(), jobs_all);
    EXPECT_EQ(std::set(jobs.begin(), jobs.end()).size(), jobs_all) << "no job was done twice";
}

}  // namespace
}  // namespace ait
