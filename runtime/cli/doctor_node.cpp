// The part of a health check that asks the node.

#include <algorithm>

#include "runtime/cli/commands.hpp"
#include "runtime/cli/doctor.hpp"
#include "runtime/cli/run.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t answer_ms_max = 5'000;
constexpr std::uint32_t stuck_after_ms = 500;
constexpr std::size_t waiting_jobs_max = 20;
constexpr std::int64_t replay_warn_ms = 5'000;
constexpr std::int64_t probe_warn_us = 1'000'000;

std::string text_at(const Json& value, std::string_view path) {
    const Json* found = find_path(value, path);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t count_at(const Json& value, std::string_view name) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_in(value, name, 0)));
}

std::int64_t time_at(const Json& value, std::string_view name) {
    const auto time = parse_rfc3339(text_at(value, name));
    return time.ok() ? time.value() : 0;
}

Finding of_error(std::string check, const Error& error) {
    return {.status = Health::fail,
            .check = std::move(check),
            .what = error.what,
            .why = error.why,
            .next = error.next};
}

void say_unreachable(Session& session, const Error& error, Findings& findings) {
    Finding finding = of_error("node", error);
    if (error.code == ErrorCode::deadline_exceeded && session.is_local())
        finding.next = "It is there but does not answer: aitbc admin logs; aitbc down --force";
    findings.push_back(std::move(finding));
}

void examine_version(const Json& health, Findings& findings) {
    const std::string theirs = text_at(health, "version");
    const std::string ours(version_text());
    if (theirs == ours) {
        findings.push_back({.check = "version", .what = "command line and node are " + ours});
        return;
    }
    findings.push_back({.status = Health::warn,
                        .check = "version",
                        .what = "the command line is " + ours + ", the node " + theirs,
                        .why = "They were not installed together, or the node was not restarted "
                               "after an update.",
                        .next = "aitbc down && aitbc up, or install the same version"});
}

/// An idle chain makes no blocks, so its age says nothing; one with waiting operations must move.
void examine_chain(Session& session, const Json& health, Findings& findings) {
    const std::uint64_t height = count_at(health, "height");
    const std::uint64_t waiting = count_at(health, "pool_operations");
    Finding finding{.check = "chain"};
    finding.what = text_at(health, "chain") + " at height " + std::to_string(height);
    const std::int64_t block_ms = time_at(health, "block_time");
    if (block_ms > 0)
        finding.what += ", last block " + relative_time(block_ms, session.now_unix_ms());
    finding.what +=
        waiting == 0 ? "; nothing waits" : "; " + std::to_string(waiting) + " operations wait";
    if (waiting > 0) {
        (void)wait_or_stop(session.console.stop, stuck_after_ms);  // a stop ends the next call too
        auto again = call_node(session, "node.health", Json::object());
        const bool moves = again.ok() && (count_at(again.value(), "height") > height ||
                                          count_at(again.value(), "pool_operations") == 0);
        if (!moves) {
            finding.status = Health::fail;
            finding.why = "No block came in " + std::to_string(stuck_after_ms) +
                          " ms although operations wait: the disk or a validator does not answer.";
            finding.next = "aitbc admin logs --level warn; see the line \"sync\"";
        }
    }
    findings.push_back(std::move(finding));
}

void examine_replay(const Json& health, Findings& findings) {
    const std::uint64_t blocks = count_at(health, "replayed_blocks");
    const std::uint64_t cut = count_at(health, "log_bytes_cut");
    const auto took_ms = integer_in(health, "replay_ms", 0);
    Finding finding{.check = "log"};
    finding.what = std::to_string(blocks) + " blocks replayed at the start in " +
                   std::to_string(took_ms) + " ms";
    if (cut > 0) finding.what += ", " + std::to_string(cut) + " torn bytes cut from its end";
    if (took_ms > replay_warn_ms) {
        finding.status = Health::warn;
        finding.why = "A restart should take less than 5 s.";
        finding.next = "Lower storage.flush_interval_ms, or use a faster disk.";
    }
    findings.push_back(std::move(finding));
}

