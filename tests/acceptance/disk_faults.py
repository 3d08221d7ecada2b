#!/usr/bin/env python3
"""A disk that fails, limits of the system, a process that is stopped: the real node under each.

strace makes single calls of the node fail. After a failed write or sync the node must end by itself
with its exit code and a sentence that names the file and the system's reason; nothing may have been
acknowledged without its sync. In the end all books are compared, as in kill9.py.
"""

import os
import resource
import shutil
import signal
import socket
import threading
import time

import harness
import kill9
from story import until
from traced import Scenario, Tracer, cannot_trace

STORAGE_FAILED = 7  # exit code
RSS_MAX_MB = 250


def tail_of(tracer, since):
    return tracer.process.log.read_text(errors="replace")[since:]


def restart(story, tracer, after):
    tracer.process.wait()
    story.need(tracer.node.start(), f"it starts again after {after}", tail_of(tracer, 0)[-1500:])


def a_call_fails(story, home, tracer, scenario, call, errno, reason, number):
    """The N-th call on the block log's file fails."""
    segment, _ = tracer.data_files()
    tracer.stop()
    since = tracer.process.log.stat().st_size
    tracer.start(
        *("-P", segment, "-e", f"trace={call}"),
        *("-e", f"inject={call}:error={errno}:when={number}"),
    )
    story.need(tracer.wait_ready(), "the node starts under strace", tail_of(tracer, since))
    before = home.get("/api/v1/chain")["height"]
    scenario.recent.clear()
    scenario.run(300, tracer.is_dead)
    name = f"{errno} at {call} {number} of the block log"
    if not story.check(tracer.process.poll() is not None, f"the node ends after {name}"):
        tracer.process.kill()
    text = tail_of(tracer, since)
    told = segment in text and reason in text
    story.check(
        tracer.process.wait() == STORAGE_FAILED and told,
        f"after {name} it ends with {STORAGE_FAILED}, naming file and reason",
        (tracer.process.returncode, text[-800:]),
    )
    # Each block needs a sync of its own before anybody is told of it.
    answered = max([height for _, height in scenario.recent], default=before)
    synced = number - 1 if call == "fdatasync" else number
    story.check(
        answered <= before + synced,
        "nothing was acknowledged that was not synced",
        (before, answered, number),
    )
    restart(story, tracer, name)


def the_state_cannot_be_written(story, home, tracer, scenario, errno, reason):
    """RocksDB's log fails; the block log is whole, so that nothing is lost."""
    _, wal = tracer.data_files()
    since = tracer.process.log.stat().st_size
    if not tracer.attach("-P", wal, "-e", "trace=write", "-e", f"inject=write:error={errno}:when=2"):
        story.skip("a failing write of the state: strace may not attach to a process here")
        return
    scenario.run(300, tracer.is_dead)
    if tracer.process.poll() is None:  # idle: it is told with the next block
        scenario.run(300, tracer.is_dead)
    name = f"{errno} at a write of the state"
    text = tail_of(tracer, since)
    ended = tracer.process.poll() is not None
    story.check(
        ended and tracer.process.returncode == STORAGE_FAILED and reason in text and wal in text,
        f"after {name} it ends with {STORAGE_FAILED}, naming file and reason",
        (tracer.process.returncode, text[-800:]),
    )
    if not ended:
        tracer.process.kill()
    restart(story, tracer, name)


def a_file_may_not_grow(story, home, tracer, scenario):
    segment, _ = tracer.data_files()
    tracer.stop()
    with open(segment, "rb") as file:
        used = len(file.read().rstrip(b"\0"))
    limit = max(used + 40_000, 1_500_000)
    since = tracer.process.log.stat().st_size
    tracer.start_through("prlimit", f"--fsize={limit}")
    if not tracer.wait_ready():
        text = tail_of(tracer, since)
    else:
        while not scenario.run(300, tracer.is_dead) is False and tracer.process.poll() is None:
            continue
        text = tail_of(tracer, since)
    story.check(
        tracer.process.wait() == STORAGE_FAILED and "File too large" in text,
        f"at a limit of {limit} bytes a file it ends with {STORAGE_FAILED} and says why",
        (tracer.process.returncode, text[-800:]),
    )
    restart(story, tracer, "a limit on the size of files")


def few_descriptors(story, home, tracer, scenario):
    tracer.stop()
    since = tracer.process.log.stat().st_size
    tracer.start_through("prlimit", "--nofile=64")
    if not story.check(
        tracer.wait_ready(), "with 64 descriptors the node starts", tail_of(tracer, since)[-800:]
    ):
        return restart(story, tracer, "64 descriptors")
    honest = harness.UnixConnection(home.socket, 10)
    ask = lambda: (honest.request("GET", "/api/v1/chain"), honest.getresponse().read())[1]
    ask()
    crowd = []
    for _ in range(200):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(0.2)
        try:
            client.connect(str(home.socket))
        except OSError:
            client.close()
            continue
        crowd.append(client)
    answered = 0
    for _ in range(20):
        try:
            answered += b"height" in ask()
        except (OSError, harness.http.client.HTTPException):
            honest.close()
    # An idle connection may have to make place for a newcomer; asking again opens a new one.
    story.check(answered >= 18, f"{len(crowd)} idle clients do not push out one at work", answered)
    for client in crowd:
        client.close()
    honest.close()
    back = until(lambda: home.http("GET", "/readyz", timeout=5).status == 200, 10)
    story.check(
        back and tracer.process.poll() is None and scenario.run(20, tracer.is_dead),
        "when they are gone it works as before",
        tail_of(tracer, since)[-800:],
    )
    tracer.stop()
    restart(story, tracer, "64 descriptors")


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) // 1024, int(fields["VmSize"].split()[0]) * 1024


