#!/usr/bin/env python3
"""A hostile half hour: lies, floods, replays, slow crowds and files that bite; nothing gives way.

Without more words, one round of everything in about a minute. AITBC_TEST_LONG=1 repeats the rounds
with new seeds for thirty minutes. Each attack gets its clear answer; in between and in the end the
node is up, was never restarted, holds its memory flat, and all money is where it was.
"""

import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import time

import careless
import harness
import hostile
import odd_bytes
import slow_clients
from people import People
from secrets_hunt import PASSWORD, Canaries
from story import until

LONG_SECONDS = 30 * 60
MEMORY_GROWTH_KB = 48 * 1024


def resident_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE).group(1))


# ---- doors ----


def doors_that_stay_shut(story, home):
    story.chapter("Doors that stay shut")
    config = home.home / "config" / "node.toml"
    elsewhere = ["--set", f"node.data_dir={home.work}/other"]
    everywhere = ["--set", "gateway.tcp_host=0.0.0.0"]
    ran = home.run("--config", config, *elsewhere, *everywhere, program="aitbcd")
    story.check(
        ran.code == 2 and "unsafe_public_bind" in ran.err,
        "the node does not listen for other machines unless it is told so twice (exit 2)",
        str(ran) + ran.err,
    )
    for name in ("wallet.password", "api.token", "node.key"):
        mode = (home.data / name).stat().st_mode & 0o777
        story.quiet_check(mode == 0o600, f"{name} is its owner's alone", oct(mode))
    loose = [
        (str(path.relative_to(home.home)), oct(path.stat().st_mode & 0o777))
        for path in home.data.rglob("*")
        if not path.is_symlink() and not path.is_socket() and path.stat().st_mode & 0o022
    ]
    story.check(not loose, "no file of the node may be written by others", loose)
    mode = (home.data / "node.sock").stat().st_mode & 0o777
    story.check(mode == 0o600, "its socket is its owner's alone", oct(mode))