void examine_load(const Json& health, Findings& findings) {
    const std::uint64_t busy = count_at(health, "requests_in_flight");
    const std::uint64_t most =
        std::max<std::uint64_t>(1, count_at(health, "requests_in_flight_max"));
    const std::uint64_t memory_mib = count_at(health, "memory_bytes") / (1024 * 1024);
    Finding finding{.check = "load"};
    finding.what = std::to_string(busy) + " of " + std::to_string(most) + " requests under way, " +
                   std::to_string(memory_mib) + " MiB of memory, probe job in " +
                   std::to_string(count_at(health, "probe_us")) + " us";
    if (busy * 10 > most * 9) {
        finding.status = Health::warn;
        finding.why = "The next requests will be refused as overloaded.";
        finding.next = "Let clients send less at once, or raise gateway.requests_in_flight_max.";
    } else if (integer_in(health, "probe_us", 0) > probe_warn_us) {
        finding.status = Health::warn;
        finding.why = "A job that changes nothing took more than a second through the chain.";
        finding.next = "aitbc admin logs --level warn; see the line \"sync\"";
    }
    findings.push_back(std::move(finding));
}

void examine_storage(const Json& health, Findings& findings) {
    const std::uint64_t now = count_at(health, "data_bytes");
    const std::uint64_t then = count_at(health, "data_bytes_at_start");
    findings.push_back(judge_disk({.bytes_free = count_at(health, "disk_free_bytes"),
                                   .bytes_total = count_at(health, "disk_total_bytes"),
                                   .bytes_grown = now > then ? now - then : 0,
                                   .over_ms = count_at(health, "uptime_ms")}));
    const std::uint64_t syncs = count_at(health, "syncs");
    if (syncs == 0) {
        findings.push_back({.check = "sync", .what = "no block was written since the start"});
        return;
    }
    findings.push_back(judge_sync(count_at(health, "sync_mean_us"), syncs, "the node's blocks"));
}

void examine_pending_config(const Json& health, Findings& findings) {
    const Json* keys = find_path(health, "config_needs_restart");
    if (keys == nullptr || keys->empty()) return;
    std::string names;
    for (const auto& key : *keys)
        names += (names.empty() ? "" : ", ") + (key.is_string() ? key.get<std::string>() : "");
    findings.push_back({.status = Health::warn,
                        .check = "reload",
                        .what = "changed, but not in effect: " + names,
                        .why = "These keys are only read at the start.",
                        .next = "aitbc down && aitbc up"});
}

void examine_miners(Session& session, const Json& health, Findings& findings) {
    auto listed = call_node(session, "miner.list",
                            Json{{"status", "active"}, {"limit", limits::list_rows_max}});
    if (!listed.ok()) {
        findings.push_back(of_error("miners", listed.error()));
        return;
    }
    const std::size_t active = items_of(listed.value()).size();
    const Json* heard = find_path(health, "miners");
    std::size_t alive = 0;
    std::string lost;
    for (const auto& miner : heard == nullptr ? Json::array() : *heard) {
        if (flag_in(miner, "alive")) {
            ++alive;
            continue;
        }
        const auto ago_s = integer_in(miner, "heard_ms_ago", 0) / 1'000;
        lost += (lost.empty() ? "" : ", ") + text_at(miner, "miner_id") + " (" +
                std::to_string(ago_s) + " s ago)";
    }
    Finding finding{.check = "miners"};
    finding.what = std::to_string(active) + " registered and active, " + std::to_string(alive) +
                   " heard of here";
    if (active == 0) {
        finding.status = Health::warn;
        finding.why = "Jobs will wait until one registers.";
        finding.next = "aitbc miner start";
    } else if (alive == 0) {
        finding.status = Health::warn;
        finding.why = lost.empty() ? "None has sent a heartbeat to this node since it started."
                                   : "The last heartbeats: " + lost + ".";
        finding.next = "aitbc admin logs --service miner; aitbc explain miner ID";
    } else if (!lost.empty()) {
        finding.status = Health::warn;
        finding.why = "Lost: " + lost + ".";
        finding.next = "aitbc explain miner ID";
    }
    findings.push_back(std::move(finding));
}