def little_memory(story, home, tracer, scenario):
    """Far more work than fits: refused or done, in bounded memory, under a limit."""
    _, size = resident_mb(tracer.process.pid)
    tracer.stop()
    since = tracer.process.log.stat().st_size
    tracer.start_through("prlimit", f"--as={size + 400 * 1024 * 1024}")
    story.need(tracer.wait_ready(), "it starts under a memory limit", tail_of(tracer, since)[-800:])
    body = "x" * 250_000
    statuses = []

    def flood(number):
        for i in range(12):
            answer = scenario.client.account.submit(body, key=f"big-{number}-{i}")
            statuses.append((answer.status, answer.code))

    threads = [threading.Thread(target=flood, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    peak = resident_mb(tracer.process.pid)[0] if tracer.process.poll() is None else 0
    odd = {row for row in statuses if row[0] not in (200, 429, 503)}
    story.check(
        tracer.process.poll() is None and not odd and peak < RSS_MAX_MB,
        f"96 MB of jobs from 32 clients under a memory limit: alive, {peak} MB at most",
        (tracer.process.poll(), odd, peak, tail_of(tracer, since)[-800:]),
    )
    done = sum(status == 200 for status, _ in statuses)
    story.check(done > 0, f"{done} of {len(statuses)} were taken")
    mine = kill9.every_job(home, scenario.client.account)
    story.check(
        len(mine) >= done + len(scenario.client.jobs), "each of them is there", (len(mine), done)
    )
    scenario.others = {job["job_id"] for job in mine} - set(scenario.client.jobs.values())
    tracer.stop()
    restart(story, tracer, "a memory limit")


def stopped_for_a_while(story, home, tracer, scenario, seconds):
    """SIGSTOP in the middle of work: a machine that sleeps, a disk that hangs."""
    worker = threading.Thread(target=scenario.run, args=(400,))
    worker.start()
    time.sleep(0.1)
    tracer.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    tracer.process.send_signal(signal.SIGCONT)
    worker.join(60)
    story.check(
        not worker.is_alive() and tracer.process.poll() is None,
        f"stopped for {seconds} s under load it goes on",
    )


def tell(story, home, arguments):
    if shutil.which("prlimit") is None:
        story.skip("limits: prlimit is not installed (util-linux)")
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    config_file = home.up("--no-miner")["config_file"]
    home.down()
    tracer = Tracer(home, config_file)
    story.need(tracer.node.start(), "the node starts by itself", home.log_tails())
    scenario = Scenario(home, arguments.seed)
    scenario.begin(story)
    scenario.run(20)

    if cannot_trace():
        story.skip(f"calls that fail: {cannot_trace()}")
    else:
        failing_calls(story, home, tracer, scenario, arguments)

    story.chapter("Limits of the system")
    a_file_may_not_grow(story, home, tracer, scenario)
    few_descriptors(story, home, tracer, scenario)
    stopped_for_a_while(story, home, tracer, scenario, 5)

    story.chapter("After all that")
    scenario.books_agree(story)
    little_memory(story, home, tracer, scenario)
    tracer.stop()
    story.check(tracer.process.returncode == 0, "SIGTERM ends the node in order")


def failing_calls(story, home, tracer, scenario, arguments):
    story.chapter("Calls on the block log that fail")
    for call, errno, reason in (
        ("fdatasync", "EIO", "Input/output error"),
        ("fdatasync", "ENOSPC", "No space left on device"),
        ("pwrite64", "ENOSPC", "No space left on device"),
        ("pwrite64", "EIO", "Input/output error"),
        ("fdatasync", "EDQUOT", "Disk quota exceeded"),
    ):
        for _ in range(arguments.times):
            number = arguments.random.randrange(1, 60)
            a_call_fails(story, home, tracer, scenario, call, errno, reason, number)
    story.chapter("A state that cannot be written")
    for errno, reason in (("EIO", "Input/output error"),):
        the_state_cannot_be_written(story, home, tracer, scenario, errno, reason)


if __name__ == "__main__":
    is_long = os.environ.get("AITBC_TEST_LONG") == "1"
    harness.main(
        tell,
        __doc__.splitlines()[0],
        limit_s=1500 if is_long else 300,
        add_arguments=lambda parser: parser.add_argument(
            "--times", type=int, default=20 if is_long else 1, help="how often each call fails"
        ),
    )
