#!/usr/bin/env python3
"""Four validators of which one lies: a twins build of the real node, which signs two stories with
one key. The honest three stay one chain, put the proof on it, take part of the liar's stake, once,
and its vote with the next epoch."""

import json
import os
import pathlib
import sys
import threading

import cluster_load
import cluster_net
import harness
from cluster_load import Crowd, Work
from cluster_nodes import Node, same_chains
from story import micro, until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from free_ports import free_ports  # noqa: E402  (its folder is known from here on)

STAKE, SLASHED = 1_000 * 1_000_000, 50 * 1_000_000
FAUCET = 1_000_000_000 * 1_000_000
FUNDED = 5_000
BLOCKS = 150
LIE = "twins_lie"


class Member(Node):
    """A node in a folder that `aitbc cluster init` has made."""

    def __init__(self, cluster, number, made, program):
        super().__init__(cluster, number, made["name"], machine=0)
        self.folder = pathlib.Path(made["folder"])
        self.public_key = made["public_key"]
        self.program = program

    def popen(self, words, output, **more):
        return super().popen([self.program, *words[1:]], output, **more)

    def evidence_total(self):
        """How often it has seen a validator contradict itself."""
        text = self.http("GET", "/metrics").body.decode()
        lines = [line for line in text.splitlines() if line.startswith("aitbc_consensus_evidence")]
        return int(float(lines[0].split()[1])) if lines else 0

    def validators(self):
        return {row["public_key"]: row for row in self.query("chain", "validators")["items"]}


class TwinsCluster:
    """What cluster_nodes.Cluster is to its nodes, on the loopback, made by the command line."""

    def __init__(self, story, home, arguments):
        self.story, self.home, self.seed = story, home, arguments.seed
        self.network = cluster_net.Loopback("one machine is enough here")
        self.machines, self.port = set(), 0
        ports = free_ports(4)
        made = home.query(
            "cluster", "init", "c", "--nodes", 4, "--dev", "--peer-port", ports, "--http-port", 1
        )
        self.made = made
        programs = [str(home.bin / "aitbcd")] * 3 + [arguments.twins]
        self.all = [
            Member(self, number, each, program)
            for number, (each, program) in enumerate(zip(made["items"], programs))
        ]
        self.nodes, self.twin = self.all[:3], self.all[3]

    def start(self):
        for node in self.all:
            node.start(wait=False)
        for node in self.all:
            self.story.need(node.is_up(), f"{node} answers", node.last_words())

    def agree(self, seconds=20):
        def probe():
            heights = [node.height() for node in self.nodes]
            return None not in heights and len(set(heights)) == 1

        return until(probe, seconds, 0.1)


def begin(story, home, arguments):
    story.chapter("`aitbc cluster init`: four validators, one may lie, and each has a stake")
    cluster = TwinsCluster(story, home, arguments)
    made = cluster.made
    story.check(
        (made["fault_model"], made["may_lie"], micro(made["stake"])) == ("byzantine", 1, STAKE),
        f"{made['quorum']} of 4 decide, 1 may lie, {made['stake']} AIT answer for each",
        made,
    )
    product = (home.bin / "aitbcd").read_bytes()
    story.check(
        LIE.encode() in pathlib.Path(arguments.twins).read_bytes() and LIE.encode() not in product,
        "the liar is a build of its own: the product has nothing of it",
    )
    cluster.start()
    stakes = [micro(row["staked"]) for row in cluster.nodes[0].validators().values()]
    story.check(stakes == [STAKE] * 4, "the genesis has staked as much for each", stakes)
    return cluster


def live_with_it(story, cluster, arguments, stop):
    story.chapter("Clients, miners and payments, while it lies")
    crowd = Crowd(story, cluster, arguments.random, stop, FUNDED)
    crowd.prepare()
    crowd.start()
    liar = cluster.twin.public_key
    slashed = until(
        lambda: all(micro(node.validators()[liar]["slashed"]) for node in cluster.nodes), 30, 0.2
    )
    story.check(
        bool(slashed),
        "all three honest nodes show that it was slashed",
        [node.last_words() for node in cluster.all],
    )
    excluded = until(
        lambda: all(node.validators()[liar]["status"] == "excluded" for node in cluster.nodes),
        20,
        0.2,
    )
    story.check(bool(excluded), "and that it votes no more", cluster.nodes[0].validators())
    goal = cluster.nodes[0].height() + BLOCKS
    there = until(lambda: min(node.height() for node in cluster.nodes) >= goal, 40, 0.1)
    story.check(bool(there), f"{BLOCKS} more blocks become final without it")
    stop.set()
    crowd.join(40)
    cluster_load.came_to_rest(story, crowd)
    return crowd


def what_it_did(story, cluster):
    lines = [
        line
        for line in cluster.twin.log.read_text(errors="replace").splitlines()
        if LIE in line
    ]
    kinds = {
        what: sum(what in line for line in lines)
        for what in ("what=proposal", "what=vote kind=notarize", "what=vote kind=nullify")
    }
    story.check(
        any(kinds.values()), f"it has lied while it could: {kinds}", cluster.twin.last_words()
    )
    seen = [node.evidence_total() for node in cluster.nodes]
    story.check(sum(seen) >= 1, f"the honest nodes have seen it {seen} times", seen)
    proven = [
        sum("consensus_evidence_proven" in line for line in node.log.read_text().splitlines())
        for node in cluster.nodes
    ]
    story.check(sum(proven) >= 1, f"and proven it on the chain ({proven} of them were asked first)")


