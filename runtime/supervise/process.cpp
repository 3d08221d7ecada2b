#include "runtime/supervise/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace ait::supervise {
namespace {

/// What the new process tells its maker through a pipe: its number, and an errno if it failed.
struct StartReport {
    ::pid_t pid = 0;
    int failure = 0;
};

/// By number: the C library's own header for it does not compile as C++ everywhere.
int pidfd_open(::pid_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// Everything that needs memory, made before the fork: after it only async-signal-safe calls run.
struct Prepared {
    std::vector<std::string> command;
    std::vector<std::string> variables{};
    std::vector<char*> argument_pointers{};
    std::vector<char*> variable_pointers{};
    Descriptor log{};
    Descriptor nothing{};
    Descriptor report_read{};
    Descriptor report_write{};
    Lifetime lifetime = Lifetime::child;
    int inherited = -1;
    ::pid_t parent = 0;

    explicit Prepared(const StartRequest& request)
        : command(request.command),
          lifetime(request.lifetime),
          inherited(request.inherited_descriptor),
          parent(::getpid()) {
        for (const auto& [name, value] : request.environment)
            variables.push_back(name + "=" + value);
        argument_pointers = pointers_to(command);
        variable_pointers = pointers_to(variables);
    }
};

void report(const Prepared& prepared, StartReport content) {
    // The pipe holds far more than one report, so this neither blocks nor splits.
    (void)!::write(prepared.report_write.number(), &content, sizeof content);
}

/// Runs in the new process; never returns.
[[noreturn]] void become(const Prepared& prepared) {
    ::sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    struct sigaction usual{};
    usual.sa_handler = SIG_DFL;
    for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD})
        ::sigaction(number, &usual, nullptr);
    if (prepared.lifetime == Lifetime::child) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        // The parent may have ended before the line above.
        if (::getppid() != prepared.parent) ::_exit(127);
    }
    ::dup2(prepared.nothing.number(), STDIN_FILENO);
    ::dup2(prepared.log.number(), STDOUT_FILENO);
    ::dup2(prepared.log.number(), STDERR_FILENO);
    if (prepared.inherited >= 0) ::fcntl(prepared.inherited, F_SETFD, 0);
    report(prepared, {.pid = ::getpid()});
    ::execve(prepared.argument_pointers[0], prepared.argument_pointers.data(),
             prepared.variable_pointers.data());
    report(prepared, {.pid = ::getpid(), .failure = errno});
    ::_exit(127);
}

/// The middle process of a detached start: makes the session and leaves the child to init.
[[noreturn]] void detach(const Prepared& prepared) {
    ::setsid();
    const ::pid_t inner = ::fork();
    if (inner == 0) become(prepared);
    if (inner < 0) report(prepared, {.failure = errno});
    ::_exit(0);
}

Error start_error(ErrorCode code, const std::string& program, int failure) {
    return {code, "The program " + program + " could not be started.", std::strerror(failure),
            code == ErrorCode::unavailable
                ? "Check that it is installed beside aitbc and may be executed."
                : ""};
}

/// The first report names the process, the second one exists only when exec failed.
Result<ProcessId> read_reports(const Prepared& prepared) {
    StartReport content;
    std::optional<ProcessId> started;
    while (true) {
        const auto count = ::read(prepared.report_read.number(), &content, sizeof content);
        if (count < 0 && errno == EINTR) continue;
        if (count != sizeof content) break;
        if (content.failure != 0)
            return start_error(ErrorCode::unavailable, prepared.command[0], content.failure);
        started = identify(content.pid).value_or(ProcessId{.pid = content.pid});
    }
    if (!started) return start_error(ErrorCode::unavailable, prepared.command[0], ECHILD);
    return *started;
}

Status open_descriptors(Prepared& prepared, const std::string& log_file) {
    prepared.log =
        Descriptor(::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!prepared.log.is_open()) {
        return Error{ErrorCode::storage_failed, "The log " + log_file + " could not be opened.",
                     std::strerror(errno), "Check the folder and its permissions."};
    }
    prepared.nothing = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    std::array<int, 2> ends{-1, -1};
    if (!prepared.nothing.is_open() || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return start_error(ErrorCode::limit_reached, prepared.command[0], errno);
    }
    prepared.report_read = Descriptor(ends[0]);
    prepared.report_write = Descriptor(ends[1]);
    return {};
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        close();
        number_ = std::exchange(other.number_, -1);
    }
    return *this;
}

void Descriptor::close() noexcept {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
}

std::optional<ProcessId> identify(::pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return std::nullopt;
    std::array<char, 1024> buffer{};
    const auto count = ::read(file.number(), buffer.data(), buffer.size());
    if (count <= 0) return std::nullopt;
    std::string_view text(buffer.data(), static_cast<std::size_t>(count));
    // The program's name stands in brackets and may hold anything; the fields count from behind it.
    const auto bracket = text.rfind(") ");
    if (bracket == std::string_view::npos) return std::nullopt;
    text.remove_prefix(bracket + 2);
    constexpr int fields_before_start_time = 19;
    for (int i = 0; i < fields_before_start_time; ++i) {
        const auto space = text.find(' ');
        if (space == std::string_view::npos) return std::nullopt;
        text.remove_prefix(space + 1);
    }
    ProcessId id{.pid = pid};
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), id.start_ticks);
    if (failure != std::errc{}) return std::nullopt;
    return id;
}

std::optional<ProcessHandle> ProcessHandle::open(const ProcessId& id) {
    if (id.pid <= 0) return std::nullopt;
    Descriptor descriptor(pidfd_open(id.pid));
    if (!descriptor.is_open()) return std::nullopt;
    // Asked after the handle exists: from here on the number cannot go to another process unseen.
    if (identify(id.pid) != id) return std::nullopt;
    return ProcessHandle(std::move(descriptor));
}

bool ProcessHandle::send(int signal) const noexcept {
    return ::syscall(SYS_pidfd_send_signal, descriptor_.number(), signal, nullptr, 0) == 0;
}

bool ProcessHandle::wait_for_end(std::int64_t timeout_ms) const noexcept {
    ::pollfd waiting{.fd = descriptor_.number(), .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, static_cast<int>(timeout_ms)) == 1;
}

Result<ProcessId> start_process(const StartRequest& request) {
    AIT_ASSERT(!request.command.empty());
    Prepared prepared(request);
    if (auto opened = open_descriptors(prepared, request.log_file); !opened.ok())
        return opened.error();
    const ::pid_t first = ::fork();
    if (first < 0) return start_error(ErrorCode::limit_reached, request.command[0], errno);
    if (first == 0) {
        if (request.lifetime == Lifetime::child) become(prepared);
        detach(prepared);
    }
    // This copy must go, or the pipe never ends.
    prepared.report_write.close();
    auto started = read_reports(prepared);
    const bool reap = request.lifetime == Lifetime::detached || !started.ok();
    while (reap && ::waitpid(first, nullptr, 0) < 0 && errno == EINTR) {
    }
    return started;
}

}  // namespace ait::supervise
