"""Dry runs: they change nothing, and foretell what the real run does."""

import re
import time

from surface import every_format, plans_of, rest_rows

# No transactions: their dry runs are told in many_chains.py.
HOSTING = {"chain create", "chain join"}
# What changes by itself: logs of processes, and RocksDB's own bookkeeping.
LIVING = (r"^data/logs/", r"^data/state/LOG", r"\.sock$")
# What only a real run can know: where and when it came to be, and ids that derive from it.
OF_THE_BLOCK = re.compile(
    r"(_id|_at|_hash|^height|^block_time|^transaction|^dry_run|^repeated|^payment)$"
)


def snapshot(home):
    """All that a dry run must leave alone; two looks must agree, for state is written behind."""

    def look():
        metrics = home.http("GET", "/metrics").body.decode()
        figures = {
            name: value
            for name, value in re.findall(r"^(aitbc_chain_\w+) (\S+)$", metrics, re.MULTILINE)
        }
        figures.pop("aitbc_chain_operations_refused_total", None)
        block = home.get("/api/v1/blocks/latest")
        return {
            "block": {name: block[name] for name in ("height", "hash", "state_commitment")},
            "height": home.get("/api/v1/chain")["height"],
            "figures": figures,
            "files": home.file_hashes(LIVING),
        }

    last = look()
    for _ in range(40):
        time.sleep(0.15)
        now = look()
        if now == last:
            return now
        last = now
    return last


def differences(before, after):
    found = [
        f"{name}: {before[name]} became {after[name]}"
        for name in ("block", "height", "figures")
        if before[name] != after[name]
    ]
    files = set(before["files"]) | set(after["files"])
    return found + [
        f"the file {name}"
        for name in sorted(files)
        if before["files"].get(name) != after["files"].get(name)
    ]


def outcome(value):
    """What a plan can foretell: all but ids, times and hashes."""
    if isinstance(value, dict):
        return {
            name: outcome(inner) for name, inner in value.items() if not OF_THE_BLOCK.search(name)
        }
    return [outcome(inner) for inner in value] if isinstance(value, list) else value


def planned_and_changed(story, home, words, line):
    """The plan, and what is not as it was. Things come due by themselves meanwhile, an unbonding
    for one; what a dry run itself changed it would change each time."""
    for _ in range(3):
        before = snapshot(home)
        planned = every_format(story, home, f"{words} --dry-run", [*line, "--dry-run"])
        changed = differences(before, snapshot(home)) if planned is not None else []
        if not changed:
            break
    return planned, changed


def dry_runs(story, home, commands, document, facts):
    story.chapter("Dry runs change nothing and foretell the outcome")
    rows = rest_rows(document)
    declared = {
        row["x-cli"].removeprefix("aitbc ")
        for _, _, row in rows.values()
        if "x-cli" in row
        and any(each.get("$ref", "").endswith("/dry_run") for each in row["parameters"])
    }
    declared -= HOSTING
    plans = plans_of(facts)
    story.check(
        declared == set(plans), f"{len(plans)} commands declare a dry run", declared ^ set(plans)
    )
    for words, more in plans.items():
        if words not in declared:
            continue
        line = [*words.split(), *more, "--idempotency-key", "dry-" + words.replace(" ", "-")]
        planned, changed = planned_and_changed(story, home, words, line)
        if planned is None:
            continue
        story.quiet_check(
            planned.get("dry_run") is True,
            f"`aitbc {words} --dry-run` says that it is one",
            planned,
        )
        story.check(not changed, f"`aitbc {words} --dry-run` changes nothing", changed[:8])
        real = home.run(*line, "-o", "json")
        if not story.check(
            real.code == 0 and not real.json().get("repeated"),
            f"`aitbc {words}` then runs for the first time: the key was not used up",
            str(real) + real.err,
        ):
            continue
        story.check(
            outcome(planned) == outcome(real.json()),
            "and its outcome was foretold",
            (outcome(planned), outcome(real.json())),
        )
        again = home.run(*line, "-o", "json")
        story.check(
            again.code == 0
            and again.json().get("repeated") is True
            and again.json()["transaction_hash"] == real.json()["transaction_hash"],
            "the same key again gives the stored outcome, and nothing is done twice",
            str(again) + again.err,
        )
