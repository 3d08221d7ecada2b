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
import socket
import struct
import subprocess
import time

import careless
import harness
import hostile
import slow_clients
from people import People, balances
from secrets_hunt import PASSWORD, Canaries
from story import FALLEN_OUT, until

LONG_SECONDS = 30 * 60
MEMORY_GROWTH_KB = 48 * 1024
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5n"


def resident_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE).group(1))


# ---- JSON ----


def random_json(random, depth=0):
    """A value of any kind, the odd ones more often than people would send them."""
    odd = [
        "null",
        "true",
        "-0",
        "1e999",
        "-1e-999",
        "NaN",
        "Infinity",
        "18446744073709551616",
        "-9223372036854775809",
        "0.1",
        '""',
        '"\\ud800"',
        '"\\u0000"',
        '"ait1qqqq"',
        '"' + "9" * 400 + '"',
        '"-1"',
        '"1e3"',
        '"../../etc/passwd"',
        json.dumps(ESCAPES),
    ]
    if depth > 3 or random.random() < 0.6:
        return random.choice(odd)
    if random.random() < 0.5:
        return "[" + ",".join(random_json(random, depth + 1) for _ in range(3)) + "]"
    names = ["amount", "to", "data", "prompt", "model", "ttl", "constraints", "x", "__proto__"]
    return (
        "{"
        + ",".join(f'"{random.choice(names)}":{random_json(random, depth + 1)}' for _ in range(3))
        + "}"
    )


def odd_bodies(story, home, people, random, count=250):
    story.chapter(f"{count} requests of random JSON")
    routes = [
        "/api/v1/jobs?dry_run=true",
        "/api/v1/faucet?dry_run=true",
        "/api/v1/transfers",
        "/api/v1/stakes",
        "/api/v1/miners",
        "/api/v1/miners/poll",
        "/api/v1/miners/heartbeat",
        "/api/v1/sessions",
    ]
    statuses = {}
    for _ in range(count):
        body = random_json(random).encode()
        if random.random() < 0.3:
            at = random.randrange(len(body))
            body = body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]
        answer = home.http("POST", random.choice(routes), body, account=people.poor.address)
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        story.quiet_check(
            answer.status == 200 or (400 <= answer.status < 500 and answer.code),
            f"{body[:80]!r} gets its error",
            answer,
        )
        inside = FALLEN_OUT.search(answer.body.decode(errors="replace"))
        story.quiet_check(not inside, f"{body[:80]!r}: nothing of the inside", answer.body[:300])
    story.check(len(statuses) > 0, f"they got {dict(sorted(statuses.items()))}")
    sharp = {
        "a name twice": b'{"data":{"prompt":"a"},"data":{"prompt":"b"}}',
        "a name twice, written in two ways": b'{"amount":"1","\\u0061mount":"2"}',
        "very many names": ("{" + ",".join(f'"{i}":1' for i in range(100_000)) + "}").encode(),
        "not a number": b'{"amount":NaN}',
        "infinity": b'{"ttl":1e999}',
    }
    for name, body in sharp.items():
        began = time.monotonic()
        answer = home.http("POST", "/api/v1/jobs?dry_run=true", body, account=people.poor.address)
        seconds = time.monotonic() - began
        story.check(
            answer.status in (400, 422) and answer.code in ("malformed", "invalid_argument"),
            f"JSON with {name}: {answer.status} {answer.code}",
            answer,
        )
        story.check(seconds < 2, f"and that is said in {seconds:.2f} s")


# ---- bytes over TCP ----

SMUGGLED = b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\n"
RAW = {
    "a length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n" + SMUGGLED,
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
    b"0\r\n\r\n" + SMUGGLED,
    "a folded header": POST + b"X-A: b\r\n c: d\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "a folded length": POST + b"Content-Length:\r\n 5\r\n\r\nhello" + SMUGGLED,
    "a bad chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n5x\r\nhello\r\n0\r\n\r\n"
    + SMUGGLED,
    "a negative chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"
    + SMUGGLED,
    "an endless chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n"
    + SMUGGLED,
    "two different codings": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a space before the colon": POST + b"Content-Length : 5\r\n\r\nhello" + SMUGGLED,
    "a bare carriage return": POST + b"X-A: b\rContent-Length: 5\r\n\r\n" + SMUGGLED,
    "NUL in a header": POST + b"X-A: \x00\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "300 headers": POST + b"".join(b"X-%d: y\r\n" % i for i in range(300)) + b"\r\n" + SMUGGLED,
    "a header of 200 KiB": POST + b"X: " + b"a" * (200 * 1024) + b"\r\n\r\n" + SMUGGLED,
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + SMUGGLED,
    "no host": b"GET / HTTP/1.1\r\n\r\n" + SMUGGLED,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
}


def talk(port, content, source="127.0.0.1"):
    """All that the server says to these bytes."""
    said = b""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
        peer.settimeout(10)
        peer.bind((source, 0))
        peer.connect(("127.0.0.1", port))
        try:
            peer.sendall(content)
            peer.shutdown(socket.SHUT_WR)
            while more := peer.recv(65536):
                said += more
        except OSError:
            pass  # hung up on: that is an answer too
    return said


