// Random operations of every kind against a second, straightforward model of balances. The model
// knows nothing of records, indexes or postings: it is told what each accepted operation answered
// and moves plain numbers. After every step both must agree and all that was minted must be there.

#include <cstdlib>
#include <random>

#include "tests/unit/actors/chain_fixture.hpp"

namespace ait::coordinator {
namespace {

struct Purse {
    std::uint64_t available = 0;
    std::uint64_t locked = 0;
    std::uint64_t staked = 0;
    std::uint64_t unbonding = 0;
};

struct Unbonding {
    std::int64_t at_ms = 0;
    std::size_t who = 0;
    std::uint64_t amount = 0;
};

class Simulation {
  public:
    explicit Simulation(std::uint64_t seed) : random_(seed), chain_(parameters()) {
        for (std::uint8_t i = 0; i < people_count; ++i) people_.push_back(person(i));
        purses_.resize(people_count);
        faucet_ = chain_.balance(ledger::faucet_address()).available.micro;
    }

    void step() {
        switch (below(14)) {
            case 0:
                faucet();
                break;
            case 1:
                transfer();
                break;
            case 2:
                stake();
                break;
            case 3:
                unstake();
                break;
            case 4:
            case 5:
                submit();
                break;
            case 6:
                cancel();
                break;
            case 7:
            case 8:
                pay();
                break;
            case 9:
            case 10:
                lease();
                break;
            case 11:
                deliver();
                break;
            case 12:
                registry();
                break;
            case 13:
                pass_time();
                break;
            default:
                break;
        }
        compare();
    }

    void audit() { EXPECT_TRUE(chain_.supply().balanced); }
    [[nodiscard]] std::size_t accepted() const { return accepted_; }
    [[nodiscard]] const std::map<std::string, std::size_t>& endings() const { return endings_; }

  private:
    static constexpr std::size_t people_count = 12;  // the last four are miners

    static consensus::ChainParameters parameters() {
        auto parameters = TestChain::development();
        parameters.jobs_unfunded_per_account_max = 20;
        parameters.faucet_supply = 100'000'000_ait;
        return parameters;
    }
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    std::size_t anyone() { return below(people_count); }
    std::size_t a_miner() { return people_count - 4 + below(4); }
    Amount some() { return Amount{below(4) == 0 ? below(5) : below(20'000'000)}; }
    std::string a_job() { return jobs_.empty() ? "job-none" : jobs_[below(jobs_.size())]; }

    template <Described Answer, Described Tx>
    std::optional<Answer> try_apply(std::string_view kind, std::size_t who, const Tx& tx) {
        auto outcome = chain_.apply(kind, people_[who], tx);
        if (!outcome.ok()) return std::nullopt;
        ++accepted_;
        return decode<Answer>(outcome.value().response).value();
    }

