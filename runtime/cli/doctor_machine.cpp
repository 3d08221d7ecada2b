// The part of a health check that looks at this machine: processes, ports, logs, disk and clock.

#include <fcntl.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/cli/doctor.hpp"
#include "runtime/cli/log_follower.hpp"
#include "runtime/cli/log_lines.hpp"
#include "runtime/supervise/process_file.hpp"
#include "runtime/supervise/supervisor_state.hpp"

namespace ait::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t entries_max = 100'000;  ///< of a folder below /proc
constexpr std::int64_t recent_ms = 3'600'000;
constexpr int sync_probes = 5;
constexpr std::size_t sync_probe_bytes = 4'096;

/// Inodes of sockets that listen on the port, of one table such as /proc/net/tcp.
void listening_inodes(const char* table, std::uint16_t port, std::vector<std::string>& inodes) {
    std::ifstream file(table);
    std::string line;
    for (std::size_t count = 0; std::getline(file, line) && count < entries_max; ++count) {
        std::istringstream words(line);
        std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
        words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
            timeout >> inode;
        const std::size_t colon = local.rfind(':');
        if (state != "0A" || colon == std::string::npos) continue;
        unsigned number = 0;
        std::from_chars(local.data() + colon + 1, local.data() + local.size(), number, 16);
        if (number == port) inodes.push_back("socket:[" + inode + "]");
    }
}

std::string command_of(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

/// The supervisor's children, and whether the supervisor itself runs.
void examine_processes(const config::DataLayout& layout, bool node_answers, Findings& findings) {
    const auto holder = supervise::holder_of(layout.supervisor_pid);
    const bool runs = holder.ok() && holder.value().has_value();
    const auto state = supervise::read_supervisor_state(layout.supervisor_state);
    if (!runs) {
        findings.push_back({.status = node_answers ? Health::warn : Health::fail,
                            .check = "processes",
                            .what = "no supervisor runs here",
                            .why = node_answers
                                       ? "The node was started by hand: nobody restarts it."
                                   : state.ok() && !state.value().reason.empty()
                                       ? "The last one ended: " + state.value().reason + "."
                                       : "It was stopped, or never started.",
                            .next = node_answers ? "Stop it and run: aitbc up" : "aitbc up"});
        return;
    }
    if (!state.ok()) return;  // it is just starting; the node's own check says more
    for (const auto& child : state.value().children) {
        Finding finding{.check = "processes"};
        finding.what = child.name + " is " + std::string(ait::name_of(child.phase)) +
                       (child.pid > 0 ? " as process " + std::to_string(child.pid) : "");
        if (child.restarts > 0) {
            finding.status = Health::warn;
            finding.why = "It was restarted " + std::to_string(child.restarts) +
                          " times; it last ended with " + child.last_exit + ".";
            finding.next = "aitbc admin logs --service " + child.name + " --level warn";
        }
        if (child.phase == supervise::ChildPhase::given_up) {
            finding.status = Health::fail;
            finding.next =
                "Read why, correct it, then aitbc down && aitbc up: aitbc admin logs "
                "--service " +
                child.name;
        }
        findings.push_back(std::move(finding));
    }
}

void examine_port(std::string_view key, std::uint16_t port, bool is_ours, Findings& findings) {
    if (port == 0 || is_ours) return;
    const std::string holder = listener_on(port);
    if (holder.empty()) return;
    findings.push_back(
        {.status = Health::warn,
         .check = "ports",
         .what = "port " + std::to_string(port) + " is held by " + holder,
         .why = std::string(key) + " asks for it; the next free one is taken instead.",
         .next = "Stop that process, or set " + std::string(key) +
                 " to another port: programs find the one in use by aitbc status"});
}

void examine_ports(Session& session, const config::NodeConfig& config, bool node_answers,
                   Findings& findings) {
    const std::size_t before = findings.size();
    std::string url, inference_url;
    if (node_answers) {
        auto node = session.node();
        auto status = node.ok() ? node.value()->get("/api/v1/status", CallOptions{})
                                : Result<Json>(node.error());
        const auto text = [&status](const char* name) {
            const auto found = status.ok() ? status.value().find(name) : Json::iterator{};
            return status.ok() && found != status.value().end() && found->is_string()
                       ? found->get<std::string>()
                       : std::string();
        };
        url = text("url");
        inference_url = text("inference_url");
    }
    const auto is_at = [](const std::string& address, std::uint16_t port) {
        return address.ends_with(":" + std::to_string(port));
    };
    if (config.gateway.tcp_enabled)
        examine_port("gateway.tcp_port", config.gateway.tcp_port,
                     is_at(url, config.gateway.tcp_port), findings);
    if (config.miner.enabled)
        examine_port("miner.inference_port", config.miner.inference_port,
                     is_at(inference_url, config.miner.inference_port), findings);
    if (findings.size() != before) return;
    findings.push_back(
        {.check = "ports",
         .what = url.empty() ? "those that are configured are free"
                             : "REST at " + url +
                                   (inference_url.empty() ? "" : ", models at " + inference_url)});
}

void examine_logs(Session& session, const config::DataLayout& layout, Findings& findings) {
    const LogFilter filter{.level = LogLevel::error,
                           .since_unix_ms = session.now_unix_ms() - recent_ms};
    std::size_t errors = 0;
    LogLine newest;
    for (const auto* process : {"node", "miner", "supervisor"}) {
        LogFollower follower(layout.logs + "/" + process + ".log");
        LogLine last;
        follower.read_new([&](std::string_view text) {
            last = parse_log_line(text, process, last);
            if (!filter.takes(last)) return;
            ++errors;
            if (last.unix_ms >= newest.unix_ms) newest = last;
        });
    }
    if (errors == 0) {
        findings.push_back({.check = "logs", .what = "no errors in the last hour"});
        return;
    }
    findings.push_back(
        {.status = Health::warn,
         .check = "logs",
         .what = std::to_string(errors) + " error lines in the last hour",
         .why = "The newest, of the " + newest.process + ": " + newest.message.substr(0, 300),
         .next = "aitbc admin logs --level error --since \"1 hour ago\""});
}

/// The disk as the node would see it: small writes and syncs of a file that is gone afterwards.
void examine_sync(const std::string& folder, Findings& findings) {
    const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        findings.push_back({.status = Health::skip,
                            .check = "sync",
                            .what = "not measured: no unnamed file can be made in " + folder});
        return;
    }
    const std::string block(sync_probe_bytes, '\0');
    const std::int64_t began_us = system_clock().monotonic_us();
    int done = 0;
    while (done < sync_probes &&
           ::write(descriptor, block.data(), block.size()) == static_cast<ssize_t>(block.size()) &&
           ::fdatasync(descriptor) == 0)
        ++done;
    const auto took_us = static_cast<std::uint64_t>(system_clock().monotonic_us() - began_us);
    ::close(descriptor);
    if (done == sync_probes) {
        findings.push_back(judge_sync(took_us / sync_probes, sync_probes, "tried just now"));
        return;
    }
    findings.push_back({.status = Health::fail,
                        .check = "sync",
                        .what = "the disk refuses writes in " + folder,
                        .why = "A node would stop at once.",
                        .next = "Look at the disk: dmesg, df -h, df -i"});
}

