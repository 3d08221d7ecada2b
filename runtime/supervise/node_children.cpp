#include "runtime/supervise/home.hpp"
#include "runtime/supervise/supervisor.hpp"

namespace ait::supervise {
namespace {

std::vector<std::string> command_of(const std::string& program, std::string_view role,
                                    const std::string& config_file) {
    std::vector<std::string> command{program, "--role", std::string(role)};
    if (!config_file.empty()) command.insert(command.end(), {"--config", config_file});
    return command;
}

/// The service manager talks to the supervisor; a child that answers for it would confuse both.
bool is_for_manager(std::string_view variable) {
    return variable == "NOTIFY_SOCKET" || variable == "WATCHDOG_USEC" || variable == "WATCHDOG_PID";
}

}  // namespace

Result<SupervisorOptions> supervisor_options(const config::NodeConfig& config,
                                             const std::string& program,
                                             const std::string& config_file,
                                             const config::Environment& environment) {
    if (auto made = make_directories(config); !made.ok()) return made.error();
    const auto layout = config::layout_of(config.node.data_dir);
    SupervisorOptions options{.pid_file = layout.supervisor_pid,
                              .state_file = layout.supervisor_state};
    options.children.push_back({.name = "node",
                                .command = command_of(program, "node", config_file),
                                .log_file = layout.logs + "/node.log",
                                .is_essential = true,
                                .takes_hangup = true});
    if (config.miner.enabled) {
        options.children.push_back({.name = "miner",
                                    .command = command_of(program, "miner", config_file),
                                    .log_file = layout.logs + "/miner.log",
                                    .wait_for_socket = config.gateway.unix_socket});
    }
    for (const auto& variable : environment) {
        if (!is_for_manager(variable.first)) options.environment.push_back(variable);
    }
    return options;
}

}  // namespace ait::supervise
