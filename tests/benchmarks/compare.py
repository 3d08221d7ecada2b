"""A node beside Redis: paired rounds in turning order, because a shared disk swings by far more
within an hour than the two differ."""

import os
import statistics
import sys
import time

import servers

STEPS = ("submit", "lease", "result")
# What the project promises for one job a request and for batches of 32 (README.md).
WANTED = {1: 0.8, 32: 1.0}
REST_SECONDS = 0.5  # for what a server does after its answers
LOAD_AT_REST = 0.5  # runnable processes before the measurement


def say(text=""):
    print(text, file=sys.stderr, flush=True)


def others(report):
    """Processors' time that was neither the server's nor the load's: kernel work, other people."""
    return report["machine_cores"] - report["server_cores"] - report["generator_cores"]


def tell(number, report):
    steps = "  ".join(
        f"{step} {report['latency'][step]['p50_us'] / 1000:5.2f}/"
        f"{report['latency'][step]['p99_us'] / 1000:5.2f}"
        for step in STEPS
    )
    say(
        f"{number:>5}  {report['server']:<5} {report['jobs_per_second']:>8.0f} jobs/s   {steps} ms   "
        f"server {report['server_cores']:.2f} cores, {report['server_us_per_job']:5.1f} us/job   "
        f"load {report['generator_cores']:.2f} cores   others {others(report):.2f}"
    )


def machine():
    return {"load_average": os.getloadavg(), "processors": os.cpu_count()}


def sound(report):
    if report["lost"] or report["doubled"] or report["open"]:
        raise servers.Failed(f"jobs were lost, doubled or left over: {report}")
    if report["jobs"] == 0:
        raise servers.Failed(f"no job was done: {report}")
    return report


def paired_rounds(bench, node, redis, batch):
    """One report of each a round."""
    arguments = bench.arguments
    flags = ["--seconds", arguments.seconds, "--warm-up", arguments.warm_up, "--batch", batch]
    own = {"node": ["--results", arguments.results], "redis": []}
    if arguments.plain_lists:
        own["redis"].append("--plain-lists")
    say(f"\n{batch} job{'s' if batch > 1 else ''} a request; p50/p99 of each step")
    rounds = []
    for number in range(1, arguments.rounds + 1):
        order = (node, redis) if number % 2 else (redis, node)
        pair = {}
        for server in order:
            pair[server.name] = sound(bench.load(server, *flags, *own[server.name]))
            tell(number, pair[server.name])
            time.sleep(REST_SECONDS)
        pair["ratio"] = pair["node"]["jobs_per_second"] / pair["redis"]["jobs_per_second"]
        say(f"{number:>5}  ratio {pair['ratio']:.3f}")
        rounds.append(pair)
    return rounds


def median_of(rounds, name, *path):
    def value(pair):
        found = pair[name]
        for key in path:
            found = found[key]
        return found

    return statistics.median(value(pair) for pair in rounds)


def summary(rounds, batch):
    ratios = [pair["ratio"] for pair in rounds]
    result = {
        "batch": batch,
        "rounds": rounds,
        "ratio_median": statistics.median(ratios),
        "ratio_lowest": min(ratios),
        "ratio_highest": max(ratios),
        "ratio_wanted": WANTED.get(batch),
    }
    for name in ("node", "redis"):
        result[name] = {
            "jobs_per_second": median_of(rounds, name, "jobs_per_second"),
            "server_us_per_job": median_of(rounds, name, "server_us_per_job"),
            "server_cores": median_of(rounds, name, "server_cores"),
            "generator_cores": median_of(rounds, name, "generator_cores"),
            "generator_us_per_request": median_of(rounds, name, "generator_us_per_request"),
            "latency": {
                step: {
                    key: median_of(rounds, name, "latency", step, key) for key in ("p50_us", "p99_us")
                }
                for step in STEPS
            },
        }
    return result


def tell_summary(result):
    wanted = result["ratio_wanted"]
    verdict = ""
    if wanted is not None:
        reached = result["ratio_median"] >= wanted
        verdict = f"; at least {wanted} is wanted: {'reached' if reached else 'NOT reached'}"
    say(
        f"median of {len(result['rounds'])} paired ratios: {result['ratio_median']:.3f} "
        f"({result['ratio_lowest']:.3f} to {result['ratio_highest']:.3f}){verdict}"
    )
    for name in ("node", "redis"):
        figures = result[name]
        say(
            f"  {name:<5} median {figures['jobs_per_second']:.0f} jobs/s, server "
            f"{figures['server_us_per_job']:.1f} us/job, load {figures['generator_cores']:.2f} cores "
            f"({figures['generator_us_per_request']:.1f} us a request)"
        )


def study(bench, place):
    servers.need_redis()
    batches = bench.arguments.batch or [1, 32]
    before = machine()
    say(f"load average before: {before['load_average'][0]:.2f} of {before['processors']} processors")
    at_rest = before["load_average"][0] <= LOAD_AT_REST
    if not at_rest:
        say("others use this machine: its processors and disk are theirs too, so no verdict counts")
    node = bench.node(place)
    redis = bench.redis(place)
    results = []
    for batch in batches:
        results.append(summary(paired_rounds(bench, node, redis, batch), batch))
        tell_summary(results[-1])
    after = machine()
    say(f"load average after: {after['load_average'][0]:.2f} (with the measurement's own)")
    return {
        "study": "compare",
        "results_form": bench.arguments.results,
        "redis_lists": "plain" if bench.arguments.plain_lists else "reliable",
        "machine_at_rest": at_rest,
        "machine_before": before,
        "machine_after": after,
        "by_batch": results,
    }


def smoke(bench, place):
    """Every part works: a moment of each kind of load, checked and not judged."""
    peers = [bench.node(place)]
    if servers.has_redis():
        peers.append(bench.redis(place))
    reports = []
    for server in peers:
        for batch in (1, 32):
            flags = ["--seconds", 0.4, "--warm-up", 0.1, "--batch", batch]
            reports.append(sound(bench.load(server, *flags)))
            tell(len(reports), reports[-1])
    return {"study": "smoke", "reports": reports}
