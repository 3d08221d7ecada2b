"""Clusters that are measured: nodes that `aitbc cluster init` has joined, and members of an etcd, each
a process of its own in a fresh folder on the same disk."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import urllib.request

import compare
import servers
from servers import Failed, free_port, need_package

sys.path.insert(0, str(servers.ROOT / "scripts"))

from free_ports import free_ports  # noqa: E402  (its folder is known from here on)

DEBIAN_ETCD = "etcd-server"


class Validator(servers.Node):
    """One node of a cluster, in the folder that `cluster init` has made for it."""

    name = "node"

    def __init__(self, place, bin_dir, folder, port, settings):
        self.made, self.wanted_port = folder, port
        super().__init__(place, bin_dir, settings)

    def make_chain(self):
        self.data = self.made
        genesis = json.loads((self.data / "genesis.json").read_text())
        genesis["parameters"].update(servers.PARAMETERS)
        (self.data / "genesis.json").write_text(json.dumps(genesis, indent=2))

    def command(self):
        words = [str(self.program), "--role", "node", "--config", str(self.data / "node.toml")]
        settings = ["node.log_format=text", "miner.enabled=false", "gateway.connections_max=2000"]
        for setting in [*settings, *self.settings]:
            words += ["--set", setting]
        return words

    def is_ready(self):
        self.port = self.wanted_port
        return self.get("/readyz", timeout=5) is not None

    def height(self):
        chain = self.get("/api/v1/chain", timeout=5)
        return chain["height"] if chain else None


class Cluster:
    """`count` validators; ready when each is linked with all others and a quorum decides."""

    name = "node"

    def __init__(self, place, bin_dir, count, fault_model="crash", settings=()):
        self.count, self.fault_model = count, fault_model
        folder = place.folder / f"cluster-{len(place.servers)}"
        base = free_ports(2 * count)
        words = ["cluster", "init", folder, "--nodes", count, "--dev", "--no-input"]
        words += ["--peer-port", base, "--http-port", base + count]
        if fault_model == "crash" and count > 1:
            words.append("--crash-tolerant")
        environment = dict(os.environ, AITBC_HOME=str(place.folder), HOME=str(place.folder))
        done = subprocess.run(
            [str(word) for word in (pathlib.Path(bin_dir) / "aitbc", *words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failed(f"cluster init failed: {done.stdout}")
        self.nodes = [
            Validator(place, bin_dir, folder / f"node-{i + 1}", base + count + i, settings)
            for i in range(count)
        ]

    def start(self):
        for node in self.nodes:
            node.launch(node.command(), node.environment())
        for node in self.nodes:
            node.need_ready(lambda node=node: node.is_ready() and self.is_linked(node))

    def is_linked(self, node):
        return node.new_log().count("peer_up") >= self.count - 1

    def load_flags(self):
        flags = []
        for node in self.nodes:
            flags += [*node.load_flags(), "--server-pid", node.pid]
        return flags

    def new_log(self):
        return "\n".join(node.new_log()[-1500:] for node in self.nodes)

    def settle(self):
        for node in self.nodes:
            node.settle()

    def metrics(self):
        """Each node's page of figures."""
        return [metrics_of(node.port) for node in self.nodes]


def metrics_of(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    figures = {}
    for line in lines:
        name, _, value = line.rpartition(" ")
        if name and not name.startswith("#"):
            figures[name] = float(value)
    return figures


class Member(servers.Server):
    """One member of an etcd, with its default settings."""

    name = "etcd"

    def __init__(self, place):
        super().__init__(place)
        self.port, self.peer_port = free_port(), free_port()

    def launch_in(self, members):
        words = ["etcd", "--name", self.folder.name, "--data-dir", str(self.folder / "data")]
        for kind, port in (("client", self.port), ("peer", self.peer_port)):
            words += [f"--listen-{kind}-urls", f"http://127.0.0.1:{port}"]
        words += ["--advertise-client-urls", f"http://127.0.0.1:{self.port}"]
        words += ["--initial-advertise-peer-urls", f"http://127.0.0.1:{self.peer_port}"]
        all_members = (f"{each.folder.name}=http://127.0.0.1:{each.peer_port}" for each in members)
        words += ["--initial-cluster", ",".join(all_members), "--initial-cluster-state", "new"]
        words += ["--logger", "zap", "--log-level", "warn"]
        self.launch(words)

    def is_ready(self):
        try:
            address = f"http://127.0.0.1:{self.port}/health"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, ValueError):
            return False


