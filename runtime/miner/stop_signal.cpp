#include "runtime/miner/stop_signal.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace ait::miner_process {
namespace {

void watch(const std::stop_token& end, int signals, int wake, std::stop_source drain,
           std::stop_source cancel) {
    const std::stop_callback ring(end, [wake] {
        const std::uint64_t one = 1;
        // The counter cannot overflow by one write, so a failure is not possible.
        (void)!::write(wake, &one, sizeof one);
    });
    std::array<pollfd, 2> watched{pollfd{signals, POLLIN, 0}, pollfd{wake, POLLIN, 0}};
    while (!end.stop_requested()) {
        if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) break;
        signalfd_siginfo signal{};
        if ((watched[0].revents & POLLIN) == 0) continue;
        if (::read(signals, &signal, sizeof signal) != sizeof signal) continue;
        if (!drain.request_stop()) cancel.request_stop();
    }
}

}  // namespace

Result<StopSignals> StopSignals::open() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // a peer that hangs up is an error code, not the end
    const int signals = ::signalfd(-1, &set, SFD_CLOEXEC);
    const int wake = ::eventfd(0, EFD_CLOEXEC);
    if (signals >= 0 && wake >= 0) return StopSignals(signals, wake);
    const std::string why = std::strerror(errno);
    if (signals >= 0) ::close(signals);
    if (wake >= 0) ::close(wake);
    return Error{ErrorCode::unavailable, "Signals cannot be watched.", why + ".",
                 "Allow the process more open files."};
}

StopSignals::StopSignals(int signals, int wake)
    : watcher_([signals, wake, drain = drain_, cancel = cancel_](const std::stop_token& end) {
          watch(end, signals, wake, drain, cancel);
          ::close(signals);
          ::close(wake);
      }) {}

}  // namespace ait::miner_process
