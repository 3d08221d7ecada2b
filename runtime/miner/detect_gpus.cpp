#include "runtime/miner/detect_gpus.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "net/file_descriptor.hpp"
#include "runtime/base/bytes.hpp"
#include "runtime/base/clock.hpp"

extern char** environ;

namespace ait::miner_process {
namespace {

constexpr std::size_t output_bytes_max = 64U * 1024;

Error none(std::string why) {
    return Error{ErrorCode::not_found, "No GPU was detected.", std::move(why),
                 "Name what is there, for example --gpus \"1x RTX 4090\", or mine with the CPU."};
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

struct Child {
    pid_t pid = -1;
    net::FileDescriptor output{};
};

/// Starts the program without a shell, with no signal blocked. Errors: not_found, unavailable.
Result<Child> start(const std::string& program) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return Error{ErrorCode::unavailable, "The driver could not be asked.",
                     std::string(std::strerror(errno)) + ".", ""};
    }
    Child child{.output = net::FileDescriptor(ends[0])};
    const net::FileDescriptor input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t no_signals;
    sigemptyset(&no_signals);
    posix_spawnattr_setsigmask(&attributes, &no_signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

    std::string query = "--query-gpu=name,memory.total";
    std::string format = "--format=csv,noheader,nounits";
    std::string name = program;
    const std::array<char*, 4> arguments{name.data(), query.data(), format.data(), nullptr};
    const int failed = ::posix_spawnp(&child.pid, program.c_str(), &actions, &attributes,
                                      arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == 0) return child;
    if (failed == ENOENT) return none("The program " + program + " is not installed.");
    return Error{ErrorCode::unavailable, "The driver could not be asked.",
                 program + ": " + std::strerror(failed) + ".", ""};
}

/// All that it prints until it closes its output. Errors: deadline_exceeded, too_large.
Result<std::string> read_all(const Child& child, std::int64_t deadline_us) {
    std::string text;
    std::array<char, 4'096> space{};
    while (text.size() <= output_bytes_max) {
        const std::int64_t left_ms = (deadline_us - system_clock().monotonic_us()) / 1'000;
        pollfd watched{child.output.get(), POLLIN, 0};
        const int ready = left_ms > 0 ? ::poll(&watched, 1, static_cast<int>(left_ms)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) {
            return Error{ErrorCode::deadline_exceeded, "The driver does not answer.",
                         "nvidia-smi was ended because it took too long.",
                         "Look at the driver: dmesg; or name the GPUs with --gpus."};
        }
        const ssize_t count = ::read(child.output.get(), space.data(), space.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        text.append(space.data(), static_cast<std::size_t>(count));
    }
    return Error{ErrorCode::too_large, "The driver's answer cannot be used.", "It has no end.", ""};
}

/// Its exit status as waitpid gives it. A child that lives on past the deadline is ended.
int end_of(const Child& child, std::int64_t deadline_us) {
    const net::FileDescriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
    const std::int64_t left_ms =
        std::max<std::int64_t>(0, (deadline_us - system_clock().monotonic_us()) / 1'000);
    pollfd watched{handle.get(), POLLIN, 0};
    const bool has_ended = handle.is_open() && ::poll(&watched, 1, static_cast<int>(left_ms)) > 0;
    if (!has_ended) ::kill(child.pid, SIGKILL);
    int status = 0;
    while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace

Result<std::vector<miner::GpuSpec>> parse_gpu_lines(std::string_view text) {
    std::vector<miner::GpuSpec> gpus;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string_view line = trimmed(text.substr(begin, end - begin));
        begin = end + 1;
        if (line.empty()) continue;
        const std::size_t comma = line.rfind(',');
        const std::string_view name = trimmed(line.substr(0, comma));
        const std::string_view memory =
            comma == std::string_view::npos ? std::string_view{} : trimmed(line.substr(comma + 1));
        std::uint32_t memory_mb = 0;
        const auto [stop, code] =
            std::from_chars(memory.data(), memory.data() + memory.size(), memory_mb);
        const bool is_read = code == std::errc{} && stop == memory.data() + memory.size() &&
                             memory_mb <= miner::gpu_memory_mb_max && !name.empty() &&
                             name.size() <= limits::name_bytes_max && is_utf8(name);
        if (!is_read) {
            return Error{ErrorCode::malformed, "The driver's answer cannot be used.",
                         "A line is not \"name, memory\".", "Name the GPUs with --gpus."};
        }
        const auto known = std::find_if(gpus.begin(), gpus.end(), [&](const miner::GpuSpec& gpu) {
            return gpu.model == name && gpu.memory_mb == memory_mb;
        });
        if (known != gpus.end()) {
            known->count = std::min(known->count + 1, miner::gpu_count_max);
        } else if (gpus.size() < limits::miner_gpus_max) {
            gpus.push_back({.model = std::string(name),
                            .count = 1,
                            .memory_mb = memory_mb,
                            .source = miner::FigureSource::detected});
        }
    }
    if (gpus.empty()) return none("The driver lists none.");
    return gpus;
}

Result<std::vector<miner::GpuSpec>> detect_gpus(const DetectGpusOptions& options) {
    auto child = start(options.program);
    if (!child.ok()) return child.error();
    const std::int64_t deadline_us =
        system_clock().monotonic_us() + std::int64_t{options.deadline_ms} * 1'000;
    const auto text = read_all(child.value(), deadline_us);
    const int status = end_of(child.value(), text.ok() ? deadline_us : 0);
    if (!text.ok()) return text.error();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return parse_gpu_lines(text.value());
    const std::string words(trimmed(text.value().substr(0, text.value().find('\n'))));
    return none("nvidia-smi failed" + (words.empty() ? "." : ": " + words.substr(0, 200) + "."));
}

}  // namespace ait::miner_process