/// Jobs in the queue that no miner may take say why themselves.
void examine_jobs(Session& session, const Json& health, Findings& findings) {
    auto waiting = jobs_in_queue(session, waiting_jobs_max);
    if (!waiting.ok()) {
        findings.push_back(of_error("jobs", waiting.error()));
        return;
    }
    std::size_t queued = 0, stranded = 0;
    Finding finding{.check = "jobs"};
    for (const auto& job : waiting.value()) {
        const std::string id = text_at(job, "job_id");
        auto explained = call_node(session, "job.explain", Json{{"job_id", id}, {"limit", 1}});
        if (!explained.ok()) continue;  // it was taken or ended meanwhile
        const Json* position = find_path(explained.value(), "queue_position");
        if (position == nullptr || position->is_null()) continue;  // it waits for funds
        ++queued;
        if (count_at(explained.value(), "miners_eligible") > 0) continue;
        if (++stranded > 1) continue;
        finding.why = id + ": " + text_at(explained.value(), "summary");
        finding.next = "aitbc explain job " + id;
    }
    finding.what = std::to_string(count_at(health, "jobs_open")) + " open, " +
                   (queued >= waiting_jobs_max ? "at least " : "") + std::to_string(queued) +
                   " waiting for a miner";
    if (stranded > 0) {
        finding.status = Health::warn;
        finding.what += ", " + std::to_string(stranded) + " of them that no miner may take";
    }
    findings.push_back(std::move(finding));
}

}  // namespace

/// Chains besides the default one, each with what the node says of it.
void examine_further_chains(Session& session, Findings& findings) {
    const auto listed = call_node(session, "chain.list", Json::object());
    if (!listed.ok()) return session.detail("no list of chains: " + listed.error().what);
    for (const auto& row : items_of(listed.value())) {
        if (flag_in(row, "is_default")) continue;
        const std::string name = text_at(row, "chain");
        const std::string sync = text_at(row, "sync");
        Finding finding{.check = "chain " + name};
        finding.what = sync + " at height " + std::to_string(count_at(row, "height"));
        if (sync == "error") {
            finding.status = Health::fail;
            finding.why = text_at(row, "problem");
            finding.next = "aitbc admin logs --level warn";
        } else if (sync == "cut_off") {
            finding.status = Health::fail;
            finding.why = "Too few of its validators are reached for anything to become final.";
            finding.next = "aitbc chain validators --chain " + name;
        } else if (sync != "synced") {
            finding.status = Health::warn;
            finding.why = "It catches up by itself.";
            finding.next = "aitbc chain list --watch";
        }
        findings.push_back(std::move(finding));
    }
}

bool examine_node(Session& session, Findings& findings) {
    if (!session.options.timeout_ms) session.options.timeout_ms = answer_ms_max;
    auto answer = call_node(session, "node.health", Json::object());
    if (!answer.ok()) {
        say_unreachable(session, answer.error(), findings);
        return false;
    }
    const Json& health = answer.value();
    Finding node{.check = "node"};
    node.what = "answers; up since " +
                relative_time(session.now_unix_ms() - integer_in(health, "uptime_ms", 0),
                              session.now_unix_ms());
    if (!flag_in(health, "ready")) {
        node.status = Health::fail;
        node.what = "answers, but is not ready";
        node.why = text_at(health, "problem");
        node.next = "aitbc wait node; aitbc admin logs --level warn";
    }
    findings.push_back(std::move(node));
    examine_version(health, findings);
    examine_chain(session, health, findings);
    examine_further_chains(session, findings);
    examine_replay(health, findings);
    examine_load(health, findings);
    examine_storage(health, findings);
    const std::int64_t node_ms = time_at(health, "time");
    findings.push_back(
        judge_clock({.is_synchronised = is_clock_synchronised(),
                     .node_ahead_ms = node_ms - session.now_unix_ms(),
                     .last_block_ahead_ms = time_at(health, "block_time") - node_ms}));
    examine_pending_config(health, findings);
    examine_miners(session, health, findings);
    examine_jobs(session, health, findings);
    return true;
}

}  // namespace ait::cli