def one_chain(story, cluster, crowd):
    story.chapter("No fork, nothing lost")
    story.need(cluster.agree(), "the honest nodes come to one height")
    same_chains(story, cluster.nodes)
    cluster_load.real_time_order_holds(story, crowd)
    for node in cluster.nodes:
        cluster_load.nothing_is_lost(story, crowd, node)
        cluster_load.jobs_agree(story, crowd, node)
        cluster_load.money_agrees(story, crowd, node, FAUCET + 4 * STAKE)


def the_price(story, cluster):
    story.chapter("What the lie cost")
    liar = cluster.twin.public_key
    for node in cluster.nodes:
        rows = node.validators()
        own = rows[liar]
        others = [row for key, row in rows.items() if key != liar]
        story.check(
            micro(own["slashed"]) == SLASHED
            and micro(own["staked"]) == STAKE - SLASHED
            and all(micro(row["staked"]) == STAKE for row in others)
            and not any(micro(row["slashed"]) for row in others),
            f"{node}: of its {STAKE // 10**6} AIT exactly {own['slashed']} are gone, of the "
            "others' nothing",
            rows,
        )
        events = node.query("chain", "events", "--kind", "ledger.slashed")["items"]
        treasury = node.get("/api/v1/chain")["slashed"]
        kept = micro(node.get(f"/api/v1/accounts/{treasury}")["total"])
        story.check(
            len(events) == 1 and events[0]["attributes"]["validator"] == liar and kept == SLASHED,
            f"{node}: it was slashed once, in block {events and events[0]['height']}, and the "
            "money is where nobody can spend it",
            (events, kept),
        )
    return cluster.nodes[0].validators()[liar]


def the_proof(story, home, cluster, row):
    story.chapter("The evidence is on the chain, and proves itself")
    first = cluster.nodes[0]
    shown = first.query("chain", "tx", row["evidence"])
    story.check(
        shown["kind"] == "consensus.evidence"
        and shown["status"] == "applied"
        and shown["height"] == row["slashed_height"],
        f"block {row['slashed_height']} holds it",
        shown,
    )
    genesis = first.folder / "genesis.json"
    nowhere = f"unix:{home.folder}/nobody.sock"
    texts = set()
    for node in cluster.nodes:
        path = home.work / f"receipt-{node}.json"
        node.query("chain", "receipt", row["evidence"], "--output-file", path)
        texts.add(json.dumps(json.loads(path.read_text())["proofs"][0]["body"], sort_keys=True))
        ran = home.run("--node", nowhere, "verify", "receipt", path, "--genesis", genesis)
        story.check(
            ran.code == 0,
            f"its receipt from {node} verifies with the genesis alone",
            ran.err,
        )
    story.check(len(texts) == 1, "all three prove the same two statements", texts)
    text = (home.work / f"receipt-{first}.json").read_text()
    at = text.index(cluster.twin.public_key)
    bad = home.work / "receipt-bad.json"
    bad.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    ran = home.run("--node", nowhere, "verify", "receipt", bad, "--genesis", genesis)
    story.check(ran.error_code == "check_failed", "a changed one does not", ran.err)
    return json.loads(texts.pop())


def said_again(story, cluster, evidence):
    """By hand, over REST: the same, and things that prove nothing."""
    node = cluster.nodes[1]
    for statement in (evidence["first"], evidence["second"]):
        statement["block"] = statement["block"] or "00" * 32
    honest = node.public_key
    foreign = {**evidence["first"], "genesis": "11" * 32}
    both = {"first": foreign, "second": {**evidence["second"], "genesis": "11" * 32}}
    for name, change, code in (
        ("the same lie again", {}, "already_exists"),
        ("the same with an honest validator's name", {"validator": honest}, "check_failed"),
        ("a key that is no validator's", {"validator": "ab" * 32}, "not_found"),
        ("of another chain", {"validator": honest, **both}, "invalid_argument"),
        ("twice the same", {"validator": honest, "second": evidence["first"]}, "invalid_argument"),
    ):
        answer = node.http("POST", "/api/v1/evidence", {**evidence, **change})
        said = (answer.json() or {}).get("error", {})
        story.check(
            answer.code == code,
            f"{name}: {answer.code}: {said.get('what', said.get('message', ''))} "
            f"{said.get('why', '')}"[:200],
            answer,
        )


def tell(story, home, arguments):
    arguments.twins = str(pathlib.Path(arguments.twins).resolve())
    story.need(
        os.access(arguments.twins, os.X_OK), "the twins build is here", f"build {arguments.twins}"
    )
    cluster = begin(story, home, arguments)
    crowd = live_with_it(story, cluster, arguments, threading.Event())
    one_chain(story, cluster, crowd)
    what_it_did(story, cluster)
    row = the_price(story, cluster)
    evidence = the_proof(story, home, cluster, row)
    said_again(story, cluster, evidence)
    story.chapter("And the chain goes on")
    work = Work(story, cluster, arguments.seed)
    work.goes_on(cluster.nodes, "with the liar among the followers all take work")
    cluster.twin.stop()
    work.goes_on(cluster.nodes, "and without it")
    story.need(cluster.agree(), "the honest nodes come to one height again")
    same_chains(story, cluster.nodes)
    after = cluster.nodes[2].validators()[cluster.twin.public_key]
    same = all(after[name] == row[name] for name in ("staked", "slashed", "evidence"))
    story.check(same, "nothing more was taken", (row, after))
    codes = [node.stop() for node in cluster.nodes]
    story.check(codes == [0, 0, 0], "SIGTERM ends every honest node in order", codes)


if __name__ == "__main__":
    harness.main(
        tell,
        " ".join(__doc__.split()),
        limit_s=150,
        add_arguments=lambda parser: parser.add_argument(
            "--twins",
            default=str(harness.ROOT / "build/release/tests/bin/aitbcd_twins"),
            help="the build that lies",
        ),
    )
