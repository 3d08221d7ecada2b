#pragma once

// A cluster whose members change while it runs: real cores, one an epoch, on a virtual clock, with
// crashes, torn disks, lost and late messages and splits at any moment around a boundary. The other
// simulation stays in one epoch and knows far more faults; this one knows the way between them.

#include <string>

#include "actors/consensus/simplex/planted.hpp"
#include "tests/simulation/random.hpp"

namespace ait::simulation {

/// What a shell may do wrong at a boundary.
enum class BoundaryBug : std::uint8_t {
    none,
    newest_set_judges,     ///< pitfall 20: catch-up is judged by those who vote today
    switch_before_durable  ///< the next epoch begins when the block is final, not when it is synced
};

struct EpochsVerdict {
    std::string failure{};  ///< empty: all held
    std::uint64_t events = 0;
    std::uint64_t epochs = 0;  ///< that were begun
    std::uint64_t final_height = 0;
    std::uint64_t trace_hash = 0;
};

/// The same seed gives the same run.
EpochsVerdict run_epochs(std::uint64_t seed, BoundaryBug boundary = BoundaryBug::none,
                         consensus::simplex::Bug bug = consensus::simplex::Bug::none);

}  // namespace ait::simulation
