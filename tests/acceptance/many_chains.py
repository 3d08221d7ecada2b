#!/usr/bin/env python3
"""Many chains in one node: wallets, jobs and miners on two of them, money and signatures of one that
mean nothing on the other, kill -9 at any moment, also in the middle of `chain create`, and three
nodes that keep two chains together and follow a third."""

import json
import os
import subprocess
import threading
import time

import cluster_net
import harness
import wire
from chains_together import DEVNET, HEALTH, LAB, faucet_genesis, three_nodes
from harness import ROOT, SUPPLY_MICRO, SYNTHETIC
from miners import Client, Miner
from scripted import Account
from story import micro, until

HOSTED_MAX = 16


class OnChain:
    """The home as seen by those who mean one of its chains."""

    def __init__(self, home, chain):
        self.home, self.chain = home, chain
        self.bin, self.work, self.socket = home.bin, home.work, home.socket
        self.environment, self.processes = home.environment, home.processes

    def http(self, method, path, *words, **options):
        return self.home.http(
            method, f"{path}{'&' if '?' in path else '?'}chain={self.chain}", *words, **options
        )

    def get(self, path, **options):
        return self.http("GET", path, **options).json()


def hosted(home):
    return {row["chain"]: row for row in home.query("chain", "list")["items"]}


def is_ready(home):
    return home.http("GET", "/readyz").status == 200


class Node:
    """The node's process, started and killed by the script: a supervisor would wait longer after
    each kill."""

    def __init__(self, story, home):
        self.story, self.home = story, home
        self.process = None

    def start(self):
        self.process = self.home.start(log="process-node.log")
        self.story.need(
            until(lambda: is_ready(self.home), 60, 0.02),
            "the node is ready",
            self.process.log.read_text()[-2000:],
        )

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.home.processes.remove(self.process)


# ---- one node ----


def chains_are_made(story, home):
    story.chapter("A node is asked to host further chains")
    health = ROOT / "configs/genesis/ait-healthchain.json"
    lab = faucet_genesis(home, LAB)
    planned = home.query("chain", "create", "--genesis", lab, "--dry-run")
    story.check(
        planned["dry_run"] is True
        and planned["chain"] == LAB
        and not (home.data / "chains").exists()
        and set(hosted(home)) == {DEVNET},
        "`chain create --dry-run` says what it would be and makes nothing",
        planned,
    )
    made = [home.query("chain", "create", "--genesis", path) for path in (lab, health)]
    rows = hosted(home)
    story.check(
        list(rows) == [DEVNET, LAB, HEALTH]
        and all(rows[one["chain"]]["genesis"] == one["genesis"] for one in made)
        and all(row["is_validator"] and row["sync"] == "synced" for row in rows.values())
        and [name for name, row in rows.items() if row["is_default"]] == [DEVNET],
        "`chain create` with the example files: this node is their only validator, at once",
        rows,
    )
    story.check(
        home.query("chain", "info", "--chain", HEALTH)["genesis"] == rows[HEALTH]["genesis"]
        and home.query("chain", "info")["chain"] == DEVNET
        and len(home.query("chain", "validators", "--chain", LAB)["items"]) == 1,
        "`--chain` says which one is meant, and without it the default one is",
    )
    refused = [
        (("chain", "create", "--genesis", lab), 5, "conflict"),
        (("wallet", "balance", "--chain", "nosuch"), 3, "not_found"),
        (("chain", "create", "--genesis", faucet_genesis(home, DEVNET)), 5, "conflict"),
        (("chain", "join", "--genesis", health), 2, "invalid_argument"),
    ]
    bad = json.loads(lab.read_text())
    for index, name in enumerate(("../up", "..", "a/b")):
        path = home.work / f"bad-{index}.json"
        path.write_text(json.dumps({**bad, "chain": name}))
        refused.append((("chain", "create", "--genesis", path), 2, "invalid_argument"))
    for words, exit_code, code in refused:
        ran = home.run(*words)
        story.quiet_check(
            (ran.code, ran.error_code) == (exit_code, code) and "next:" in ran.err,
            f"{ran} is refused with {code} and what to do",
            ran.err,
        )
    story.check(set(hosted(home)) == {DEVNET, LAB, HEALTH}, f"{len(refused)} refusals make nothing")


