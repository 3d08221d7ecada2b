#include <algorithm>
#include <memory>

#include "runtime/supervise/home.hpp"
#include "runtime/supervise/supervisor.hpp"

namespace ait::supervise {
namespace {

std::vector<std::string> command_of(const std::string& program, std::string_view role,
                                    const config::Sources& sources) {
    std::vector<std::string> command{program, "--role", std::string(role)};
    if (!sources.file.empty()) command.insert(command.end(), {"--config", sources.file});
    for (const auto& [key, value] : sources.flags)
        command.insert(command.end(), {"--set", key + "=" + value});
    return command;
}

/// The service manager talks to the supervisor; a child that answers for it would confuse both.
bool is_for_manager(std::string_view variable) {
    return variable == "NOTIFY_SOCKET" || variable == "WATCHDOG_USEC" || variable == "WATCHDOG_PID";
}

/// Reads the configuration again and says which children it concerns that do not read it
/// themselves. A faulty one changes nothing: the node, which reads it too, says what is wrong.
class ConfigWatch {
  public:
    ConfigWatch(config::LoadedConfig loaded, config::Sources sources)
        : loaded_(std::move(loaded)), sources_(std::move(sources)) {}

    std::vector<std::string> changed_children() {
        auto now = config::load_config(sources_);
        if (!now.ok()) return {};
        const auto changes = config::changes_between(loaded_, now.value());
        const bool concerns_miner =
            std::any_of(changes.begin(), changes.end(), [](const config::Change& change) {
                return change.row->reload == config::Reload::miner;
            });
        loaded_ = std::move(now).value();
        return concerns_miner ? std::vector<std::string>{"miner"} : std::vector<std::string>{};
    }

  private:
    config::LoadedConfig loaded_;
    config::Sources sources_;
};

}  // namespace

Result<SupervisorOptions> supervisor_options(const config::LoadedConfig& loaded,
                                             const config::Sources& sources,
                                             const std::string& program) {
    const auto& config = loaded.values;
    if (auto made = make_directories(config); !made.ok()) return made.error();
    const auto layout = config::layout_of(config.node.data_dir);
    SupervisorOptions options{.pid_file = layout.supervisor_pid,
                              .state_file = layout.supervisor_state};
    options.children.push_back({.name = "node",
                                .command = command_of(program, "node", sources),
                                .log_file = layout.logs + "/node.log",
                                .is_essential = true,
                                .takes_hangup = true});
    if (config.miner.enabled) {
        options.children.push_back({.name = "miner",
                                    .command = command_of(program, "miner", sources),
                                    .log_file = layout.logs + "/miner.log",
                                    .wait_for_socket = config.gateway.unix_socket});
    }
    options.changed_children = [watch = std::make_shared<ConfigWatch>(loaded, sources)] {
        return watch->changed_children();
    };
    for (const auto& variable : sources.environment) {
        if (!is_for_manager(variable.first)) options.environment.push_back(variable);
    }
    return options;
}

}  // namespace ait::supervise
