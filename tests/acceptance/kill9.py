#!/usr/bin/env python3
"""kill -9 at random moments under load: what was acknowledged is there after the restart, once.

A client submits and pays, another account transfers, a scripted miner leases and delivers. Each
repeats what was not acknowledged under the same idempotency key until it is. In the end the books
are compared with what was acknowledged.
"""

import collections
import os
import signal
import threading
import time

import harness
from story import median, micro, until
from scripted import Account

READY_SECONDS = 5
# The node was away, starting or stopping: the same key again settles it.
UNKNOWN = {0, 503, 504}


class Load(threading.Thread):
    """One kind of user; stops between two operations when told."""

    def __init__(self, account, random, stop):
        super().__init__(daemon=True)
        self.account = account
        self.random = random
        self.stop = stop
        self.operations = 0
        self.repeats = 0
        self.strange = []
        self.failure = None

    def run(self):
        try:
            while not self.stop.is_set():
                self.turn()
                self.operations += 1
        except Exception as cause:  # told in the end; a thread must not fail in silence
            self.failure = cause

    def settle(self, send, accepted=()):
        """Sends until there is an answer, with the same key; None after a refusal."""
        while True:
            answer = send()
            if answer.status == 200:
                return answer.json()
            if answer.status not in UNKNOWN:
                if answer.code not in accepted:
                    self.strange.append((answer.status, answer.body[:300]))
                return None
            self.repeats += 1
            time.sleep(0.02)