def money_stays_on_its_chain(story, home):
    story.chapter("Money and signatures of one chain are nothing on the other")
    first, second = Account(home, "both"), Account(OnChain(home, LAB), "both")
    story.need(second.faucet("40").status == 200, "an account gets 40 AIT on the second chain")
    balances = [
        micro((each.home.get(f"/api/v1/accounts/{each.address}") or {}).get("available", "0"))
        for each in (first, second)
    ]
    story.check(balances == [0, 40_000_000], "on the first chain it has nothing", balances)
    story.need(first.faucet("7").status == 200, "it gets 7 AIT there as well")
    other = Account(home, "other").signer.account
    signed = second.sign("ledger.transfer", wire.transfer(other, 3_000_000), key="once")
    here = second.home.http("POST", "/api/v1/transfers", signed)
    there = [
        home.http("POST", "/api/v1/transfers", signed),
        OnChain(home, HEALTH).http("POST", "/api/v1/transfers", signed),
    ]
    story.check(
        here.status == 200 and all(400 <= each.status < 500 for each in there),
        "a transfer that was signed for the second chain is done there and refused elsewhere",
        (here, there),
    )
    story.check(
        "chain" in there[0].body.decode() and there[0].code not in ("internal", "nonce_mismatch"),
        "because it is of another chain, whatever its nonce",
        there[0],
    )
    back = first.sign("ledger.transfer", wire.transfer(other, 1_000_000), key="back")
    story.check(
        home.http("POST", "/api/v1/transfers", back).status == 200
        and OnChain(home, LAB).http("POST", "/api/v1/transfers", back).status >= 400,
        "and the same the other way round",
    )
    supplies = [
        home.query("chain", "supply", "--chain", chain) for chain in (DEVNET, LAB, HEALTH)
    ]
    story.check(
        [supply["balanced"] for supply in supplies] == [True] * 3
        and [micro(supply["minted"]) for supply in supplies] == [SUPPLY_MICRO, SUPPLY_MICRO, 0]
        and micro(home.get(f"/api/v1/accounts/{first.address}")["available"]) == 6_000_000
        and micro(second.home.get(f"/api/v1/accounts/{first.address}")["available"]) == 37_000_000,
        "each chain has its own books",
        supplies,
    )
    hash_there = here.json()["transaction_hash"]
    story.check(
        home.run("chain", "tx", hash_there).code == 3
        and home.run("chain", "tx", hash_there, "--chain", LAB).code == 0,
        "a transaction is found on its own chain alone",
    )


def jobs_and_miners_on_both(story, home):
    story.chapter("Jobs and miner processes on both")
    home.environment["AITBC_MINER__MODEL"] = SYNTHETIC
    home.environment["AITBC_MODELS__ALIASES"] = f"llama3={SYNTHETIC}"
    homes = {DEVNET: home, LAB: OnChain(home, LAB)}
    miners = {
        chain: Miner(at, f"miner of {chain}", words=("--chain", chain)).start()
        for chain, at in homes.items()
    }
    clients = {chain: Client(story, at, f"client of {chain}") for chain, at in homes.items()}
    story.need(
        until(lambda: all(each.is_known() for each in miners.values()), 60),
        "each chain has a miner process of its own",
        "".join(each.last_words() for each in miners.values()),
    )
    for chain, client in clients.items():
        other = next(name for name in homes if name != chain)
        job = client.submit({"prompt": "hello", "max_tokens": 4}, 1_000_000)
        done = client.wait_for(job, ("completed",), 60)
        miner = miners[chain]
        story.check(
            done.get("status") == "completed"
            and done["miner"]["address"] == miner.address
            and done["payment_state"] == "paid"
            and homes[other].http("GET", f"/api/v1/miners/{miner.address}").status == 404,
            f"a paid job of {chain} is done by its miner, whom {other} does not know",
            done,
        )
        story.check(
            home.run("client", "status", job, "--chain", other).code == 3
            and home.run("client", "status", job, "--chain", chain).code == 0,
            f"and {other} knows nothing of the job",
        )
    for miner in miners.values():
        story.quiet_check(miner.leave() == 0, f"{miner.name} ends in order", miner.last_words())


