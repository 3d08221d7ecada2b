"""The second half of the story: three nodes that agree, each a process of its own, joined by config.

A client talks to the first; miners work beside the second and the third. One of these two machines is
killed in the middle of a job: the job moves, is paid once, and every node can prove it.
"""

import json
import os
import pathlib
import signal
import subprocess
import time
from decimal import Decimal

from free_ports import free_ports

NODES = ("node-1", "node-2", "node-3")
LEASE_SECONDS = 30  # of a development chain; a dead miner's job waits that long
LONG_PROMPT = '{"prompt":"Tell a long story about a network of machines.","max_tokens":300}'
SLOW_SYNTHETIC = "synthetic://llama?layers=12&width=768&seed=1"


class Cluster:
    """Nodes and miners as processes of this script, ended by their ids."""

    def __init__(self, story, folder, binaries):
        self.story = story
        self.folder = folder
        self.bin = binaries
        self.processes = {}

    def start(self, name, words, environment=None):
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            [str(word) for word in words], env=environment or self.story.environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
        log.close()

    def kill(self, name):
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for name, process in self.processes.items():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()

    def endpoint(self, node):
        return f"unix:{self.folder / 'c' / node / 'node.sock'}"

    def ask(self, node, *words, home="people"):
        environment = dict(self.story.environment, AITBC_HOME=str(self.folder / home))
        return self.story.aitbc("--node", self.endpoint(node), *words, environment=environment)

    def try_ask(self, node, *words):
        """Without telling: the answer, or nothing."""
        environment = dict(self.story.environment, AITBC_HOME=str(self.folder / "people"))
        result, _ = self.story.run([self.bin / "aitbc", "--node", self.endpoint(node), *words, "-o", "json"], environment)
        return json.loads(result.stdout) if result.returncode == 0 else None

    def until(self, probe, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = probe()
            if answer:
                return answer
            time.sleep(0.05)
        return None


def cluster_forms(story, cluster):
    story.chapter("Three nodes form a cluster")
    ports = free_ports(6)
    made, took_ms, shown = story.aitbc("cluster", "init", "--nodes", 3, "--dev", "--crash-tolerant", "--dir", cluster.folder / "c",
                                       "--peer-port", ports, "--http-port", ports + 3)
    story.check("cluster made", len(made["items"]) == 3 and made["may_stop"] == 1, "keys, one genesis and three configurations", took_ms, shown)
    began = time.monotonic()
    for node in NODES:
        cluster.start(node, [cluster.bin / "aitbcd", "--config", cluster.folder / "c" / node / "node.toml"])

    def formed():
        states = [cluster.try_ask(node, "status") for node in NODES]
        return states if all(state and state["ready"] and state["peers"] == 2 for state in states) else None

    states = cluster.until(formed, 30)
    story.check("cluster formed", bool(states), "each node is linked to the two others over mutual TLS",
                int((time.monotonic() - began) * 1000), ["aitbc", "status"])


def funds_at(cluster, node, address):
    balance = cluster.try_ask(node, "wallet", "balance", address)
    return Decimal(balance["available"]) if balance else None


def newcomers(cluster, known):
    """The address of an active miner that was not there before."""
    listed = cluster.try_ask("node-1", "miner", "list", "--status", "active") or {"items": []}
    return next((one["address"] for one in listed["items"] if one["address"] not in known), None)


def people_come(story, cluster, real_model):
    story.chapter("A client at the first node, miners beside the second and third")
    cluster.ask("node-1", "wallet", "create", "--name", "default", "--no-password", "--use", "--out-file", cluster.folder / "seed")
    _, took_ms, shown = cluster.ask("node-1", "wallet", "faucet", "--amount", "1000")
    address = cluster.ask("node-1", "wallet", "show")[0]["address"]
    there = cluster.until(lambda: funds_at(cluster, "node-3", address) == 1000, 10)
    story.check("funded", there, "1000 AIT, paid out at node-1 and seen at node-3", took_ms, shown)
    environment = dict(story.environment)
    if not real_model:
        environment["AITBC_MINER__MODEL"] = SLOW_SYNTHETIC
        environment["AITBC_MODELS__ALIASES"] = f"llama3={SLOW_SYNTHETIC}"
    miners = {}
    for node in NODES[1:]:
        environment["AITBC_HOME"] = str(cluster.folder / f"miner-{node}")
        cluster.ask(node, "wallet", "create", "--name", "default", "--no-password", "--use",
                    "--out-file", cluster.folder / f"seed-{node}", home=f"miner-{node}")
        cluster.start(f"miner-{node}", [cluster.bin / "aitbc", "miner", "start", "--foreground", "--node", cluster.endpoint(node)],
                      dict(environment))
        newcomer = cluster.until(lambda: newcomers(cluster, miners), 60)
        story.check("offer", newcomer is not None, f"the miner beside {node} offers")
        miners[newcomer] = node
    _, took_ms, shown = cluster.ask("node-1", "miner", "list", "--status", "active")
    story.check("offers live", len(miners) == 2, "both miners offer, as node-1 sees them", took_ms, shown)
    return miners


def machine_dies(story, cluster, miners, facts):
    story.chapter("A machine is killed in the middle of a job")
    job, took_ms, shown = cluster.ask("node-1", "client", "submit", "--data", LONG_PROMPT, "--payment", 10)
    name = job["job_id"]
    story.check("funded job", job["payment_state"] == "funded", f"{name} is paid into escrow", took_ms, shown)
    running = cluster.until(lambda: (lambda one: one if one and one["status"] in ("processing", "completed") else None)(
        cluster.try_ask("node-1", "client", "status", name)), 30)
    story.check("leased", running is not None and running["status"] == "processing",
                "no miner holds it" if running is None else f"it is {running['status']}")
    victim = miners[running["miner"]["address"]]
    cluster.kill(f"miner-{victim}")
    cluster.kill(victim)
    story.say(f"    {victim} and the miner beside it were killed with SIGKILL; its lease runs {LEASE_SECONDS} s")
    result, took_ms, shown = cluster.ask("node-1", "client", "result", name, "--wait", "--timeout", 4 * LEASE_SECONDS)
    story.check("moved", bool(result["text"]), f"the other miner wrote {result['completion_tokens']} tokens", took_ms, shown)
    why, took_ms, shown = cluster.ask("node-1", "explain", "job", name)
    story.check("twice leased", len([one for one in why["stages"] if one["stage"] == "processing"]) == 2, why["summary"], took_ms, shown)
    facts["cluster_job"] = name
    return name, victim


def all_agree(story, cluster, name, victim):
    story.chapter("It is paid once, and every node can prove it")
    survivors = [node for node in NODES if node != victim]
    cluster.start(victim, [cluster.bin / "aitbcd", "--config", cluster.folder / "c" / victim / "node.toml"])
    job, took_ms, shown = cluster.ask("node-1", "client", "status", name)
    supply, _, _ = cluster.ask(survivors[-1], "chain", "supply")
    story.check("paid once", job["payment_state"] == "paid" and supply["balanced"] is True,
                f"{job['payment']['paid_to_miner']} AIT to one miner; all balances together are the genesis supply", took_ms, shown)
    height = cluster.try_ask("node-1", "status")["height"]

    def blocks():
        states = [cluster.try_ask(node, "status") for node in NODES]
        if not all(state and state["height"] >= height for state in states):
            return None
        return [cluster.try_ask(node, "chain", "block", str(height)) for node in NODES]

    began = time.monotonic()
    found = cluster.until(blocks, 30)
    story.check("same chain", found and len({json.dumps(block["hash"]) for block in found}) == 1,
                f"{victim} is back; block {height} is the same on all three", int((time.monotonic() - began) * 1000), ["aitbc", "chain", "block", str(height)])
    genesis = cluster.folder / "c" / "node-1" / "genesis.json"
    elsewhere = dict(story.environment, AITBC_HOME=str(cluster.folder / "nobody"))
    for node in NODES:
        file = cluster.folder / f"receipt-{node}.json"
        cluster.ask(node, "client", "receipt", name, "--output-file", file)
        _, took_ms, shown = story.aitbc("verify", "receipt", file, "--genesis", genesis, environment=elsewhere)
        story.check(f"receipt of {node}", True, f"the receipt that {node} gives holds: two of three validators signed its block", took_ms, shown)


def tell(story, folder, binaries, facts):
    cluster = Cluster(story, pathlib.Path(folder), binaries)
    try:
        cluster_forms(story, cluster)
        miners = people_come(story, cluster, facts["real_model"])
        name, victim = machine_dies(story, cluster, miners, facts)
        all_agree(story, cluster, name, victim)
        story.say("\n  a cluster of your own: aitbc cluster init --nodes 3 --dev --crash-tolerant --register")
    finally:
        cluster.stop()