/// A machine without a GPU works, so this is no warning; a driver without its device is one.
void examine_gpu(Findings& findings) {
    std::ifstream file("/proc/driver/nvidia/version");
    std::string version;
    if (!std::getline(file, version)) {
        findings.push_back({.check = "gpu", .what = "no NVIDIA driver: models run on the CPU"});
        return;
    }
    std::error_code failure;
    const bool has_device = fs::exists("/dev/nvidiactl", failure);
    findings.push_back(
        {.status = has_device ? Health::ok : Health::warn,
         .check = "gpu",
         .what = version.substr(0, 100),
         .why = has_device ? "" : "Its device files are not here.",
         .next = has_device ? "" : "Give this machine or container its GPU devices."});
}

void examine_disk(const std::string& folder, Findings& findings) {
    std::error_code failure;
    const auto space = fs::space(folder, failure);
    if (failure) return;
    findings.push_back(judge_disk({.bytes_free = space.available, .bytes_total = space.capacity}));
}

}  // namespace

bool is_clock_synchronised() {
    timex query{};  // modes 0: only asks
    const int state = ::adjtimex(&query);
    return state >= 0 && state != TIME_ERROR && (query.status & STA_UNSYNC) == 0;
}

std::string listener_on(std::uint16_t port) {
    std::vector<std::string> inodes;
    listening_inodes("/proc/net/tcp", port, inodes);
    listening_inodes("/proc/net/tcp6", port, inodes);
    if (inodes.empty()) return {};
    std::error_code failure;
    std::size_t seen = 0;
    for (fs::directory_iterator process("/proc", failure), end;
         !failure && process != end && ++seen < entries_max; process.increment(failure)) {
        const std::string pid = process->path().filename().string();
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        std::error_code refused;  // processes of others keep their descriptors to themselves
        for (fs::directory_iterator entry(process->path() / "fd", refused), last;
             !refused && entry != last; entry.increment(refused)) {
            std::error_code gone;
            const auto target = fs::read_symlink(entry->path(), gone);
            if (!gone && std::find(inodes.begin(), inodes.end(), target.string()) != inodes.end())
                return "process " + pid + " (" + command_of(pid) + ")";
        }
    }
    return "a process of another user";
}

void examine_machine(Session& session, bool node_answers, Findings& findings) {
    if (!node_answers)
        findings.push_back(judge_clock({.is_synchronised = is_clock_synchronised()}));
    auto loaded = session.configuration();
    if (!loaded.ok() || !session.is_local()) return;
    const auto& config = loaded.value()->values;
    std::error_code failure;
    if (!fs::is_directory(config.node.data_dir, failure)) return;
    const auto layout = config::layout_of(config.node.data_dir);
    examine_gpu(findings);
    examine_processes(layout, node_answers, findings);
    examine_ports(session, config, node_answers, findings);
    examine_logs(session, layout, findings);
    if (node_answers) return;  // which told of its own disk
    examine_disk(config.node.data_dir, findings);
    examine_sync(config.node.data_dir, findings);
}

}  // namespace ait::cli