def figures_tell_of_all(story, home):
    story.chapter("Figures of all chains")
    metrics = home.http("GET", "/metrics").body.decode()
    lines = [line for line in metrics.splitlines() if line.startswith("aitbc_chain_height")]
    story.check(
        len(lines) == 3
        and lines[0].startswith("aitbc_chain_height ")
        and f'{{chain="{LAB}"}}' in lines[1]
        and metrics.count("# TYPE aitbc_chain_height ") == 1,
        "metrics: the default chain keeps its names, the others have a label",
        lines,
    )
    ready = home.http("GET", "/readyz?verbose=1").json()
    story.check(
        [one["chain"] for one in ready["checks"]["chains"]] == [DEVNET, LAB, HEALTH]
        and home.http("GET", f"/readyz?chain={LAB}").status == 200
        and home.http("GET", "/readyz?chain=nosuch").status == 404,
        "/readyz tells of all, and of one by its name",
        ready,
    )


class Sender(threading.Thread):
    """Asks the faucet of one chain again and again; keeps what was acknowledged."""

    def __init__(self, home, chain, stop):
        super().__init__(daemon=True)
        self.account = Account(OnChain(home, chain), f"sender {chain}")
        self.chain, self.stop = chain, stop
        self.acknowledged = []

    def run(self):
        while not self.stop.is_set():
            answer = self.account.faucet("0.5")
            if answer.status == 200:
                self.acknowledged.append(answer.json()["transaction_hash"])
            elif answer.status == 0:
                time.sleep(0.01)


def killed(story, home, node, random):
    story.chapter("kill -9 with work on both chains")
    stop = threading.Event()
    senders = [Sender(home, chain, stop) for chain in (DEVNET, LAB)]
    for sender in senders:
        sender.start()
    rounds = 4
    for _ in range(rounds):
        before = [len(sender.acknowledged) for sender in senders]
        until(
            lambda: all(
                len(sender.acknowledged) > count + 20 for sender, count in zip(senders, before)
            ),
            20,
        )
        time.sleep(random.random() * 0.2)
        node.kill()
        node.start()
    stop.set()
    for sender in senders:
        sender.join()
    rows = list(hosted(home))
    lost, strayed = [], []
    for sender, other in zip(senders, reversed(senders)):
        at, elsewhere = sender.account.home, other.account.home
        for tx in sender.acknowledged:
            if at.http("GET", f"/api/v1/transactions/{tx}").status != 200:
                lost.append((sender.chain, tx))
        for tx in sender.acknowledged[:20]:
            if elsewhere.http("GET", f"/api/v1/transactions/{tx}").status == 200:
                strayed.append((other.chain, tx))
    counts = {sender.chain: len(sender.acknowledged) for sender in senders}
    story.check(
        not lost and not strayed and rows == [DEVNET, *sorted(rows[1:])] and len(rows) == 3,
        f"after {rounds} kills all that was acknowledged is on its own chain: {counts}",
        (lost[:3], strayed[:3]),
    )


