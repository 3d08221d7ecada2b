// Stands for aitbcd in the supervisor's tests: the real supervisor role, and a node that behaves as
// AITBC_TEST_NODE says.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/supervise/supervisor.hpp"

namespace {

int run_node() {
    const char* wanted = std::getenv("AITBC_TEST_NODE");
    if (wanted != nullptr && std::string_view(wanted) == "hang") {
        ::pause();
        return 0;
    }
    std::fputs("the disk is on fire\n", stderr);
    return 7;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string role = count > 2 ? arguments[2] : "";
    if (role != "supervisor") return run_node();
    const auto environment = ait::config::process_environment();
    const auto config =
        ait::config::load_config({.environment = environment, .file = arguments[4]});
    if (!config.ok()) return 2;
    const auto options = ait::supervise::supervisor_options(config.value().values, arguments[0],
                                                            arguments[4], environment);
    return options.ok() ? ait::supervise::run_supervisor(options.value()) : 3;
}
