"""Bytes that no client of ours would send: random JSON, requests of two readings, floods."""

import json
import os
import re
import socket
import time

from story import FALLEN_OUT

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b5n"


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


# ---- floods ----


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
