"""Clusters of real node processes, each on a machine of its own (cluster_net), that can be hurt:
killed, frozen, cut off, wiped, put back to an old state."""

import json
import os
import shutil
import signal
import socket
import subprocess

import cluster_net
import wire
from harness import Home, UnixConnection
from story import Stop, until

CHAIN = "ait-devnet"


def free_port(address):
    with socket.socket() as taken:
        taken.bind((address, 0))
        return taken.getsockname()[1]


class Node:
    """One node: its machine, folder, key and process. Stands in for a home where the other parts
    of these tests want one (http, get, query, socket, processes)."""

    patience = 5

    def __init__(self, cluster, number, name=None, key=None, machine=None):
        self.cluster = cluster
        self.number = number
        self.machine = number if machine is None else machine
        self.name = name or f"n{number}"
        home = cluster.home
        self.bin, self.work, self.processes = home.bin, home.work, home.processes
        self.secret = key or wire.blake2b(f"node {self.name} {cluster.seed}".encode())
        self.public_key = wire.Signer(self.secret).public_key.hex()
        self.folder = home.folder / self.name
        self.environment = {**home.environment, "AITBC_GATEWAY__TCP_ENABLED": "false"}
        self.before = []  # what stands before its command
        self.log = home.work / f"process-{self.name}.log"
        self.log.touch()
        self.process = None
        self.port = cluster.port
        if self.machine not in cluster.machines:
            cluster.network.add(self.machine)
            cluster.machines.add(self.machine)

    def __str__(self):
        return self.name

    @property
    def socket(self):
        return self.folder / "node.sock"

    @property
    def address(self):
        return f"{self.cluster.network.address(self.machine)}:{self.port}"

    @property
    def short_key(self):
        return self.public_key[:16]

    # ---- its folder ----

    def furnish(self, genesis, nodes, is_fresh=True):
        """`nodes`: those of its table. A fresh key never voted, and a note beside it says so."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        (self.folder / "genesis.json").write_text(json.dumps(genesis))
        (self.folder / "node.key").write_text(self.secret.hex())
        (self.folder / "node.key").chmod(0o600)
        if is_fresh:
            (self.folder / "fresh-key").touch()
        table = "".join(f'{each.name} = "{each.public_key}@{each.address}"\n' for each in nodes)
        host = self.cluster.network.address(self.machine)
        self.config_file.write_text(
            f'[node]\ndata_dir = "{self.folder}"\ngenesis_file = "{self.folder}/genesis.json"\n'
            "[storage]\nsegment_bytes = 16777216\n"
            f'[peer]\nname = "{self.name}"\nlisten_host = "{host}"\nlisten_port = {self.port}\n'
            f"[peer.nodes]\n{table}"
        )
        return self

    @property
    def config_file(self):
        return self.folder / "node.toml"

    def kept(self):
        """What an operator keeps when the rest of the disk is lost."""
        return ("node.key", "node.toml", "genesis.json")

    def wipe(self):
        for path in self.folder.iterdir():
            if path.name in self.kept():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def back_up(self, name):
        """The whole folder as it is now; the node must be at rest."""
        target = self.work / name
        shutil.copytree(self.folder, target, ignore=shutil.ignore_patterns("*.sock"))
        return target

    def put_back(self, backup):
        shutil.rmtree(self.folder)
        shutil.copytree(backup, self.folder)

    # ---- its process ----

    def start(self, wait=True):
        self.mark()
        with open(self.log, "ab") as output:
            self.process = self.popen(
                [str(self.bin / "aitbcd"), "--role", "node", "--config", str(self.config_file)],
                output,
            )
        if wait and not self.is_up():
            raise Stop(f"{self.name} does not start: {self.last_words()}")
        return self

    def popen(self, words, output, **more):
        process = subprocess.Popen(
            [*self.cluster.network.within(self.machine), *self.before, *words],
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self.environment,
            **more,
        )
        process.log = self.log
        self.processes.append(process)
        return process

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_up(self, seconds=20):
        """It answers, now or soon."""
        return until(
            lambda: not self.is_running() or self.height() is not None, seconds, 0.02
        ) and self.is_running()

    def send(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def pause(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)

    def stop(self, seconds=25):
        """SIGTERM; its exit status, None when it does not end in time."""
        self.send(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    # ---- what it says ----

    def http(self, method, path, *words, timeout=None, **options):
        return Home.http(self, method, path, *words, timeout=timeout or self.patience, **options)

    def get(self, path, **options):
        return self.http("GET", path, **options).json()

    def run(self, *words, **options):
        return self.cluster.home.run("--node", f"unix:{self.socket}", *words, **options)

    def query(self, *words, **options):
        return self.cluster.home.query("--node", f"unix:{self.socket}", *words, **options)

    def read_all(self, paths):
        """The documents of many paths, one after another over one connection."""
        connection = UnixConnection(self.socket, 30)
        try:
            for path in paths:
                connection.request("GET", path)
                answer = connection.getresponse()
                content = answer.read()
                yield json.loads(content) if answer.status == 200 else None
        finally:
            connection.close()

    def height(self):
        answer = self.http("GET", "/api/v1/chain", timeout=1)
        return answer.json()["height"] if answer.status == 200 else None

    def block(self, height):
        answer = self.http("GET", f"/api/v1/blocks/{height}")
        return answer.json() if answer.status == 200 else None

    def mark(self):
        """From here on `said` looks."""
        self.looked_at = self.log.stat().st_size
        return self.looked_at

    def lines(self):
        with open(self.log, "rb") as log:
            log.seek(self.looked_at)
            return log.read().decode(errors="replace").splitlines()

    def said(self, words, seconds=10):
        """The first line since the mark with all of these words, now or soon."""
        words = (words,) if isinstance(words, str) else words

        def found():
            return next((line for line in self.lines() if all(word in line for word in words)), "")

        return until(found, seconds, 0.05)

    def is_voting(self):
        """What it said last about that."""
        said = [
            line
            for line in self.log.read_text(errors="replace").splitlines()
            if "consensus_standing" in line or "chain_recovered" in line
        ]
        return bool(said) and "voting=true" in said[-1]

    def last_words(self, count=8):
        text = self.log.read_text(errors="replace").splitlines()[-count:]
        return f"\n{self.name}: " + "\n".join(line[:400] for line in text)


class Cluster:
    """`count` validators that know each other, and whoever joins them."""

    def __init__(self, story, home, seed, count=3, network=None, **parameters):
        self.story, self.home, self.seed = story, home, seed
        self.network = network or cluster_net.make()
        self.machines = set()
        self.port = 7800 if self.network.can_cut else free_port("127.0.0.1")
        self.nodes = [Node(self, number) for number in range(count)]
        self.genesis = self.make_genesis(parameters)
        self.say_where()

    def say_where(self):
        if self.network.can_cut:
            self.story.say(f"  {len(self.nodes)} nodes, each in a network namespace of its own")
        else:
            self.story.skip(f"network namespaces and cut ways: {self.network.reason}")

    def make_genesis(self, parameters):
        validators = [
            {"name": each.name, "public_key": each.public_key, "weight": 1} for each in self.nodes
        ]
        numbers = {
            "faucet_enabled": True,
            "faucet_supply": "1000000",
            "faucet_request_max": "10000",
            "jobs_unfunded": "accept",
            "fault_model": "crash" if len(self.nodes) == 3 else "byzantine",
            **parameters,
        }
        return {
            "chain": CHAIN,
            "time": "2026-11-01T00:00:00Z",
            "validators": validators,
            "parameters": numbers,
        }

    def start(self):
        for node in self.nodes:
            node.furnish(self.genesis, self.nodes)
            node.start(wait=False)
        for node in self.nodes:
            self.story.need(node.is_up(), f"{node} answers", node.last_words())
        self.story.need(
            until(lambda: all(self.are_linked(node) for node in self.nodes), 20),
            "all are linked with all",
            "".join(node.last_words() for node in self.nodes),
        )
        return self

    def are_linked(self, node):
        return all(
            node.said(("peer_up", other.short_key), 0) for other in self.nodes if other != node
        )

    def others(self, *nodes):
        return [each for each in self.nodes if each not in nodes]

    def highest(self):
        return max((node.height() or 0 for node in self.nodes if node.is_running()), default=0)

    def catches_up(self, node, seconds=20):
        """Whether `node` reaches the height that the others have now."""
        goal = max((each.height() or 0) for each in self.others(node) if each.is_running())
        return until(lambda: (node.height() or -1) >= goal, seconds, 0.02)

    def agree(self, nodes=None, seconds=20):
        """When all are at one height with one block; the last heights and blocks, when not."""

        def probe():
            seen = [each.height() for each in nodes]
            if None in seen or len(set(seen)) != 1:
                return None
            blocks = [each.block(seen[0]) for each in nodes]
            return all(commitment(block) == commitment(blocks[0]) for block in blocks)

        nodes = nodes or self.nodes
        return until(probe, seconds, 0.1)


def commitment(block):
    """What must be the same everywhere; which signatures prove it may differ."""
    return block and (block["height"], block["hash"], block["parent"], block["state_commitment"])


def same_chains(story, nodes, sentence="at every height all nodes have one block hash and state"):
    """Every block of every node, compared; answers the height."""
    heights = {node.name: node.height() for node in nodes}
    top = max(height or 0 for height in heights.values())
    paths = [f"/api/v1/blocks/{height}" for height in range(1, top + 1)]
    different, parent = [], None
    for height, blocks in enumerate(zip(*(node.read_all(paths) for node in nodes)), 1):
        seen = [commitment(block) for block in blocks]
        linked = parent is None or (seen[0] and seen[0][2] == parent)
        if None in seen or len(set(seen)) != 1 or not linked:
            different.append((height, seen))
        parent = seen[0] and seen[0][1]
    story.check(
        not different and len(set(heights.values())) == 1,
        f"{sentence} ({top} blocks, {len(nodes)} nodes)",
        (heights, different[:3]),
    )
    return top
