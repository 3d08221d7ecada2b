#!/usr/bin/env python3
"""SIGKILL at every write and sync of a run of 200 transactions: nothing acknowledged is lost.

strace kills the node as it enters the N-th call of one kind on one of its data files, for each kind
and N that a counted run shows; in the short form for a sample of them. After each kill the node
must be ready in under 5 s, and whatever was acknowledged must be there, once; what had no answer is
sent again under its key. At the end all books are compared, as in kill9.py.
"""

import collections
import os
import time

import harness
import kill9
from story import micro, until
from traced import FUNDED, Scenario, Tracer, cannot_trace

READY_SECONDS = 5
TRANSACTIONS = 200
POINTS_A_HOME = 100
FILE_CALLS = (
    *("write", "pwrite64", "writev", "pwritev2", "fdatasync", "fsync", "sync_file_range"),
    *("fallocate", "ftruncate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir"),
)


def audit(story, home, scenario, point, height):
    """After one kill: quick, the rest is for the end."""
    chain = home.get("/api/v1/chain")
    story.quiet_check(
        chain["height"] >= max([height, *(h for _, h in scenario.recent)]),
        f"after {point} the chain is not shorter than what was answered",
        (chain["height"], height, scenario.recent[-1:]),
    )
    for transaction, named in scenario.recent:
        found = home.get(f"/api/v1/transactions/{transaction}") or {}
        story.quiet_check(
            found.get("height") == named and found.get("status") == "applied",
            f"after {point} transaction {transaction} is in block {named}",
            found,
        )
    scenario.recent.clear()
    balance = lambda account: micro(home.get(f"/api/v1/accounts/{account.address}")["total"])
    sent = sum(scenario.sender.sent.values())
    left = balance(scenario.sender.account)
    # A transfer without an answer may have happened; once.
    under_way = len(scenario.sender.sent) + 1
    story.quiet_check(
        left in (FUNDED * 1_000_000 - sent, FUNDED * 1_000_000 - sent - under_way)
        and left + balance(scenario.sender.to) == FUNDED * 1_000_000,
        f"after {point} sender and receiver have what was sent, together all of it",
        (left, sent),
    )
    supply = home.get("/api/v1/supply")
    parts = sum(micro(supply[part]) for part in ("available", "staked", "unbonding", "escrow"))
    story.quiet_check(
        supply["balanced"] is True and parts == micro(supply["minted"]) == harness.SUPPLY_MICRO,
        f"after {point} all balances together are the genesis supply",
        supply,
    )
    return chain["height"]


def kill_at(story, home, tracer, scenario, point, state):
    """Under a node that is (or will be) killed at a point: work until it dies, restart, audit."""
    kind, call, number = point
    arm(tracer, *point)
    if tracer.process.poll() is None and tracer.wait_ready():
        scenario.run(10 if kind == "start and stop" else TRANSACTIONS, tracer.is_dead)
        if tracer.process.poll() is None and kind == "start and stop":
            tracer.process.terminate()
            until(lambda: tracer.process.poll() is not None, 20, 0.002)
    name = f"SIGKILL at {call} {number} ({kind})"
    if tracer.process.poll() is None:
        state["missed"] += 1
        tracer.process.kill()
    tracer.process.wait()
    state["killed"] += tracer.process.returncode == -9
    if not tracer.node.start():
        story.need(False, f"the node starts after {name}", tracer.process.log.read_text()[-1500:])
    state["height"] = audit(story, home, scenario, name, state["height"])


def counted_run(story, home, tracer, scenario):
    """How many calls of each kind 200 transactions make, on which file."""
    traced = ("-e", "trace=" + ",".join("?" + call for call in FILE_CALLS), "-y")
    tracer.start(*traced)
    story.need(tracer.wait_ready(), "the node starts under strace")
    scenario.run(5)
    tracer.stop()
    start_and_stop = {call: n for call, n in tracer.count().items() if n}
    tracer.node.start()
    log, wal = tracer.data_files()
    can_attach = tracer.attach("-P", log, "-P", wal, "-e", "trace=" + ",".join(FILE_CALLS[:7]))
    scenario.run(TRANSACTIONS)
    tracer.process.kill()
    tracer.process.wait()
    time.sleep(0.1)  # the tracer writes its last lines
    counts = tracer.count(only_path=True) if can_attach else {}
    story.need(tracer.node.start(), "the node starts again")
    return start_and_stop, counts, can_attach


