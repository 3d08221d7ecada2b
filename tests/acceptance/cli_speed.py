#!/usr/bin/env python3
"""How long the command line takes, measured as users feel it, and what an idle node costs.

A whole process each time, against 20 ms for help and 50 ms for a local query; a node that nobody
asks, against 0.5 % of a core and 100 MB. Fails only at three times the times, because machines are
noisy.
"""

import os
import pathlib
import subprocess
import time

import harness
from story import Stop, median

HELP_MS = 20
QUERY_MS = 50
NOISE = 3
IDLE_SECONDS = 10
IDLE_CPU_PERCENT = 0.5
IDLE_MEMORY_MB = 100


def timed(home, words, runs):
    """Milliseconds of `runs` runs, without what Python's wrapper around them costs."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        done = subprocess.run(
            [str(home.bin / "aitbc"), *words],
            env=home.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        took.append((time.perf_counter() - began) * 1000)
        if done.returncode != 0:
            raise Stop(f"aitbc {' '.join(words)} ends with {done.returncode}")
    return took


def measure(story, home, words, limit_ms, runs):
    timed(home, words, 3)  # the first ones read the program from disk
    took = sorted(timed(home, words, runs))
    middle = median(took)
    verdict = "within" if middle < limit_ms else "NOT within"
    story.check(
        middle < limit_ms * NOISE,
        f"`aitbc {' '.join(words)}` takes {middle:.1f} ms in the median, {verdict} {limit_ms} ms "
        f"(fastest {took[0]:.1f}, slowest {took[-1]:.1f}, {runs} runs)",
    )


def cpu_seconds(pid):
    """User and system time of a process, from /proc/PID/stat behind the name in brackets."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def idle_cost(story, home):
    story.chapter(f"A node that nobody asks, for {IDLE_SECONDS} s")
    supervisor, *children = home.supervised()
    before = {pid: cpu_seconds(pid) for pid in (supervisor, *children)}
    time.sleep(IDLE_SECONDS)
    for pid, name in ((children[0], "the node"), (supervisor, "its supervisor")):
        percent = (cpu_seconds(pid) - before[pid]) / IDLE_SECONDS * 100
        memory = memory_mb(pid)
        story.check(
            percent < IDLE_CPU_PERCENT and memory < IDLE_MEMORY_MB,
            f"{name} takes {percent:.2f} % of a core (bound {IDLE_CPU_PERCENT}) and "
            f"{memory:.0f} MB (bound {IDLE_MEMORY_MB})",
        )


def tell(story, home, arguments):
    story.chapter("Without a node")
    measure(story, home, ["--help"], HELP_MS, arguments.runs)
    measure(story, home, ["client", "submit", "--help"], HELP_MS, arguments.runs)
    measure(story, home, ["version", "-o", "json"], HELP_MS, arguments.runs)
    story.chapter("With a local node")
    home.up("--no-miner")
    home.query("client", "submit", "--prompt", "Hi")
    for words in (
        ["status"],
        ["wallet", "balance"],
        ["client", "list"],
        ["client", "status"],
        ["chain", "info", "-o", "json"],
    ):
        measure(story, home, words, QUERY_MS, arguments.runs)
    idle_cost(story, home)
    home.down()


if __name__ == "__main__":
    harness.main(
        tell,
        __doc__.splitlines()[0],
        limit_s=110,
        add_arguments=lambda parser: parser.add_argument(
            "--runs", type=int, default=41, help="runs of each command"
        ),
    )
