#!/usr/bin/env python3
"""A disk that fills up: new work is refused in time, and taken again when there is space.

What is there is answered all the while, and nobody has to start anything again. The disk is a tmpfs
of limited size in a user and mount namespace, which the script enters by running itself again
(unshare -Urm).
"""

import os
import shutil
import subprocess
import sys
import threading

import harness
from story import Story, until
from traced import Scenario, Tracer

IN_ROOM = "AITBC_IN_ROOM"
DISK_MB = 224
MEBIBYTE = 1024 * 1024


class Disk:
    """The small disk under the home, and a file that takes its space."""

    def __init__(self, folder):
        self.folder = folder
        self.ballast = folder / "ballast"

    def mount(self):
        options = f"size={DISK_MB}m,mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder], check=True)

    def free_mb(self):
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize / MEBIBYTE

    def leave(self, megabytes):
        """Fills it until so much is free; 0 takes the last block."""
        self.clear()
        with open(self.ballast, "wb") as file:
            block = b"\1" * 65536
            try:
                while self.free_mb() > megabytes:
                    file.write(block)
                    file.flush()
            except OSError:
                return

    def clear(self):
        self.ballast.unlink(missing_ok=True)


def is_refused(answer):
    return answer.status == 429 and answer.code == "limit_reached" and b"MiB are free" in answer.body


def readiness(home):
    return home.http("GET", "/readyz?verbose=1", timeout=5)


def refused_in_time(story, home, disk, tracer, scenario):
    story.chapter("Below the limit")
    pid = tracer.process.pid
    disk.leave(60)
    client = scenario.client.account
    until(lambda: readiness(home).status == 503, 3)
    refused = client.submit("again", key="full")
    story.check(
        is_refused(refused),
        f"with {disk.free_mb():.0f} MiB free a job is refused, with the reason",
        refused.body,
    )
    ready = readiness(home)
    story.check(
        ready.status == 503 and "almost full" in ready.json().get("problem", ""),
        "the node is not ready and says why",
        ready.body,
    )
    job = next(iter(scenario.client.jobs.values()))
    story.check(
        home.http("GET", f"/api/v1/jobs/{job}").status == 200
        and home.get("/api/v1/supply")["balanced"],
        "jobs and balances are still answered",
    )
    dry = home.http(
        "POST",
        "/api/v1/jobs?dry_run=true",
        {"data": {"prompt": "what if"}},
        account=client.address,
    )
    story.check(dry.status == 200, "a dry run still tells what would happen", dry.body)
    disk.clear()
    back = until(lambda: client.submit("again", key="full").status == 200, 3)
    story.check(back, "when there is space, the same job is taken, without a restart")
    made = client.submit("again", key="full").json()["job_id"]
    story.check(
        readiness(home).status == 200 and tracer.process.pid == pid, "and the node is ready again"
    )
    return made


def filled_at_random(story, home, disk, tracer, scenario, arguments):
    story.chapter(f"Filled to the last block, {arguments.times} times under load")
    alive = 0
    for _ in range(arguments.times):
        worker = threading.Thread(target=scenario.run, args=(arguments.random.randrange(30, 90),))
        worker.start()
        arguments.random.choice((lambda: None, lambda: worker.join(0.05)))()
        disk.leave(0)
        # The fuller disk is seen within a quarter of a second; reading goes on throughout.
        seen = until(lambda: readiness(home).status == 503, 3)
        reads = home.http("GET", "/api/v1/chain").status == 200
        disk.clear()
        worker.join(60)
        alive += seen and reads and not worker.is_alive() and tracer.process.poll() is None
    story.check(
        alive == arguments.times,
        f"{alive} times it refused, answered reads, and went on when there was space",
        tracer.process.log.read_text()[-1500:],
    )


def killed_while_full(story, home, disk, tracer):
    story.chapter("kill -9 on a full disk")
    disk.leave(0)
    tracer.process.kill()
    tracer.process.wait()
    since = tracer.process.log.stat().st_size
    tracer.node.start(wait=False)
    up = until(
        lambda: tracer.process.poll() is not None or home.get("/api/v1/chain") is not None, 10
    )
    text = tracer.process.log.read_text()[since:]
    if tracer.process.poll() is None:
        story.check(up and readiness(home).status == 503, "it starts and takes nothing")
        disk.clear()
        tracer.process.kill()
        tracer.process.wait()
    else:
        story.check(
            tracer.process.returncode in (6, 7) and "space" in text.lower(),
            "it does not start, and says that the disk is full",
            (tracer.process.returncode, text[-800:]),
        )
        disk.clear()
    story.need(tracer.node.start(), "with space it starts", tracer.process.log.read_text()[-1500:])


def tell(story, home, arguments):
    disk = Disk(home.home)
    disk.mount()
    # A new file of the log has to fit beside the limit of 64 MiB.
    home.environment["AITBC_STORAGE__SEGMENT_BYTES"] = str(16 * MEBIBYTE)
    config_file = home.up("--no-miner")["config_file"]
    home.down()
    tracer = Tracer(home, config_file)
    story.need(tracer.node.start(), "a node works on a small disk", home.log_tails())
    scenario = Scenario(home, arguments.seed)
    scenario.expected.add("limit_reached")
    scenario.begin(story)
    scenario.run(20)
    late = refused_in_time(story, home, disk, tracer, scenario)
    filled_at_random(story, home, disk, tracer, scenario, arguments)
    killed_while_full(story, home, disk, tracer)
    story.chapter("After all that")
    scenario.run(20)
    scenario.finish_cycle()
    found = home.get(f"/api/v1/jobs/{late}") or {}
    story.check(found.get("job_id") == late, "the job that was taken late is there", found)
    gone = [
        (transaction, height)
        for load in scenario.loads
        for transaction, height in load.acknowledged.items()
        if (home.get(f"/api/v1/transactions/{transaction}") or {}).get("height") != height
    ]
    count = sum(len(load.acknowledged) for load in scenario.loads)
    story.check(not gone, f"{count} acknowledged transactions are in their blocks", gone[:3])
    story.check(not scenario.strange, "no answer made no sense", scenario.strange.most_common(3))
    story.check(home.get("/api/v1/supply")["balanced"], "the money adds up")
    tracer.stop()
    story.check(tracer.process.returncode == 0, "SIGTERM ends the node in order")


def enter_room():
    """Runs this script again where it may mount; returns only where that is not allowed."""
    if shutil.which("unshare"):
        room = ["unshare", "-Urm"]
        tried = subprocess.run(
            [*room, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        )
        if tried.returncode == 0:
            environment = {**os.environ, IN_ROOM: "1"}
            words = [*room, sys.executable, "-B", os.path.abspath(__file__), *sys.argv[1:]]
            os.execvpe("unshare", words, environment)
    story = Story(__doc__.splitlines()[0])
    story.skip("a full disk: this machine allows no user namespace with a tmpfs of its own")
    sys.exit(story.finish())


if __name__ == "__main__":
    if os.environ.get(IN_ROOM) != "1":
        enter_room()
    is_long = os.environ.get("AITBC_TEST_LONG") == "1"
    harness.main(
        tell,
        __doc__.splitlines()[0],
        limit_s=900 if is_long else 150,
        add_arguments=lambda parser: parser.add_argument(
            "--times", type=int, default=100 if is_long else 10, help="how often it is filled"
        ),
    )
