#include "runtime/cli/console.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

namespace ait::cli {
namespace {

std::string reason_of(int number) {
    return std::generic_category().message(number) + ".";
}

void write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;  // a closed pipe: the reader has seen enough
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// Reads until the end or the limit plus one byte, by which the caller sees that there is more.
Result<std::string> read_all(int descriptor, std::size_t bytes_max, const std::string& name) {
    std::string bytes;
    std::string piece(64 * 1024, '\0');
    while (bytes.size() <= bytes_max) {
        const ssize_t count = ::read(descriptor, piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            return Error{ErrorCode::unavailable, "\"" + name + "\" cannot be read.",
                         reason_of(errno), ""};
        }
        if (count == 0) return bytes;
        bytes.append(piece, 0, static_cast<std::size_t>(count));
    }
    return Error{ErrorCode::too_large, "\"" + name + "\" is too large.",
                 "At most " + std::to_string(bytes_max) + " bytes are read.", ""};
}

/// One line without its end, byte by byte, because what follows belongs to somebody else.
Result<std::string> read_line(std::size_t bytes_max) {
    std::string line;
    char c = 0;
    for (;;) {
        const ssize_t count = ::read(STDIN_FILENO, &c, 1);
        if (count < 0 && errno == EINTR) {
            return Error{ErrorCode::cancelled, "The question was not answered.",
                         "It was interrupted.", ""};
        }
        if (count <= 0 && line.empty()) {
            return Error{ErrorCode::cancelled, "The question was not answered.", "The input ended.",
                         ""};
        }
        if (count <= 0 || c == '\n') return line;
        if (line.size() == bytes_max) {
            return Error{ErrorCode::too_large, "The line is too long.",
                         "At most " + std::to_string(bytes_max) + " bytes are read.", ""};
        }
        line.push_back(c);
    }
}

/// Switches the terminal's echo off while it lives.
class EchoOff {
  public:
    EchoOff() : changed_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
        if (!changed_) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    ~EchoOff() {
        if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }
    EchoOff(const EchoOff&) = delete;
    EchoOff& operator=(const EchoOff&) = delete;

  private:
    termios before_{};
    bool changed_;
};

constexpr std::size_t line_bytes_max = 4'096;

// A signal handler may touch only these; a thread turns the byte into a stop request, because
// request_stop runs callbacks.
std::atomic<int> signal_pipe{-1};
std::atomic<int> signal_seen{0};

extern "C" void on_stop_signal(int number) {
    const int saved = errno;
    const char byte = static_cast<char>(number);
    if (::write(signal_pipe.load(), &byte, 1) < 0) {
        // The pipe is full: a stop is already on its way.
    }
    errno = saved;
}

void watch_signals(std::stop_source& stop) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;  // then a signal ends the program at once
    signal_pipe = ends[1];
    struct sigaction action{};
    action.sa_handler = on_stop_signal;  // no SA_RESTART: a blocked read returns
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    std::thread([read_end = ends[0], stop]() mutable {
        char byte = 0;
        bool stopped = false;
        while (::read(read_end, &byte, 1) == 1 || errno == EINTR) {
            if (stopped) ::_exit(128 + byte);  // the second signal does not wait
            signal_seen = byte;
            stopped = stop.request_stop();
        }
    }).detach();
}

unsigned terminal_width() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
    return size.ws_col;
}

std::string own_path() {
    std::string path(4'096, '\0');
    const ssize_t count = ::readlink("/proc/self/exe", path.data(), path.size());
    if (count <= 0) return {};
    path.resize(static_cast<std::size_t>(count));
    return path;
}

}  // namespace

Console process_console(std::string_view argument0, std::stop_source& stop) {
    ::signal(SIGPIPE, SIG_IGN);
    watch_signals(stop);
    Console console;
    console.environment = config::process_environment();
    console.out = [](std::string_view text) { write_all(STDOUT_FILENO, text); };
    console.err = [](std::string_view text) { write_all(STDERR_FILENO, text); };
    console.read_input = [](std::size_t bytes_max) {
        return read_all(STDIN_FILENO, bytes_max, "standard input");
    };
    console.ask_line = [](std::string_view prompt) {
        write_all(STDERR_FILENO, prompt);
        return read_line(line_bytes_max);
    };
    console.ask_secret = [](std::string_view prompt) -> Result<crypto::Secret> {
        write_all(STDERR_FILENO, prompt);
        auto line = [] {
            const EchoOff quiet;
            return read_line(line_bytes_max);
        }();
        write_all(STDERR_FILENO, "\n");
        if (!line.ok()) return line.error();
        return crypto::Secret(std::move(line).value());
    };
    console.in_is_terminal = ::isatty(STDIN_FILENO) == 1;
    console.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
    console.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
    if (console.out_is_terminal) console.width = terminal_width();
    console.clock = &system_clock();
    console.random = &system_random();
    console.stop = stop.get_token();
    console.stop_signal = [] { return signal_seen.load(); };
    console.program = own_path();
    const std::size_t slash = argument0.rfind('/');
    const auto name = slash == std::string_view::npos ? argument0 : argument0.substr(slash + 1);
    console.vocabulary = name == "aima" ? "aima" : "aitbc";
    return console;
}

void end_process_after(std::uint32_t ms) {
    struct sigaction action{};
    action.sa_handler = [](int) { ::_exit(0); };
    ::sigaction(SIGALRM, &action, nullptr);
    itimerval timer{};
    timer.it_value.tv_sec = ms / 1'000;
    timer.it_value.tv_usec = static_cast<suseconds_t>(ms % 1'000) * 1'000;
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        const int number = errno;
        const auto code = number == ENOENT   ? ErrorCode::not_found
                          : number == EACCES ? ErrorCode::forbidden
                                             : ErrorCode::unavailable;
        return Error{code, "\"" + path + "\" cannot be read.", reason_of(number),
                     "Check the file's name."};
    }
    auto bytes = read_all(descriptor, bytes_max, path);
    ::close(descriptor);
    return bytes;
}

Status write_file(const std::string& path, std::string_view bytes, unsigned mode,
                  bool may_replace) {
    const auto refused = [&](int number) {
        const auto code = number == EEXIST   ? ErrorCode::already_exists
                          : number == EACCES ? ErrorCode::forbidden
                          : number == ENOENT ? ErrorCode::not_found
                                             : ErrorCode::storage_failed;
        return Error{
            code, "\"" + path + "\" cannot be written.", reason_of(number),
            number == EEXIST ? "Name a file that does not exist yet." : "Name another file."};
    };
    // A replacement goes beside the old file first, so that there is never half a file.
    const std::string target = may_replace ? path + ".new" : path;
    const int flags =
        O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (may_replace ? O_TRUNC : O_EXCL);
    const int descriptor = ::open(target.c_str(), flags, static_cast<mode_t>(mode));
    if (descriptor < 0) return refused(errno);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t written = ::write(descriptor, bytes.data() + done, bytes.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
    }
    const bool good = done == bytes.size() && ::fsync(descriptor) == 0;
    const int number = errno;
    ::close(descriptor);
    if (!good) {
        ::unlink(target.c_str());
        return refused(number);
    }
    if (may_replace && ::rename(target.c_str(), path.c_str()) != 0) return refused(errno);
    return {};
}

bool wait_or_stop(const std::stop_token& stop, std::uint32_t ms) {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::unique_lock lock(mutex);
    woken.wait_for(lock, stop, std::chrono::milliseconds(ms), [] { return false; });
    return stop.stop_requested();
}

}  // namespace ait::cli
