// Breaks if the protocol can fork, stall, forget or be talked into a vote: real clusters would then
// lose payments. And if the simulator cannot see it: each planted bug must be caught.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "runtime/base/clock.hpp"
#include "tests/simulation/shrink.hpp"

namespace ait::simulation {
namespace {

using simplex::Bug;

struct Recorded {
    Bug bug = Bug::none;
    std::uint64_t seed = 0;
};

/// A seed that shows each bug. A change of the core or of the simulator may spoil one; another is
/// found by `simplex_explorer --bug NAME`.
constexpr Recorded recorded_bugs[] = {
    Recorded{Bug::vote_before_durable, 1},
    Recorded{Bug::finalize_after_nullify, 2},
    Recorded{Bug::nullify_after_finalize, 3},
    Recorded{Bug::last_record_wins, 234},
    Recorded{Bug::restored_nullify_not_resent, 1940},
    Recorded{Bug::own_votes_not_redelivered, 2},
    Recorded{Bug::own_duplicate_stops_node, 900},
    Recorded{Bug::blocks_indexed_by_height, 3},
    Recorded{Bug::abandoned_not_reported, 8},
    Recorded{Bug::gaps_not_proved, 97},
    Recorded{Bug::proposal_without_proofs, 6097},
    Recorded{Bug::body_never_fetched, 258},
    Recorded{Bug::body_asked_of_one_peer, 703},
    Recorded{Bug::finalize_without_body, 3},
    Recorded{Bug::body_size_unchecked, 45},
    Recorded{Bug::timeout_never_grows, 48},
    Recorded{Bug::timeout_reset_by_notarization, 48},
    Recorded{Bug::standstill_resends_all, 48},
    Recorded{Bug::block_time_ahead_accepted, 34},
    Recorded{Bug::block_time_back_accepted, 16},
    Recorded{Bug::timers_wait_for_execution, 3},
    Recorded{Bug::refused_execution_ignored, 107},
    Recorded{Bug::leader_proposes_again, 1},
    Recorded{Bug::future_views_unbounded, 29},
    Recorded{Bug::signature_checked_first, 84},
    Recorded{Bug::epoch_of_header_unchecked, 296},
    Recorded{Bug::newer_guard_record_reset, 12},
    Recorded{Bug::chain_of_header_unchecked, 21},
    Recorded{Bug::dead_leader_never_skipped, 10},
    Recorded{Bug::delivered_before_executed, 4},
    Recorded{Bug::notarize_twice, 34},
    Recorded{Bug::parent_on_trust, 615},
    Recorded{Bug::quorum_one_short, 2},
    Recorded{Bug::vote_counted_twice, 2},
    Recorded{Bug::proof_signatures_unchecked, 16},
    Recorded{Bug::wiped_guard_votes_at_once, 151},
    Recorded{Bug::mute_one_view_short, 185},
    Recorded{Bug::stale_answers_counted, 2074},
    Recorded{Bug::restart_drops_votes, 224},
    Recorded{Bug::laggard_not_answered, 2798},
    Recorded{Bug::idle_tip_left_unfinal, 30},
    Recorded{Bug::only_leader_starts_clock, 10},
    Recorded{Bug::long_request_ignored, 3},
    Recorded{Bug::liar_asked_forever, 16},
    Recorded{Bug::final_without_ancestors, 104},
};
static_assert(std::size(recorded_bugs) + 1 == static_cast<std::size_t>(Bug::count));

bool is_long() {
    const char* value = std::getenv("AITBC_TEST_LONG");
    return value != nullptr && std::string_view(value) == "1";
}

/// Fresh on each run, unless SIMULATION_SEED asks for a replay.
std::uint64_t first_seed() {
    const char* wanted = std::getenv("SIMULATION_SEED");
    if (wanted != nullptr) return std::strtoull(wanted, nullptr, 10);
    return from_big_endian(system_random().bytes(8)) >> 16;
}

std::string explain(std::uint64_t seed, Bug bug) {
    const Script small = shrink(draw_script(seed), bug);
    return fmt::format(
        "replay: SIMULATION_SEED={} or simplex_explorer --from {} --count 1 --trace\n{}{}", seed,
        seed, to_text(small), run_script(small, {.bug = bug}).failure);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(SimplexSimulation, fresh_schedules_keep_every_promise) {
    const std::uint64_t count = is_long() ? 1'000'000 : 10'000;
    const std::uint64_t from = first_seed();
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t events = 0;
    for (std::uint64_t seed = from; seed < from + count; ++seed) {
        const Verdict verdict = run_script(draw_script(seed));
        events += verdict.events;
        ASSERT_EQ(verdict.failure, "") << explain(seed, Bug::none);
    }
    const double took = seconds_since(begin);
    fmt::print(
        "{} schedules from seed {} without a breach: {:.0f} schedules/min and {:.0f} events/s on "
        "one core\n",
        count, from, static_cast<double>(count) / took * 60, static_cast<double>(events) / took);
}

TEST(SimplexSimulation, the_same_seed_gives_the_same_trace) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const Verdict first = run_script(draw_script(seed));
        const Verdict second = run_script(draw_script(seed), {.keep_trace = true});
        ASSERT_EQ(first.trace_hash, second.trace_hash) << "seed " << seed;
        ASSERT_EQ(first.events, second.events) << "seed " << seed;
    }
    EXPECT_NE(run_script(draw_script(1)).trace_hash, run_script(draw_script(2)).trace_hash);
}

class PlantedBug : public testing::TestWithParam<Recorded> {};

TEST_P(PlantedBug, is_caught_by_its_recorded_seed) {
    const Script script = draw_script(GetParam().seed);
    EXPECT_EQ(run_script(script).failure, "") << "the seed fails without the bug";
    EXPECT_NE(run_script(script, {.bug = GetParam().bug}).failure, "")
        << "the bug goes unseen; look for a new seed: simplex_explorer --bug "
        << name_of(GetParam().bug);
}

INSTANTIATE_TEST_SUITE_P(Simplex, PlantedBug, testing::ValuesIn(recorded_bugs),
                         [](const testing::TestParamInfo<Recorded>& test) {
                             return std::string(name_of(test.param.bug));
                         });

TEST(SimplexSimulation, each_bug_is_found_from_fresh_seeds_in_five_minutes) {
    if (!is_long()) GTEST_SKIP() << "AITBC_TEST_LONG=1 looks for all of them afresh";
    for (const Recorded& recorded : recorded_bugs) {
        const std::uint64_t from = first_seed();
        const auto begin = std::chrono::steady_clock::now();
        std::uint64_t seed = from;
        std::string failure;
        for (; failure.empty() && seconds_since(begin) < 300; ++seed)
            failure = run_script(draw_script(seed), {.bug = recorded.bug}).failure;
        EXPECT_NE(failure, "") << name_of(recorded.bug) << " from seed " << from;
        fmt::print("{}: {} schedules, {:.2f} s, seed {}: {}\n", name_of(recorded.bug), seed - from,
                   seconds_since(begin), seed - 1, failure);
    }
}

TEST(SimplexSimulation, a_failure_shrinks_to_a_few_lines_that_still_fail) {
    for (const Recorded& recorded : recorded_bugs) {
        const Script script = draw_script(recorded.seed);
        const Script small = shrink(script, recorded.bug);
        EXPECT_LE(small.actions.size(), script.actions.size());
        EXPECT_LE(small.actions.size(), 12U) << to_text(small);
        EXPECT_NE(run_script(small, {.bug = recorded.bug}).failure, "") << to_text(small);
    }
}

}  // namespace
}  // namespace ait::simulation