def ambiguous_bytes(story, port):
    story.chapter("Requests that two readers might read in two ways")
    for name, content in RAW.items():
        said = talk(port, content)
        answers = re.findall(rb"^HTTP/1\.1 (\d+)", said, re.MULTILINE)
        story.check(
            len(answers) <= 1 and all(status.startswith(b"4") for status in answers),
            f"{name}: {(answers or [b'hung up'])[0].decode()}, and nothing behind it is read",
            said[:300],
        )


def odd_paths(story, home, port):
    story.chapter("Paths and names that lead elsewhere")
    for path in (
        "/../../../../etc/passwd",
        "/api/v1/jobs/../../../etc/passwd",
        "/api/v1/jobs/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/jobs/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/api/v1/accounts/..%5c..%5cnode.key",
        "/api/v1/jobs/" + "a" * 5_000,
        "/api/v1/jobs/%c0%ae%c0%ae%2f",
    ):
        for said in (
            home.http("GET", path).body,
            talk(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()),
        ):
            story.quiet_check(
                b"root:" not in said and b"/1.1 200" not in said,
                f"{path[:60]} leads nowhere",
                said[:300],
            )
    for name in ("../evil", "/tmp/evil", "a/b", "..", "a\nb", "\x1b[31m", "ä", "a" * 300):
        ran = home.run("wallet", "create", f"--name={name}")
        story.quiet_check(
            ran.code == 2 and ran.error_code in ("invalid_argument", "usage", "too_large"),
            f"a wallet cannot be called {name[:40]!r}",
            str(ran) + ran.err,
        )
    outside = [path for path in home.home.rglob("*evil*")]
    story.check(not outside, "no odd name or path led anywhere", outside)


# ---- floods and doors ----


def asking_too_often(story, home, port, random):
    story.chapter("Asking without end")
    flooder = f"127.99.{random.randrange(250)}.{1 + random.randrange(250)}"
    ask = b"GET /api/v1/chain HTTP/1.1\r\nHost: x\r\n\r\n"
    said = talk(port, ask * 1_500, flooder)
    statuses = re.findall(rb"^HTTP/1\.1 (\d+)", said, re.MULTILINE)
    limited = statuses.count(b"429")
    story.check(
        len(statuses) == 1_500 and 0 < limited < 1_000,
        f"of 1500 questions at once without a token {limited} are answered 429",
        statuses[:5],
    )
    wait = re.search(rb"429 .*?\r\nretry-after: (\d+)\r\n", said, re.DOTALL | re.IGNORECASE)
    story.check(wait, "with the seconds to wait", said[-600:])
    neighbour = talk(port, ask, flooder[:-1] + "251" if flooder[-2] == "." else "127.98.1.1")
    story.check(b" 429 " not in neighbour[:20], "its neighbours are not made to wait", neighbour)
    guess = b"GET /api/v1/chain HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
    said = talk(port, b"".join(guess % os.urandom(32).hex().encode() for _ in range(30)), flooder)
    statuses = re.findall(rb"^HTTP/1\.1 (\d+)", said, re.MULTILINE)
    story.check(
        statuses.count(b"401") == 10 and statuses.count(b"429") == 20,
        "of 30 guessed tokens 10 are told to be wrong, then 429",
        statuses,
    )
    token = (home.data / "api.token").read_text().strip().encode()
    said = talk(port, (guess % token) * 50, flooder)
    story.check(said.count(b"HTTP/1.1 200") == 50, "the right token is not made to wait", said[:80])


def doors_that_stay_shut(story, home):
    story.chapter("Doors that stay shut")
    config = home.home / "config" / "node.toml"
    ran = home.run(
        "--config", config, "--set", "gateway.tcp_host=0.0.0.0", "--set",
        f"node.data_dir={home.work}/other", program="aitbcd",
    )
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
    job = people.rich.submit("say " + ESCAPES).json()["job_id"]
    polled = people.miner.poll(1)
    story.need(polled and polled[0]["job_id"] == job, "a miner has leased a job", polled)
    done = people.miner.complete(polled[0], "done " + ESCAPES)
    story.need(done.status == 200, "its result says worse", done)
    lines = [
        ("client", "status", job),
        ("client", "result", job),
        ("client", "list"),
        ("client", "receipt", job),
        ("explain", "job", job),
        ("client", "submit", "--prompt", "x", "--model", "m" + ESCAPES, "--dry-run"),
        ("client", "status", ESCAPES),
        ("wallet", "show", ESCAPES),
        (ESCAPES,),
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
    """Of the inference port, once somebody answers there: the node may still tell of the last one."""
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
    for name in [*planted, "../../etc/passwd", "/etc/passwd", "..", "a" * 5_000, ESCAPES]:
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
    odd_bodies(story, home, people, random)
    ambiguous_bytes(story, port)
    odd_paths(story, home, port)
    asking_too_often(story, home, port, random)
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
