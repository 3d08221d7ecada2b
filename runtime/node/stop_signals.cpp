#include "runtime/node/stop_signals.hpp"

#include <sys/signalfd.h>

#include <csignal>
#include <initializer_list>

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

}  // namespace ait::node
