#pragma once

// A cluster in one thread: the real cores, a virtual clock, a fake network and fake disks. One seed
// decides everything, so a run can be repeated, and a failing one shrunk.

#include <memory>

#include "tests/simulation/application.hpp"
#include "tests/simulation/audit.hpp"
#include "tests/simulation/disk.hpp"
#include "tests/simulation/hash_authenticator.hpp"
#include "tests/simulation/script.hpp"

namespace ait::simulation {

struct Verdict {
    std::string failure{};  ///< empty: all held
    std::uint64_t trace_hash = 0;
    std::uint64_t events = 0;       ///< inputs that cores took
    std::int64_t healed_in_ms = 0;  ///< from the end of the faults to the last node's final block
    std::uint64_t final_height = 0;
    std::vector<std::string> trace{};  ///< when asked for
};

struct RunOptions {
    simplex::Bug bug = simplex::Bug::none;
    bool keep_trace = false;
};

Verdict run_script(const Script& script, const RunOptions& options = {});

}  // namespace ait::simulation