def killed_while_creating(story, home, node, random):
    story.chapter("kill -9 in the middle of `chain create`")
    outcomes = {"hosted": 0, "not hosted": 0}
    for number in range(6):
        name = f"ait-k{number}"
        genesis = faucet_genesis(home, name)
        creating = subprocess.Popen(
            [str(home.bin / "aitbc"), "chain", "create", "--genesis", str(genesis)],
            env=home.environment,
            cwd=home.work,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random.random() * 0.3)
        node.kill()
        acknowledged = creating.wait(timeout=60) == 0
        node.start()
        row = hosted(home).get(name)
        outcomes["hosted" if row else "not hosted"] += 1
        story.quiet_check(
            row is None or row["sync"] == "synced", f"{name} is whole where it is hosted", row
        )
        story.quiet_check(
            row is not None or not acknowledged, f"{name} was acknowledged, so it is hosted"
        )
        again = home.run("chain", "create", "--genesis", genesis)
        story.quiet_check(
            again.code == (5 if row else 0),
            f"a second attempt at {name} is what it should be",
            again.err,
        )
        paid = Account(OnChain(home, name), "k").faucet("1")
        story.quiet_check(paid.status == 200, f"{name} works", paid)
    story.check(
        sum(outcomes.values()) == 6, f"each time the chain is hosted or it is not: {outcomes}"
    )


def there_is_a_bound(story, home, node):
    story.chapter("A node hosts so many and no more")
    number = 0
    while True:
        ran = home.run("chain", "create", "--genesis", faucet_genesis(home, f"ait-b{number}"))
        if ran.code != 0 or number > HOSTED_MAX:
            break
        number += 1
    count = len(hosted(home))
    story.check(
        ran.code == 6 and ran.error_code == "limit_reached" and count == HOSTED_MAX,
        f"the chain after the {count}th is refused",
        ran.err,
    )
    node.kill()
    began = time.monotonic()
    node.start()
    took = time.monotonic() - began
    rows = hosted(home)
    story.check(
        len(rows) == HOSTED_MAX and all(row["sync"] == "synced" for row in rows.values()),
        f"killed and started again it hosts all {len(rows)}, ready after {took:.1f} s",
        rows,
    )
    broken = home.data / "chains" / "ait-b0" / "genesis.json"
    whole = broken.read_text()
    broken.write_text("{}")
    node.kill()
    node.start()
    rows = hosted(home)
    ran = home.run("wallet", "balance", "--chain", "ait-b0")
    story.check(
        rows["ait-b0"]["sync"] == "error"
        and rows["ait-b0"]["problem"]
        and rows[LAB]["sync"] == "synced"
        and (ran.code, ran.error_code) == (7, "unavailable"),
        "a chain with a damaged folder says so and holds up no other",
        (rows["ait-b0"], ran.err),
    )
    told = home.run("doctor", "-o", "json")
    findings = {one["check"]: one for one in told.json()["items"]}
    story.check(
        told.code == 9
        and findings["chain ait-b0"]["status"] == "fail"
        and findings[f"chain {LAB}"]["status"] == "ok",
        "and `aitbc doctor` names it",
        told.out + told.err,
    )
    broken.write_text(whole)
    left = home.query("chain", "leave", "ait-b0")
    story.check(
        "ait-b0" not in hosted(home)
        and (home.data / "chains/ait-b0/genesis.json").exists()
        and left["folder"].endswith("/chains/ait-b0"),
        "`chain leave` takes it from the list and keeps its folder",
        left,
    )
    height = home.query("chain", "leave", LAB)["height"]
    gone = home.run("wallet", "balance", "--chain", LAB)
    node.kill()
    node.start()
    again = home.query("chain", "create", home.data / "chains" / LAB / "genesis.json")
    story.check(
        gone.code == 3 and again["height"] == height > 0 and LAB in hosted(home),
        "one that was left and is hosted again has all that it had",
        (gone, again, height),
    )


def tell(story, home, arguments):
    if os.environ.get(cluster_net.IN_ROOM) == "yes":
        cluster_net.ip("link", "set", "lo", "up")
    home.up("--no-miner")
    home.down()
    node = Node(story, home)
    node.start()
    chains_are_made(story, home)
    money_stays_on_its_chain(story, home)
    jobs_and_miners_on_both(story, home)
    figures_tell_of_all(story, home)
    killed(story, home, node, arguments.random)
    killed_while_creating(story, home, node, arguments.random)
    there_is_a_bound(story, home, node)
    node.kill()
    three_nodes(story, home)


if __name__ == "__main__":
    cluster_net.enter_room()
    harness.main(tell, "Many chains in one node", 300)
