#include "runtime/supervise/local_node.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "runtime/base/clock.hpp"
#include "runtime/base/crypto/bech32m.hpp"
#include "runtime/supervise/home.hpp"
#include "runtime/supervise/log_files.hpp"
#include "runtime/supervise/node_client.hpp"
#include "runtime/supervise/process.hpp"
#include "runtime/supervise/process_file.hpp"
#include "runtime/supervise/supervisor_state.hpp"

namespace ait::supervise {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t probe_interval_ms = 20;
constexpr std::int64_t miner_wait_ms_max = 20'000;
constexpr std::string_view first_funds = "1000";

std::int64_t now_ms() {
    return system_clock().monotonic_us() / 1'000;
}

void say(const Progress& progress, std::string_view line) {
    if (progress) progress(line);
}

/// Flags reach the processes as variables, which outweigh the file just as flags do.
config::Environment child_environment(const config::Sources& sources, bool with_miner) {
    auto environment = sources.environment;
    // A secret of whoever types commands; the processes that stay have no use for it.
    std::erase_if(environment,
                  [](const auto& entry) { return entry.first == "AITBC_WALLET_PASSWORD"; });
    const auto set = [&environment](const std::string& name, const std::string& value) {
        std::erase_if(environment, [&name](const auto& entry) { return entry.first == name; });
        environment.emplace_back(name, value);
    };
    for (const auto& [key, value] : sources.flags) {
        if (const auto* row = config::find_key(key)) set(config::environment_name(*row), value);
    }
    if (!with_miner) set("AITBC_MINER__ENABLED", "false");
    return environment;
}

/// Everything that one `up` works on.
struct Local {
    config::LoadedConfig config;
    config::DataLayout layout;
    std::int64_t deadline_ms = 0;  ///< monotonic

