#include "runtime/miner/gguf_check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "gpu/core/engine.hpp"
#include "gpu/core/mapped_file.hpp"
#include "net/file_descriptor.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/limits.hpp"
#include "runtime/miner/sandbox.hpp"

namespace ait::miner_process {
namespace {

constexpr int not_started_exit = 126;
constexpr std::uint64_t libraries_bytes_max = 2ULL * 1024 * 1024 * 1024;  ///< of address space
constexpr std::uint64_t child_descriptors_max = 32;  ///< the loader opens libraries one by one
constexpr int scratch_descriptor_min = 10;
constexpr std::string_view ok_line = "ok\n";

std::string reason_of(int cause) {
    return std::string(std::strerror(cause)) + ".";
}

Error refused(std::string why) {
    return Error{ErrorCode::malformed, "The model file is not used.", std::move(why),
                 "Use a file from a source that you trust."};
}

Error not_started(std::string why) {
    return Error{ErrorCode::unavailable, "The model file could not be checked.", std::move(why),
                 "Free memory or processes, then try again."};
}

/// Everything that needs memory, made before the fork: after it only async-signal-safe calls run.
struct Prepared {
    explicit Prepared(const GgufCheckOptions& options) : command(options.command) {
        for (auto& word : command) arguments.push_back(word.data());
        arguments.push_back(nullptr);
    }
    std::vector<std::string> command;
    std::vector<char*> arguments{};
    net::FileDescriptor read_end{};
    net::FileDescriptor write_end{};
    net::FileDescriptor nothing{};
    std::vector<std::pair<int, rlimit>> limits{};
    pid_t parent = ::getpid();
};

rlimit at_most(std::uint64_t value) {
    return {.rlim_cur = value, .rlim_max = value};
}

std::vector<std::pair<int, rlimit>> limits_of(const GgufCheckOptions& options,
                                              std::uint64_t file_bytes) {
    std::vector<std::pair<int, rlimit>> limits{
        {RLIMIT_CORE, at_most(0)},
        {RLIMIT_FSIZE, at_most(0)},
        {RLIMIT_NOFILE, at_most(child_descriptors_max)},
        // The soft limit tells by SIGXCPU what it was; the hard one is a second later.
        {RLIMIT_CPU,
         {.rlim_cur = options.processor_seconds_max,
          .rlim_max = options.processor_seconds_max + 1}},
    };
    if (has_sandbox()) {  // a sanitizer reserves terabytes
        limits.emplace_back(RLIMIT_DATA, at_most(options.memory_bytes_max));
        limits.emplace_back(RLIMIT_AS,
                            at_most(options.memory_bytes_max + libraries_bytes_max + file_bytes));
    }
    return limits;
}

void close_all_above(int last_kept) {
    if (::syscall(SYS_close_range, last_kept + 1, ~0U, 0) == 0) return;
    // A kernel before 5.9: one by one, up to what this process could have opened.
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) ::_exit(not_started_exit);
    for (int fd = last_kept + 1; static_cast<rlim_t>(fd) < limit.rlim_max; ++fd) ::close(fd);
}

/// Puts the child's four descriptors in their places and closes every other one.
bool arrange_descriptors(const Prepared& prepared, int file) {
    // Out of the way first: any of them may already lie where another one belongs.
    const std::array<std::pair<int, int>, 4> places{
        std::pair{::fcntl(prepared.nothing.get(), F_DUPFD, scratch_descriptor_min), STDIN_FILENO},
        std::pair{::fcntl(prepared.write_end.get(), F_DUPFD, scratch_descriptor_min),
                  STDOUT_FILENO},
        std::pair{::fcntl(prepared.nothing.get(), F_DUPFD, scratch_descriptor_min), STDERR_FILENO},
        std::pair{::fcntl(file, F_DUPFD, scratch_descriptor_min), gguf_check_descriptor}};
    for (const auto& [from, to] : places) {
        if (from < 0 || ::dup2(from, to) < 0) return false;
    }
    close_all_above(gguf_check_descriptor);
    return true;
}

/// Runs in the new process; never returns.
[[noreturn]] void become(const Prepared& prepared, int file) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have ended before the line above.
    if (::getppid() != prepared.parent) ::_exit(not_started_exit);
    bool ready = arrange_descriptors(prepared, file);
    for (const auto& [resource, limit] : prepared.limits) {
        ready = ready && ::setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0;
    }
    ready = ready && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    std::array<char*, 1> no_environment{nullptr};
    if (ready) ::execve(prepared.arguments[0], prepared.arguments.data(), no_environment.data());
    ::_exit(not_started_exit);
}

