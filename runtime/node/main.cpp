// aitbcd: one binary, several roles. A node, a miner process, a supervisor of both, or a miner that
// works with an Ollama server.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/process_limits.hpp"
#include "runtime/base/version.hpp"
#include "runtime/config/config.hpp"
#include "runtime/miner/roles.hpp"
#include "runtime/node/node.hpp"
#include "runtime/supervise/supervisor.hpp"

namespace {

using ait::Error;
using ait::ErrorCode;

constexpr const char* usage =
    "usage: aitbcd [--role node|miner|supervisor|mine-ollama] [--config FILE] [--set "
    "KEY=VALUE]...\n"
    "       aitbcd --role gguf-check -- FILE\n"
    "  Runs in the foreground until SIGTERM or SIGINT. `aitbc up` starts a local node in the\n"
    "  background; `aitbc config explain KEY` explains a configuration key.\n";

int fail(const Error& error) {
    std::fputs(ait::render_error(error).c_str(), stderr);
    return ait::error_code_row(error.code).exit_status;
}

struct Arguments {
    std::string role = "node";
    ait::config::Sources sources{};
    std::vector<std::string> rest{};  ///< of the role, after --
};

ait::Result<Arguments> read_arguments(const std::vector<std::string>& words) {
    Arguments arguments;
    arguments.sources.environment = ait::config::process_environment();
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "--") {
            arguments.rest.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
            break;
        }
        const bool takes_value =
            words[i] == "--role" || words[i] == "--config" || words[i] == "--set";
        if (!takes_value || i + 1 == words.size()) {
            return Error{ErrorCode::usage, "The argument \"" + words[i] + "\" is not understood.",
                         takes_value ? "It needs a value." : "", usage};
        }
        const std::string& value = words[++i];
        if (words[i - 1] == "--role") {
            arguments.role = value;
        } else if (words[i - 1] == "--config") {
            arguments.sources.file = value;
        } else {
            const std::size_t equals = value.find('=');
            if (equals == std::string::npos) {
                return Error{ErrorCode::usage, "--set needs KEY=VALUE.",
                             "It got \"" + value + "\".", usage};
            }
            arguments.sources.flags.emplace_back(value.substr(0, equals), value.substr(equals + 1));
        }
    }
    return arguments;
}

int run_supervisor_role(const ait::config::LoadedConfig& config, const Arguments& arguments) {
    std::error_code failure;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
    if (failure) {
        return fail(Error{ErrorCode::internal, "The program's own path cannot be read.",
                          failure.message(), ""});
    }
    auto options = ait::supervise::supervisor_options(config, arguments.sources, program.string());
    if (!options.ok()) return fail(options.error());
    return ait::supervise::run_supervisor(options.value());
}

}  // namespace

int main(int count, char** values) {
    ait::keep_memory_private();
    (void)ait::raise_descriptor_limit();  // node.cpp asks again for what it came to
    const std::vector<std::string> words(values + 1, values + count);
    if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) {
        std::fputs(usage, stdout);
        return 0;
    }
    if (!words.empty() && words[0] == "--version") {
        std::printf("aitbcd %s\n", std::string(ait::version).c_str());
        return 0;
    }
    const auto arguments = read_arguments(words);
    if (!arguments.ok()) return fail(arguments.error());
    // Before any configuration: this child has no environment to find one by.
    if (arguments.value().role == "gguf-check")
        return ait::miner_process::run_gguf_check_role(arguments.value().rest);
    const auto config = ait::config::load_config(arguments.value().sources);
    if (!config.ok()) return fail(config.error());
    const std::string& role = arguments.value().role;
    if (role == "node") return ait::node::run_node(config.value(), arguments.value().sources);
    if (role == "supervisor") return run_supervisor_role(config.value(), arguments.value());
    if (role == "miner")
        return ait::miner_process::run_miner_role(config.value(), arguments.value().rest);
    if (role == "mine-ollama")
        return ait::miner_process::run_mine_ollama_role(config.value(), arguments.value().rest);
    return fail(Error{ErrorCode::usage, "There is no role \"" + role + "\".",
                      "Roles: node, miner, supervisor, mine-ollama, gguf-check.", usage});
}
