#!/usr/bin/env python3
"""Jobs across nodes: a client on one, miners on others. Miners, nodes and whole machines die in
the middle of a job; it is done elsewhere or goes on, is paid once, and its receipt verifies
anywhere."""

import signal
import time

import cluster_net
import harness
from cluster_nodes import Cluster, same_chains
from miners import Client, Miner, lease_of, seconds_between
from scripted import Account
from story import micro, until
from two_miners import PRICE_MICRO, Work

LEASE_MS = 8_000
SUPPLY_MICRO = 1_000_000 * 1_000_000


class Place:
    """Who is where: the client on A, miners on B and C."""

    def __init__(self, story, home, cluster, arguments):
        self.story, self.home, self.cluster = story, home, cluster
        self.seed, self.random = arguments.seed, arguments.random
        seed = arguments.seed
        self.a, self.b, self.c = cluster.nodes
        self.client = Client(story, self.a, f"client {seed}")
        self.work = Work(self.client)
        self.paid = {}  # account -> micro-units, as jobs say

    def scripted(self, node, name):
        miner = Account(node, f"{name} {self.seed}")
        answer = miner.register(price_micro=3_600_000)
        self.story.need(answer.status == 200, f"a scripted miner is registered at {node}", answer)
        return miner

    def leave(self, miner):
        """A scripted miner takes nothing any more."""
        miner.send("/api/v1/miners/drain", "miner.drain", [""])

    def real(self, node, name):
        miner = Miner(node, f"{name} {self.seed}").start()
        self.story.need(
            until(miner.is_known, 60, 0.1),
            f"a miner process works at {node}",
            miner.last_words(),
        )
        return miner

    def available(self, address, node):
        return micro((node.get(f"/api/v1/accounts/{address}") or {}).get("available", "0"))

    def balances(self, address):
        return [self.available(address, node) for node in self.cluster.nodes if node.is_running()]

    def same_everywhere(self, view):
        return until(
            lambda: all(
                (node.get(f"/api/v1/jobs/{view['job_id']}") or {}).get("status") == view["status"]
                for node in self.cluster.nodes
                if node.is_running()
            ),
            10,
        )

    def paid_once(self, view, doer, before):
        """`before`: what the doer had, micro-units, when the job was submitted."""
        payment = view["payment"]
        paid = micro(payment["paid_to_miner"])
        whole = paid + micro(payment["fee"]) + micro(payment["refunded"])
        gains = until(
            lambda: (lambda now: now if {each - before for each in now} == {paid} else None)(
                self.balances(doer)
            ),
            10,
        )
        self.story.check(
            bool(gains)
            and paid > 0
            and view["miner"]["address"] == doer
            and payment["state"] == "paid"
            and whole == PRICE_MICRO,
            f"it is paid once, {payment['paid_to_miner']} AIT, as every node shows",
            (payment, before, self.balances(doer)),
        )
        self.paid[doer] = self.paid.get(doer, 0) + paid

    def receipt_verifies(self, job):
        files = []
        for node in self.cluster.nodes:
            path = self.home.work / f"receipt-{job}-{node}.json"
            node.query("client", "receipt", job, "--output-file", path)
            files.append(path)
        genesis = self.home.work / "genesis.json"
        if not genesis.exists():
            self.b.query("chain", "genesis", "--output-file", genesis)
        nowhere = f"unix:{self.home.folder}/nobody.sock"
        runs = [
            self.home.run("--node", nowhere, "verify", "receipt", path, "--genesis", genesis)
            for path in files
        ]
        self.story.check(
            all(ran.code == 0 for ran in runs),
            "its receipt, taken from any of the three nodes, verifies without a node",
            [ran.err for ran in runs],
        )
        text = files[0].read_text()
        digits = [at for at, letter in enumerate(text) if letter in "0123456789abcdef"]
        at = self.random.choice(digits)
        changed = self.home.work / f"changed-{job}.json"
        changed.write_text(f"{text[:at]}{'7' if text[at] != '7' else '8'}{text[at + 1:]}")
        ran = self.home.run("verify", "receipt", changed, "--genesis", genesis)
        self.story.check(ran.code != 0, "a copy with one digit changed does not", changed)

    def too_late(self, account, lease, nodes):
        answers = []
        for node in nodes:
            account.home = node
            answers.append(account.complete(lease, "Too late."))
        self.story.check(
            all((each.status, each.code) == (409, "lease_lost") for each in answers),
            "the lost miner's late result is refused at every node: 409 lease_lost",
            answers,
        )


