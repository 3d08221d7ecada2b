#include "runtime/node/stop_signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <initializer_list>

#include "runtime/base/assert.hpp"
#include "runtime/supervise/sd_notify.hpp"

namespace ait::node {

int block_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a write beyond a size limit then fails with a reason
    return ::signalfd(-1, &set, SFD_CLOEXEC);
}

Wish::Wish() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    AIT_ASSERT(descriptor_ >= 0);
}

Wish::~Wish() {
    ::close(descriptor_);
}

void Wish::ask() {
    const int written = ::eventfd_write(descriptor_, 1);
    AIT_ASSERT(written == 0);
}

bool Wish::take() {
    eventfd_t count = 0;
    return ::eventfd_read(descriptor_, &count) == 0;
}

bool wait_for_end(int signals, Wish& reopens, const std::function<void()>& reload) {
    const std::int64_t watchdog_ms = supervise::sd_watchdog_interval_ms();
    while (true) {
        std::array<pollfd, 2> wanted{
            {{.fd = signals, .events = POLLIN, .revents = 0},
             {.fd = reopens.descriptor(), .events = POLLIN, .revents = 0}}};
        const int ready = ::poll(wanted.data(), wanted.size(),
                                 watchdog_ms > 0 ? static_cast<int>(watchdog_ms) : -1);
        if (ready == 0) static_cast<void>(supervise::sd_notify("WATCHDOG=1"));
        if (ready <= 0) continue;
        if (reopens.take()) return false;
        signalfd_siginfo signal{};
        if (::read(signals, &signal, sizeof signal) != sizeof signal) continue;
        if (signal.ssi_signo != SIGHUP) return true;
        reload();
    }
}

}  // namespace ait::node
