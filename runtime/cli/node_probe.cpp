#include "runtime/cli/node_probe.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "actors/node/messages.hpp"
#include "net/http_socket.hpp"
#include "runtime/cli/request.hpp"
#include "runtime/config/peers.hpp"

namespace ait::cli {
namespace {

constexpr std::uint32_t answer_bytes_max = 1024 * 1024;
constexpr std::size_t threads_max = 16;
constexpr std::uint32_t retry_pause_ms = 100;

net::HttpCall get(std::string target, std::uint32_t timeout_ms) {
    net::HttpCall call;
    call.target = std::move(target);
    call.headers.push_back({"accept", "application/json"});
    call.deadline_ms = timeout_ms;
    return call;
}

void set(NodeProbe& probe, NodeCondition condition, std::string why, std::string next) {
    probe.condition = condition;
    probe.why = std::move(why);
    probe.next = std::move(next);
}

/// Connects and hangs up: tells a dead address from one where somebody is, and how far it is.
bool connect_once(const ProbeJob& job, const Clock& clock, const std::stop_token& stop,
                  NodeProbe& probe) {
    const net::StopSignal signal(stop);
    const std::int64_t began_us = clock.monotonic_us();
    const auto until = net::sooner({}, job.timeout_ms, "the connection");
    const auto socket = net::HttpSocket::connect(job.endpoint, until, signal);
    if (socket.ok()) {
        probe.connect_us = clock.monotonic_us() - began_us;
        return true;
    }
    const bool is_silent = socket.error().code == ErrorCode::deadline_exceeded;
    const std::string where = net::to_text(job.endpoint);
    set(probe, NodeCondition::dead,
        is_silent
            ? "No answer to a connection to " + where + " in " + std::to_string(job.timeout_ms) +
                  " ms: the machine is off, or a firewall drops what is sent to it."
            : "Nobody listens at " + where + ": " + socket.error().why,
        "Check host and port, and that the node runs: `aitbc status` on its machine.");
    return false;
}

/// Why a request to somebody who took the connection came to nothing.
void judge_failure(const ProbeJob& job, const Error& error, NodeProbe& probe) {
    const std::string where = net::to_text(job.endpoint);
    if (error.code == ErrorCode::deadline_exceeded) {
        set(probe, NodeCondition::hung,
            where + " takes connections and has not answered in " + std::to_string(job.timeout_ms) +
                " ms.",
            "On its machine: `aitbc admin logs`, then `aitbc down --force` and `aitbc up`.");
        return;
    }
    set(probe, NodeCondition::not_a_node, where + " is no AITBC node: " + error.why,
        "Check the port: the REST interface is gateway.tcp_port of the node, 7700 by default.");
}

/// The identity, asked once before anything is measured. False: the probe says why not.
bool ask_identity(const ProbeJob& job, net::HttpClient& client, const std::stop_token& stop,
                  NodeProbe& probe) {
    auto answer = client.request(
        get("/api/v1/node?challenge=" + to_hex(job.challenge), job.timeout_ms), stop);
    if (!answer.ok()) {
        judge_failure(job, answer.error(), probe);
        return false;
    }
    auto identity = answer.value().status == 200
                        ? read_identity(answer.value().body)
                        : Result<ProbedIdentity>(Error{ErrorCode::malformed, "",
                                                       "It answers with HTTP status " +
                                                           std::to_string(answer.value().status) +
                                                           " where a node says who it is.",
                                                       ""});
    if (!identity.ok()) {
        judge_failure(job, identity.error(), probe);
        return false;
    }
    probe.identity = std::move(identity).value();
    const auto key = fixed_from_hex<PublicKey>(probe.identity->public_key);
    const auto proof = fixed_from_hex<Signature>(probe.identity->proof);
    probe.is_key_proven =
        key.ok() && proof.ok() && node::verify_identity(key.value(), job.challenge, proof.value());
    return true;
}

/// Measures; the quickest answer tells most of the clock, for its way took the least time.
void measure(const ProbeJob& job, net::HttpClient& client, const Clock& clock,
             const std::stop_token& stop, NodeProbe& probe) {
    std::int64_t quickest_us = INT64_MAX;
    for (std::uint32_t i = 0; i < job.probes && !stop.stop_requested(); ++i) {
        ++probe.probes_sent;
        const std::int64_t began_us = clock.monotonic_us();
        const std::int64_t began_unix_ms = clock.now_unix_ms();
        const auto answer = client.request(get("/api/v1/node", job.timeout_ms), stop);
        const std::int64_t took_us = clock.monotonic_us() - began_us;
        if (!answer.ok() || answer.value().status != 200) continue;
        auto identity = read_identity(answer.value().body);
        if (!identity.ok()) continue;
        probe.round_trips_us.push_back(took_us);
        if (took_us >= quickest_us) continue;
        quickest_us = took_us;
        probe.clock_skew_us = (identity.value().time_unix_ms - began_unix_ms) * 1'000 - took_us / 2;
        identity.value().proof = probe.identity->proof;
        probe.identity = std::move(identity).value();
    }
}

/// Why a node that is not ready is not, in its own words.
void ask_problem(const ProbeJob& job, net::HttpClient& client, const std::stop_token& stop,
                 NodeProbe& probe) {
    if (probe.identity->ready) return;
    const auto answer = client.request(get("/readyz?verbose", job.timeout_ms), stop);
    if (!answer.ok()) return;  // that it is not ready is known all the same
    const auto json = parse_json(answer.value().body, answer_bytes_max);
    if (!json.ok() || !json.value().is_object()) return;
    constexpr std::size_t shown_bytes_max = 512;
    probe.problem = text_in(json.value(), "problem").substr(0, shown_bytes_max);
}

NodeProbe look_once(const ProbeJob& job, const Clock& clock, const std::stop_token& stop) {
    NodeProbe probe;
    if (!connect_once(job, clock, stop, probe)) return probe;
    net::HttpClient::Options options;
    options.connect_ms = job.timeout_ms;
    options.response_bytes_max = answer_bytes_max;
    net::HttpClient client(job.endpoint, options);
    if (!ask_identity(job, client, stop, probe)) return probe;
    measure(job, client, clock, stop, probe);
    ask_problem(job, client, stop, probe);
    judge_node(probe, job.expected);
    return probe;
}

}  // namespace

NodeProbe probe_node(const ProbeJob& job, const Clock& clock, const std::stop_token& stop) {
    AIT_ASSERT(job.challenge.size() == node::identity_challenge_bytes);
    NodeProbe probe = look_once(job, clock, stop);
    for (std::uint32_t i = 0; i < job.retries; ++i) {
        const bool may_change =
            probe.condition == NodeCondition::dead || probe.condition == NodeCondition::hung;
        if (!may_change || wait_or_stop(stop, retry_pause_ms)) break;
        probe = look_once(job, clock, stop);
    }
    return probe;
}

std::vector<NodeProbe> probe_nodes(std::span<const ProbeJob> jobs, const Clock& clock,
                                   const std::stop_token& stop) {
    std::vector<NodeProbe> probes(jobs.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t at = next++; at < jobs.size(); at = next++)
            probes[at] = probe_node(jobs[at], clock, stop);
    };
    std::vector<std::jthread> threads;
    while (threads.size() + 1 < std::min(jobs.size(), threads_max)) threads.emplace_back(work);
    work();
    threads.clear();  // joins
    return probes;
}

}  // namespace ait::cli
