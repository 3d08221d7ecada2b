#include "runtime/miner/roles.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <functional>
#include <optional>
#include <span>

#include "runtime/base/logging.hpp"
#include "runtime/miner/mine_ollama.hpp"
#include "runtime/miner/miner_key.hpp"
#include "runtime/miner/miner_process.hpp"

namespace ait::miner_process {
namespace {

constexpr std::string_view usage =
    "aitbcd --role miner -- [--node ENDPOINT] [--chain NAME] [--key-fd N]; "
    "aitbcd --role mine-ollama -- --model NAME --key-fd N [--continuous] [--jobs N] "
    "[--ollama-url URL] [--node ENDPOINT] [--chain NAME] [--wait SECONDS] [--ollama-connect MS] "
    "[--ollama-first-byte MS] [--ollama-idle MS] [--ollama-total MS]";
constexpr std::uint64_t jobs_most = 1'000'000'000;
constexpr std::uint64_t key_fd_most = 65'535;
constexpr std::uint64_t deadline_ms_most = 86'400'000;

int fail(const Error& error) {
    std::fputs(render_error(error).c_str(), stderr);
    return error_code_row(error.code).exit_status;
}

Error misused(std::string why) {
    return Error{ErrorCode::usage, "The arguments are not understood.", std::move(why),
                 std::string(usage)};
}

/// What may follow "--" on aitbcd's command line.
struct Arguments {
    std::string node{};
    std::string chain{};
    std::optional<std::uint64_t> key_fd{};
    std::string model{};
    std::string ollama_url = ollama_url_default;
    bool continuous = false;
    std::uint64_t jobs = 1;
    std::uint64_t wait_s = 15;
    OllamaDeadlines deadlines{};
};

Status read_number(const std::string& flag, const std::string& text, Arguments& arguments) {
    struct Row {
        std::string_view flag;
        std::uint64_t least;
        std::uint64_t most;
        std::function<void(std::uint64_t)> set;
    };
    OllamaDeadlines& deadlines = arguments.deadlines;
    const auto into = [](std::uint32_t& field) {
        return [&field](std::uint64_t value) { field = static_cast<std::uint32_t>(value); };
    };
    const std::array rows{
        Row{"--jobs", 1, jobs_most, [&](std::uint64_t value) { arguments.jobs = value; }},
        Row{"--wait", 0, limits::long_poll_ms_max / 1'000,
            [&](std::uint64_t value) { arguments.wait_s = value; }},
        Row{"--key-fd", 0, key_fd_most, [&](std::uint64_t value) { arguments.key_fd = value; }},
        Row{"--ollama-connect", 1, deadline_ms_most, into(deadlines.connect_ms)},
        Row{"--ollama-first-byte", 1, deadline_ms_most, into(deadlines.first_byte_ms)},
        Row{"--ollama-idle", 1, deadline_ms_most, into(deadlines.idle_ms)},
        Row{"--ollama-total", 1, deadline_ms_most, into(deadlines.total_ms)},
    };
    for (const Row& row : rows) {
        if (row.flag != flag) continue;
        std::uint64_t value = 0;
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool is_number = code == std::errc{} && end == text.data() + text.size();
        if (!is_number || value < row.least || value > row.most) {
            return misused(flag + " takes a number from " + std::to_string(row.least) + " to " +
                           std::to_string(row.most) + ".");
        }
        row.set(value);
        return {};
    }
    return misused("\"" + flag + "\" is not an argument of this role.");
}

/// `allowed` are the flags of the role; each but --continuous and --foreground takes a value.
Result<Arguments> read_arguments(const std::vector<std::string>& words,
                                 std::span<const std::string_view> allowed) {
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& flag = words[i];
        if (std::find(allowed.begin(), allowed.end(), flag) == allowed.end()) {
            return misused("\"" + flag + "\" is not an argument of this role.");
        }
        if (flag == "--foreground") continue;  // the process itself always is
        if (flag == "--continuous") {
            arguments.continuous = true;
            continue;
        }
        if (i + 1 == words.size()) return misused(flag + " needs a value.");
        const std::string& value = words[++i];
        if (flag == "--node") {
            arguments.node = value;
        } else if (flag == "--chain") {
            arguments.chain = value;
        } else if (flag == "--model") {
            arguments.model = value;
        } else if (flag == "--ollama-url") {
            arguments.ollama_url = value;
        } else {
            const Status read = read_number(flag, value, arguments);
            if (!read.ok()) return read.error();
        }
    }
    return arguments;
}

Result<net::HttpEndpoint> node_of(const Arguments& arguments, const config::NodeConfig& config) {
    if (!arguments.node.empty()) return net::parse_http_endpoint(arguments.node);
    return net::HttpEndpoint{.is_unix = true, .socket_path = config.gateway.unix_socket};
}

Result<crypto::SecretKey> key_of(const Arguments& arguments, const config::NodeConfig& config) {
    if (arguments.key_fd) return read_key(static_cast<int>(*arguments.key_fd));
    return load_or_make_key(config.node.data_dir + "/miner.key", system_random());
}

}  // namespace

int run_miner_role(const config::LoadedConfig& config, const std::vector<std::string>& words) {
    constexpr std::array<std::string_view, 4> allowed{"--node", "--chain", "--key-fd",
                                                      "--foreground"};
    const auto arguments = read_arguments(words, allowed);
    if (!arguments.ok()) return fail(arguments.error());
    const auto node = node_of(arguments.value(), config.values);
    if (!node.ok()) return fail(node.error());
    const auto signals = StopSignals::open();
    if (!signals.ok()) return fail(signals.error());
    set_up_logging("miner", config.values.node.log_level,
                   log_form_from_name(config.values.node.log_format));
    auto key = key_of(arguments.value(), config.values);
    if (!key.ok()) return fail(key.error());
    const int status =
        run_miner({.config = config.values, .node = node.value(), .chain = arguments.value().chain},
                  std::move(key).value(), signals.value());
    spdlog::shutdown();
    return status;
}

int run_mine_ollama_role(const config::LoadedConfig& config,
                         const std::vector<std::string>& words) {
    constexpr std::array<std::string_view, 12> allowed{
        "--chain",       "--model",       "--continuous", "--jobs",           "--ollama-url",
        "--node",        "--wait",        "--key-fd",     "--ollama-connect", "--ollama-first-byte",
        "--ollama-idle", "--ollama-total"};
    const auto arguments = read_arguments(words, allowed);
    if (!arguments.ok()) return fail(arguments.error());
    const Arguments& given = arguments.value();
    if (given.model.empty()) return fail(misused("--model is missing."));
    if (!given.key_fd) return fail(misused("--key-fd is missing."));
    const auto node = node_of(given, config.values);
    if (!node.ok()) return fail(node.error());
    const auto signals = StopSignals::open();
    if (!signals.ok()) return fail(signals.error());
    auto key = read_key(static_cast<int>(*given.key_fd));
    if (!key.ok()) return fail(key.error());
    return run_mine_ollama({.model = given.model,
                            .continuous = given.continuous,
                            .jobs = given.jobs,
                            .ollama_url = given.ollama_url,
                            .deadlines = given.deadlines,
                            .node = node.value(),
                            .chain = given.chain,
                            .wait_s = static_cast<std::uint32_t>(given.wait_s)},
                           std::move(key).value(), signals.value());
}

}  // namespace ait::miner_process