    void faucet() {
        const std::size_t who = anyone();
        const Amount amount = some();
        if (!try_apply<ledger::FaucetAnswer>("ledger.faucet", who,
                                             ledger::FaucetRequest{people_[who].address, amount}))
            return;
        faucet_ -= amount.micro;
        purses_[who].available += amount.micro;
    }
    void transfer() {
        const std::size_t from = anyone();
        const std::size_t to = anyone();
        const Amount amount = some();
        if (!try_apply<ledger::TransferAnswer>(
                "ledger.transfer", from,
                ledger::Transfer{.to = people_[to].address, .amount = amount}))
            return;
        purses_[from].available -= amount.micro;
        purses_[to].available += amount.micro;
    }
    void stake() {
        const std::size_t who = anyone();
        const Amount amount = some();
        if (!try_apply<ledger::StakeAnswer>("ledger.stake", who, ledger::Stake{amount})) return;
        purses_[who].available -= amount.micro;
        purses_[who].staked += amount.micro;
    }
    void unstake() {
        const std::size_t who = anyone();
        const Amount amount = some();
        const auto answer =
            try_apply<ledger::StakeAnswer>("ledger.unstake", who, ledger::Unstake{amount});
        if (!answer) return;
        purses_[who].staked -= amount.micro;
        purses_[who].unbonding += amount.micro;
        unbondings_.push_back({answer->available_at.ms, who, amount.micro});
    }
    void submit() {
        const std::size_t who = anyone();
        SubmitJob tx = small_job();
        tx.ttl_ms = 1'000 + below(200'000);
        if (below(4) != 0) {
            const auto answer = try_apply<SubmitAnswer>("job.submit", who, tx);
            if (answer) note_job(answer->job_id, who);
            return;
        }
        const auto batch =
            try_apply<SubmitBatchAnswer>("job.batch_submit", who, SubmitBatch{{tx, tx}});
        if (!batch) return;
        for (const auto& answer : batch->jobs) note_job(answer.job_id, who);
    }
    void note_job(const std::string& id, std::size_t who) {
        owners_[id] = who;
        jobs_.push_back(id);
        if (jobs_.size() > 40) jobs_.erase(jobs_.begin());
    }
    void cancel() {
        const std::string id = a_job();
        const auto owner = owners_.find(id);
        const std::size_t who = owner == owners_.end() || below(5) == 0 ? anyone() : owner->second;
        if (try_apply<CancelAnswer>("job.cancel", who, CancelJob{id})) collect_ends();
    }
    void pay() {
        const std::string id = a_job();
        const auto owner = owners_.find(id);
        const std::size_t who = owner == owners_.end() || below(5) == 0 ? anyone() : owner->second;
        const Amount amount = some();
        if (!try_apply<PayAnswer>("job.pay", who, PayJob{id, amount})) return;
        purses_[who].available -= amount.micro;
        purses_[who].locked += amount.micro;
        escrows_[id] = amount.micro;
        collect_ends();
    }
    void lease() {
        const std::size_t who = a_miner();
        const auto answer = try_apply<LeaseAnswer>(
            "job.lease", who,
            LeaseJobs{people_[who].address, 1 + static_cast<std::uint32_t>(below(3))});
        if (!answer) return;
        for (const auto& job : answer->jobs) leases_.emplace_back(who, job);
        if (leases_.size() > 20) leases_.erase(leases_.begin());
        (void)try_apply<RenewAnswer>("job.renew", who, RenewLeases{.miner = people_[who].address});
    }
    void deliver() {
        if (leases_.empty()) return;
        const std::size_t index = below(leases_.size());
        const auto [who, job] = leases_[index];
        if (below(10) == 0) {
            (void)try_apply<ReleaseAnswer>(
                "job.release", who,
                ReleaseLeases{people_[who].address, {{job.job_id, job.attempt}}});
        } else if (below(4) == 0) {
            (void)try_apply<FailAnswer>("job.fail", who,
                                        FailJob{.job_id = job.job_id,
                                                .attempt = job.attempt,
                                                .error_code = "e",
                                                .retryable = below(2) == 0});
        } else {
            (void)try_apply<CompleteAnswer>("job.complete", who, result_for(job, below(10'000)));
        }
        if (below(2) == 0) leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(index));
        collect_ends();
    }
    void registry() {
        const std::size_t who = a_miner();
        if (below(10) == 0) {
            (void)try_apply<miner::DeregisterAnswer>("miner.deregister", who,
                                                     miner::DeregisterMiner{below(2) == 0});
        } else if (below(10) == 0) {
            (void)try_apply<miner::MinerView>("miner.drain", who, miner::DrainMiner{});
        } else {
            miner::RegisterMiner offer = small_miner(Amount{below(40'000'000'000)});
            offer.concurrency = 1 + static_cast<std::uint32_t>(below(6));
            (void)try_apply<miner::MinerView>("miner.register", who, offer);
        }
        collect_ends();
    }
    void pass_time() {
        chain_.advance(static_cast<std::int64_t>(below(10) == 0 ? below(100'000) : below(3'000)));
        std::erase_if(unbondings_, [&](const Unbonding& entry) {
            if (entry.at_ms > chain_.now_ms) return false;
            purses_[entry.who].unbonding -= entry.amount;
            purses_[entry.who].available += entry.amount;
            return true;
        });
        collect_ends();
    }

    /// Works out anew, with plain integers, what a funded job that has ended must have paid.
    void collect_ends() {
        std::erase_if(escrows_, [&](const auto& entry) {
            const Job job = chain_.job(entry.first);
            if (!is_terminal(job.state)) return false;
            ++endings_[std::string(name_of(job.state))];
            Purse& payer = purses_[owners_.at(entry.first)];
            payer.locked -= entry.second;
            if (job.state != JobState::completed) {
                payer.available += entry.second;
                return true;
            }
            const auto worth = static_cast<std::uint64_t>(
                static_cast<uint128>(job.delivery->price_per_hour.micro) *
                job.delivery->paid_duration_ms / 3'600'000U);
            const std::uint64_t miner_pay = std::min(worth, entry.second);
            const std::uint64_t fee = std::min(miner_pay * 25 / 1'000, entry.second - miner_pay);
            for (std::size_t i = 0; i < people_count; ++i) {
                if (people_[i].address == job.delivery->miner) purses_[i].available += miner_pay;
            }
            fees_ += fee;
            payer.available += entry.second - miner_pay - fee;
            return true;
        });
    }

    void compare() {
        std::uint64_t total = faucet_ + fees_;
        for (std::size_t i = 0; i < people_count; ++i) {
            const ledger::Balance real = chain_.balance(people_[i].address);
            const Purse& model = purses_[i];
            ASSERT_EQ(real.available.micro, model.available) << i;
            ASSERT_EQ(real.locked.micro, model.locked) << i;
            ASSERT_EQ(real.staked.micro, model.staked) << i;
            ASSERT_EQ(real.unbonding.micro, model.unbonding) << i;
            total += model.available + model.locked + model.staked + model.unbonding;
        }
        ASSERT_EQ(chain_.balance(ledger::faucet_address()).available.micro, faucet_);
        ASSERT_EQ(chain_.balance(ledger::network_fee_address()).available.micro, fees_);
        ASSERT_EQ(total, parameters().faucet_supply.micro);
    }

    std::mt19937_64 random_;
    TestChain chain_;
    std::vector<Person> people_{};
    std::vector<Purse> purses_{};
    std::vector<Unbonding> unbondings_{};
    std::map<std::string, std::uint64_t> escrows_{};
    std::map<std::string, std::size_t> owners_{};
    std::vector<std::string> jobs_{};
    std::vector<std::pair<std::size_t, LeasedJob>> leases_{};
    std::uint64_t faucet_ = 0;
    std::uint64_t fees_ = 0;
    std::size_t accepted_ = 0;
    std::map<std::string, std::size_t> endings_{};
};

// Breaks if any order of operations made, lost or misdirected money.
TEST(MoneyProperty, a_hundred_thousand_random_operations_agree_with_a_plain_model) {
    const char* given = std::getenv("SIMULATION_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'121;
    SCOPED_TRACE("replay: SIMULATION_SEED=" + std::to_string(seed) + " ctest -R MoneyProperty");
    Simulation simulation(seed);
    for (int i = 0; i < 100'000; ++i) {
        simulation.step();
        if (testing::Test::HasFailure()) FAIL() << "step " << i;
        if (i % 1'000 == 0) simulation.audit();
    }
    simulation.audit();
    // A run that refuses nearly everything, or ends jobs in one way only, proves nothing.
    EXPECT_GT(simulation.accepted(), 40'000U);
    for (const char* ending : {"completed", "failed", "cancelled", "expired"}) {
        EXPECT_TRUE(simulation.endings().contains(ending)) << ending;
    }
}

}  // namespace
}  // namespace ait::coordinator
