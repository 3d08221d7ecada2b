// Runs many schedules and says how fast; replays and shrinks those that fail.
// usage: simplex_explorer [--from SEED] [--count N] [--seconds S] [--bug NAME] [--trace]
// [--failures N]

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/simulation/shrink.hpp"

namespace {

using namespace ait::simulation;

struct Options {
    std::uint64_t from = 1;
    std::uint64_t count = 10'000;
    double seconds = 1e9;
    simplex::Bug bug = simplex::Bug::none;
    bool trace = false;
    bool shrinks = true;
    std::uint64_t failures = 1;
};

bool read_options(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--trace") {
            options.trace = true;
            continue;
        }
        if (name == "--as-it-is") {
            options.shrinks = false;
            continue;
        }
        if (i + 1 == argc) return false;
        const std::string value = argv[++i];
        if (name == "--from") {
            options.from = std::strtoull(value.c_str(), nullptr, 10);
        } else if (name == "--count") {
            options.count = std::strtoull(value.c_str(), nullptr, 10);
        } else if (name == "--seconds") {
            options.seconds = std::strtod(value.c_str(), nullptr);
        } else if (name == "--failures") {
            options.failures = std::strtoull(value.c_str(), nullptr, 10);
        } else if (name == "--bug") {
            const auto bug = bug_named(value);
            if (!bug) return false;
            options.bug = *bug;
        } else {
            return false;
        }
    }
    return true;
}

void explain(const Script& script, const Options& options) {
    const Script small = options.shrinks ? shrink(script, options.bug) : script;
    const Verdict verdict = run_script(small, {.bug = options.bug, .keep_trace = true});
    fmt::print("{}{}\n", to_text(small), verdict.failure);
    if (!options.trace) return;
    for (const auto& line : verdict.trace) fmt::print("    {}\n", line);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!read_options(argc, argv, options)) {
        fmt::print(stderr,
                   "usage: simplex_explorer [--from SEED] [--count N] [--seconds S] [--bug NAME] "
                   "[--trace] [--as-it-is] [--failures N]\n");
        return 2;
    }
    const auto begin = std::chrono::steady_clock::now();
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto elapsed = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    std::uint64_t events = 0;
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    std::int64_t slowest = 0;
    std::uint64_t slowest_seed = 0;
    for (std::uint64_t seed = options.from; runs < options.count && elapsed() < options.seconds;
         ++seed) {
        const Script script = draw_script(seed);
        const Verdict verdict = run_script(script, {.bug = options.bug});
        ++runs;
        events += verdict.events;
        if (script.focus == Focus::chaos && verdict.healed_in_ms / script.delta_ms > slowest) {
            slowest = verdict.healed_in_ms / script.delta_ms;
            slowest_seed = seed;
        }
        if (verdict.failure.empty()) continue;
        ++failures;
        fmt::print("seed {} after {:.2f} s: {}\n", seed, elapsed(), verdict.failure);
        explain(script, options);
        if (failures == options.failures) break;
    }
    const double took = elapsed();
    fmt::print(
        "{} schedules, {} events, {} failures in {:.2f} s on one core: {:.0f} schedules/min, "
        "{:.0f} events/s; slowest healing {} delta (seed {})\n",
        runs, events, failures, took, static_cast<double>(runs) / took * 60,
        static_cast<double>(events) / took, slowest, slowest_seed);
    return failures == 0 ? 0 : 1;
}