def points_of(start_and_stop, counts):
    """Every point: kind, call, number."""
    points = []
    for call, count in sorted(start_and_stop.items()):
        points += [("start and stop", call, number) for number in range(1, count + 1)]
    for call, count in sorted(counts.items()):
        kind = "state" if call == "write" else "block log"
        points += [(kind, call, number) for number in range(1, count + 1)]
    return points


def arm(tracer, kind, call, number):
    """Sees to it that the node dies at this point."""
    flags = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    if kind == "start and stop":
        tracer.stop()
        tracer.start(*flags)
    else:
        log, wal = tracer.data_files()
        tracer.attach("-P", wal if kind == "state" else log, *flags)


def sample(points, per_kind):
    """The first and last of each kind and call, and some between at even distances."""
    groups = collections.defaultdict(list)
    for point in points:
        groups[point[:2]].append(point)
    chosen = []
    for (kind, _), group in groups.items():
        many = min(len(group), per_kind[kind])
        steps = {round(i * (len(group) - 1) / max(1, many - 1)) for i in range(many)}
        chosen += [group[i] for i in sorted(steps)]
    return chosen


def settle(story, home, arguments):
    """A node by itself in its home, and users with money."""
    config_file = home.up("--no-miner")["config_file"]
    home.down()
    # The state follows the log closely, so that its writes are many.
    home.environment["AITBC_STORAGE__FLUSH_INTERVAL_MS"] = "10"
    tracer = Tracer(home, config_file)
    story.need(tracer.node.start(), "the node starts by itself", home.log_tails())
    scenario = Scenario(home, arguments.seed)
    scenario.begin(story)
    return tracer, scenario


def killed_at_each(story, home, arguments, tracer, scenario, chosen, state):
    state["height"] = 0
    for point in chosen:
        kill_at(story, home, tracer, scenario, point, state)
    state["slowest"] = max(state["slowest"], *tracer.node.ready_seconds)
    scenario.run(10)  # settles what had no answer
    story.check(True, f"{scenario.transactions} transactions, {scenario.repeats} sent again")
    scenario.books_agree(story)
    kill9.keys_are_remembered(story, scenario.client, scenario.sender, arguments)
    tracer.stop()
    story.check(tracer.process.returncode == 0, "SIGTERM ends the node in order")


def tell(story, home, arguments):
    if cannot_trace():
        story.skip(f"kills at single calls: {cannot_trace()}")
        return
    tracer, scenario = settle(story, home, arguments)
    tracer.stop()
    story.chapter(f"The write points of {TRANSACTIONS} transactions")
    start_and_stop, counts, can_attach = counted_run(story, home, tracer, scenario)
    if not can_attach:
        story.skip("points under load: this machine does not let strace attach to a process")
    points = points_of(start_and_stop, counts)
    for kind in ("start and stop", "block log", "state"):
        calls = collections.Counter(point[1] for point in points if point[0] == kind)
        story.say(f"       {kind}: " + ", ".join(f"{n} {call}" for call, n in calls.items()))
    per_kind = {"start and stop": 3, "block log": 9, "state": 6}
    chosen = points[arguments.first :] if arguments.all else sample(points, per_kind)
    story.check(len(points) > 100, f"{len(points)} points; {len(chosen)} are tried")

    state = {"killed": 0, "missed": 0, "slowest": 0}
    for begin in range(0, len(chosen), POINTS_A_HOME):
        part = chosen[begin : begin + POINTS_A_HOME]
        story.chapter(f"Killed at each of them: {begin + 1} to {begin + len(part)}")
        if begin == 0:
            killed_at_each(story, home, arguments, tracer, scenario, part, state)
            continue
        # A chain that grew for hours would test something else.
        fresh = harness.Home(story, home.bin)
        try:
            killed_at_each(
                story, fresh, arguments, *settle(story, fresh, arguments), part, state
            )
        finally:
            fresh.close()
    story.check(
        state["killed"] >= len(chosen) * 9 // 10,
        f"{state['killed']} of {len(chosen)} kills came at their point; at {state['missed']} the "
        "run made fewer calls than the counted one",
    )
    story.check(
        state["slowest"] < READY_SECONDS, f"it was ready again after {state['slowest']:.2f} s at most"
    )


def add_arguments(parser):
    is_long = os.environ.get("AITBC_TEST_LONG") == "1"
    parser.add_argument(
        "--all", action="store_true", default=is_long, help="every point, not a sample"
    )
    parser.add_argument("--first", type=int, default=0, help="of --all: from this point on")


if __name__ == "__main__":
    is_long = os.environ.get("AITBC_TEST_LONG") == "1"
    harness.main(
        tell,
        __doc__.splitlines()[0],
        limit_s=7000 if is_long else 300,
        add_arguments=add_arguments,
    )