def a_job_from_a_to_b(story, place):
    story.chapter("A client on A, a scripted miner on B, C only votes")
    miner = place.scripted(place.b, "scripted B")
    before = place.available(miner.address, place.b)
    job = place.client.submit({"prompt": "across"}, PRICE_MICRO)
    polled = until(lambda: miner.poll(1, 1), 20)
    story.need(polled and polled[0]["job_id"] == job, "the miner on B is given the job", polled)
    time.sleep(0.05)  # the miner works: its pay is by the time from lease to result
    done = miner.complete(polled[0], "Done on B.", key=f"done {job}")
    story.check(done.status == 200, "its result is taken", done)
    again = miner.complete(polled[0], "Done on B.", key=f"done {job}")
    story.check(
        again.status == 200 and again.json().get("repeated") is True,
        "sent again it is answered as before",
        again,
    )
    view = place.client.wait_for_end(job, 10)
    story.check(
        view.get("status") == "completed" and place.same_everywhere(view),
        "the client on A sees it done, and so does C",
        view,
    )
    text = (place.c.get(f"/api/v1/jobs/{job}/result") or {}).get("text")
    story.check(text == "Done on B.", "C gives the text of the result", text)
    place.paid_once(view, miner.address, before)
    place.receipt_verifies(job)
    return miner


def the_granting_node_dies(story, place, miner):
    story.chapter("The node that granted a lease is killed; the lease lives")
    before = place.available(miner.address, place.a)
    miner.home = place.b
    job = place.client.submit({"prompt": "survives"}, PRICE_MICRO)
    polled = until(lambda: miner.poll(1, 1), 20)
    story.need(polled and polled[0]["job_id"] == job, "B has granted a lease", polled)
    place.b.kill()
    miner.home = place.c
    began = time.monotonic()
    beats = []

    def beaten():
        answer = miner.beat(polled)
        beats.append(answer.status)
        return time.monotonic() - began > 1.3 * LEASE_MS / 1000 and answer.status == 200

    held = until(beaten, 30, LEASE_MS / 4000)
    view = place.client.view(job)
    story.check(
        held and view["status"] == "processing" and view["attempts"] == 1,
        f"renewed through C it outlives its {LEASE_MS / 1000:.0f} s, still the first attempt",
        (beats, view),
    )
    done = miner.complete(polled[0], "Done after B has died.", key=f"done {job}")
    view = place.client.wait_for_end(job, 10)
    story.check(
        done.status == 200 and view["status"] == "completed" and view["attempts"] == 1,
        "the result, given to C, is taken",
        (done, view),
    )
    place.b.start()
    story.check(place.cluster.catches_up(place.b), "B comes back and learns of it")
    place.paid_once(view, miner.address, before)
    place.receipt_verifies(job)
    miner.home = place.b
    place.leave(miner)


def a_miner_dies(story, place, on_b, on_c):
    story.chapter("A miner process dies in the middle of a job; one on another node does it")
    before = {each.address: place.available(each.address, place.a) for each in (on_b, on_c)}
    view = place.work.begin(4)
    address = (view.get("miner") or {}).get("address")
    lost, other = (on_b, on_c) if address == on_b.address else (on_c, on_b)
    story.need(address == lost.address, f"a miner at {lost.home} works on it", view)
    lost.send(signal.SIGKILL)
    lost.process.wait()
    job, lease = view["job_id"], lease_of(view)
    until(lambda: place.client.view(job).get("attempts") == 2, 40, 0.02)
    again = place.client.view(job)
    story.check(
        again["attempts"] == 2 and again["miner"]["address"] == other.address,
        f"when its lease has run out the job moves from {lost.home} to {other.home}",
        again,
    )
    waited = seconds_between(view["started_at"], again["started_at"])
    story.check(
        LEASE_MS / 1000 <= waited <= LEASE_MS / 1000 * 2 + 6,
        f"that was {waited:.1f} s after the first had taken it, with leases of "
        f"{LEASE_MS / 1000:.0f} s",
    )
    done = place.client.wait_for_end(job, 120)
    story.check(done["status"] == "completed", "it is done there", done)
    place.too_late(lost.account, lease, place.cluster.nodes)
    place.paid_once(done, other.address, before[other.address])
    place.receipt_verifies(job)
    return lost, other