class Etcd:
    name = "etcd"

    def __init__(self, place, count):
        self.members = [Member(place) for _ in range(count)]

    def start(self):
        for member in self.members:
            member.launch_in(self.members)
        for member in self.members:
            member.need_ready(member.is_ready)

    def load_flags(self):
        flags = []
        for member in self.members:
            flags += ["--etcd", f"127.0.0.1:{member.port}", "--server-pid", member.pid]
        return flags

    def new_log(self):
        return "\n".join(member.new_log()[-1500:] for member in self.members)

    def settle(self):
        for member in self.members:
            member.settle()


def has_etcd():
    return shutil.which("etcd") is not None


def need_etcd():
    need_package("etcd", DEBIAN_ETCD)


class Bench:
    """The programs and the load, for studies of clusters."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.bin = pathlib.Path(arguments.bin).resolve()
        beside = self.bin.parent / "tests" / "bin" / "jobs_load"
        self.loader = pathlib.Path(arguments.load).resolve() if arguments.load else beside

    def build(self):
        if not self.arguments.no_build:
            subprocess.run(
                [servers.ROOT / "scripts" / "build", "release", "aitbcd", "aitbc", "jobs_load"],
                check=True,
                stdout=sys.stderr,
            )

    def cluster(self, place, count=None):
        arguments = self.arguments
        count = count or arguments.nodes
        cluster = Cluster(place, self.bin, count, arguments.fault_model, arguments.set)
        cluster.start()
        return cluster

    def etcd(self, place):
        etcd = Etcd(place, self.arguments.nodes)
        etcd.start()
        return etcd

    def load_command(self, server, connections, *flags):
        if server.name == "etcd" and self.arguments.look_for_work:
            flags = (*flags, "--look-for-work")
        # Another seed a number of connections: miners differ in where they are connected.
        common = ["--connections", connections, "--seed", f"load-{connections}"]
        return [str(word) for word in (self.loader, *server.load_flags(), *common, *flags)]

    def load(self, server, connections, *flags):
        done = subprocess.run(
            self.load_command(server, connections, "--json", *flags),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failed(
                f"{done.stderr.strip()}\n{done.stdout}last lines of the servers:\n"
                + server.new_log()[-3000:]
            )
        return compare.sound(json.loads(done.stdout))


def read_arguments(parser, fault_model="crash"):
    """Those that all studies of clusters have."""
    add = parser.add_argument
    add("--look-for-work", action="store_true", help="etcd's workers do not know their jobs")
    add("--fault-model", choices=("crash", "byzantine"), default=fault_model)
    add("--bin", default=str(servers.ROOT / "build/release/bin"), help="folder of aitbcd and aitbc")
    add("--load", help="the load generator jobs_load, if not beside that folder")
    add("--before-others", action="store_true", help="servers and load go before all other work")
    add("--no-build", action="store_true", help="take the programs as they are")
    add("--dir", help="where the servers keep their data; it must be on a disk")
    add("--keep", action="store_true", help="keep that data")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="configuration of the nodes")
    add("--json", metavar="FILE", help="write all figures to this file; - is standard output")
    return parser.parse_args()


def go_before_others():
    """On a machine that others use, each wake-up may wait for a tick of the clock (4 ms), and what is
    measured is how many of them there are. Servers and load inherit this."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError as cause:
        raise Failed(f"--before-others needs root or CAP_SYS_NICE: {cause}") from cause
    compare.say("servers and load run before all other work (SCHED_RR)")


def run(arguments, study):
    """Builds, runs the study in a folder of its own, writes its figures; the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with the script
    bench = Bench(arguments)
    try:
        bench.build()
        if arguments.before_others:
            go_before_others()
        with servers.Place(arguments.dir, arguments.keep) as place:
            figures = study(bench, place)
    except (Failed, subprocess.CalledProcessError) as cause:
        compare.say(f"error: {cause}")
        return 1
    except KeyboardInterrupt:
        return 130
    if arguments.json == "-":
        print(json.dumps(figures, indent=2))
    elif arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n")
    return 0
