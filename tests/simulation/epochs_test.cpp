// Breaks if a chain can fork, stall or take a vote for another's where its members change.

#include "tests/simulation/epochs.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "runtime/base/clock.hpp"
#include "runtime/base/codec/msgpack.hpp"

namespace ait::simulation {
namespace {

using consensus::simplex::Bug;

std::uint64_t first_seed() {
    const char* wanted = std::getenv("SIMULATION_SEED");
    if (wanted != nullptr) return std::strtoull(wanted, nullptr, 10);
    return from_big_endian(system_random().bytes(8)) >> 16;
}

TEST(EpochsSimulation, fresh_schedules_keep_every_promise_across_changes_of_members) {
    const char* value = std::getenv("AITBC_TEST_LONG");
    const std::uint64_t count = value != nullptr && *value == '1' ? 200'000 : 10'000;
    const std::uint64_t from = first_seed();
    std::uint64_t epochs = 0;
    std::uint64_t events = 0;
    for (std::uint64_t seed = from; seed < from + count; ++seed) {
        const EpochsVerdict verdict = run_epochs(seed);
        ASSERT_EQ(verdict.failure, "") << "replay: SIMULATION_SEED=" << seed;
        epochs += verdict.epochs;
        events += verdict.events;
    }
    fmt::print("{} schedules from seed {} with {} changes of members and {} events, no breach\n",
               count, from, epochs, events);
    EXPECT_GT(epochs, count) << "the schedules do not change the members often enough";
}

TEST(EpochsSimulation, the_same_seed_gives_the_same_run) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed)
        ASSERT_EQ(run_epochs(seed).trace_hash, run_epochs(seed).trace_hash) << "seed " << seed;
}

/// How many schedules from the first seed on it takes to see it; 0: it was not seen.
std::uint64_t schedules_until_seen(BoundaryBug boundary, Bug bug, std::uint64_t count_max) {
    for (std::uint64_t seed = 1; seed <= count_max; ++seed) {
        if (!run_epochs(seed, boundary, bug).failure.empty()) return seed;
    }
    return 0;
}

// Pitfall 20, and the ways in which a shell could get a boundary wrong.
TEST(EpochsSimulation, each_bug_of_a_boundary_is_found) {
    for (const auto& [name, boundary, bug] :
         {std::tuple("the newest set judges", BoundaryBug::newest_set_judges, Bug::none),
          std::tuple("the switch comes before the block is durable",
                     BoundaryBug::switch_before_durable, Bug::none),
          std::tuple("another epoch's header and certificates count", BoundaryBug::none,
                     Bug::epoch_of_header_unchecked)}) {
        const std::uint64_t seen = schedules_until_seen(boundary, bug, 20'000);
        EXPECT_NE(seen, 0U) << name;
        fmt::print("{}: found after {} schedules: {}\n", name, seen,
                   run_epochs(seen, boundary, bug).failure);
    }
}

}  // namespace
}  // namespace ait::simulation
