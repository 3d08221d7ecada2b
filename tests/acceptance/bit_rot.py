#!/usr/bin/env python3
"""Single bits flip in the log and the state of a node at rest: none of them is ever served.

A node is really used and stopped. For each flip its data directory is put back, one bit of one file
is turned, and the node started as a supervisor would: it must refuse, naming the file and what to
do; or build the state anew from the log and say so; or, where the bit meant nothing, give the same
answers. tests/unit/storage/rot_test.cpp does the same by the thousand without processes.
"""

import collections
import json
import os
import subprocess

import harness
from story import until
from traced import Scenario, Tracer

CORRUPT_DATA = 9  # exit code
STARTS_MAX = 3  # until a node that met damage has made it good
SEGMENT_BYTES = 16 * 1024 * 1024


class Answers:
    """What users would be told, of things that do not change any more."""

    def __init__(self, home, scenario):
        self.home = home
        height = home.get("/api/v1/chain")["height"]
        people = [load.account.address for load in scenario.loads]
        people.append(scenario.sender.to.address)
        self.paths = [f"/api/v1/accounts/{address}" for address in people]
        self.paths += ["/api/v1/supply"]
        self.paths += [f"/api/v1/blocks/{number}" for number in range(1, height + 1)]
        for job in scenario.miner.delivered:
            self.paths += [f"/api/v1/jobs/{job}{part}" for part in ("", "/result", "/receipt")]
        for load in scenario.loads:
            self.paths += [f"/api/v1/transactions/{each}" for each in load.acknowledged]
        self.good = self.ask()
        assert all(status == 200 for status, _ in self.good.values()), [
            (path, answer) for path, answer in self.good.items() if answer[0] != 200
        ][:3]

    def ask(self):
        """Every path's answer; None when the node went away."""
        connection = harness.UnixConnection(self.home.socket, 20)
        answers = {}
        try:
            for path in self.paths:
                connection.request("GET", path)
                answer = connection.getresponse()
                answers[path] = (answer.status, answer.read())
        except (OSError, harness.http.client.HTTPException):
            return None
        finally:
            connection.close()
        return answers

    def differences(self, answers):
        return [
            (path, good, answers[path])
            for path, good in self.good.items()
            if answers[path] != good and not self.same(path, good, answers[path])
        ]

    @staticmethod
    def same(path, good, other):
        """The height that an answer is of may grow: leases run out by the clock."""
        if good[0] != other[0]:
            return False
        left, right = (json.loads(each[1]) for each in (good, other))
        if not isinstance(left, dict) or "/blocks/" in path:
            return left == right
        moving = ("height", "at_height")
        strip = lambda document: {k: v for k, v in document.items() if k not in moving}
        return strip(left) == strip(right)


class Rest:
    """The data directory as the node left it, and how to damage it."""

    def __init__(self, home, random):
        self.home = home
        self.random = random
        self.copy = home.folder / "copy"
        self.take(home.data, self.copy)
        self.files = {"log": [], "state": []}
        for path in sorted(self.copy.rglob("*")):
            name = path.relative_to(self.copy)
            kind = "log" if name.parts[0].startswith("log-") else name.parts[0]
            if path.is_file() and kind in self.files:
                used = len(path.read_bytes().rstrip(b"\0"))
                if used:
                    self.files[kind].append((name, used))

    @staticmethod
    def take(source, target):
        subprocess.run(["rm", "-rf", str(target)], check=True)
        subprocess.run(["cp", "-a", "--sparse=always", str(source), str(target)], check=True)

    def flip(self, number):
        """Puts everything back and turns one bit; half of them in the log."""
        self.take(self.copy, self.home.data)
        name, used = self.random.choice(self.files["log" if number % 2 else "state"])
        offset, bit = self.random.randrange(used), self.random.randrange(8)
        path = self.home.data / name
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0] ^ (1 << bit)
            file.seek(offset)
            file.write(bytes([byte]))
        return name, f"{name} offset {offset} bit {bit}"


def kind_of(name):
    if name.suffix == ".seg":
        return "log segment"
    return {".sst": "table", ".log": "RocksDB's log"}.get(name.suffix, name.name.split("-")[0])


def fate_of(tracer, answers, home):
    """Starts the node until it settles. Answers (fate, detail)."""
    log = home.work / "process-node.log"
    began = log.stat().st_size if log.exists() else 0
    text = ""
    for _ in range(STARTS_MAX):
        since = log.stat().st_size if log.exists() else 0
        ready = tracer.node.start()
        told = answers.ask() if ready else None
        text = log.read_text(errors="replace")[since:]
        if told is not None:
            wrong = answers.differences(told)
            if wrong:
                return "WRONG", wrong[:2]
            whole = log.read_text(errors="replace")[began:]
            return ("repaired" if "state_rebuilt" in whole else "harmless"), ""
        until(lambda: tracer.process.poll() is not None, 5)
        if tracer.process.poll() != CORRUPT_DATA:
            return "WRONG", (tracer.process.poll(), text[-1000:])
    named = ".seg" in text or "/state" in text
    return ("refused" if named and "next:" in text.lower() else "WRONG"), text[-1000:]


def tell(story, home, arguments):
    home.environment["AITBC_STORAGE__SEGMENT_BYTES"] = str(SEGMENT_BYTES)
    config_file = home.up("--no-miner")["config_file"]
    home.down()
    tracer = Tracer(home, config_file)
    scenario = None
    for _ in range(3):  # each start turns RocksDB's own log into tables
        story.need(tracer.node.start(), "the node starts", home.log_tails())
        if scenario is None:
            scenario = Scenario(home, arguments.seed)
            scenario.begin(story)
        scenario.run(60)
        scenario.finish_cycle()
        tracer.process.kill()  # so that RocksDB's log holds something
        tracer.process.wait()
    rest = Rest(home, arguments.random)
    story.need(tracer.node.start(), "the node starts once more")
    answers = Answers(home, scenario)
    tracer.stop()
    many = sum(len(files) for files in rest.files.values())
    story.check(many > 5, f"{many} files to damage; {len(answers.paths)} answers to compare")

    story.chapter(f"{arguments.flips} flipped bits")
    fates = collections.defaultdict(collections.Counter)
    for number in range(arguments.flips):
        name, place = rest.flip(number)
        fate, detail = fate_of(tracer, answers, home)
        if tracer.process.poll() is None:
            tracer.process.kill()
            tracer.process.wait()
        fates[kind_of(name)][fate] += 1
        story.quiet_check(fate != "WRONG", f"a flip is never served: {place}", detail)
    for kind, counted in sorted(fates.items()):
        story.say(f"       {kind}: " + ", ".join(f"{n} {fate}" for fate, n in counted.items()))
    wrong = sum(counted["WRONG"] for counted in fates.values())
    story.check(wrong == 0, f"{arguments.flips} flips: refused, repaired or harmless")
    stopped = sum(
        counted["refused"] for kind, counted in fates.items() if kind != "log segment"
    )
    story.check(stopped == 0, "no damage of the state alone kept the node from working", stopped)
    rest.take(rest.copy, home.data)


if __name__ == "__main__":
    is_long = os.environ.get("AITBC_TEST_LONG") == "1"
    harness.main(
        tell,
        __doc__.splitlines()[0],
        limit_s=3000 if is_long else 200,
        add_arguments=lambda parser: parser.add_argument(
            "--flips", type=int, default=1000 if is_long else 24, help="how many bits"
        ),
    )
