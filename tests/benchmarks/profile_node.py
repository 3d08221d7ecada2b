"""Where a node's processor time goes under load, by perf's samples of its threads and functions."""

import shutil
import signal
import subprocess

import growth
import servers
from compare import say

LINES = 60


def perf(*words):
    return subprocess.run(
        ["perf", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
    )


def study(bench, place):
    if shutil.which("perf") is None:
        raise servers.Failed("perf is not on this machine: install linux-perf, or leave it")
    arguments = bench.arguments
    node = bench.node(place)
    if arguments.sizes:
        growth.fill_waiting(bench, node, arguments.sizes[0])
        node.settle()
    samples = place.folder / "perf.data"
    # The kernel's clock, because a virtual machine often has no counter of cycles.
    event = ["-e", "cpu-clock"]
    if perf("record", *event, "-o", str(samples), "true").returncode != 0:
        raise servers.Failed("perf may not sample here: see /proc/sys/kernel/perf_event_paranoid")
    recorder = subprocess.Popen(
        ["perf", "record", *event, "-F", "997", "-o", str(samples), "-p", str(node.pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    batch = (arguments.batch or [1])[0]
    report = bench.load(
        node,
        *("--seconds", arguments.seconds, "--batch", batch, "--results", arguments.results),
    )
    recorder.send_signal(signal.SIGINT)  # it writes its file then
    recorder.wait(timeout=60)
    say(
        f"{report['jobs_per_second']:.0f} jobs/s under perf, "
        f"{report['server_us_per_job']:.1f} us/job"
    )
    tables = {}
    for title, keys in (("threads", "comm"), ("libraries", "dso"), ("functions", "comm,symbol")):
        shown = perf(
            *("report", "-i", str(samples), "--stdio", "-s", keys)
        ).stdout
        lines = [line for line in shown.splitlines() if line.strip() and not line.startswith("#")]
        tables[title] = lines[:LINES]
        say(f"\n{title}")
        for line in lines[:LINES]:
            say(f"  {line.strip()[:150]}")
    return {"study": "profile", "report": report, **tables}