    [[nodiscard]] const config::NodeConfig& values() const { return config.values; }
    [[nodiscard]] std::string log_of(std::string_view name) const {
        return layout.logs + "/" + std::string(name) + ".log";
    }
};

Result<Local> open_local(const config::Sources& sources, std::uint32_t wait_ms) {
    auto loaded = config::load_config(sources);
    if (!loaded.ok()) return loaded.error();
    auto layout = config::layout_of(loaded.value().values.node.data_dir);
    return Local{.config = std::move(loaded).value(),
                 .layout = std::move(layout),
                 .deadline_ms = now_ms() + wait_ms};
}

/// Folders, configuration file, key, genesis, wallet. All of it stays if it is there.
Result<ReadyWallet> prepare(const Local& local) {
    const auto& values = local.values();
    if (auto made = make_directories(values); !made.ok()) return made.error();
    const auto file = config::init_config(local.config.file, false);
    if (!file.ok() && file.error().code != ErrorCode::already_exists) return file.error();
    const auto key = ensure_node_key(values.node.data_dir, system_random());
    if (!key.ok()) return key.error();
    if (auto genesis = ensure_genesis(values, key.value().public_key(), system_clock());
        !genesis.ok()) {
        return genesis.error();
    }
    return ensure_wallet(values, system_random(), system_clock());
}

/// Why the processes ended, with the last lines that they wrote.
Error ended_error(const Local& local) {
    std::string why;
    std::string log = local.log_of("supervisor");
    const auto state = read_supervisor_state(local.layout.supervisor_state);
    const auto* node = state.ok() ? state.value().find_child("node") : nullptr;
    if (node != nullptr && !node->last_exit.empty()) {
        why = "The node process ended with " + node->last_exit + ". ";
        log = node->log_file;
    }
    return {ErrorCode::unavailable, "The node did not start.",
            why + "Last lines of its log:\n" + last_lines(log), "The whole log is " + log + "."};
}

/// True once the node process has ended at least once: during a start that is a failure.
bool node_has_ended(const Local& local, const ProcessId& supervisor) {
    const auto state = read_supervisor_state(local.layout.supervisor_state);
    if (!state.ok() || state.value().pid != supervisor.pid) return false;
    const auto* node = state.value().find_child("node");
    return node != nullptr && !node->last_exit.empty();
}

/// Probes until the node is ready, and stops early when it cannot become so.
Status wait_until_ready(const Local& local, const ProcessId& supervisor) {
    NodeClient client(local.values().gateway.unix_socket);
    const auto handle = ProcessHandle::open(supervisor);
    while (true) {
        const auto ready = client.check_ready();
        if (ready.ok()) return {};
        if (!handle || handle->wait_for_end(probe_interval_ms)) return ended_error(local);
        if (node_has_ended(local, supervisor)) {
            (void)handle->send(SIGTERM);  // it may have ended by itself
            return ended_error(local);
        }
        if (now_ms() >= local.deadline_ms) {
            return Error{ErrorCode::deadline_exceeded,
                         "The node is not ready yet; it goes on starting.",
                         ready.error().what + " " + ready.error().why,
                         "aitbc status, or read " + local.log_of("node") + "."};
        }
    }
}

Result<ProcessId> start_supervisor(const Local& local, const UpOptions& options) {
    return start_process(
        {.command = {options.node_program, "--role", "supervisor", "--config", local.config.file},
         .environment = child_environment(options.sources, options.with_miner),
         .log_file = local.log_of("supervisor"),
         .lifetime = Lifetime::detached});
}

bool has_miner(const Json& status) {
    const auto miners = status.find("miners");
    const bool some =
        miners != status.end() && miners->is_number_integer() && miners->get<std::int64_t>() > 0;
    const auto url = status.find("inference_url");
    return some && url != status.end() && url->is_string() &&
           !url->get_ref<const std::string&>().empty();
}

/// What became of the miner: registered, not started, starting still, or failed and why. A node
/// without a miner is of use, so this is a fact and no error.
Json wait_for_miner(const Local& local, NodeClient& client, Json& status) {
    const auto until = std::min(local.deadline_ms, now_ms() + miner_wait_ms_max);
    const auto log = local.log_of("miner");
    while (true) {
        auto answer = client.get("/api/v1/status");
        if (answer.ok()) status = std::move(answer).value();
        if (has_miner(status)) return Json{{"state", "registered"}, {"log", log}};
        const auto state = read_supervisor_state(local.layout.supervisor_state);
        const auto* miner = state.ok() ? state.value().find_child("miner") : nullptr;
        if (miner == nullptr) return Json{{"state", "not_started"}};
        if (!miner->last_exit.empty()) {
            return Json{{"state", "failed"},
                        {"log", log},
                        {"why", "It ended with " + miner->last_exit + ".\n" + last_lines(log, 4)}};
        }
        if (now_ms() >= until) return Json{{"state", "starting"}, {"log", log}};
        ::poll(nullptr, 0, static_cast<int>(probe_interval_ms));
    }
}

/// A wallet that never had anything gets its first funds. Answers whether it did.
Result<bool> fund_once(NodeClient& client, const std::string& address) {
    const auto account = client.get("/api/v1/accounts/" + address, address);
    if (!account.ok()) return account.error();
    const auto total = parse_amount(account.value().value("total", std::string("0")));
    if (!total.ok()) return total.error();
    const bool used_before = account.value().value("nonce", std::uint64_t{0}) > 0;
    if (total.value().micro > 0 || used_before) return false;
    const auto chain = client.get("/api/v1/chain");
    if (!chain.ok()) return chain.error();
    const auto enabled = Json::json_pointer("/parameters/faucet_enabled");
    if (!chain.value().value(enabled, false)) return false;
    const auto given =
        client.post("/api/v1/faucet", address, Json{{"amount", first_funds}, {"address", address}});
    if (!given.ok()) return given.error();
    return true;
}

Result<Json> facts_of(const Local& local, const ReadyWallet& wallet, const UpOptions& options,
                      bool already_running) {
    NodeClient client(local.values().gateway.unix_socket);
    const std::string address = crypto::to_text(wallet.address);
    say(options.progress, "Waiting for the miner to register.");
    Json status = Json::object();
    Json miner = wait_for_miner(local, client, status);
    const auto funded = fund_once(client, address);
    if (!funded.ok()) return funded.error();
    const auto account = client.get("/api/v1/accounts/" + address, address);
    if (!account.ok()) return account.error();
    const auto fact = [&status](const char* name) {
        return status.contains(name) ? status[name] : Json(nullptr);
    };
    return Json{{"already_running", already_running},
                {"data_dir", local.values().node.data_dir},
                {"config_file", local.config.file},
                {"socket", local.values().gateway.unix_socket},
                {"url", fact("url")},
                {"chain", fact("chain")},
                {"height", fact("height")},
                {"pid", fact("pid")},
                {"version", fact("version")},
                {"wallet", wallet.name},
                {"wallet_made", wallet.made},
                {"address", address},
                {"balance", account.value().value("available", "")},
                {"funded", funded.value()},
                {"inference_url", fact("inference_url")},
                {"miner", std::move(miner)},
                {"logs", local.layout.logs}};
}

/// SIGTERM, wait, and SIGKILL only if allowed. The handle cannot mean another process.
Result<Json> stop_process(const ProcessId& id, const DownOptions& options, std::string_view name) {
    const auto began_ms = now_ms();
    const auto handle = ProcessHandle::open(id);
    const bool told = handle && handle->send(SIGTERM);
    bool forced = false;
    if (told && !handle->wait_for_end(options.deadline_ms)) {
        if (!options.force) {
            return Error{
                ErrorCode::deadline_exceeded, "The " + std::string(name) + " has not stopped yet.",
                "Process " + std::to_string(id.pid) + " was told to stop and still runs after " +
                    std::to_string(options.deadline_ms) + " ms.",
                "Wait for running jobs, or end it without waiting: aitbc down --force"};
        }
        forced = handle->send(SIGKILL);
        (void)handle->wait_for_end(options.deadline_ms);  // the caller's answer says `forced`
    }
    return Json{{"was_running", told},
                {"pid", id.pid},
                {"forced", forced},
                {"took_ms", now_ms() - began_ms}};
}

/// Children of a supervisor that was killed get SIGTERM from the kernel; those that ignore it,
/// this.
void kill_children(const SupervisorState& state) {
    for (const auto& child : state.children) {
        const auto handle = ProcessHandle::open(
            {.pid = static_cast<::pid_t>(child.pid), .start_ticks = child.start_ticks});
        if (handle) (void)handle->send(SIGKILL);  // it may have ended by itself
    }
}

std::string miner_pid_file(const Local& local) {
    return local.layout.run + "/miner.pid";
}

/// The miner that the supervisor takes care of, even while it waits to start it. A state file whose
/// writer is gone says nothing.
std::optional<ChildFacts> supervised_miner(const Local& local) {
    const auto holder = holder_of(local.layout.supervisor_pid);
    if (!holder.ok() || !holder.value()) return std::nullopt;
    const auto state = read_supervisor_state(local.layout.supervisor_state);
    const auto* miner = state.ok() ? state.value().find_child("miner") : nullptr;
    if (miner == nullptr || miner->phase == ChildPhase::stopped ||
        miner->phase == ChildPhase::given_up) {
        return std::nullopt;
    }
    return *miner;
}

Json not_running() {
    return Json{{"was_running", false}, {"pid", nullptr}, {"forced", false}, {"took_ms", 0}};
}

}  // namespace