def on_a_terminal(home, words):
    """What a terminal of 200 columns is shown, and the exit status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(home.bin / "aitbc"), *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home.work,
        env={**home.environment, "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "200"},
    )
    os.close(theirs)
    shown = b""
    try:
        while more := os.read(ours, 65536):
            shown += more
    except OSError:
        pass  # the other end is closed: that is how a terminal ends
    os.close(ours)
    return shown.decode(errors="replace"), process.wait(30)


def an_exposed_and_narrow_node(story, home):
    """Another home: a node that other machines may reach, with 256 descriptors in all."""
    story.chapter("A node in the open, with few descriptors")
    other = harness.Home(story, home.bin)
    try:
        other.environment["AITBC_GATEWAY__UNSAFE_PUBLIC_BIND"] = "true"
        other.environment["AITBC_GATEWAY__TCP_HOST"] = "0.0.0.0"
        ran = other.shell("ulimit -n 256 && aitbc up --no-miner -o json")
        if not story.check(ran.code == 0, "it comes up", ran.err + other.log_tails()):
            return
        port = hostile.tcp_port(other)
        token = (other.data / "api.token").read_text().strip()
        named = {"Authorization": f"Bearer {token}"}
        for path in ("/metrics", "/api/v1/status"):
            bare = other.http("GET", path, tcp=port)
            right = other.http("GET", path, tcp=port, headers=named)
            story.check(
                bare.status == 401 and bare.code == "unauthenticated" and right.status == 200,
                f"{path} is shown to those with a token only ({bare.status}, {right.status})",
                (bare, right),
            )
        crowd = slow_clients.Attack(port, 300, 4, 1)
        try:
            until(lambda: crowd.figures()["opened"] >= 300, 15, 0.1)
            held = crowd.figures()["open"]
            submitted = other.run("client", "submit", "--prompt", "x", "-c", "region=nowhere")
            story.check(
                held < 256 and submitted.code == 0,
                f"{held} of 300 slow connections are held, and a job is still taken",
                submitted.err + other.log_tails(),
            )
            right = other.http("GET", "/metrics", tcp=port, headers=named)
            story.check(right.status == 200, "and a newcomer over TCP finds a place", right)
        finally:
            crowd.stop()
        other.down()
    finally:
        other.close()


def terminals(story, home, people):
    story.chapter("Texts that would take over a terminal")
    job = people.rich.submit("say " + odd_bytes.ESCAPES).json()["job_id"]
    polled = people.miner.poll(1)
    story.need(polled and polled[0]["job_id"] == job, "a miner has leased a job", polled)
    done = people.miner.complete(polled[0], "done " + odd_bytes.ESCAPES)
    story.need(done.status == 200, "its result says worse", done)
    lines = [
        ("client", "status", job),
        ("client", "result", job),
        ("client", "list"),
        ("client", "receipt", job),
        ("explain", "job", job),
        ("client", "submit", "--dry-run", "--prompt", "x", "--model", odd_bytes.ESCAPES),
        ("client", "status", odd_bytes.ESCAPES),
        ("wallet", "show", odd_bytes.ESCAPES),
        (odd_bytes.ESCAPES,),
    ]
    shown = 0
    for words in lines:
        for form in ("table", "wide", "name"):
            shown += 1
            out, code = on_a_terminal(home, [*words, "-o", form])
            raw = re.search("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]", out.replace("\r\n", "\n"))
            story.quiet_check(
                not raw,
                f"{words!r:.60} -o {form} (exit {code}) shows no control character",
                repr(out[max(0, raw.start() - 80) :][:200]) if raw else "",
            )
    story.check(True, f"{shown} outputs of such texts were looked at")


# ---- model files ----


def planted_models(random):
    """Files that call themselves models, by what they try."""
    word, long = "<I", "<Q"
    head = b"GGUF" + struct.pack(word, 3)
    text = lambda content: struct.pack(long, len(content)) + content
    tensor = (
        text(b"t") + struct.pack(word, 2) + struct.pack(long, 2**40) * 2 + struct.pack(word, 0)
    )
    return {
        "no-model": b"#!/bin/sh\nexit 0\n",
        "a-trillion-keys": head + struct.pack("<QQ", 0, 10**12),
        "a-trillion-tensors": head + struct.pack("<QQ", 2**63, 0),
        "endless-text": head + struct.pack("<QQ", 0, 1) + struct.pack(long, 2**62) + b"x" * 64,
        "wrapping-sizes": head + struct.pack("<QQ", 1, 0) + tensor + struct.pack(long, 0),
        "nested-arrays": head
        + struct.pack("<QQ", 0, 1)
        + text(b"a")
        + (struct.pack(word, 9) + struct.pack(word, 9) + struct.pack(long, 1)) * 5_000,
        "noise": head + random.randbytes(20_000),
    }


def serving_port(home):
    """Of the inference port, once somebody answers: the node may still tell of the last one."""
    url = home.query("status")["inference_url"]
    port = int(url.rstrip("/").rsplit(":", 1)[1]) if url else None
    return port if port and home.http("GET", "/api/version", tcp=port).status == 200 else None


def biting_models(story, home, random):
    story.chapter("Model files that bite")
    folder = pathlib.Path(home.environment["AITBC_MINER__MODELS_DIR"])
    planted = planted_models(random)
    for name, content in planted.items():
        (folder / f"{name}.gguf").write_bytes(content)
        ran = home.run("--role", "gguf-check", "--", folder / f"{name}.gguf", program="aitbcd")
        story.check(
            ran.code in (2, 6) and ran.error_code in ("malformed", "unsupported", "limit_reached"),
            f"{name}: the check ends with {ran.code} {ran.error_code}",
            str(ran) + ran.err,
        )
    started = home.run("miner", "start", "-o", "json")
    port = until(lambda: serving_port(home), 60, 0.2) if started.code == 0 else None
    if not story.check(port, "a miner serves beside such files", started.err + home.log_tails()):
        return
    miner = json.loads((home.data / "run" / "miner.pid").read_text().split("\n")[0].split()[0])
    hello = {"prompt": "Hi", "stream": False, "options": {"num_predict": 2}}
    for name in [*planted, "../../etc/passwd", "/etc/passwd", "..", "a" * 5_000, odd_bytes.ESCAPES]:
        answer = home.http("POST", "/api/generate", {**hello, "model": name}, tcp=port)
        said = answer.json() or {}
        story.quiet_check(
            400 <= answer.status < 500 and said.get("error") and b"root:" not in answer.body,
            f"{name[:40]!r} is asked for and refused",
            (answer.status, answer.body[:300]),
        )
    answer = home.http("POST", "/api/generate", {**hello, "model": "llama3"}, tcp=port)
    story.check(answer.status == 200, "the miner answers with the right model as before", answer)
    alive = pathlib.Path(f"/proc/{miner}").exists()
    story.check(alive, "it is the same process", home.log_tails())
    home.run("miner", "stop")


# ---- the whole ----


def round_of_hands(story, home, people, port, random, is_first):
    odd_bytes.odd_bodies(story, home, people, random)
    odd_bytes.ambiguous_bytes(story, port)
    odd_bytes.odd_paths(story, home, port)
    odd_bytes.asking_too_often(story, home, port, random)
    careless.wrong_passwords_and_modes(story, home, people)
    careless.paying_wrongly(story, home, people)
    careless.results_nobody_wants(story, home, people)
    hostile.transactions_sent_again(story, home, people)
    hostile.careless_requests(story, home, people)
    terminals(story, home, people)
    doors_that_stay_shut(story, home)
    if is_first:
        hostile.without_a_token(story, home, people)
        an_exposed_and_narrow_node(story, home)
    biting_models(story, home, random)


def crash_of_a_node(story, home, canaries):
    story.chapter("A node that crashes")
    before = home.query("chain", "supply")
    node = home.query("status")["pid"]
    folder, dumps = canaries.crash(node, signal.SIGSEGV)

    def another_answers():
        answer = home.http("GET", "/api/v1/status").json()
        return answer and answer["ready"] and answer["pid"] != node

    back = until(another_answers, 20, 0.2)
    story.check(back, "the supervisor brings it back", home.log_tails())
    canaries.no_new_dump(folder, dumps)
    story.check(home.query("chain", "supply") == before, "and all money is there as before")


def tell(story, home, arguments):
    is_long = os.environ.get("AITBC_TEST_LONG") == "1"
    models = home.home / "models"
    models.mkdir()
    home.environment["AITBC_MINER__MODELS_DIR"] = str(models)
    home.environment["AITBC_MINER__MODEL"] = harness.SYNTHETIC
    home.environment["AITBC_MODELS__ALIASES"] = f"llama3={harness.SYNTHETIC}"
    # Whoever exports a password and then starts the node must not hand it down.
    home.environment["AITBC_WALLET_PASSWORD"] = PASSWORD
    people = People(story, home, arguments)
    del home.environment["AITBC_WALLET_PASSWORD"]
    port = hostile.tcp_port(home)
    story.need(port, "the node serves over TCP too", home.log_tails())
    canaries = Canaries(story, home)
    canaries.plant()
    node = home.query("status")["pid"]
    canaries.no_core_dumps(home.supervised())
    end = time.monotonic() + (LONG_SECONDS if is_long else 0)
    memory = []
    for number in range(10_000):
        if number:
            story.say(f"\n==== round {number + 1}, seed {arguments.seed} + {number}")
            arguments.random.seed(arguments.seed + number)
            people.renew(story, home)
        round_of_hands(story, home, people, port, arguments.random, is_first=number == 0)
        if not arguments.no_crowd:
            slow_clients.honest_beside_slow(
                story, home, port, arguments, rounds=5, seconds=6 if is_long else 3
            )
        memory.append(resident_kb(node))
        story.say(f"       the node holds {memory[-1]} kB")
        if number + 1 >= arguments.rounds and time.monotonic() >= end:
            break
    memory_is_flat(story, memory)
    canaries.hunt()
    careless.nothing_is_lost(story, home)
    story.check(home.query("status")["pid"] == node, "it is the same process as in the beginning")
    crash_of_a_node(story, home, canaries)
    canaries.in_files()
    home.down()


def add_arguments(parser):
    parser.add_argument("--rounds", type=int, default=1, help="at least so many")
    parser.add_argument(
        "--no-crowd", action="store_true", help="without the 5,000 slow connections"
    )


def memory_is_flat(story, memory):
    if len(memory) > 1:
        growth = memory[-1] - memory[0]
        story.check(growth < MEMORY_GROWTH_KB, f"memory grew by {growth} kB", memory)
    story.check(memory[-1] < 400 * 1024, f"the node holds {memory[-1]} kB in the end", memory)


if __name__ == "__main__":
    is_half_hour = os.environ.get("AITBC_TEST_LONG") == "1"
    harness.main(
        tell,
        __doc__.splitlines()[0],
        limit_s=LONG_SECONDS + 600 if is_half_hour else 380,
        add_arguments=add_arguments,
    )