/// A child that is ended and reaped whatever happens.
class Child {
  public:
    Child(pid_t pid, net::FileDescriptor output) : pid_(pid), output_(std::move(output)) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ > 0) (void)end_by(0);
    }

    /// What it writes until it closes its output, the time is up, or it says too much.
    std::string read_until(std::int64_t deadline_us) const;
    /// Its status as waitpid gives it; at the deadline it is killed.
    int end_by(std::int64_t deadline_us);

  private:
    pid_t pid_;
    net::FileDescriptor output_;
};

int left_ms(std::int64_t deadline_us) {
    return static_cast<int>(
        std::max<std::int64_t>(0, (deadline_us - system_clock().monotonic_us()) / 1'000));
}

std::string Child::read_until(std::int64_t deadline_us) const {
    std::string text;
    std::array<char, 1'024> space{};
    while (text.size() <= verdict_bytes_max) {
        pollfd watched{output_.get(), POLLIN, 0};
        const int ready = ::poll(&watched, 1, left_ms(deadline_us));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) break;
        const ssize_t count = ::read(output_.get(), space.data(), space.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        text.append(space.data(), static_cast<std::size_t>(count));
    }
    return text;
}

int Child::end_by(std::int64_t deadline_us) {
    const net::FileDescriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd watched{handle.get(), POLLIN, 0};
    int ready = -1;
    do {
        ready = handle.is_open() ? ::poll(&watched, 1, left_ms(deadline_us)) : 0;
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
}

/// In words of whoever put the file there. `is_late`: the time was up.
Error broken_child(int status, bool is_late, const GgufCheckOptions& options) {
    if (is_late) {
        return refused("Reading its metadata was ended after " +
                       std::to_string(options.timeout_ms) + " ms.");
    }
    if (!WIFSIGNALED(status)) {
        return refused("The process that read its metadata ended with status " +
                       std::to_string(WEXITSTATUS(status)) + " and no verdict.");
    }
    const int number = WTERMSIG(status);
    if (number == SIGXCPU) {
        return refused("Reading its metadata took more than " +
                       std::to_string(options.processor_seconds_max) + " s of processor time.");
    }
    if (number == SIGSYS) {
        return refused("Its metadata made the process that read it do what it may not.");
    }
    return refused("Its metadata crashed the process that read it (signal " +
                   std::to_string(number) + ").");
}

Status verdict_of(Child& child, const GgufCheckOptions& options) {
    const std::int64_t deadline_us = system_clock().monotonic_us() + options.timeout_ms * 1'000;
    const std::string said = child.read_until(deadline_us);
    // Waits count whole milliseconds: the last one may be left.
    const bool is_late = system_clock().monotonic_us() + 1'000 >= deadline_us;
    // Whoever says more than a verdict is not waited for.
    const int status = child.end_by(said.size() > verdict_bytes_max ? 0 : deadline_us);
    const bool has_ended = WIFEXITED(status);
    if (has_ended && WEXITSTATUS(status) == not_started_exit) {
        return not_started("The program that checks it could not be started.");
    }
    if (has_ended && WEXITSTATUS(status) == out_of_memory_exit) {
        return Error{ErrorCode::limit_reached, "The model file is not used.",
                     "Its metadata takes more than " +
                         std::to_string(options.memory_bytes_max / (1024 * 1024)) +
                         " MiB of memory to read.",
                     "Use a model file of an ordinary size."};
    }
    if (!has_ended || said.empty()) return broken_child(status, is_late, options);
    const Status verdict = parse_verdict(said);
    if (verdict.ok() != (WEXITSTATUS(status) == 0)) return broken_child(status, is_late, options);
    return verdict;
}

Status check_in_child(int file, std::uint64_t file_bytes, const GgufCheckOptions& options) {
    if (options.command.empty()) return not_started("No program is named that checks it.");
    Prepared prepared(options);
    prepared.limits = limits_of(options, file_bytes);
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return not_started(reason_of(errno));
    prepared.read_end = net::FileDescriptor(ends[0]);
    prepared.write_end = net::FileDescriptor(ends[1]);
    prepared.nothing = net::FileDescriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!prepared.nothing.is_open()) return not_started(reason_of(errno));
    const pid_t pid = ::fork();
    if (pid == 0) become(prepared, file);
    if (pid < 0) return not_started(reason_of(errno));
    prepared.write_end.reset();  // else the pipe would never end
    Child child(pid, std::move(prepared.read_end));
    return verdict_of(child, options);
}

/// One line, printable, bounded: it goes to logs and terminals.
std::string one_line(std::string_view text) {
    std::string line(text.substr(0, limits::error_text_bytes_max));
    for (char& c : line) {
        if (c < 0x20 || c > 0x7e) c = '?';
    }
    return line;
}

/// Cuts off and gives the text before the next line end; empty when there is none.
std::string_view take_line(std::string_view& text) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

bool is_same_state(const struct stat& a, const struct stat& b) {
    return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
           a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace

GgufCheckOptions check_by_this_program() {
    // The link means the file that runs now, also after an upgrade has replaced it on disk.
    return {.command = {"/proc/self/exe", "--role", "gguf-check"}};
}

std::string render_verdict(const Status& verdict) {
    if (verdict.ok()) return std::string(ok_line);
    const Error& error = verdict.error();
    return std::string(error_code_row(error.code).name) + "\n" + one_line(error.what) + "\n" +
           one_line(error.why) + "\n" + one_line(error.next) + "\n";
}

Status parse_verdict(std::string_view text) {
    if (text == ok_line) return {};
    const ErrorCodeRow* const row = find_error_code(take_line(text));
    Error error{.code = row == nullptr ? ErrorCode::malformed : row->code,
                .what = one_line(take_line(text)),
                .why = one_line(take_line(text)),
                .next = one_line(take_line(text))};
    if (row == nullptr || error.what.empty() || !text.empty()) {
        return refused("The process that read its metadata gave no verdict.");
    }
    return error;
}

Status check_gguf_here(int descriptor) {
    const auto mapped = gpu::map_descriptor(descriptor, "model");
    if (!mapped.ok()) return mapped.error();
    const auto file = gpu::GgufFile::parse(mapped.value().bytes);
    if (!file.ok()) return file.error();
    return gpu::check_model(file.value());
}

Result<gpu::GgufFile> open_checked_gguf(const std::filesystem::path& path,
                                        const GgufCheckOptions& options) {
    // O_NONBLOCK: opening a pipe that a stranger put in the folder must not wait for its writer.
    const net::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat before{};
    if (!file.is_open() || ::fstat(file.get(), &before) != 0) {
        const int cause = errno;
        const bool is_missing = cause == ENOENT || cause == ENOTDIR;
        return Error{is_missing ? ErrorCode::not_found : ErrorCode::unavailable,
                     "The model file " + path.string() + " cannot be opened.", reason_of(cause),
                     "Check the path and its permissions."};
    }
    const Status checked =
        check_in_child(file.get(), static_cast<std::uint64_t>(before.st_size), options);
    if (!checked.ok()) {
        Error error = checked.error();
        error.why = "File " + path.string() + ": " + error.why;
        return error;
    }
    auto read = gpu::GgufFile::open_descriptor(file.get(), path);
    struct stat after{};
    if (read.ok() && (::fstat(file.get(), &after) != 0 || !is_same_state(before, after))) {
        return Error{ErrorCode::unavailable,
                     "The model file " + path.string() + " was changed while it was opened.",
                     "What was checked is not what is there now.",
                     "Replace model files by renaming, never in place; then try again."};
    }
    return read;
}

}  // namespace ait::miner_process