Result<std::string> find_node_program() {
    std::error_code failure;
    const auto self = fs::read_symlink("/proc/self/exe", failure);
    const auto beside = self.parent_path() / "aitbcd";
    if (!failure && ::access(beside.c_str(), X_OK) == 0) return beside.string();
    return Error{ErrorCode::not_found, "The node program aitbcd was not found.",
                 "It is expected as " + beside.string() + ".",
                 "Install aitbc and aitbcd into one folder."};
}

Result<Json> up(const UpOptions& options) {
    auto local = open_local(options.sources, options.deadline_ms);
    if (!local.ok()) return local.error();
    if (auto made = make_directories(local.value().values()); !made.ok()) return made.error();
    const auto alone = ProcessFile::claim(local.value().layout.run + "/up.lock");
    if (!alone.ok()) return alone.error();
    const auto wallet = prepare(local.value());
    if (!wallet.ok()) return wallet.error();

    const auto holder = holder_of(local.value().layout.supervisor_pid);
    if (!holder.ok()) return holder.error();
    const bool already_running = holder.value().has_value();
    ProcessId supervisor = holder.value().value_or(ProcessId{});
    if (!already_running) {
        say(options.progress, "Starting the node.");
        const auto started = start_supervisor(local.value(), options);
        if (!started.ok()) return started.error();
        supervisor = started.value();
    }
    say(options.progress, "Waiting until the node is ready.");
    if (auto ready = wait_until_ready(local.value(), supervisor); !ready.ok()) return ready.error();
    return facts_of(local.value(), wallet.value(), options, already_running);
}