class Client(Load):
    """Submits, and pays for most of it."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.jobs = {}  # key -> job id
        self.acknowledged = {}  # transaction hash -> height
        self.payments = {}  # job id -> amount in micro-units
        self.unpaid = 0

    def turn(self):
        key = f"submit-{len(self.jobs)}"
        prompt = f"prompt {len(self.jobs)}"
        made = self.settle(lambda: self.account.submit(prompt, key=key))
        if made is None:
            return
        self.jobs[key] = made["job_id"]
        self.acknowledged[made["transaction_hash"]] = made["height"]
        if self.random.random() < 0.25 and self.unpaid < 300:
            self.unpaid += 1
            return
        amount = self.random.randrange(1, 50_000)
        paid = self.settle(lambda: self.account.pay(made["job_id"], amount, "pay-" + key))
        if paid is not None:
            self.payments[made["job_id"]] = amount
            self.acknowledged[paid["transaction_hash"]] = paid["height"]


class Sender(Load):
    def __init__(self, account, random, stop, to):
        super().__init__(account, random, stop)
        self.to = to
        self.sent = {}  # key -> amount
        self.acknowledged = {}

    def turn(self):
        key, amount = f"transfer-{len(self.sent)}", self.random.randrange(1, 1000)
        sent = self.settle(lambda: self.account.transfer(self.to.signer.account, amount, key, key))
        if sent is not None:
            self.sent[key] = amount
            self.acknowledged[sent["transaction_hash"]] = sent["height"]
        time.sleep(self.random.random() * 0.02)


class Miner(Load):
    def __init__(self, *parts):
        super().__init__(*parts)
        self.delivered = {}  # job id -> text
        self.acknowledged = {}
        self.lost = 0

    def turn(self):
        jobs = self.account.poll(4, 1)
        if jobs is None:
            time.sleep(0.02)
            return
        for job in jobs:
            text = f"answer to {job['job_id']}"
            key = f"done-{job['job_id'][-20:]}-{job['attempt']}"
            done = self.settle(
                lambda: self.account.complete(job, text, key), ("lease_lost", "conflict")
            )
            if done is None:
                self.lost += 1
                continue
            self.delivered[job["job_id"]] = text
            self.acknowledged[done["transaction_hash"]] = done["height"]


class Node:
    """The node process, started and killed by this script."""

    def __init__(self, home, config_file):
        self.home = home
        self.config_file = config_file
        self.process = None
        self.ready_seconds = []

    def start(self, wait=True):
        began = time.monotonic()
        self.process = self.home.start(
            "--role", "node", "--config", self.config_file, log="process-node.log"
        )
        if not wait:
            return True
        ready = until(
            lambda: self.home.http("GET", "/readyz", timeout=5).status == 200
            or self.process.poll() is not None,
            3 * READY_SECONDS,
            0.01,
        )
        if ready and self.process.poll() is None:
            self.ready_seconds.append(time.monotonic() - began)
            return True
        return False

    def kill(self):
        self.process.kill()
        self.process.wait()


def kill_again_and_again(story, home, node, loads, arguments):
    height = 0
    for number in range(arguments.long):
        pause = arguments.random.choice((0.02, 0.3, 1.0)) * arguments.random.random()
        time.sleep(pause)
        node.kill()
        if arguments.random.random() < 0.2:  # and once more while it is starting
            node.start(wait=False)
            time.sleep(arguments.random.random() * 0.08)
            node.kill()
        if not node.start():
            story.need(
                False,
                f"the node starts after kill {number + 1}",
                node.process.log.read_text()[-1500:],
            )
        now = home.get("/api/v1/chain")["height"]
        known = max([0, *(max(load.acknowledged.values(), default=0) for load in loads)])
        story.quiet_check(
            now >= height, f"after kill {number + 1} the chain is not shorter", (height, now)
        )
        height = max(now, known)
    story.check(True, f"{arguments.long} times killed and started; height {height}")


def every_job(home, account):
    """All jobs of an account, page by page."""
    jobs, cursor = [], ""
    while True:
        page = home.get(
            f"/api/v1/jobs?limit=500&owner={account.address}"
            + (f"&cursor={cursor}" if cursor else "")
        )
        jobs += page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return jobs


def books_agree(story, home, client, sender, miner, funded):
    story.chapter("What was acknowledged is there, once")
    jobs = every_job(home, client.account)
    ids = [job["job_id"] for job in jobs]
    expected = set(client.jobs.values())
    story.check(len(expected) == len(client.jobs), "each idempotency key made its own job")
    story.check(
        set(ids) == expected and len(ids) == len(expected),
        f"{len(ids)} jobs are on the chain: those acknowledged, each once",
        (len(ids), len(set(ids)), len(expected), sorted(set(ids) ^ expected)[:5]),
    )
    by_id = {job["job_id"]: job for job in jobs}
    wrong = [
        job
        for job, amount in client.payments.items()
        if micro(((by_id.get(job) or {}).get("payment") or {"amount": "0"})["amount"]) != amount
    ]
    story.check(
        not wrong,
        f"{len(client.payments)} payments are recorded as they were acknowledged",
        wrong[:5],
    )
    unpaid = [
        job["job_id"] for job in jobs if job["payment"] and job["job_id"] not in client.payments
    ]
    story.check(not unpaid, "no job was paid that nobody paid for", unpaid[:5])
    lost = [job for job in miner.delivered if by_id.get(job, {}).get("status") != "completed"]
    story.check(not lost, f"{len(miner.delivered)} delivered results are completed jobs", lost[:5])
    undelivered = [
        job["job_id"]
        for job in jobs
        if job["status"] == "completed" and job["job_id"] not in miner.delivered
    ]
    story.check(
        not undelivered, "no job is completed that the miner does not know of", undelivered[:5]
    )
    wrong = [
        job
        for job, text in miner.delivered.items()
        if (home.get(f"/api/v1/jobs/{job}/result") or {}).get("text") != text
    ]
    story.check(not wrong, "each result is the text that was delivered", wrong[:5])
    gone = []
    for load in (client, sender, miner):
        for transaction, height in load.acknowledged.items():
            found = home.get(f"/api/v1/transactions/{transaction}")
            if found.get("height") != height or found.get("status") != "applied":
                gone.append((transaction, height, found))
    count = sum(len(load.acknowledged) for load in (client, sender, miner))
    story.check(
        not gone, f"{count} acknowledged transactions are in the blocks that were named", gone[:3]
    )
    money_agrees(story, home, client, sender, miner, funded, jobs)


def money_agrees(story, home, client, sender, miner, funded, jobs):
    balance = lambda account: home.get(f"/api/v1/accounts/{account.address}")
    total = sum(sender.sent.values())
    received = micro(balance(sender.to)["total"])
    story.check(
        received == total,
        f"the receiver has the sum of {len(sender.sent)} transfers",
        (received, total),
    )
    left = micro(balance(sender.account)["total"])
    story.check(left == funded - total, "the sender has the rest", (left, funded - total))
    spent = sum(
        micro(job["payment"]["paid_to_miner"]) + micro(job["payment"]["fee"])
        for job in jobs
        if job["payment"]
    )
    locked = sum(micro(job["payment"]["escrow"]) for job in jobs if job["payment"])
    account = balance(client.account)
    story.check(
        micro(account["total"]) == funded - spent and micro(account["locked"]) == locked,
        "the client's balance is what jobs have cost it, with the open escrows locked",
        (account, funded, spent, locked),
    )
    pay = sum(micro(job["payment"]["paid_to_miner"]) for job in jobs if job["payment"])
    record = home.get(f"/api/v1/miners/{miner.account.address}")
    story.check(
        micro(record["earned"]) == pay, "the miner earned the sum of its pay", (record, pay)
    )
    story.check(
        record["jobs_completed"] == len(miner.delivered),
        "its record counts each result once",
        (record["jobs_completed"], len(miner.delivered)),
    )
    supply = home.query("chain", "supply")
    parts = sum(micro(supply[part]) for part in ("available", "staked", "unbonding", "escrow"))
    story.check(
        supply["balanced"] is True and parts == micro(supply["minted"]) == harness.SUPPLY_MICRO,
        "all balances together are the genesis supply",
        supply,
    )


def keys_are_remembered(story, client, sender, arguments):
    story.chapter("Acknowledged keys, sent once more")
    keys = arguments.random.sample(sorted(client.jobs), min(30, len(client.jobs)))
    wrong = []
    for key in keys:
        again = client.account.submit("prompt " + key.split("-")[1], key=key).json() or {}
        if again.get("job_id") != client.jobs[key] or again.get("repeated") is not True:
            wrong.append((key, again))
    story.check(not wrong, f"{len(keys)} submits answer with the job that they made", wrong[:3])
    keys = arguments.random.sample(sorted(sender.sent), min(30, len(sender.sent)))
    wrong = []
    for key in keys:
        again = (
            sender.account.transfer(sender.to.signer.account, sender.sent[key], key, key).json()
            or {}
        )
        if (
            again.get("transaction_hash") not in sender.acknowledged
            or again.get("repeated") is not True
        ):
            wrong.append((key, again))
    story.check(not wrong, f"{len(keys)} transfers answer with what they did", wrong[:3])


def receipts_verify(story, home, miner, arguments):
    genesis = home.work / "genesis.json"
    home.query("chain", "genesis", "--output-file", genesis)
    jobs = arguments.random.sample(sorted(miner.delivered), min(60, len(miner.delivered)))
    refused = []
    for number, job in enumerate(jobs):
        receipt = home.work / f"receipt-{number}.json"
        home.query("client", "receipt", job, "--output-file", receipt)
        ran = home.run("verify", "receipt", receipt, "--genesis", genesis)
        if ran.code != 0:
            refused.append(ran.err)
    story.check(not refused, f"{len(jobs)} receipts verify", refused[:2])


def the_supervisor_starts_it_again(story, home):
    story.chapter("kill -9 under the supervisor of `aitbc up`")
    up = home.up("--no-miner")
    slowest = 0
    for _ in range(3):
        pid = home.query("status")["pid"]
        story.need(home.owns(pid), "the node of this home is killed, no other", pid)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        back = until(
            lambda: home.http("GET", "/readyz", timeout=5).status == 200
            and home.query("status")["pid"] != pid,
            3 * READY_SECONDS,
            0.02,
        )
        story.need(back, "it is started again", home.log_tails())
        slowest = max(slowest, time.monotonic() - began)
    story.check(
        slowest < READY_SECONDS,
        f"killed three times, it was ready again after {slowest:.2f} s at most",
    )
    home.down()
    return up["config_file"]


def tell(story, home, arguments):
    config_file = the_supervisor_starts_it_again(story, home)
    node = Node(home, config_file)
    story.need(node.start(), "the node starts by itself", home.log_tails())
    accounts = {
        name: Account(home, f"{name} {arguments.seed}")
        for name in ("client", "sender", "receiver", "miner")
    }
    funded = 10_000
    for name in ("client", "sender"):
        story.need(accounts[name].faucet(str(funded)).status == 200, f"the {name} is funded")
    story.need(
        accounts["miner"].register(price_micro=3_600_000, concurrency=64).status == 200,
        "the miner is registered",
    )
    stop = threading.Event()
    seeds = [harness.random.Random(arguments.random.random()) for _ in range(3)]
    client = Client(accounts["client"], seeds[0], stop)
    sender = Sender(accounts["sender"], seeds[1], stop, accounts["receiver"])
    miner = Miner(accounts["miner"], seeds[2], stop)
    loads = (client, sender, miner)

    story.chapter(f"{arguments.long} times kill -9 under load")
    for load in loads:
        load.start()
    try:
        kill_again_and_again(story, home, node, loads, arguments)
    finally:
        stop.set()
        for load in loads:
            load.join(timeout=30)
    for load in loads:
        name = type(load).__name__.lower()
        story.check(
            not load.is_alive() and load.failure is None,
            f"the {name} did {load.operations} turns and repeated "
            f"{load.repeats} requests that had no answer",
            repr(load.failure),
        )
        counted = collections.Counter(load.strange)
        story.check(
            not counted, f"the {name} met no refusal that makes no sense", counted.most_common(3)
        )
    slowest = max(node.ready_seconds)
    story.check(
        slowest < READY_SECONDS,
        f"it was ready after {slowest:.2f} s at most, {median(node.ready_seconds):.2f} s "
        "in the median",
    )
    story.check(miner.lost == 0, "no result was refused", miner.lost)
    story.check(
        client.repeats + sender.repeats > 0 and len(miner.delivered) > 0,
        "the kills did hit requests under way",
        [load.repeats for load in loads],
    )
    books_agree(story, home, client, sender, miner, funded * 1_000_000)
    keys_are_remembered(story, client, sender, arguments)
    receipts_verify(story, home, miner, arguments)
    node.process.terminate()
    ended = until(lambda: node.process.poll() is not None, 20)
    story.check(
        ended and node.process.returncode == 0,
        "SIGTERM ends the node in order",
        node.process.returncode,
    )


if __name__ == "__main__":
    many = 200 if os.environ.get("AITBC_TEST_LONG") == "1" else 20
    harness.main(
        tell,
        __doc__.splitlines()[0],
        limit_s=175 if many == 20 else 1700,
        add_arguments=lambda parser: parser.add_argument(
            "--long", type=int, default=many, help="how many kills"
        ),
    )
