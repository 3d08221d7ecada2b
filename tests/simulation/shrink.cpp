#include "tests/simulation/shrink.hpp"

#include <algorithm>

namespace ait::simulation {
namespace {

inline constexpr int runs_max = 400;

/// Failures are alike when they begin alike: numbers of nodes and views differ.
std::string kind_of(const std::string& failure) {
    std::string kind = failure.substr(0, failure.find(" ms after"));
    kind = kind.substr(0, kind.find('('));
    std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
    return kind;
}

class Shrinker {
  public:
    Shrinker(const Script& script, simplex::Bug bug)
        : best_(script), bug_(bug), kind_(kind_of(run_script(script, {.bug = bug}).failure)) {}

    Script run() {
        if (kind_.empty()) return best_;
        bool again = true;
        while (again && runs_ < runs_max) {
            again = drop_actions() || simplify();
        }
        return best_;
    }

  private:
    bool accept(const Script& candidate) {
        if (++runs_ > runs_max) return false;
        if (kind_of(run_script(candidate, {.bug = bug_}).failure) != kind_) return false;
        best_ = candidate;
        return true;
    }

    bool drop_actions() {
        bool dropped = false;
        for (std::size_t size = std::max<std::size_t>(1, best_.actions.size() / 2); size > 0;
             size /= 2) {
            for (std::size_t from = 0; from < best_.actions.size();) {
                Script candidate = best_;
                const std::size_t count = std::min(size, candidate.actions.size() - from);
                const auto first = candidate.actions.begin() + static_cast<std::ptrdiff_t>(from);
                candidate.actions.erase(first, first + static_cast<std::ptrdiff_t>(count));
                if (accept(candidate))
                    dropped = true;
                else
                    from += size;
            }
        }
        return dropped;
    }

    bool simplify() {
        bool simpler = false;
        const auto attempt = [&](auto change) {
            Script candidate = best_;
            change(candidate);
            if (accept(candidate)) simpler = true;
        };
        if (best_.duplicate_percent != 0) attempt([](Script& s) { s.duplicate_percent = 0; });
        if (best_.followers != 0) attempt([](Script& s) { s.followers = 0; });
        if (best_.dead_at_end != 0) attempt([](Script& s) { s.dead_at_end = 0; });
        if (best_.has_liar) attempt([](Script& s) { s.has_liar = false; });
        const bool is_weighted = std::any_of(best_.weights.begin(), best_.weights.end(),
                                             [](std::uint64_t weight) { return weight != 1; });
        if (is_weighted) attempt([](Script& s) { s.weights.assign(s.members, 1); });
        const std::int64_t end =
            best_.actions.empty() ? 1 : best_.actions.back().at_ms + best_.delta_ms;
        if (end < best_.faults_end_ms) attempt([end](Script& s) { s.faults_end_ms = end; });
        return simpler;
    }

    Script best_;
    simplex::Bug bug_;
    std::string kind_;
    int runs_ = 0;
};

}  // namespace

Script shrink(const Script& script, simplex::Bug bug) {
    return Shrinker(script, bug).run();
}

std::optional<simplex::Bug> bug_named(std::string_view name) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(simplex::Bug::count); ++i) {
        if (name_of(static_cast<simplex::Bug>(i)) == name) return static_cast<simplex::Bug>(i);
    }
    return std::nullopt;
}

}  // namespace ait::simulation
