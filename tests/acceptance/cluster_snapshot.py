#!/usr/bin/env python3
"""A node that lost its disk comes back by a checkpoint of the others: it executes nothing of what
lies before, has their state, does nothing twice, and says what it does not have; also when it is
killed in the middle of it."""

import json
import time

import cluster_net
import harness
from cluster_load import Work
from cluster_nodes import Cluster, commitment
from scripted import Account
from story import Stop, until

CHECKPOINT_BLOCKS = 40
GAP_BLOCKS = 2 * CHECKPOINT_BLOCKS  # more than a node fetches as blocks


def figures(line):
    """The fields of one line of a node's log."""
    text = json.loads(line)["message"] if line.startswith("{") else line
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


class Joining:
    def __init__(self, story, cluster, seed):
        self.story, self.cluster, self.nodes = story, cluster, cluster.nodes
        self.work = Work(story, cluster, seed)
        self.client = Account(cluster.nodes[0], f"client {seed}")

    def checkpoint(self, nodes, sentence):
        """Work until each of them has a proved checkpoint above the height that is now."""
        for node in nodes:
            node.mark()
        goal = (self.cluster.highest() // CHECKPOINT_BLOCKS + 1) * CHECKPOINT_BLOCKS
        self.reach(max(goal, GAP_BLOCKS), nodes)
        goal = max(goal, GAP_BLOCKS)
        said = [node.said(("checkpoint_proved", f"height={goal} "), 20) for node in nodes]
        self.story.need(all(said), f"{sentence}: height {goal}", self.work.state(nodes))
        return goal

    def reach(self, height, nodes):
        while self.cluster.highest() < height:
            took = self.work.done_at(nodes[self.work.count % len(nodes)])
            if took is None:
                raise Stop("the chain does not go on" + self.work.state(nodes))

    def joined(self, node, sentence):
        """Waits until it has opened its chain with a state that came as a snapshot."""
        line = until(
            lambda: next(
                (
                    each
                    for each in node.lines()
                    if "chain_recovered" in each and figures(each)["history_from"] != "1"
                ),
                "",
            ),
            30,
            0.05,
        )
        self.story.need(bool(line), sentence, node.last_words(14))
        seen = figures(line)
        self.story.check(
            seen["replayed_blocks"] == "0"
            and int(seen["height"]) + 1 == int(seen["history_from"]),
            f"{node} begins at height {seen['height']} and executes no block before it",
            line,
        )
        self.story.need(node.is_up(), f"{node} answers", node.last_words())
        return int(seen["height"])

    def is_equal(self, node, others, base):
        self.story.check(
            self.cluster.catches_up(node), f"{node} follows the others", node.last_words()
        )
        self.reach(base + 3, others)
        self.story.check(
            self.cluster.agree([node, *others]),
            "it comes to their height, block and state",
            self.work.state([node]),
        )
        height = node.height()
        paths = [f"/api/v1/blocks/{each}" for each in range(base + 1, height + 1)]
        seen = [list(map(commitment, each.read_all(paths))) for each in (node, others[0])]
        self.story.check(
            seen[0] == seen[1] and None not in seen[0],
            f"{len(paths)} blocks from {base + 1} to {height} are the same",
            seen,
        )
        path = f"/api/v1/accounts/{self.work.account.address}"
        balances = [each.get(path)["total"] for each in (node, *others)]
        supplies = [each.get("/api/v1/supply") for each in (node, *others)]
        self.story.check(
            len(set(balances)) == 1 and all(supply["balanced"] for supply in supplies),
            f"the payer has {balances[0]} on every node, and all money is there",
            (balances, supplies),
        )

    def says_what_it_lacks(self, node, base):
        answer = node.http("GET", f"/api/v1/blocks/{base // 2}")
        told = answer.json().get("error", {})
        self.story.check(
            answer.status == 404
            and f"history from height {base + 1}" in json.dumps(told)
            and "nother node" in json.dumps(told),
            f"asked for block {base // 2} it says: {told.get('message')}",
            answer,
        )
        self.story.check(
            node.get("/api/v1/chain")["history_from"] == base + 1,
            f"its chain info shows that history begins at {base + 1}",
            node.get("/api/v1/chain"),
        )

    def is_done_once(self, node, key, target, first, sentence):
        account = Account(node, "")
        account.signer, account.address = self.client.signer, self.client.address
        before = node.get(f"/api/v1/accounts/{account.address}")["total"]
        again = account.transfer(target, 7, key)
        document = again.json() or {}
        after = node.get(f"/api/v1/accounts/{account.address}")["total"]
        self.story.check(
            again.status == 200
            and document.get("repeated") is True
            and document.get("transaction_hash") == first["transaction_hash"]
            and before == after,
            sentence,
            (again, before, after),
        )

    def votes(self, node, others):
        """With one of the others gone, nothing becomes final without it."""
        end = time.monotonic() + 30
        while not node.is_voting() and time.monotonic() < end:
            self.work.done_at(others[0], 5)
        self.story.check(node.is_voting(), f"{node} says that it votes", node.last_words())
        others[1].kill()
        took = self.work.done_at(node, 20)
        self.story.check(
            took is not None,
            f"{node} votes: with {others[1]} gone, its vote makes blocks final",
            self.work.state([node]),
        )


def tell(story, home, arguments):
    story.chapter("Three nodes, and work")
    cluster = Cluster(story, home, arguments.seed)
    for node in cluster.nodes:
        node.environment["AITBC_CHAIN__CHECKPOINT_BLOCKS"] = str(CHECKPOINT_BLOCKS)
    cluster.start()
    joining = Joining(story, cluster, arguments.seed)
    first, second, lost = cluster.nodes
    answer = joining.client.faucet("100")
    story.need(answer.status == 200, "a client is funded", answer)
    target = joining.work.target
    payment = joining.client.transfer(target, 7, "an old key").json()
    job = joining.client.submit("a prompt that waits", key="an old job").json()
    joining.checkpoint(cluster.nodes, "all three prove a checkpoint")

    story.chapter("A node loses its disk")
    lost.kill()
    lost.wipe()
    lost.start(wait=False)
    base = joining.joined(lost, "it takes a checkpoint of the others")
    story.check(
        bool(lost.said("The record of this key's votes is missing", 5)),
        "it knows that it may have voted and forgotten",
        lost.last_words(),
    )
    joining.is_equal(lost, [first, second], base)
    joining.says_what_it_lacks(lost, base)
    joining.is_done_once(
        lost,
        "an old key",
        target,
        payment,
        "a payment from before, sent to it again, answers as then and moves nothing",
    )
    shown = [each.get(f"/api/v1/jobs/{job['job_id']}") for each in (lost, first)]
    story.check(
        shown[0] == shown[1] and shown[0]["payload"] == shown[1]["payload"],
        "a job that waits is there with its prompt",
        shown,
    )
    joining.votes(lost, [first, second])

    story.chapter("Its checkpoints are those of the others")
    height = joining.checkpoint(
        [first, lost], f"with {second} gone, its signature proves the next one"
    )
    story.say(f"       at height {height}, with history from {base + 1}")
    second.start()
    story.need(cluster.catches_up(second), f"{second} is back", second.last_words())

    story.chapter("Killed in the middle of a transfer")
    lost.kill()
    lost.wipe()
    kills = 0
    for number in range(4):
        lost.start(wait=False)
        word = ("snapshot_join_began", "snapshot_join_fetches")[number % 2]
        if lost.said(word, 10):
            kills += 1
        lost.kill()
    story.check(kills > 0, f"killed {kills} times while it took the state", lost.last_words())
    lost.start(wait=False)
    base = joining.joined(lost, "it takes the state in the end")
    joining.is_equal(lost, [first, second], base)
    joining.is_done_once(
        lost, "an old key", target, payment, "the old payment is still done once"
    )
    joining.votes(lost, [first, second])
    second.start()
    story.need(cluster.agree(), "all are at one height", joining.work.state(cluster.nodes))
    codes = [node.stop() for node in cluster.nodes]
    story.check(codes == [0, 0, 0], "SIGTERM ends every node in order", codes)


if __name__ == "__main__":
    cluster_net.enter_room()
    harness.main(tell, " ".join(__doc__.split()), limit_s=150)
