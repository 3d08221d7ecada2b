// The real rules against the plain reference: random chains, the same after every block. A chain on
// which they differ is played once more, cut down to the steps that matter, and printed.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "tests/unit/actors/differential/shrink.hpp"

namespace ait::differential {
namespace {

constexpr std::uint64_t seed_default = 20'261'121;
constexpr std::uint64_t operations_a_chain = 2'500;
constexpr std::uint64_t operations_short = 30'000;
constexpr std::uint64_t operations_long = 1'000'000;

std::uint64_t number_from_environment(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

bool is_long() {
    const char* text = std::getenv("AITBC_TEST_LONG");
    return text != nullptr && std::string_view(text) == "1";
}

class Watch {
  public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    }

  private:
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// The shortest script that shows it, in a form that can be made a test of its own.
std::string explained(const RunReport& report, std::uint64_t seed, const DuelOptions& options) {
    const Script script = write_down(seed, report.steps, options);
    const Shrunk shrunk = shrink(script, report.failure, options);
    return report.failure + "\nshrunk from " + std::to_string(script.size()) + " to " +
           std::to_string(shrunk.script.size()) + " steps in " + std::to_string(shrunk.runs) +
           " runs, on shape " + std::to_string(options.shape) + ":\n" + to_text(shrunk.script) +
           shrunk.failure;
}

void print(const Tally& tally, double seconds) {
    std::cout << tally.operations << " operations in " << tally.blocks << " blocks of "
              << tally.chains << " chains, " << seconds << " s\n";
    for (const auto& [name, count] : tally.verdicts)
        std::cout << "  " << name << ' ' << count << '\n';
    for (const auto& [name, count] : tally.endings)
        std::cout << "  jobs " << name << ' ' << count << '\n';
}

/// A run that refuses nearly everything, or ends jobs in one way only, proves nothing.
void expect_variety(const Tally& tally) {
    for (const char* ending :
         {"completed", "failed", "cancelled", "expired", "job.paid", "job.refunded"}) {
        EXPECT_TRUE(tally.endings.contains(ending)) << ending;
    }
    for (const char* verdict : {"ledger.transfer applied",
                                "ledger.transfer insufficient_funds",
                                "ledger.transfer malformed",
                                "ledger.transfer nonce_mismatch",
                                "ledger.transfer forbidden",
                                "ledger.transfer duplicate",
                                "ledger.unstake applied",
                                "ledger.faucet limit_reached",
                                "job.submit applied",
                                "job.submit limit_reached",
                                "job.submit duplicate",
                                "job.submit conflict",
                                "job.batch_submit applied",
                                "job.cancel applied",
                                "job.cancel forbidden",
                                "job.cancel conflict",
                                "job.pay applied",
                                "job.pay conflict",
                                "job.pay insufficient_funds",
                                "job.pay invalid_argument",
                                "job.lease applied",
                                "job.lease limit_reached",
                                "job.renew applied",
                                "job.complete applied",
                                "job.complete lease_lost",
                                "job.complete invalid_argument",
                                "job.fail applied",
                                "job.fail lease_lost",
                                "miner.register applied",
                                "miner.deregister applied",
                                "miner.deregister conflict",
                                "miner.drain applied",
                                "no.such unsupported"}) {
        EXPECT_TRUE(tally.verdicts.contains(verdict)) << verdict;
    }
}

// Breaks if the rules do, in any order of operations on any kind of chain, something else than
// what is written down about them: money, jobs, leases, nonces, keys, expiry.
TEST(Differential, random_chains_agree_with_the_plain_reference_after_every_block) {
    const std::uint64_t seed = number_from_environment("DIFFERENTIAL_SEED", seed_default);
    const std::uint64_t operations = number_from_environment(
        "DIFFERENTIAL_OPERATIONS", is_long() ? operations_long : operations_short);
    std::cout << "DIFFERENTIAL_SEED=" << seed << " DIFFERENTIAL_OPERATIONS=" << operations
              << " ctest -R Differential\n";
    const Watch watch;
    Tally tally;
    for (std::uint64_t chain = 0; tally.operations < operations; ++chain) {
        const DuelOptions options{.shape = static_cast<std::uint32_t>(chain % shapes_count),
                                  .verifies = chain % 8 == 0};
        const RunReport report = run_random_apart(seed + chain, operations_a_chain, options);
        tally.add(report.tally);
        if (report.failure.empty()) continue;
        std::cout << "found after about " << chain * operations_a_chain + report.steps
                  << " operations, " << watch.seconds() << " s\n";
        FAIL() << "chain " << chain << ": " << explained(report, seed + chain, options);
    }
    print(tally, watch.seconds());
    expect_variety(tally);
}

// ---- what it has found -----------------------------------------------------------------------

// Breaks if a node that was down while a lease and its job's life both ended does not start again:
// the job's expiry ends the lease, whose own end is due in the same block.
TEST(DifferentialFindings, a_lease_and_its_job_that_end_before_the_next_block) {
    const Script script{
        {.op = Op::enroll, .who = 14, .number = 4, .is_signed = true},
        {.op = Op::submit, .who = 2, .job = {1, 0}, .number = 15'538},
        {.op = Op::lease, .who = 14, .number = 2},
        {.op = Op::seal, .ms = 30'000},
        {.op = Op::seal},
    };
    EXPECT_EQ(run_script_apart(script, {.shape = 0, .full_every = 1}).failure, "");
}

// Breaks if a node cannot start from its own log after a miner asked in vain with a key: the key of
// what is in no block was in the state of the node that built it, and in no other.
TEST(DifferentialFindings, a_keyed_lease_that_finds_nothing) {
    const Script script{
        {.op = Op::enroll, .who = 11, .number = 4, .is_signed = true},
        {.op = Op::lease, .who = 11, .number = 3, .key = 38},
    };
    EXPECT_EQ(run_script_apart(script, {.shape = 0, .full_every = 1}).failure, "");
}

}  // namespace
}  // namespace ait::differential
