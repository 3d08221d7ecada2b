#!/usr/bin/env python3
"""Each thing that can befall a node of a cluster, once: the others go on, somebody says what it is,
and the node comes back as soon as it may, and not before."""

import json
import pathlib
import shutil
import subprocess
import time

import cluster_net
import harness
import wire
from cluster_load import Work
from cluster_nodes import Cluster, Node, same_chains
from disk_full import Disk
from scripted import Account
from story import until

CLOCK_SHIM = pathlib.Path(__file__).resolve().parent / "clock_offset.c"


class Faults:
    def __init__(self, story, home, cluster, seed):
        self.story, self.home, self.cluster, self.seed = story, home, cluster, seed
        self.network = cluster.network
        self.nodes = cluster.nodes
        self.work = Work(story, cluster, seed)
        self.strangers = 0

    def said(self, node, words, sentence, seconds=12):
        line = node.said(words, seconds)
        told = json.loads(line)["message"][:200] if line.startswith("{") else line
        return self.story.check(
            bool(line), f"{sentence}: {told}", f"{words}{node.last_words(14)}"
        )

    def is_back(self, node, sentence):
        there = self.cluster.catches_up(node) and node.block(node.height())
        self.story.check(bool(there), sentence, node.last_words())
        self.work.goes_on([node], f"{node} takes work again")

    def may_vote(self, node, others, seconds=30):
        """Votes come when views do, and views when there is work."""
        end = time.monotonic() + seconds
        while not node.is_voting() and time.monotonic() < end:
            self.work.done_at(others[0], 5)
        return self.story.check(node.is_voting(), f"{node} says that it votes", node.last_words())

    def votes_again(self, node, seconds=20):
        """With one of the two others gone, nothing becomes final without this one."""
        self.may_vote(node, self.cluster.others(node))
        other = self.cluster.others(node)[0]
        other.kill()
        took = self.work.done_at(node, seconds)
        self.story.check(
            took is not None,
            f"{node} votes: with {other} gone, its vote makes blocks final",
            self.work.state([node]),
        )
        other.start()

    def stranger(self, name, key=None, machine=None):
        self.strangers += 1
        number = len(self.nodes) + self.strangers
        return Node(self.cluster, number, name, key, machine)

    # ---- processes ----

    def killed(self):
        self.story.chapter("kill -9")
        lost, *others = self.nodes
        for node in others:
            node.mark()
        lost.kill()
        self.work.goes_on(others, "the others go on")
        self.said(others[0], ("peer_down", lost.short_key), "they say whom they miss")
        lost.start()
        self.said(lost, "chain_recovered", "it finds its chain again")
        self.is_back(lost, "it catches up")

    def frozen(self):
        self.story.chapter("SIGSTOP")
        lost, *others = self.nodes[::-1]
        for node in others:
            node.mark()
        lost.pause()
        self.work.goes_on(others, "the others go on")
        self.said(others[0], ("peer_down", lost.short_key, "silent"), "they say what they see")
        ran = lost.run("status", "--timeout", "2s", timeout=30)
        self.story.check(
            ran.code not in (0, -1) and ran.seconds < 15,
            f"a command to the frozen node ends in {ran.seconds:.1f} s: "
            f"{' '.join(ran.err.split())[:120]}",
            ran.err,
        )
        lost.resume()
        self.is_back(lost, "thawed, it catches up")

    def restarted_again_and_again(self, times=12):
        self.story.chapter(f"A restart storm: {times} times killed while it starts")
        node, *others = self.nodes[1:] + self.nodes[:1]
        for number in range(times):
            node.kill()
            node.start(wait=False)
            until(
                lambda: node.said("chain_recovered", 0) or not node.is_running(), number % 4, 0.01
            )
        self.work.goes_on(others, "the others go on")
        self.story.check(node.is_up(), "it comes up in the end", node.last_words())
        self.is_back(node, "it catches up")
        self.votes_again(node)

    # ---- ways between nodes ----

    def one_way(self):
        self.story.chapter("A way that loses everything in one direction")
        if not self.network.can_cut:
            return self.story.skip(f"cut ways: {self.network.reason}")
        deaf, mute, other = self.nodes
        for node in self.nodes:
            node.mark()
        self.network.cut_one_way(mute.machine, deaf.machine)
        self.said(
            deaf, ("peer_down", mute.short_key, "silent"), f"{deaf} says that {mute} is silent"
        )
        self.said(mute, ("peer_down", deaf.short_key), f"{mute} says that the link is gone")
        self.work.goes_on(self.nodes, "all three still take work: the third is between them")
        for node in (deaf, mute):
            node.mark()
        self.network.heal()
        self.said(deaf, ("peer_up", mute.short_key), "healed, they find each other again")
        self.work.goes_on(self.nodes, "and all go on")

    def cut_off(self):
        self.story.chapter("One is cut off from all")
        if not self.network.can_cut:
            return self.story.skip(f"cut ways: {self.network.reason}")
        lost, *others = self.nodes
        self.network.part([lost.machine], [each.machine for each in others])
        self.work.goes_on(others, "the others go on")
        height = lost.height()
        self.work.stands_still(lost, "alone, it makes nothing final")
        account = lost.http("GET", f"/api/v1/accounts/{self.work.account.address}")
        self.story.check(account.status == 200, "but it still answers what it knows", account)
        self.network.heal()
        self.is_back(lost, f"healed, it comes from height {height} to that of the others")

    # ---- who it is ----

    def wrong_cluster(self):
        self.story.chapter("A node of another cluster, and one that nobody knows")
        genesis = {**self.cluster.genesis, "time": "2026-10-01T00:00:00Z"}
        lost = self.nodes[2]
        lost.stop()
        machine = lost.machine
        wrong = self.stranger("n2-of-another-cluster", lost.secret, machine)
        wrong.furnish(genesis, self.nodes[:2])
        wrong.config_file.write_text(
            wrong.config_file.read_text().replace(f'name = "{wrong.name}"', f'name = "{lost.name}"')
        )
        for node in self.nodes[:2]:
            node.mark()
        wrong.start()
        self.said(wrong, ("peer_refused", "another_cluster"), "it says that the cluster is another")
        self.said(
            self.nodes[0], ("peer_refused", lost.short_key, "another_cluster"), "the others say so"
        )
        wrong.stop()
        unknown = self.stranger("unknown")
        unknown.furnish(self.cluster.genesis, self.nodes)
        self.nodes[0].mark()
        unknown.start()
        self.said(
            self.nodes[0],
            ("peer_refused", "unknown_key", unknown.public_key),
            "a key that is in no table is refused and named",
        )
        self.said(unknown, ("peer_refused", "by_us=false", "unknown_key"), "its owner is told")
        unknown.stop()
        lost.start()
        self.is_back(lost, f"{lost} with its own genesis is taken back")

    def wrong_key(self):
        self.story.chapter("A node with another key than the others have for it")
        lost, *others = self.nodes
        lost.stop()
        wrong = self.stranger("n0-with-another-key", machine=lost.machine)
        wrong.furnish(self.cluster.genesis, self.nodes)
        wrong.config_file.write_text(
            wrong.config_file.read_text().replace(f'name = "{wrong.name}"', f'name = "{lost.name}"')
        )
        for node in others:
            node.mark()
        wrong.start()
        self.said(
            others[0],
            ("peer_refused", "another_key", wrong.public_key),
            "the others say which key is there",
        )
        self.work.goes_on(others, "they go on")
        wrong.stop()
        lost.start()
        self.is_back(lost, f"{lost} with its own key is taken back")

    def two_with_one_key(self):
        self.story.chapter("One key on two machines")
        node, *others = self.nodes[::-1]
        node.stop()
        backup = node.back_up("clone")
        node.start()
        twin = self.stranger("twin", node.secret)
        twin.folder = backup
        text = twin.config_file.read_text().replace(str(node.folder), str(backup))
        twin.config_file.write_text(
            text.replace(
                f'listen_host = "{self.network.address(node.machine)}"',
                f'listen_host = "{self.network.address(twin.machine)}"',
            )
        )
        self.work.goes_on(self.nodes, "a node whose folder was copied goes on")
        for each in self.nodes:
            each.mark()
        twin.start()
        refused = ("peer_refused", "duplicate_key")
        self.said(twin, refused, "the copy is told that its key is in use")
        self.said(others[0], refused, "and the others tell of it")
        self.work.goes_on(self.nodes, "the cluster goes on with the first")
        if self.network.can_cut:
            self.both_have_voted(node, twin, others)
        twin.kill()
        node.kill()
        node.start()
        self.is_back(node, "with the copy gone, it is restarted and catches up")
        self.votes_again(node)

    def both_have_voted(self, node, twin, others):
        """The first is cut off, the copy takes its place and votes; then the first comes back."""
        self.network.part([node.machine], [each.machine for each in (twin, *others)])
        linked = until(
            lambda: all(twin.said(("peer_up", each.short_key), 0) for each in others), 30
        )
        self.story.check(
            bool(linked), "when the first is cut off, the copy takes its place", twin.last_words()
        )
        self.work.goes_on(others, "the chain goes on")
        self.may_vote(twin, others)
        others[0].kill()
        took = self.work.done_at(others[1], 30)
        self.story.check(
            took is not None, "with one more gone, its vote makes blocks final", twin.last_words(12)
        )
        others[0].start()
        node.mark()
        twin.kill()
        self.network.heal()
        self.said(
            node,
            "came from elsewhere",
            "the first, back again, sees votes of its key that it never gave",
            20,
        )
        self.work.goes_on(others, "the others go on")

    # ---- what lies below ----

    def disk_full(self, disk):
        self.story.chapter("A disk that fills up")
        if disk is None:
            return self.story.skip("a full disk: no mount of our own here")
        node, *others = self.nodes[::-1]
        disk.leave(40)
        account = Account(node, "x")
        refused = until(
            lambda: (lambda answer: answer.status == 429 and answer)(
                account.submit("x", key=f"full-{time.monotonic_ns()}")
            ),
            5,
        )
        self.story.check(
            bool(refused),
            f"its clients are told: {refused and refused.json()['error']['message']}",
            refused,
        )
        self.work.goes_on(others, "the others take what it refuses")
        node.mark()
        disk.leave(0)
        self.work.goes_on(others, "without a byte left on one, the others still go on")
        is_alive = node.is_running()
        if is_alive:
            self.story.check(node.height() is not None, "it answers reads", node.last_words())
        else:
            self.said(node, "", "it has ended and says why")
        disk.clear()
        if not is_alive:
            node.start()
        self.is_back(node, "with space again it catches up")
        self.votes_again(node)

    def clock_jump(self):
        self.story.chapter("A clock that jumps")
        compiler = shutil.which("cc")
        if compiler is None:
            return self.story.skip("a clock that jumps: no C compiler (cc) for clock_offset.c")
        node, *others = self.nodes
        library, offset = node.work / "clock_offset.so", node.work / "clock"
        subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", library, CLOCK_SHIM], check=True
        )
        offset.write_text("0\n")
        node.kill()
        node.environment.update(LD_PRELOAD=str(library), CLOCK_OFFSET_FILE=str(offset))
        node.start()
        self.is_back(node, "with a clock that can be set it is as before")
        for jump, name in (("3600", "an hour ahead"), ("-3600", "an hour behind")):
            offset.write_text(jump + "\n")
            self.work.goes_on(others, f"{name}: the others go on")
            self.work.goes_on([node], "what it takes becomes final too")
            blocks = [each.block(each.height()) for each in others]
            now = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 90))
            self.story.check(
                all(block["time"] < now for block in blocks),
                f"no final block is in the future: {blocks[0]['time']}",
                blocks,
            )
            skews = until(lambda: self.skews_seen(node, others, int(jump)), 15, 0.2)
            self.story.check(
                bool(skews),
                f"`aitbc node peers` of the others says whose clock it is: {skews} s",
                others[0].run("node", "peers").out,
            )
        for name in ("LD_PRELOAD", "CLOCK_OFFSET_FILE"):
            del node.environment[name]
        node.kill()
        node.start()
        self.is_back(node, "with the right time it goes on")

    @staticmethod
    def skews_seen(node, others, jump):
        """By how many seconds the others see its clock off, when all see about that much."""
        seen = []
        for other in others:
            rows = other.query("node", "peers")["items"]
            skew = next(row["clock_skew_us"] for row in rows if row["name"] == node.name)
            seen.append(None if skew is None else round(skew / 1e6))
        return seen if all(each is not None and abs(each - jump) < 30 for each in seen) else None

    # ---- what it remembers ----

    def wiped(self):
        self.story.chapter("A validator loses its disk")
        node, helper, witness = self.nodes
        node.kill()
        self.work.goes_on([helper, witness], "the others go on")
        node.wipe()
        witness.kill()
        node.start()
        self.said(
            node,
            "The record of this key's votes is missing",
            "it says that it does not know what it has voted",
        )
        caught_up = self.cluster.catches_up(node)
        self.story.check(caught_up, "it learns the chain again", node.last_words())
        self.work.stands_still(node, "it does not vote before a quorum of the others vouches")
        witness.start()
        self.work.goes_on([node, helper], "when they are there, all goes on")
        self.votes_again(node)

    def old_backup(self):
        self.story.chapter("A validator is restored from an old backup")
        helper, node, witness = self.nodes
        node.stop()
        backup = node.back_up("backup")
        node.start()
        self.work.goes_on([node, helper, witness], "after the backup the chain has gone on")
        helper.kill()
        self.work.goes_on([node], "its vote was needed: it has promised what the backup lacks")
        node.kill()
        node.put_back(backup)
        helper.start()
        self.story.check(
            until(lambda: self.cluster.catches_up(helper), 20), "the others have the chain"
        )
        witness.kill()
        node.start()
        self.said(
            node,
            "came from elsewhere",
            "it sees votes of its own key that it does not remember, and says so",
        )
        self.story.check(self.cluster.catches_up(node), "it learns the chain", node.last_words())
        self.work.stands_still(node, "it stays mute: with it alone, nothing becomes final")
        witness.start()
        self.work.goes_on([node, helper], "when a quorum of the others has vouched, all goes on")
        self.votes_again(node)


