#include "runtime/supervise/supervisor.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "runtime/base/clock.hpp"
#include "runtime/supervise/log_files.hpp"
#include "runtime/supervise/process.hpp"
#include "runtime/supervise/process_file.hpp"
#include "runtime/supervise/sd_notify.hpp"
#include "runtime/supervise/supervisor_state.hpp"

namespace ait::supervise {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t socket_probe_interval_ms = 25;
constexpr std::int64_t log_check_interval_ms = 30'000;

std::int64_t now_ms() {
    return system_clock().monotonic_us() / 1'000;
}

void log(std::string_view level, std::string_view event) {
    fmt::print(stderr, "{} {} supervisor {}\n", to_rfc3339(system_clock().now_unix_ms()), level,
               event);
}

bool accepts(const std::string& socket_path) {
    ::sockaddr_un address{};
    if (socket_path.size() >= sizeof address.sun_path) return false;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(socket.number(), reinterpret_cast<const ::sockaddr*>(&address),
                     sizeof address) == 0;
}

std::string describe_exit(int status) {
    if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
    return fmt::format("status {}", WEXITSTATUS(status));
}

struct Child {
    const ChildSpec& spec;
    RestartPolicy policy;
    ChildFacts facts{};
    std::int64_t due_ms = 0;  ///< next try to start; meaningful while waiting or backing off
    std::int64_t kill_at_ms = never;  ///< set once it was told to stop
    bool is_renewing = false;         ///< told to stop so that it starts with another configuration

    Child(const ChildSpec& child_spec, RestartLimits limits) : spec(child_spec), policy(limits) {
        facts.name = spec.name;
        facts.log_file = spec.log_file;
    }
    [[nodiscard]] bool is_running() const { return facts.phase == ChildPhase::running; }
    [[nodiscard]] bool wants_start() const {
        return facts.phase == ChildPhase::waiting || facts.phase == ChildPhase::backing_off;
    }
};

class Supervisor {
  public:
    Supervisor(const SupervisorOptions& options, int signal_descriptor)
        : options_(options),
          signal_descriptor_(signal_descriptor),
          watchdog_interval_ms_(sd_watchdog_interval_ms()) {
        state_.pid = ::getpid();
        for (const auto& spec : options.children) children_.emplace_back(spec, options.limits);
    }

    int run() {
        log("info", fmt::format("supervisor_started children={}", children_.size()));
        while (true) {
            const auto now = now_ms();
            if (state_.phase == SupervisorPhase::running)
                start_due(now);
            else if (stop_next(now))
                break;
            kill_overdue(now);
            keep_house(now);
            publish();
            wait_for_signal(next_due_ms(now) - now);
        }
        const bool failed = failed_;
        state_.phase = failed ? SupervisorPhase::failed : SupervisorPhase::stopped;
        changed_ = true;
        publish();
        log(failed ? "error" : "info",
            fmt::format("supervisor_ended reason=\"{}\"", state_.reason));
        return failed ? 1 : 0;
    }

  private:
    void start_due(std::int64_t now) {
        bool all_started = true;
        for (auto& child : children_) {
            if (child.wants_start() && child.due_ms <= now) try_start(child, now);
            all_started = all_started && !child.wants_start();
        }
        if (all_started && !told_ready_ && state_.phase == SupervisorPhase::running) {
            told_ready_ = true;
            tell_manager("READY=1\nSTATUS=All processes run.");
        }
    }

    void try_start(Child& child, std::int64_t now) {
        if (!child.spec.wait_for_socket.empty() && !accepts(child.spec.wait_for_socket)) {
            child.due_ms = now + socket_probe_interval_ms;
            return;
        }
        const auto started = start_process({.command = child.spec.command,
                                            .environment = options_.environment,
                                            .log_file = child.spec.log_file});
        if (!started.ok()) {
            ended(child, started.error().what + " " + started.error().why, now);
            return;
        }
        changed_ = true;
        child.facts.phase = ChildPhase::running;
        child.facts.pid = started.value().pid;
        child.facts.start_ticks = started.value().start_ticks;
        log("info", fmt::format("child_started name={} pid={}", child.spec.name, child.facts.pid));
    }

