"""Thousands of slow connections from many addresses of this machine, and an honest client beside.

Run as a program it is the crowd: `slow_clients.py PORT COUNT ADDRESSES SEED` opens that many
connections, lets each drip one byte a second (of a head, of a body, or none at all), comes back a
second after it was cut, and prints a line of figures whenever it reads one.
"""

import json
import os
import random
import resource
import select
import socket
import statistics
import subprocess
import sys
import time

HEAD = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = (
    b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100000\r\n\r\n"
)
OPENED_AT_ONCE = 100
BACK_AFTER = 1.0
SHARE_OF_A_PROCESS = 1_000  # descriptors that this script leaves free


def raise_descriptor_limit(wanted):
    """How many descriptors this process may have now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


class Crowd:
    """The attackers: one thread, one epoll."""

    def __init__(self, port, count, addresses, seed):
        self.port = port
        self.random = random.Random(seed)
        self.addresses = [f"127.{1 + i // 200}.{i % 200}.7" for i in range(addresses)]
        self.waiting = [(0.0, i) for i in range(count)]  # (not before, who)
        self.sockets = {}
        self.epoll = select.epoll()
        self.figures = {"opened": 0, "cut": 0, "refused": 0, "sent": 0}

    def open_some(self, now):
        for _ in range(OPENED_AT_ONCE):
            if not self.waiting or self.waiting[0][0] > now:
                return
            _, who = self.waiting.pop(0)
            peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            peer.setblocking(False)
            try:
                peer.bind((self.addresses[who % len(self.addresses)], 0))
                peer.connect(("127.0.0.1", self.port))
            except BlockingIOError:
                pass
            except OSError:
                self.figures["refused"] += 1
                peer.close()
                self.waiting.append((now + BACK_AFTER, who))
                continue
            self.figures["opened"] += 1
            self.sockets[peer.fileno()] = [peer, who, False, now + self.random.random()]
            self.epoll.register(peer.fileno(), select.EPOLLIN | select.EPOLLHUP)

    def drop(self, number, now):
        peer, who, _, _ = self.sockets.pop(number)
        self.epoll.unregister(number)
        peer.close()
        self.figures["cut"] += 1
        self.waiting.append((now + BACK_AFTER, who))

    def drip(self, now):
        for number, entry in list(self.sockets.items()):
            peer, who, begun, due = entry
            if due > now:
                continue
            entry[3] = now + 1.0
            kind = who % 3
            if kind == 2:  # says nothing at all
                continue
            try:
                peer.send(b"a" if begun else (HEAD, BODY)[kind])
                entry[2] = True
                self.figures["sent"] += 1
            except BlockingIOError:
                continue
            except OSError:
                self.drop(number, now)

    def run(self):
        self.epoll.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
        last_drip = 0.0
        while True:
            now = time.monotonic()
            self.open_some(now)
            if now - last_drip > 0.05:
                self.drip(now)
                last_drip = now
            busy = bool(self.waiting) and self.waiting[0][0] <= now
            for number, _ in self.epoll.poll(0 if busy else 0.02, 500):
                if number == sys.stdin.fileno():
                    if not os.read(number, 1):
                        return
                    print(json.dumps({**self.figures, "open": len(self.sockets)}), flush=True)
                    continue
                self.receive(number, now)

    def receive(self, number, now):
        try:
            answer = self.sockets[number][0].recv(4096)
        except BlockingIOError:
            return
        except OSError:
            answer = b""
        if not answer:
            self.drop(number, now)


class Attack:
    """The crowd in a process of its own, so that it takes nothing from the honest client's."""

    def __init__(self, port, count, addresses, seed):
        self.process = subprocess.Popen(
            [sys.executable, "-B", __file__, str(port), str(count), str(addresses), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def figures(self):
        self.process.stdin.write(b"?")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Honest:
    """Asks small questions at a steady pace; every tenth comes over a connection of its own."""

    def __init__(self, port, token):
        self.port = port
        self.request = (
            f"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self.kept = None
        self.failures = []

    def connect(self):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return peer

    def ask(self, peer):
        peer.sendall(self.request)
        text = b""
        while b"\r\n\r\n" not in text:
            more = peer.recv(65536)
            if not more:
                raise OSError("hung up on: " + repr(text[:100]))
            text += more
        head, _, body = text.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += peer.recv(65536)
        if not head.startswith(b"HTTP/1.1 200"):
            raise OSError(repr(head[:100]))

    def measure(self, seconds, pause=0.004):
        """Milliseconds of each answer."""
        times, end, number = [], time.monotonic() + seconds, 0
        while time.monotonic() < end:
            number += 1
            began = time.monotonic()
            try:
                if number % 10 == 0:
                    with self.connect() as peer:
                        self.ask(peer)
                else:
                    self.kept = self.kept or self.connect()
                    self.ask(self.kept)
                times.append((time.monotonic() - began) * 1_000)
            except (OSError, IndexError, ValueError) as cause:
                self.failures.append(str(cause))
                if self.kept:
                    self.kept.close()
                self.kept = None
            time.sleep(pause)
        return times

    def close(self):
        if self.kept:
            self.kept.close()


def p99(times):
    return statistics.quantiles(times, n=100)[98]


def refusals(home):
    """The server's own count of what it turned away or cut, by reason."""
    text = home.http("GET", "/metrics").body.decode()
    return {
        line.split('"')[1]: int(float(line.rsplit(" ", 1)[1]))
        for line in text.splitlines()
        if line.startswith("aitbc_http_refused_total{")
    }


def honest_beside_slow(
    story, home, port, arguments, rounds, seconds, count=5_000, addresses=60, judges_p99=False
):
    """Measures without and with the crowd, in turns. A machine that others load too says little
    about times, so only tests/benchmarks/slow_crowd judges the ratio."""
    story.chapter(f"{count} slow connections from {addresses} addresses, an honest client beside")
    may = raise_descriptor_limit(count + SHARE_OF_A_PROCESS)
    if may < count + SHARE_OF_A_PROCESS // 2:
        story.skip(f"slow connections: this process may have {may} descriptors only")
        return
    honest = Honest(port, (home.data / "api.token").read_text().strip())
    honest.measure(0.5)
    before = refusals(home)
    without, beside, ratios, open_most = [], [], [], 0
    for number in range(rounds):
        calm = honest.measure(seconds)
        attack = Attack(port, count, addresses, arguments.seed + number)
        try:
            end = time.monotonic() + 30
            while time.monotonic() < end and attack.figures()["opened"] < count:
                time.sleep(0.1)
            crowded = honest.measure(seconds)
            figures = attack.figures()
        finally:
            attack.stop()
        open_most = max(open_most, figures["open"])
        without += calm
        beside += crowded
        # Below a millisecond this script measures itself.
        ratios.append(max(p99(crowded), 1.0) / max(p99(calm), 1.0))
        story.say(
            f"       p99 {p99(calm):.2f} ms without, {p99(crowded):.2f} ms with; {len(crowded)} "
            f"answers; crowd: {figures}"
        )
        time.sleep(0.5)  # what is left of the crowd's sockets goes before the next calm part
    honest.close()
    ratio = statistics.median(ratios)
    after = refusals(home)
    told = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    story.check(open_most > 3_500, f"{open_most} slow connections were open at once", told)
    story.check(not honest.failures, "every honest question was answered", honest.failures[:5])
    figures = (
        f"the honest client's p99 is {p99(beside):.2f} ms, {p99(without):.2f} ms without: "
        f"{ratio:.2f} times (median of {rounds} pairs); the server counted {told}"
    )
    if judges_p99:
        story.check(ratio < 2, figures, ratios)
    else:
        story.say(f"       {figures}")
    story.check(max(beside) < 2_000, f"none waited for long: {max(beside):.0f} ms at most")
    story.check(
        told.get("displaced", 0) > 0, "slow ones made room for others when all was taken", told
    )


if __name__ == "__main__":
    os.nice(5)  # attackers have machines of their own
    raise_descriptor_limit(int(sys.argv[2]) + SHARE_OF_A_PROCESS)
    Crowd(*(int(value) for value in sys.argv[1:5])).run()
