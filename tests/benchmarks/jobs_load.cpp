// jobs_load: puts the durable life of jobs on nodes, Redis or etcd, measures it and checks it.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "runtime/base/clock.hpp"
#include "runtime/base/codec/json.hpp"
#include "runtime/base/limits.hpp"
#include "tests/benchmarks/options.hpp"

namespace {

using namespace ait;  // NOLINT(google-build-using-namespace): a program's own file
using namespace ait::benchmarks;

/// What the server says in the end, beside what it acknowledged.
struct Check {
    std::uint64_t lost = 0;  ///< acknowledged, and not there
    std::uint64_t doubled = 0;
    std::uint64_t sampled = 0;  ///< jobs looked at one by one
    std::uint64_t open = 0;     ///< jobs of the server that are not done
    std::uint64_t empty_leases = 0;
};

int fail(const Error& error) {
    std::fputs(render_error(error).c_str(), stderr);
    return error_code_row(error.code).exit_status;
}

std::size_t jobs_expected(const Options& options) {
    constexpr std::uint64_t jobs_per_second_max = 60'000;
    constexpr std::uint64_t jobs_most = 8'000'000;
    const auto ms = static_cast<std::uint64_t>(options.load.warm_up_ms + options.load.measure_ms);
    const std::uint64_t by_time = ms * jobs_per_second_max / 1'000;
    const std::uint64_t by_count =
        options.load.jobs_max == 0 ? by_time : options.load.jobs_max * 5 / 4;
    return std::min({by_time, by_count, jobs_most});
}

Check check_of(const JobBook& book) {
    const auto& totals = book.totals();
    return {.lost = book.count_unfinished(),
            .doubled = totals.submitted_twice + totals.leased_twice + totals.completed_twice};
}

Json latency_json(const Histogram& histogram) {
    return Json{{"p50_us", histogram.quantile_us(0.50)},
                {"p99_us", histogram.quantile_us(0.99)},
                {"max_us", histogram.max_us()},
                {"count", histogram.count()}};
}

double share(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string name_of(Peer peer) {
    switch (peer) {
        case Peer::node:
            return "node";
        case Peer::redis:
            return "redis";
        case Peer::etcd:
            return "etcd";
    }
    return "";
}

Json report_json(const Options& options, const LoadFigures& figures, const Check& check) {
    Json latency = Json::object();
    for (std::size_t i = 0; i < step_count; ++i)
        latency[std::string(step_names[i])] = latency_json(figures.latency[i]);
    const auto requests = static_cast<std::int64_t>(figures.requests);
    const auto jobs = static_cast<std::int64_t>(figures.jobs);
    return Json{
        {"server", name_of(options.peer)},
        {"batch", options.node.batch},
        {"connections", options.load.connections},
        {"seconds", share(figures.measured_us, 1'000'000)},
        {"jobs", figures.jobs},
        {"jobs_per_second", share(jobs * 1'000'000, figures.measured_us)},
        {"requests", figures.requests},
        {"latency", latency},
        {"generator_cores", share(figures.cpu.own_us, figures.measured_us)},
        {"generator_us_per_request", share(figures.cpu.own_us, requests)},
        {"server_cores", share(figures.cpu.server_us, figures.measured_us)},
        {"server_us_per_job", share(figures.cpu.server_us, jobs)},
        {"machine_cores", share(figures.cpu.machine_us, figures.measured_us)},
        {"machine_disk_wait_cores", share(figures.cpu.machine_wait_us, figures.measured_us)},
        {"server_resident_bytes", resident_bytes(options.load.server_pids)},
        {"lost", check.lost},
        {"doubled", check.doubled},
        {"sampled", check.sampled},
        {"open", check.open},
        {"empty_leases", check.empty_leases}};
}

void print_report(const Options& options, const LoadFigures& figures, const Check& check) {
    const Json report = report_json(options, figures, check);
    if (options.is_json) {
        std::puts(dump_json(report).c_str());
        return;
    }
    fmt::print("{}: {:.0f} jobs/s ({} jobs in {:.2f} s, {} a request, {} connections)\n",
               report["server"].get<std::string>(), report["jobs_per_second"].get<double>(),
               figures.jobs, report["seconds"].get<double>(), options.node.batch,
               options.load.connections);
    for (std::size_t i = 0; i < step_count; ++i) {
        const Histogram& latency = figures.latency[i];
        if (latency.count() == 0) continue;
        const auto ms = [](std::int64_t us) { return static_cast<double>(us) / 1'000; };
        fmt::print("  {:<6} p50 {:6.2f} ms  p99 {:6.2f} ms  max {:6.2f} ms\n", step_names[i],
                   ms(latency.quantile_us(0.5)), ms(latency.quantile_us(0.99)),
                   ms(latency.max_us()));
    }
    fmt::print(
        "  CPU: generator {:.2f} cores ({:.1f} us a request), server {:.2f} cores ({:.1f} us a "
        "job), machine {:.2f} cores\n",
        report["generator_cores"].get<double>(), report["generator_us_per_request"].get<double>(),
        report["server_cores"].get<double>(), report["server_us_per_job"].get<double>(),
        report["machine_cores"].get<double>());
    fmt::print(
        "  checked: {} lost, {} doubled ({} looked at one by one), {} open; {} empty leases\n",
        check.lost, check.doubled, check.sampled, check.open, check.empty_leases);
}

/// What the chain itself says of the jobs whose end it acknowledged.
Status ask_node(NodeSetup& setup, const NodeProtocol& protocol, const JobBook& book,
                std::uint64_t completed_before, Check& check) {
    const auto completed = setup.count_completed(protocol.miners());
    if (!completed.ok()) return completed.error();
    const std::uint64_t expected = completed_before + book.totals().completed;
    if (completed.value() < expected) check.lost += expected - completed.value();
    if (completed.value() > expected) check.doubled += completed.value() - expected;
    const auto wrong = setup.count_not_completed(book.sample());
    if (!wrong.ok()) return wrong.error();
    check.lost += wrong.value();
    check.sampled = book.sample().size();
    const auto open = setup.count_open();
    if (!open.ok()) return open.error();
    check.open = open.value();
    return {};
}

/// The nodes of one chain, or the only one.
struct Nodes {
    std::vector<NodeSetup> setups{};
    std::vector<std::string> tokens{};
    NodeFacts facts{};
};

Result<Nodes> reach_nodes(const Options& options) {
    Nodes nodes;
    for (std::size_t i = 0; i < options.load.endpoints.size(); ++i) {
        auto token = read_token(options.token_files[i]);
        if (!token.ok()) return token.error();
        const Endpoint& endpoint = options.load.endpoints[i];
        nodes.tokens.push_back(token.value());
        nodes.setups.emplace_back(
            NodeAddress{.endpoint = {.host = endpoint.host, .port = endpoint.port},
                        .token = std::move(token).value()});
        auto facts = nodes.setups.back().facts();
        if (!facts.ok()) return facts.error();
        if (i > 0 && facts.value().genesis != nodes.facts.genesis) {
            return Error{ErrorCode::invalid_argument, "The nodes are of different chains.",
                         endpoint.host + ":" + std::to_string(endpoint.port) +
                             " has another genesis than the first.",
                         "Give nodes of one cluster."};
        }
        nodes.facts = std::move(facts).value();
    }
    return nodes;
}

/// Without load nothing new becomes final: soon all nodes have what any of them has answered.
Status await_agreement(Nodes& nodes) {
    constexpr std::int64_t patience_us = 10'000'000;
    const std::int64_t until_us = system_clock().monotonic_us() + patience_us;
    while (system_clock().monotonic_us() < until_us) {
        std::vector<std::uint64_t> heights;
        for (NodeSetup& setup : nodes.setups) {
            const auto facts = setup.facts();
            if (!facts.ok()) return facts.error();
            heights.push_back(facts.value().height);
        }
        if (std::ranges::adjacent_find(heights, std::ranges::not_equal_to{}) == heights.end())
            return {};
    }
    return Error{ErrorCode::deadline_exceeded, "The nodes do not come to one height.",
                 "They had 10 s without any load.", "Look at their logs."};
}

Result<std::vector<MinerAccount>> open_miners(const Options& options, Nodes& nodes) {
    const auto concurrency = static_cast<std::uint32_t>(
        std::min<std::size_t>(options.node.batch, limits::lease_jobs_max));
    std::vector<MinerAccount> miners;
    for (std::size_t i = 0; i < options.load.connections; ++i) {
        auto miner =
            nodes.setups[i % nodes.setups.size()].miner(nodes.facts, options.seed, i, concurrency);
        if (!miner.ok()) return miner.error();
        miners.push_back(std::move(miner).value());
    }
    return miners;
}

Result<Check> load_node(const Options& options, LoadFigures& figures) {
    auto nodes = reach_nodes(options);
    if (!nodes.ok()) return nodes.error();
    auto miners = open_miners(options, nodes.value());
    if (!miners.ok()) return miners.error();
    // Each miner is registered at its own node, and the first is asked about all.
    const Status registered = await_agreement(nodes.value());
    if (!registered.ok()) return registered.error();
    NodeSetup& setup = nodes.value().setups.front();
    const auto before = setup.count_completed(miners.value());
    if (!before.ok()) return before.error();
    JobBook book(jobs_expected(options));
    NodeProtocol protocol(options.node, nodes.value().facts, nodes.value().tokens,
                          std::move(miners).value(), book);
    auto measured = run_load(protocol, options.load);
    if (!measured.ok()) return measured.error();
    figures = measured.value();
    Check check = check_of(book);
    check.empty_leases = protocol.empty_leases();
    // Where others' jobs wait in front, one's own are left in the queue instead of them.
    const std::uint64_t swapped = book.count_foreign();
    check.lost -= std::min(check.lost, options.node.submits_only ? check.lost : swapped);
    const Status agreed = await_agreement(nodes.value());
    if (!agreed.ok()) return agreed.error();
    const Status asked = ask_node(setup, protocol, book, before.value(), check);
    if (!asked.ok()) return asked.error();
    return check;
}

Result<Check> load_etcd(const Options& options, LoadFigures& figures) {
    const std::string run = options.seed + "/" + std::to_string(system_clock().now_unix_ms()) + "/";
    JobBook book(jobs_expected(options));
    EtcdProtocol protocol(options.etcd, run, options.load.connections, book);
    auto measured = run_load(protocol, options.load);
    if (!measured.ok()) return measured.error();
    figures = measured.value();
    Check check = check_of(book);
    check.empty_leases = protocol.empty_leases();
    const auto counts = count_etcd_keys(options.load.endpoints.back(), run);
    if (!counts.ok()) return counts.error();
    check.open = counts.value().queued + counts.value().held;
    const std::uint64_t completed = book.totals().completed;
    if (counts.value().results < completed) check.lost += completed - counts.value().results;
    if (counts.value().results > completed) check.doubled += counts.value().results - completed;
    return check;
}

Result<Check> load_redis(const Options& options, LoadFigures& figures) {
    const Status cleared = clear_redis_lists(options.load);
    if (!cleared.ok()) return cleared.error();
    JobBook book(jobs_expected(options));
    RedisProtocol protocol(options.redis, options.load.connections, book);
    auto measured = run_load(protocol, options.load);
    if (!measured.ok()) return measured.error();
    figures = measured.value();
    Check check = check_of(book);
    check.empty_leases = protocol.empty_leases();
    const auto counts = count_redis_lists(options.load);
    if (!counts.ok()) return counts.error();
    check.open = counts.value().queued + counts.value().held;
    const std::uint64_t completed = book.totals().completed;
    if (counts.value().results < completed) check.lost += completed - counts.value().results;
    if (counts.value().results > completed) check.doubled += counts.value().results - completed;
    return check;
}

Result<Check> load(const Options& options, LoadFigures& figures) {
    switch (options.peer) {
        case Peer::node:
            return load_node(options, figures);
        case Peer::redis:
            return load_redis(options, figures);
        case Peer::etcd:
            return load_etcd(options, figures);
    }
    return Check{};
}

}  // namespace

int main(int count, char** values) {
    const auto options = read_options(std::vector<std::string>(values + 1, values + count));
    if (!options.ok()) return fail(options.error());
    if (options.value().wants_help) {
        std::fputs(usage, stdout);
        return 0;
    }
    LoadFigures figures;
    const auto check = load(options.value(), figures);
    if (!check.ok()) return fail(check.error());
    print_report(options.value(), figures, check.value());
    if (check.value().lost == 0 && check.value().doubled == 0) return 0;
    return fail(
        Error{ErrorCode::check_failed, "Jobs were lost or doubled.",
              fmt::format("{} lost, {} doubled.", check.value().lost, check.value().doubled),
              "Look at the server's log."});
}