    /// A child has ended, or could not be started at all.
    void ended(Child& child, const std::string& how, std::int64_t now) {
        changed_ = true;
        child.facts.pid = 0;
        child.facts.start_ticks = 0;
        child.facts.last_exit = how;
        child.kill_at_ms = never;
        const bool was_renewing = std::exchange(child.is_renewing, false);
        if (state_.phase != SupervisorPhase::running) {
            child.facts.phase = ChildPhase::stopped;
            log("info", fmt::format("child_stopped name={} exit=\"{}\"", child.spec.name, how));
            return;
        }
        if (was_renewing) {
            child.facts.phase = ChildPhase::waiting;
            child.due_ms = now;
            log("info", fmt::format("child_renewed name={} exit=\"{}\"", child.spec.name, how));
            return;
        }
        const auto delay_ms = child.policy.delay_after_exit(now);
        child.facts.restarts = child.policy.restarts_total();
        if (delay_ms) {
            child.facts.phase = ChildPhase::backing_off;
            child.due_ms = now + *delay_ms;
            log("warn", fmt::format("child_ended name={} exit=\"{}\" restart_in_ms={}",
                                    child.spec.name, how, *delay_ms));
            return;
        }
        child.facts.phase = ChildPhase::given_up;
        log("error",
            fmt::format("child_given_up name={} exit=\"{}\" restarts={} log={}", child.spec.name,
                        how, options_.limits.restarts_max, child.spec.log_file));
        tell_manager(fmt::format("STATUS={} ended too often and was given up.", child.spec.name));
        if (!child.spec.is_essential) return;
        failed_ = true;
        begin_stop(fmt::format("{} ended too often ({}); see {}", child.spec.name, how,
                               child.spec.log_file));
    }

    void begin_stop(const std::string& reason) {
        if (state_.phase != SupervisorPhase::running) return;
        changed_ = true;
        state_.phase = SupervisorPhase::stopping;
        state_.reason = reason;
        for (auto& child : children_) {
            if (child.wants_start()) child.facts.phase = ChildPhase::stopped;
        }
        tell_manager("STOPPING=1");
        log("info", fmt::format("stop_began reason=\"{}\"", reason));
    }

    /// Invariant 2: the last started child that runs is the only one being stopped. True: none
    /// runs.
    bool stop_next(std::int64_t now) {
        const auto last = std::find_if(children_.rbegin(), children_.rend(),
                                       [](const Child& child) { return child.is_running(); });
        if (last == children_.rend()) return true;
        if (last->kill_at_ms == never) tell_to_stop(*last, now);
        return false;
    }

    void tell_to_stop(Child& child, std::int64_t now) {
        child.kill_at_ms = now + child.spec.drain_ms_max;
        signal_child(child, SIGTERM);
    }

    /// Children that were told to stop and did not in their time.
    void kill_overdue(std::int64_t now) {
        for (auto& child : children_) {
            if (!child.is_running() || child.kill_at_ms > now) continue;
            log("warn", fmt::format("child_killed name={} after_ms={}", child.spec.name,
                                    child.spec.drain_ms_max));
            child.kill_at_ms = now + child.spec.drain_ms_max;
            signal_child(child, SIGKILL);
        }
    }

    /// Our own child that we have not reaped yet, so its number cannot mean another process.
    void signal_child(const Child& child, int number) {
        AIT_ASSERT(child.facts.pid > 0);
        ::kill(static_cast<::pid_t>(child.facts.pid), number);
    }

    void reap(std::int64_t now) {
        int status = 0;
        for (::pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
             pid = ::waitpid(-1, &status, WNOHANG)) {
            const auto child =
                std::find_if(children_.begin(), children_.end(),
                             [pid](const Child& one) { return one.facts.pid == pid; });
            if (child != children_.end()) ended(*child, describe_exit(status), now);
        }
    }

