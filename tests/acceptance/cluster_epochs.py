#!/usr/bin/env python3
"""Validators that come and go: a fourth node follows, asks, is let in by a quorum and votes; another
leaves and follows. Whoever is killed in between comes up in the epoch that runs, and a receipt of a
later epoch verifies with the genesis alone."""

import cluster_net
import harness
from cluster_load import Work
from cluster_nodes import Cluster, Node, same_chains
from story import until

STAKE = "25"


class Changing:
    def __init__(self, story, home, seed):
        self.story, self.home = story, home
        self.cluster = Cluster(story, home, seed, validator_stake_min="20")
        self.fourth = Node(self.cluster, 3)
        self.cluster.nodes.append(self.fourth)
        self.nodes = self.cluster.nodes
        self.cluster.start()
        self.work = Work(story, self.cluster, seed)

    @staticmethod
    def rows(node):
        return {row["name"]: row for row in node.query("chain", "validators")["items"]}

    def voters(self, node):
        rows = self.rows(node)
        return sorted(name for name, row in rows.items() if row["status"] == "votes")

    @staticmethod
    def epoch(node):
        """In which the node is, and whether it counts itself among those who vote."""
        row = node.query("chain", "list")["items"][0]
        return row["epoch"], row["is_validator"]

    def are_in(self, nodes, names, sentence):
        """Waits until all of them say that these vote; gives the epoch."""

        def probe():
            seen = {(tuple(self.voters(node)), self.epoch(node)[0]) for node in nodes}
            one = seen.pop()
            return one if not seen and list(one[0]) == names else None

        seen = until(probe, 30, 0.2)
        self.story.need(
            bool(seen),
            sentence,
            [(str(node), self.voters(node), node.last_words()) for node in nodes],
        )
        return seen[1]

    def goes_on(self, nodes, sentence):
        return self.work.goes_on(nodes, sentence)

    def comes_back(self, node, epoch, votes):
        """Killed and started again, it is in the right epoch before it has heard of any block."""
        node.kill()
        node.start()
        self.story.check(
            self.epoch(node) == (epoch, votes),
            f"{node}, killed with -9, comes up in epoch {epoch} as a "
            + ("validator" if votes else "follower"),
            (self.epoch(node), node.last_words()),
        )
        self.story.check(
            self.cluster.catches_up(node), f"{node} follows the others", node.last_words()
        )


def joins(story, home, run):
    first, second, third = run.nodes[:3]
    fourth = run.fourth
    story.chapter("A fourth node follows, and asks to vote")
    run.goes_on(run.nodes, "all four take work")
    story.check(run.epoch(fourth) == (0, False), "the fourth one votes on nothing")
    home.query("wallet", "create", "owner4", "--no-password")
    address = home.query("wallet", "show", "owner4")["address"]
    first.query("wallet", "faucet", "--amount", "100", "--wallet", "owner4")
    wish = ("chain", "validator", "join", fourth.public_key, "--name", str(fourth))
    refused = first.run(*wish, "--wallet", "owner4")
    story.check(refused.error_code == "forbidden", f"without stake: {refused.err[:160]}", refused)
    first.query("wallet", "stake", STAKE, "--wallet", "owner4")
    asked = first.query(*wish, "--wallet", "owner4")
    story.check(asked["status"] == "asks", f"with {STAKE} AIT staked it asks", asked)
    story.chapter("A quorum of those who vote lets it in")
    until(lambda: "n3" in run.rows(fourth), 10, 0.05)
    refused = fourth.run("chain", "validator", "approve", address)
    story.check(refused.error_code == "forbidden", "it cannot approve of itself", refused)
    one = first.query("chain", "validator", "approve", address)
    story.check(one["status"] == "asks", "one of three is no quorum", one)
    story.check(run.rows(second)["n3"]["status"] == "asks", "the list shows that it waits")
    two = second.query("chain", "validator", "approve", address)
    story.check(two["status"] == "syncs", "two of three are", two)
    names = ["n0", "n1", "n2", "n3"]
    epoch = run.are_in(run.nodes, names, "it says itself that it is synced, and all let it vote")
    story.check(
        run.epoch(fourth) == (epoch, True), f"epoch {epoch} began on block {epoch}, at its node too"
    )
    story.check(bool(fourth.said("voting=true")), "it votes", fourth.last_words())
    before = first.query("chain", "validators", "--epoch", "0")["items"]
    story.check(len(before) == 3, "who voted in epoch 0 can still be asked", before)
    refused = first.run("wallet", "unstake", STAKE, "--wallet", "owner4")
    story.check(refused.error_code == "forbidden", "its stake stays while it votes", refused)
    first.kill()
    run.goes_on([second, third, fourth], "without the first one, three of four agree: it counts")
    return epoch


def leaves(story, run):
    first, second, third = run.nodes[:3]
    fourth = run.fourth
    story.chapter("A validator leaves")
    said = second.query("chain", "validator", "leave")
    story.check(said["status"] == "leaves", "the second one ends its vote", said)
    epoch = run.are_in(run.nodes, ["n0", "n2", "n3"], "all four know that it votes no more")
    run.goes_on(run.nodes, "and all four take work")
    refused = second.run("chain", "validator", "leave")
    story.check(refused.error_code == "not_found", "it cannot leave twice", refused)
    for node in run.nodes:
        run.comes_back(node, epoch, node is not second)
    second.kill()
    run.goes_on([first, third, fourth], "without it the chain goes on")
    first.kill()
    run.goes_on([third, fourth], "and two of the three that are left are enough")
    first.start()
    second.wipe()
    second.start()
    story.check(
        run.cluster.catches_up(second),
        "wiped, the one that left finds its way through both epochs",
        second.last_words(),
    )
    return epoch


def proves(story, home, run, epoch):
    story.chapter("A receipt of the last epoch")
    node = run.fourth
    sent = node.query(
        "wallet", "send", run.work.account.address, "1", "--wallet", "owner4"
    )
    block = node.block(sent["height"])
    story.check(block["epoch"] == epoch, f"a payment is final in epoch {epoch}", block)
    path = home.work / "receipt-epochs.json"
    node.query("chain", "receipt", sent["transaction_hash"], "--output-file", path)
    nowhere = f"unix:{home.folder}/nobody.sock"
    ran = home.run(
        "--node", nowhere, "verify", "receipt", path, "--genesis", node.folder / "genesis.json"
    )
    story.check(ran.code == 0, "its receipt verifies with the genesis alone", ran.err)


def tell(story, home, arguments):
    story.chapter("Three validators and a node that follows")
    run = Changing(story, home, arguments.seed)
    epoch = joins(story, home, run)
    run.nodes[0].start()
    story.need(run.cluster.agree(), "all are at one height", run.work.state(run.nodes))
    for node in run.nodes:
        run.comes_back(node, epoch, True)
    run.goes_on(run.nodes, "after all that every node takes work")
    proves(story, home, run, leaves(story, run))
    story.need(run.cluster.agree(), "all are at one height again", run.work.state(run.nodes))
    same_chains(story, run.nodes)
    codes = [node.stop() for node in run.nodes]
    story.check(codes == [0] * 4, "SIGTERM ends every node in order", codes)


if __name__ == "__main__":
    cluster_net.enter_room()
    harness.main(tell, " ".join(__doc__.split()), limit_s=150)
