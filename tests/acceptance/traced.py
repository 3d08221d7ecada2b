"""What the scripts share that make the node's system calls fail or kill it (strace): a node under a
tracer, and users who go on where it died."""

import collections
import os
import re
import shutil
import subprocess
import time

import kill9
from scripted import Account
from story import until

FUNDED = 10_000  # AIT, of the client and of the sender


def cannot_trace():
    """Why strace cannot be used here; empty where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed: apt-get install strace"
    if os.geteuid() != 0:
        return "the node keeps its memory and files to itself; only root may trace it"
    return ""


class Gone(Exception):
    """The node died before it answered."""


class Scenario:
    """Submit, pay, lease, complete, transfer, over and over, one request at a time. Goes on where
    the node died: the request without an answer is sent again under its key."""

    def __init__(self, home, seed):
        self.home = home
        account = lambda name: Account(home, f"{name} {seed}")
        # kill9's books: what was acknowledged, by who sent it.
        self.client = kill9.Client(account("client"), None, None)
        self.sender = kill9.Sender(account("sender"), None, None, account("receiver"))
        self.miner = kill9.Miner(account("miner"), None, None)
        self.loads = (self.client, self.sender, self.miner)
        self.transactions = 0
        self.repeats = 0
        self.recent = []  # acknowledged since the last kill: (hash, height)
        self.strange = collections.Counter()
        self.expected = {"lease_lost", "conflict"}  # refusals that a fault explains
        self.steps = self.endless()
        self.request = next(self.steps)

    def endless(self):
        """Yields requests, is sent their answers."""
        number = 0
        while True:
            key = f"submit-{number}"
            account = self.client.account
            made = yield lambda: account.submit(f"prompt {number}", key=key)
            self.client.jobs[key] = made["job_id"]
            self.acknowledge(self.client, made)
            amount = 1000 + number
            paid = yield lambda: account.pay(made["job_id"], amount, "pay-" + key)
            self.client.payments[made["job_id"]] = amount
            self.acknowledge(self.client, paid)
            jobs = yield lambda: self.miner.account.poll(1, 0)
            self.transactions += 1
            for job in jobs:
                yield from self.deliver(job)
            key = f"transfer-{number}"
            receiver = self.sender.to.signer.account
            sent = yield lambda: self.sender.account.transfer(receiver, number + 1, key, key)
            self.sender.sent[key] = number + 1
            self.acknowledge(self.sender, sent)
            number += 1

    def deliver(self, job):
        text = f"answer to {job['job_id']}"
        key = f"done-{job['job_id'][-20:]}-{job['attempt']}"
        done = yield lambda: self.miner.account.complete(job, text, key)
        if done.get("error", {}).get("code") in ("lease_lost", "conflict"):
            return  # the lease ran out while the node was away
        self.miner.delivered[job["job_id"]] = text
        self.acknowledge(self.miner, done)

    def acknowledge(self, load, answer):
        self.transactions += 1
        load.acknowledged[answer["transaction_hash"]] = answer["height"]
        self.recent.append((answer["transaction_hash"], answer["height"]))

    def turn(self):
        """One request; Gone when it had no answer."""
        answer = self.request()
        if isinstance(answer, list) or answer is None:
            if answer is None:
                raise Gone
            self.request = self.steps.send(answer)
            return
        document = answer.json()
        if answer.status in kill9.UNKNOWN or document is None:
            self.repeats += 1
            raise Gone
        if answer.status != 200 and answer.code not in ("lease_lost", "conflict"):
            if answer.code not in self.expected:
                self.strange[(answer.status, answer.body[:300])] += 1
            raise Gone
        self.request = self.steps.send(document)

    def begin(self, story):
        """Funds and registers who takes part."""
        for load in (self.client, self.sender):
            story.need(load.account.faucet(str(FUNDED)).status == 200, "a user is funded")
        miner = self.miner.account.register(price_micro=3_600_000, concurrency=64)
        story.need(miner.status == 200, "the miner is registered")

    def finish_cycle(self):
        """Up to the end of a round, so that every request of the books has its answer."""
        while len(self.sender.sent) != len(self.client.jobs):
            try:
                self.turn()
            except Gone:
                time.sleep(0.01)

    def books_agree(self, story):
        self.finish_cycle()
        story.check(not self.strange, "no answer made no sense", self.strange.most_common(3))
        kill9.books_agree(
            story, self.home, self.client, self.sender, self.miner, FUNDED * 1_000_000
        )

    def run(self, transactions, is_over=lambda: False):
        """True when all were done; False when the node died before."""
        end = self.transactions + transactions
        while self.transactions < end:
            try:
                self.turn()
            except Gone:
                if is_over():
                    return False
                time.sleep(0.005)
        return True


class Tracer:
    """A node under strace."""

    def __init__(self, home, config_file):
        self.home = home
        self.node = kill9.Node(home, config_file)
        self.output = home.work / "strace.txt"

    @property
    def process(self):
        return self.node.process

    def start(self, *flags):
        """The node as our own child, with the tracer behind it (-D)."""
        traced = ["strace", "-D", "-f", "-qq", "-e", "signal=none", "-o", str(self.output), *flags]
        self.start_through(*traced)

    def start_through(self, *words_before):
        """The node by way of a program that becomes it."""
        log = self.home.work / "process-node.log"
        words = [str(self.home.bin / "aitbcd"), "--role", "node", "--config"]
        words += [str(self.node.config_file)]
        self.output.unlink(missing_ok=True)
        with open(log, "ab") as output:
            self.node.process = subprocess.Popen(
                [*words_before, *words],
                cwd=self.home.work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.home.environment,
            )
        self.process.log = log
        self.home.processes.append(self.process)

    def attach(self, *flags):
        """strace on a node that runs; false where the machine does not allow it."""
        pid = self.process.pid
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "signal=none", "-o", str(self.output), "-p", str(pid)]
            + list(flags),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.home.environment,
        )
        self.home.processes.append(tracer)

        def is_traced():
            for task in os.listdir(f"/proc/{pid}/task"):
                try:
                    status = open(f"/proc/{pid}/task/{task}/status", encoding="utf-8").read()
                except OSError:
                    continue
                if not int(re.search(r"TracerPid:\s*(\d+)", status).group(1)):
                    return tracer.poll() is not None
            return True

        until(is_traced, 5, 0.002)
        return tracer.poll() is None

    def is_ready(self):
        return self.home.http("GET", "/readyz", timeout=5).status == 200

    def wait_ready(self):
        """True when it is ready, false when it died before."""
        until(lambda: self.process.poll() is not None or self.is_ready(), 30, 0.003)
        return self.process.poll() is None

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            until(lambda: self.process.poll() is not None, 20, 0.005)
        self.process.wait()

    def is_dead(self):
        return until(lambda: self.process.poll() is not None, 0.2, 0.001)

    def data_files(self):
        """The log's newest segment, RocksDB's log."""
        segments = sorted(self.home.data.glob("log-*/log-*.seg"))
        wals = sorted(self.home.data.glob("state/*.log"))
        return str(segments[-1]), str(wals[-1])

    def count(self, only_path=None):
        """Calls in the last trace by kind; of one thread, the busiest, since strace counts so."""
        by_thread = collections.defaultdict(collections.Counter)
        data = str(self.home.data)
        for line in self.output.read_text(errors="replace").splitlines():
            found = re.match(r"(\d+)\s+(\w+)\((.*)", line)
            if not found:
                continue
            thread, call, rest = found.groups()
            by_thread[call][thread] += only_path is not None or data in rest
        return {call: max(threads.values()) for call, threads in by_thread.items()}
