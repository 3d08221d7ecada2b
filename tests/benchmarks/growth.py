"""What a store's size costs: the processors' time of a job beside a thousand and a million others,
and the memory of a job that waits."""

import statistics

import servers
from compare import say

SIZES = (1_000, 100_000, 1_000_000)
FLAT = 1.2  # the largest store may cost this much more than the smallest
FILL_SECONDS = 3_600


def fill_waiting(bench, node, count):
    """Submits `count` jobs that nobody takes. They belong to accounts of their own."""
    # What is under way when there are enough comes on top: little, beside the count.
    batch = max(1, min(250, count // 400))
    report = bench.load(
        node,
        *("--submit-only", "--batch", batch, "--jobs", count, "--warm-up", 0),
        *("--seconds", FILL_SECONDS, "--connections", 16, "--seed", "waiting"),
    )
    say(f"  {report['open']} jobs wait ({report['jobs_per_second']:.0f} a second)")
    return report["open"]


def fill_finished(bench, node, count):
    """Brings `count` jobs to their end."""
    report = bench.load(
        node,
        *("--batch", bench.arguments.fill_batch, "--jobs", count, "--warm-up", 0),
        *("--seconds", FILL_SECONDS, "--results", bench.arguments.results),
    )
    say(f"  {report['jobs']} jobs are finished ({report['jobs_per_second']:.0f} a second)")
    return report["jobs"]


FILLS = {"waiting": fill_waiting, "finished": fill_finished}


def measure(bench, node):
    arguments = bench.arguments
    return bench.load(
        node,
        *("--seconds", arguments.seconds, "--warm-up", arguments.warm_up),
        *("--results", arguments.results),
    )


def sizes_of(arguments):
    return tuple(arguments.sizes or SIZES)


def grown(bench, place, kind):
    """Nodes of all sizes stand side by side and are measured in turn: a machine that becomes slower
    does so for all of them."""
    nodes = []
    for size in sizes_of(bench.arguments):
        say(f"\na store with {size} {kind} jobs")
        node = bench.node(place)
        FILLS[kind](bench, node, size)
        node.settle()
        nodes.append((size, node))
    runs = {size: [] for size, _ in nodes}
    for number in range(bench.arguments.rounds):
        for size, node in nodes if number % 2 == 0 else reversed(nodes):
            report = measure(bench, node)
            if report["lost"] or report["doubled"]:
                raise servers.Failed(f"jobs were lost or doubled: {report}")
            runs[size].append(report)
            say(
                f"{number + 1:>5}  {size:>8} {kind}: {report['jobs_per_second']:>7.0f} jobs/s, "
                f"{report['server_us_per_job']:6.1f} us/job, lease p50 "
                f"{report['latency']['lease']['p50_us'] / 1000:.2f} ms"
            )
    for _, node in nodes:
        node.stop()
    return runs


def cost_of(kind, runs):
    rows = {
        size: {
            "server_us_per_job": statistics.median(r["server_us_per_job"] for r in reports),
            "jobs_per_second": statistics.median(r["jobs_per_second"] for r in reports),
        }
        for size, reports in runs.items()
    }
    smallest = rows[min(rows)]
    say(f"\n{kind} jobs: cost of a job, by the size of the store")
    for size, row in rows.items():
        row["cost_ratio"] = row["server_us_per_job"] / smallest["server_us_per_job"]
        row["speed_ratio"] = row["jobs_per_second"] / smallest["jobs_per_second"]
        say(
            f"  {size:>8}  {row['server_us_per_job']:6.1f} us/job (x {row['cost_ratio']:.2f})   "
            f"{row['jobs_per_second']:7.0f} jobs/s (x {row['speed_ratio']:.2f})"
        )
    worst = max(row["cost_ratio"] for row in rows.values())
    flat = worst <= FLAT
    say(
        f"  a job costs at most {(worst - 1) * 100:.0f} % more than in the smallest store; "
        f"{(FLAT - 1) * 100:.0f} % is the limit: {'kept' if flat else 'NOT kept'}"
    )
    return {"by_size": rows, "is_flat": flat, "runs": runs}


def store_study(bench, place):
    kinds = bench.arguments.kind or list(FILLS)
    return {
        "study": "store",
        **{kind: cost_of(kind, grown(bench, place, kind)) for kind in kinds},
    }


def memory_study(bench, place):
    """Two points, so that what a node takes anyway cancels out."""
    node = bench.node(place)
    node.settle()
    idle = node.resident_bytes()
    say(f"an empty node: {idle / 1e6:.1f} MB")
    first, second = bench.arguments.sizes or (200_000, 1_000_000)
    points = []
    waiting = 0
    for size in (first, second):
        waiting = fill_waiting(bench, node, size - waiting)
        node.settle()
        points.append((waiting, node.resident_bytes()))
        say(f"  {waiting} jobs wait: {points[-1][1] / 1e6:.1f} MB")
    (jobs_before, bytes_before), (jobs_after, bytes_after) = points
    each = (bytes_after - bytes_before) / (jobs_after - jobs_before)
    disk = sum(path.stat().st_size for path in node.data.rglob("*") if path.is_file())
    say(f"a waiting job takes {each:.0f} bytes of memory; {disk / 1e6:.0f} MB lie on the disk")
    return {
        "study": "memory",
        "idle_bytes": idle,
        "points": [{"waiting": jobs, "resident_bytes": size} for jobs, size in points],
        "bytes_per_waiting_job": each,
        "disk_bytes": disk,
    }
