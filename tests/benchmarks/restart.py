"""How long a node is away after a crash: killed under load, and after a loss of power that left of its
state only what had been synced, so that the whole log has to be replayed."""

import contextlib
import random
import shutil
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
# The node keeps four segments of log; with a fifth it syncs its state and drops the first.
SEGMENTS_KEPT = 4
LAST_SEGMENT_SHARE = 0.85
LOAD_SECONDS_MAX = 600


@contextlib.contextmanager
def loaded(bench, node, seed):
    """Full load in the background; it ends by itself when its connections are gone."""
    arguments = bench.arguments
    command = bench.load_command(
        node,
        *("--seconds", LOAD_SECONDS_MAX, "--warm-up", 0, "--results", arguments.results),
        *("--batch", arguments.fill_batch, "--seed", seed),
    )
    load = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield load
    finally:
        load.kill()
        load.wait()


def start_again(node, height):
    """Starts, and sees that nothing that was answered is gone."""
    ready = node.start()
    recovery = {
        name: int(value) for name, value in node.recovery().items() if value.isdecimal()
    }
    if recovery["height"] < height:
        raise servers.Failed(f"height {height} was answered before the crash: {recovery}")
    replayed, took_ms = recovery["replayed_blocks"], recovery["took_ms"]
    return {
        "ready_seconds": ready,
        **recovery,
        "blocks_per_second": replayed * 1000 / max(took_ms, 1),
    }


def height_of(node):
    return (node.get("/api/v1/chain") or {}).get("height", 0)


def tell(name, run):
    say(
        f"  {name}: ready after {run['ready_seconds']:.2f} s; {run['replayed_blocks']} blocks "
        f"replayed in {run['took_ms']} ms ({run['blocks_per_second']:.0f} a second), height "
        f"{run['height']}"
    )


def killed(bench, place):
    node = bench.node(place, f"storage.flush_interval_ms={LONGEST_FLUSH_MS}")
    runs = []
    for number in range(bench.arguments.rounds):
        with loaded(bench, node, f"kill {number}"):
            # Past the first flush, and at no fixed point between two of them.
            time.sleep(LONGEST_FLUSH_MS / 1000 * (1 + random.random()))
            height = height_of(node)
            node.stop(signal.SIGKILL)
        runs.append(start_again(node, height))
        tell("kill -9", runs[-1])
    node.stop()
    return runs


def wait_for_full_log(node, load):
    """Until the last segment that is kept is almost full; they are preallocated, so what is in them
    is judged by the time that the ones before took."""
    appeared = []
    end = time.monotonic() + LOAD_SECONDS_MAX
    while len(appeared) < SEGMENTS_KEPT and time.monotonic() < end:
        if load.poll() is not None:
            raise servers.Failed(f"the load ended early: {node.new_log()[-1500:]}")
        while len(appeared) < len(list(node.data.glob("log-*/*.seg"))):
            appeared.append(time.monotonic())
        time.sleep(0.02)
    if len(appeared) < SEGMENTS_KEPT:
        raise servers.Failed("the log did not fill in time")
    time.sleep((appeared[-1] - appeared[-2]) * LAST_SEGMENT_SHARE)


def power_lost(bench, place):
    """The state of before the load is put back: nothing of it reached the disk, all of the log did."""
    node = bench.node(place, f"storage.flush_interval_ms={LONGEST_FLUSH_MS}")
    bench.load(node, "--seconds", 0.2, "--warm-up", 0, "--seed", "before")
    node.stop()
    state, before = node.data / "state", node.folder / "state-before"
    shutil.copytree(state, before)
    node.start()
    with loaded(bench, node, "power") as load:
        wait_for_full_log(node, load)
        height = height_of(node)
        node.stop(signal.SIGKILL)
    shutil.rmtree(state)
    shutil.copytree(before, state)
    run = start_again(node, height)
    run["log_bytes"] = sum(path.stat().st_size for path in node.data.glob("log-*/*.seg"))
    tell(f"power lost with {run['log_bytes'] / 1e6:.0f} MB of log", run)
    bench.load(node, "--seconds", 0.2, "--warm-up", 0, "--seed", "after")
    return run


def study(bench, place):
    runs = killed(bench, place)
    power = power_lost(bench, place)
    slowest = max(run["ready_seconds"] for run in [*runs, power])
    kept = slowest < READY_SECONDS_MAX
    say(
        f"killed under load it was ready after "
        f"{statistics.median(run['ready_seconds'] for run in runs):.2f} s in the median; at worst, "
        f"with the log at its limit, after {slowest:.2f} s: {READY_SECONDS_MAX:.0f} s is the limit, "
        f"{'kept' if kept else 'NOT kept'}"
    )
    return {
        "study": "restart",
        "killed": runs,
        "power_lost": power,
        "ready_seconds_most": slowest,
        "is_kept": kept,
    }
