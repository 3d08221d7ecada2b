#include "tests/unit/actors/differential/shrink.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <sstream>

#include "tests/unit/actors/differential/generator.hpp"

namespace ait::differential {
namespace {

constexpr std::string_view end_mark = "\n=== end of run ===\n";

/// Steps that a run has begun: in memory that a child shares, so that a dead one has counted too.
std::uint64_t& progress() {
    static void* const shared = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    AIT_ASSERT(shared != MAP_FAILED);
    return *static_cast<std::uint64_t*>(shared);
}

/// Without the numbers and hexadecimal names: how it fails, not where.
std::string manner_of(const std::string& failure) {
    std::string manner;
    for (const char c : failure.substr(0, failure.find(" is \""))) {
        const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (!is_digit) manner += c;
    }
    return manner.substr(0, 40);
}

std::string written(const RunReport& report) {
    std::ostringstream out;
    out << end_mark << report.steps << ' ' << report.tally.operations << ' ' << report.tally.blocks
        << ' ' << report.tally.chains << '\n';
    for (const auto& [name, count] : report.tally.verdicts)
        out << 'v' << count << ' ' << name << '\n';
    for (const auto& [name, count] : report.tally.endings)
        out << 'e' << count << ' ' << name << '\n';
    out << '.' << report.failure;
    return out.str();
}

RunReport read_back(const std::string& text, int status) {
    RunReport report;
    const std::size_t mark = text.find(end_mark);
    if (mark == std::string::npos) {
        const std::size_t assertion = text.find("assertion failed");
        report.steps = progress();
        report.failure = "the real rules ended the process (status " + std::to_string(status) +
                         "): " + text.substr(assertion == std::string::npos ? 0 : assertion, 400);
        return report;
    }
    std::istringstream in(text.substr(mark + end_mark.size()));
    in >> report.steps >> report.tally.operations >> report.tally.blocks >> report.tally.chains;
    in.ignore(1);
    while (in.peek() == 'v' || in.peek() == 'e') {
        const bool is_verdict = in.get() == 'v';
        std::uint64_t count = 0;
        std::string name;
        in >> count;
        in.ignore(1);
        std::getline(in, name);
        (is_verdict ? report.tally.verdicts : report.tally.endings)[name] = count;
    }
    in.ignore(1);
    std::ostringstream rest;
    if (in.peek() != std::istringstream::traits_type::eof()) rest << in.rdbuf();
    report.failure = rest.str();
    return report;
}

void write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(file, text.data(), text.size());
        if (count <= 0) ::_exit(3);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

/// The child's life. What it throws is a finding too.
[[noreturn]] void run_and_leave(const std::function<RunReport()>& run, int file) {
    try {
        write_all(file, written(run()));
    } catch (const std::exception& thrown) {
        write_all(file, std::string("thrown: ") + thrown.what());
        ::_exit(4);
    }
    ::_exit(0);
}

/// One thread only: a fork of more would keep their locks for ever.
RunReport run_apart(const std::function<RunReport()>& run) {
    std::array<int, 2> pipe{};
    AIT_ASSERT(::pipe(pipe.data()) == 0);
    progress() = 0;
    const pid_t child = ::fork();
    AIT_ASSERT(child >= 0);
    if (child == 0) {
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::close(pipe[0]);
        ::dup2(pipe[1], STDERR_FILENO);
        run_and_leave(run, pipe[1]);
    }
    ::close(pipe[1]);
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
        const ssize_t count = ::read(pipe[0], buffer.data(), buffer.size());
        if (count <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return read_back(text, status);
}

/// Takes away parts of a script as long as it still fails in the same manner.
class Shrinker {
  public:
    Shrinker(const std::string& failure, const DuelOptions& options, std::uint64_t runs_max)
        : manner_(manner_of(failure)), options_(options), runs_max_(runs_max) {
        best_.failure = failure;
    }

    Shrunk shrink(Script script) {
        best_.script = std::move(script);
        std::size_t parts = 2;
        while (best_.script.size() > 1 && best_.runs < runs_max_) {
            const std::size_t before = best_.script.size();
            const bool is_smaller = drop_one_of(std::min(parts, before));
            if (is_smaller) {
                parts = std::max<std::size_t>(2, parts - 1);
            } else if (parts >= before) {
                break;
            } else {
                parts = std::min(parts * 2, before);
            }
        }
        simplify();
        return std::move(best_);
    }

  private:
    bool drop_one_of(std::size_t parts) {
        const std::size_t size = best_.script.size();
        bool has_dropped = false;
        // From the end: what came last is rarely needed by what came before.
        for (std::size_t part = parts; part-- > 0 && best_.runs < runs_max_;) {
            const auto begin =
                static_cast<std::ptrdiff_t>(std::min(size * part / parts, best_.script.size()));
            const auto end = static_cast<std::ptrdiff_t>(
                std::min(size * (part + 1) / parts, best_.script.size()));
            if (begin == end) continue;
            Script candidate(best_.script.begin(), best_.script.begin() + begin);
            candidate.insert(candidate.end(), best_.script.begin() + end, best_.script.end());
            has_dropped = take_if_failing(std::move(candidate)) || has_dropped;
        }
        return has_dropped;
    }

    void simplify() {
        for (std::size_t i = 0; i < best_.script.size() && best_.runs < runs_max_; ++i) {
            for (const auto change :
                 {+[](Step& step) { step.key = 0; }, +[](Step& step) { step.flavour = 0; },
                  +[](Step& step) { step.nonce_shift = 0; }}) {
                if (i >= best_.script.size()) return;
                Script candidate = best_.script;
                change(candidate[i]);
                if (to_text(candidate[i]) == to_text(best_.script[i])) continue;
                take_if_failing(std::move(candidate));
            }
        }
    }

    bool take_if_failing(Script candidate) {
        ++best_.runs;
        RunReport report = run_script_apart(candidate, options_);
        if (report.failure.empty() || manner_of(report.failure) != manner_) return false;
        if (report.steps > 0 && report.steps < candidate.size()) candidate.resize(report.steps);
        best_.script = std::move(candidate);
        best_.failure = std::move(report.failure);
        return true;
    }

    const std::string manner_;
    const DuelOptions options_;
    const std::uint64_t runs_max_;
    Shrunk best_{};
};

template <class Next>
RunReport run(Duel& duel, Next next) {
    RunReport report;
    Difference difference;
    while (!difference) {
        const std::optional<Step> step = next();
        if (!step) break;
        progress() = ++report.steps;
        difference = duel.take(*step);
    }
    if (!difference) difference = duel.finish();
    report.failure = difference.value_or("");
    report.tally = duel.tally();
    return report;
}

}  // namespace

RunReport run_random(std::uint64_t seed, std::uint64_t operations, const DuelOptions& options) {
    Duel duel(options);
    Generator generator(seed, duel, options.shape);
    return run(duel, [&]() -> std::optional<Step> {
        if (duel.tally().operations >= operations) return std::nullopt;
        return generator.next();
    });
}

Script write_down(std::uint64_t seed, std::uint64_t steps, const DuelOptions& options) {
    DuelOptions alone = options;
    alone.with_real = false;
    Duel duel(alone);
    Generator generator(seed, duel, options.shape);
    Script script;
    while (script.size() < steps) {
        script.push_back(generator.next());
        const Difference none = duel.take(script.back());
        AIT_ASSERT(!none.has_value());
    }
    return script;
}

RunReport run_script(const Script& script, const DuelOptions& options) {
    Duel duel(options);
    std::size_t at = 0;
    return run(duel, [&]() -> std::optional<Step> {
        if (at == script.size()) return std::nullopt;
        return script[at++];
    });
}

RunReport run_random_apart(std::uint64_t seed, std::uint64_t operations,
                           const DuelOptions& options) {
    return run_apart([&] { return run_random(seed, operations, options); });
}

RunReport run_script_apart(const Script& script, const DuelOptions& options) {
    return run_apart([&] { return run_script(script, options); });
}

Shrunk shrink(Script script, const std::string& failure, DuelOptions options,
              std::uint64_t runs_max) {
    // A difference that only a comparison of everything shows would stay hidden in a short script.
    options.full_every = 1;
    return Shrinker(failure, options, runs_max).shrink(std::move(script));
}

}  // namespace ait::differential
