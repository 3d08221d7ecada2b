#pragma once

// Runs a script in a process of its own, so that an assertion of the real rules is a finding like
// any other, and makes a failing script as short as it gets (Zeller and Hildebrandt 2002, ddmin).

#include "tests/unit/actors/differential/duel.hpp"

namespace ait::differential {

struct RunReport {
    std::string failure{};    ///< empty = both sides agreed to the end
    std::uint64_t steps = 0;  ///< taken, the failing one included
    Tally tally{};
};

/// Steps at random from a seed, until `operations` were made.
RunReport run_random(std::uint64_t seed, std::uint64_t operations, const DuelOptions& options);
/// The steps that run_random would take, from the reference alone.
Script write_down(std::uint64_t seed, std::uint64_t steps, const DuelOptions& options);
RunReport run_script(const Script& script, const DuelOptions& options);

/// The same two in a child process.
RunReport run_random_apart(std::uint64_t seed, std::uint64_t operations,
                           const DuelOptions& options);
RunReport run_script_apart(const Script& script, const DuelOptions& options);

struct Shrunk {
    Script script{};
    std::string failure{};
    std::uint64_t runs = 0;
};
/// A part of the script that fails in the same way and of which no step can be left out, or the
/// best after `runs_max` tries.
Shrunk shrink(Script script, const std::string& failure, DuelOptions options,
              std::uint64_t runs_max = 3'000);

}  // namespace ait::differential