    void wait_for_signal(std::int64_t timeout_ms) {
        constexpr std::int64_t timeout_ms_max = 60'000;
        ::pollfd waiting{.fd = signal_descriptor_, .events = POLLIN, .revents = 0};
        const auto bounded = std::clamp<std::int64_t>(timeout_ms, 0, timeout_ms_max);
        if (::poll(&waiting, 1, static_cast<int>(bounded)) <= 0) return;
        ::signalfd_siginfo received{};
        if (::read(signal_descriptor_, &received, sizeof received) != sizeof received) return;
        const auto number = static_cast<int>(received.ssi_signo);
        if (number == SIGCHLD)
            reap(now_ms());
        else if (number == SIGHUP)
            hang_up(now_ms());
        else
            begin_stop(number == SIGTERM ? "SIGTERM" : "SIGINT");
    }

    void hang_up(std::int64_t now) {
        std::vector<std::string> changed;
        if (options_.changed_children) changed = options_.changed_children();
        for (auto& child : children_) {
            if (!child.is_running()) continue;
            if (child.spec.takes_hangup) signal_child(child, SIGHUP);
            const bool is_changed =
                std::find(changed.begin(), changed.end(), child.spec.name) != changed.end();
            if (!is_changed || child.kill_at_ms != never) continue;
            log("info", fmt::format("child_renewal_began name={}", child.spec.name));
            child.is_renewing = true;
            tell_to_stop(child, now);
        }
    }

    void keep_house(std::int64_t now) {
        if (now >= log_check_at_ms_) {
            log_check_at_ms_ = now + log_check_interval_ms;
            for (const auto& child : children_)
                bound_log(child.spec.log_file, options_.log_bytes_max);
        }
        if (watchdog_interval_ms_ > 0 && now >= watchdog_at_ms_) {
            watchdog_at_ms_ = now + watchdog_interval_ms_;
            tell_manager("WATCHDOG=1");
        }
    }

    [[nodiscard]] std::int64_t next_due_ms(std::int64_t now) const {
        std::int64_t due = std::max(log_check_at_ms_, now);
        if (watchdog_interval_ms_ > 0) due = std::min(due, watchdog_at_ms_);
        for (const auto& child : children_) {
            if (child.wants_start()) due = std::min(due, child.due_ms);
            due = std::min(due, child.kill_at_ms);
        }
        return due;
    }

    void publish() {
        if (!std::exchange(changed_, false)) return;
        state_.updated_at.ms = system_clock().now_unix_ms();
        state_.children.clear();
        for (const auto& child : children_) state_.children.push_back(child.facts);
        const auto written = write_supervisor_state(options_.state_file, state_);
        if (!written.ok()) log("error", written.error().what);
    }

    void tell_manager(std::string_view text) {
        const auto told = sd_notify(text);
        if (!told.ok()) log("warn", told.error().what + " " + told.error().why);
    }

    const SupervisorOptions& options_;
    const int signal_descriptor_;
    const std::int64_t watchdog_interval_ms_;
    std::vector<Child> children_{};
    SupervisorState state_{};
    std::int64_t log_check_at_ms_ = 0;
    std::int64_t watchdog_at_ms_ = 0;
    bool told_ready_ = false;
    bool failed_ = false;
    bool changed_ = true;
};

int refuse(const Error& error) {
    fmt::print(stderr, "{}\n", render_error(error));
    return error_code_row(error.code).exit_status;
}

}  // namespace

int run_supervisor(const SupervisorOptions& options) {
    auto role = ProcessFile::claim(options.pid_file);
    if (!role.ok()) return refuse(role.error());
    const auto self = identify(::getpid());
    AIT_ASSERT(self.has_value());
    if (const auto written = role.value().write(*self); !written.ok())
        return refuse(written.error());

    ::sigset_t handled;
    ::sigemptyset(&handled);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&handled, number);
    ::sigprocmask(SIG_BLOCK, &handled, nullptr);
    const Descriptor signals(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.is_open()) {
        return refuse({ErrorCode::limit_reached, "The supervisor could not start.",
                       std::strerror(errno), ""});
    }
    return Supervisor(options, signals.number()).run();
}

}  // namespace ait::supervise