def a_node_dies_under_its_miner(story, place, miner):
    story.chapter("A node is killed under a working miner and comes back")
    node = miner.home
    before = place.available(miner.address, place.a)
    view = place.work.begin(4)
    story.need(
        (view.get("miner") or {}).get("address") == miner.address,
        f"the miner process at {node} works on a job",
        view,
    )
    node.kill()
    other = place.client.submit({"prompt": "meanwhile"}, 0)
    story.check(bool(other), "the client on A is served meanwhile")
    node.start()
    done = place.client.wait_for_end(view["job_id"], 120)
    story.check(
        done["status"] == "completed" and done["attempts"] == 1,
        "the miner finds its node again, the job is done at the first attempt",
        (done, miner.last_words()),
    )
    place.paid_once(done, miner.address, before)
    place.client.wait_for_end(other, 60)


def a_machine_dies(story, place, dead, other):
    """`other` is not running yet: so the job is on the machine that dies."""
    story.chapter("A whole machine dies: a node with its miner")
    node = dead.home
    standing = place.available(other.address, place.a)
    view = place.work.begin(5)
    story.need(
        (view.get("miner") or {}).get("address") == dead.address,
        f"the miner at {node} works on a job",
        view,
    )
    node.kill()
    dead.send(signal.SIGKILL)
    dead.process.wait()
    other.start()
    done = place.client.wait_for_end(view["job_id"], 120)
    story.check(
        done["status"] == "completed"
        and done["miner"]["address"] == other.address
        and done["attempts"] == 2,
        f"its job is done by the miner at {other.home}, at the second attempt",
        done,
    )
    place.paid_once(done, other.address, standing)
    node.start()
    story.check(place.cluster.catches_up(node), f"{node} comes back and has the same chain")
    place.receipt_verifies(view["job_id"])


def the_books(story, place):
    story.chapter("The books")
    story.need(place.cluster.agree(), "all nodes come to one height")
    same_chains(story, place.cluster.nodes)
    for node in place.cluster.nodes:
        wrong = {
            address: (paid, place.available(address, node))
            for address, paid in place.paid.items()
            if place.available(address, node) != paid
        }
        supply = node.get("/api/v1/supply")
        parts = sum(micro(supply[part]) for part in ("available", "staked", "unbonding", "escrow"))
        story.check(
            not wrong and supply["balanced"] and parts == micro(supply["minted"]) == SUPPLY_MICRO,
            f"{node}: each miner has the sum of its pay, and the supply is whole",
            (wrong, supply),
        )


def tell(story, home, arguments):
    home.use_models()
    home.environment["AITBC_MINER__THREADS"] = "1"
    story.chapter("Three nodes: A, B and C")
    cluster = Cluster(
        story, home, arguments.seed, lease_ms=LEASE_MS, miner_lost_ms=LEASE_MS, attempts_max=10
    ).start()
    place = Place(story, home, cluster, arguments)
    miner = a_job_from_a_to_b(story, place)
    the_granting_node_dies(story, place, miner)
    on_b = place.real(place.b, "real B")
    first = place.work.measure()
    story.need(
        first["status"] == "completed",
        f"a short job is done, at {place.work.tokens_per_second:.0f} tokens a second",
        (first, on_b.last_words()),
    )
    place.paid[on_b.address] = micro(first["payment"]["paid_to_miner"])
    on_c = place.real(place.c, "real C")
    lost, other = a_miner_dies(story, place, on_b, on_c)
    a_node_dies_under_its_miner(story, place, other)
    a_machine_dies(story, place, other, lost)
    the_books(story, place)
    story.chapter("The end")
    codes = [lost.leave(), *(node.stop() for node in cluster.nodes)]
    story.check(codes == [0, 0, 0, 0], "SIGTERM ends the miner and every node in order", codes)


if __name__ == "__main__":
    cluster_net.enter_room()
    harness.main(tell, " ".join(__doc__.split()), 300)