Result<Json> down(const DownOptions& options) {
    const auto local = open_local(options.sources, options.deadline_ms);
    if (!local.ok()) return local.error();
    // A miner of its own first, so that it can still hand back its jobs.
    const auto own_miner = holder_of(miner_pid_file(local.value()));
    if (own_miner.ok() && own_miner.value()) {
        say(options.progress, "Stopping the miner.");
        const auto stopped = stop_process(*own_miner.value(), options, "miner");
        if (!stopped.ok()) return stopped.error();
    }
    const auto holder = holder_of(local.value().layout.supervisor_pid);
    if (!holder.ok()) return holder.error();
    if (!holder.value()) return not_running();
    say(options.progress, "Stopping the node.");
    auto stopped = stop_process(*holder.value(), options, "node");
    if (!stopped.ok() || !stopped.value()["forced"].get<bool>()) return stopped;
    const auto state = read_supervisor_state(local.value().layout.supervisor_state);
    if (state.ok()) kill_children(state.value());
    return stopped;
}

Result<bool> hang_up(const config::Sources& sources) {
    const auto local = open_local(sources, 0);
    if (!local.ok()) return local.error();
    const auto holder = holder_of(local.value().layout.supervisor_pid);
    if (!holder.ok()) return holder.error();
    if (!holder.value()) return false;
    const auto handle = ProcessHandle::open(*holder.value());
    return handle && handle->send(SIGHUP);
}

Result<Json> start_miner(const MinerStartOptions& options) {
    const auto local = open_local(options.sources, 0);
    if (!local.ok()) return local.error();
    if (auto made = make_directories(local.value().values()); !made.ok()) return made.error();
    const auto log = local.value().log_of("miner");
    if (const auto supervised = supervised_miner(local.value())) {
        return Json{{"already_running", true}, {"pid", supervised->pid}, {"log", log}};
    }
    auto role = ProcessFile::claim(miner_pid_file(local.value()));
    if (!role.ok() && role.error().code == ErrorCode::conflict) {
        const auto own = holder_of(miner_pid_file(local.value()));
        if (!own.ok() || !own.value()) return role.error();
        return Json{{"already_running", true}, {"pid", own.value()->pid}, {"log", log}};
    }
    if (!role.ok()) return role.error();
    // The lock goes with the inherited descriptor: it is held as long as the miner lives.
    const auto started = start_process({.command = {options.node_program, "--role", "miner",
                                                    "--config", local.value().config.file},
                                        .environment = child_environment(options.sources, true),
                                        .log_file = log,
                                        .lifetime = Lifetime::detached,
                                        .inherited_descriptor = role.value().descriptor()});
    if (!started.ok()) return started.error();
    if (auto written = role.value().write(started.value()); !written.ok()) return written.error();
    return Json{{"already_running", false}, {"pid", started.value().pid}, {"log", log}};
}

Result<Json> stop_miner(const DownOptions& options) {
    const auto local = open_local(options.sources, options.deadline_ms);
    if (!local.ok()) return local.error();
    const auto holder = holder_of(miner_pid_file(local.value()));
    if (!holder.ok()) return holder.error();
    if (holder.value()) return stop_process(*holder.value(), options, "miner");
    if (supervised_miner(local.value())) {
        return Error{ErrorCode::conflict, "The miner was not stopped.",
                     "It belongs to the supervisor, which would start it again.",
                     "aitbc down, then: aitbc up --no-miner"};
    }
    return not_running();
}

}  // namespace ait::supervise