def small_disk(cluster):
    """The last node's folder on a small disk of its own, where we may mount one."""
    if not cluster.network.can_cut:
        return None
    node = cluster.nodes[-1]
    node.folder.mkdir(mode=0o700)
    disk = Disk(node.folder)
    disk.mount()
    node.environment["AITBC_STORAGE__SEGMENT_BYTES"] = str(16 * 1024 * 1024)
    return disk


def tell(story, home, arguments):
    story.chapter("Three nodes")
    cluster = Cluster(story, home, arguments.seed)
    disk = small_disk(cluster)
    try:
        all_faults(story, home, cluster, disk, arguments)
    finally:
        if disk:  # lazily: a node may still run there; the folder could not be removed else
            subprocess.run(["umount", "-l", disk.folder], check=False)


def all_faults(story, home, cluster, disk, arguments):
    cluster.start()
    faults = Faults(story, home, cluster, arguments.seed)
    faults.work.goes_on(cluster.nodes, "every node takes work")
    chapters = {
        "killed": faults.killed,
        "frozen": faults.frozen,
        "one_way": faults.one_way,
        "cut_off": faults.cut_off,
        "storm": faults.restarted_again_and_again,
        "wrong_cluster": faults.wrong_cluster,
        "wrong_key": faults.wrong_key,
        "one_key": faults.two_with_one_key,
        "disk_full": lambda: faults.disk_full(disk),
        "clock": faults.clock_jump,
        "wiped": faults.wiped,
        "old_backup": faults.old_backup,
    }
    for name, chapter in chapters.items():
        if arguments.only in ("", name):
            chapter()
    story.chapter("After all that")
    story.need(cluster.agree(), "all nodes come to one height", faults.work.state(cluster.nodes))
    same_chains(story, cluster.nodes)
    paid = cluster.nodes[0].get(f"/api/v1/accounts/{wire.bech32m('ait', faults.work.target)}")
    story.say(f"       {faults.work.count} payments were tried; the payee has {paid['total']}")
    codes = [node.stop() for node in cluster.nodes]
    story.check(codes == [0, 0, 0], "SIGTERM ends every node in order", codes)


if __name__ == "__main__":
    cluster_net.enter_room()
    harness.main(
        tell,
        " ".join(__doc__.split()),
        limit_s=280,
        add_arguments=lambda parser: parser.add_argument(
            "--only", default="", help="one chapter, by its name in the script"
        ),
    )
