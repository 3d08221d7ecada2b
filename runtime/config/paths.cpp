#include "runtime/config/paths.hpp"

#include <unistd.h>

namespace ait::config {
namespace {

/// An XDG variable counts only when it is absolute.
std::string xdg(const Environment& environment, std::string_view name,
                std::string_view below_home) {
    const auto value = find_variable(environment, name);
    if (value.starts_with('/')) return std::string(value);
    return std::string(find_variable(environment, "HOME")) + std::string(below_home);
}

}  // namespace

Environment process_environment() {
    Environment environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

std::string_view find_variable(const Environment& environment, std::string_view name) noexcept {
    for (const auto& [known, value] : environment) {
        if (known == name) return value;
    }
    return {};
}

Paths default_paths(const Environment& environment) {
    const std::string home(find_variable(environment, "AITBC_HOME"));
    if (home.starts_with('/')) {
        return {.data = home + "/data",
                .config = home + "/config",
                .models = home + "/cache/models",
                .state = home + "/state"};
    }
    return {.data = xdg(environment, "XDG_DATA_HOME", "/.local/share") + "/aitbc",
            .config = xdg(environment, "XDG_CONFIG_HOME", "/.config") + "/aitbc",
            .models = xdg(environment, "XDG_CACHE_HOME", "/.cache") + "/aitbc/models",
            .state = xdg(environment, "XDG_STATE_HOME", "/.local/state") + "/aitbc"};
}

DataLayout layout_of(const std::string& data_dir) {
    return {.wallets = data_dir + "/wallets",
            .node_key = data_dir + "/node.key",
            .logs = data_dir + "/logs",
            .chains = data_dir + "/chains",
            .run = data_dir + "/run",
            .supervisor_pid = data_dir + "/run/supervisor.pid",
            .supervisor_state = data_dir + "/run/supervisor.json"};
}

}  // namespace ait::config
