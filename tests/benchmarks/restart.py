"""A node that is killed while its log is as far ahead of its state as it may be, and how long it
takes to be back."""

import random
import signal
import statistics
import subprocess
import time

import servers
from compare import say

READY_SECONDS_MAX = 5.0
# The state may lag behind the log by this much and no more (storage.flush_interval_ms); the store's
# own bound on bytes comes on top and holds first under full load.
LONGEST_FLUSH_MS = 5_000


def kill_under_load(bench, node, seconds):
    """Full load, then SIGKILL in its middle."""
    arguments = bench.arguments
    command = [
        *(str(bench.loader), *node.load_flags()),
        *("--seconds", "600", "--warm-up", "0", "--results", arguments.results),
        *("--batch", str(arguments.fill_batch), "--seed", f"restart {seconds}"),
    ]
    load = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(seconds)
        height = (node.get("/api/v1/chain") or {}).get("height", 0)
        node.stop(signal.SIGKILL)
        load.wait(timeout=60)  # it ends by itself: its connections are gone
    finally:
        if load.poll() is None:
            load.kill()
            load.wait()
    return height


def one_restart(bench, node, number):
    # Long enough to be past the first flush, and at no fixed point between two of them.
    seconds = LONGEST_FLUSH_MS / 1000 * (1 + random.random())
    height = kill_under_load(bench, node, seconds)
    ready = node.start()
    recovery = node.recovery()
    replayed, took_ms = int(recovery["replayed_blocks"]), int(recovery["took_ms"])
    if int(recovery["height"]) < height:
        raise servers.Failed(f"height {height} was reached before the kill: {recovery}")
    say(
        f"{number:>5}  ready after {ready:.2f} s; {replayed} blocks replayed in {took_ms} ms "
        f"({replayed * 1000 / max(took_ms, 1):.0f} a second); height {recovery['height']}"
    )
    return {"ready_seconds": ready, **recovery}


def study(bench, place):
    node = bench.node(place, f"storage.flush_interval_ms={LONGEST_FLUSH_MS}")
    runs = [one_restart(bench, node, number) for number in range(1, bench.arguments.rounds + 1)]
    slowest = max(run["ready_seconds"] for run in runs)
    most = max(int(run["replayed_blocks"]) for run in runs)
    speeds = [
        int(run["replayed_blocks"]) * 1000 / max(int(run["took_ms"]), 1)
        for run in runs
        if int(run["replayed_blocks"]) > 0
    ]
    kept = slowest < READY_SECONDS_MAX
    say(
        f"ready after {slowest:.2f} s at most, with up to {most} blocks replayed, "
        f"{statistics.median(speeds or [0]):.0f} blocks a second in the median; "
        f"{READY_SECONDS_MAX:.0f} s is the limit: {'kept' if kept else 'NOT kept'}"
    )
    return {
        "study": "restart",
        "runs": runs,
        "ready_seconds_most": slowest,
        "replayed_blocks_most": most,
        "blocks_per_second": statistics.median(speeds or [0]),
        "is_kept": kept,
    }
