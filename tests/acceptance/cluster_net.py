"""Machines on one wire, for real: a network namespace each, joined by a bridge in another.

A way between two machines is cut by giving the sender a wrong hardware address for the receiver:
what it sends is on the wire and reaches nobody, and nobody is told, as in a real blackhole. Each
direction is cut by itself. `ip`, `nsenter` and `unshare` are all it needs: the script runs itself
again in namespaces of its own, which go when it goes, however it ends.
"""

import os
import shutil
import subprocess
import sys

IN_ROOM = "AITBC_IN_NET_ROOM"
NOBODY = "02:de:ad:00:00:01"
# In the room: our own names of network namespaces, and a try of all that is needed.
FURNISH = "mount -t tmpfs tmpfs /run && mkdir /run/netns"
TRY = (
    FURNISH + " && ip netns add a && ip -n a link add br0 type bridge"
    " && nsenter --net=/run/netns/a true"
)


def enter_room():
    """Runs this script again where it may make networks; returns where that is not allowed."""
    if IN_ROOM in os.environ:
        return
    missing = [name for name in ("unshare", "ip", "nsenter") if shutil.which(name) is None]
    if missing:
        os.environ[IN_ROOM] = f"no: {', '.join(missing)} (util-linux, iproute2) is not here"
        return
    room = ["unshare", "-Urmn", "/bin/sh", "-c"]
    tried = subprocess.run([*room, TRY], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        os.environ[IN_ROOM] = f"no: this machine allows none ({tried.stderr.strip()[:200]})"
        return
    words = [sys.executable, "-B", os.path.abspath(sys.argv[0]), *sys.argv[1:]]
    environment = {**os.environ, IN_ROOM: "yes"}
    os.execvpe("unshare", [*room, FURNISH + ' && exec "$@"', "room", *words], environment)


def make():
    """Namespaces in the room, else loopback with the reason."""
    answer = os.environ.get(IN_ROOM, "no: the script was not run by enter_room()")
    return Namespaces() if answer == "yes" else Loopback(answer.partition(": ")[2])


def ip(*words):
    done = subprocess.run(
        ["ip", *(str(word) for word in words)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(str(word) for word in words)}: {done.stderr.strip()}")
    return done.stdout


class Loopback:
    """All machines are this one: what runs can be killed and stopped, no way can be cut."""

    can_cut = False

    def __init__(self, reason):
        self.reason = reason

    def add(self, number):
        pass

    @staticmethod
    def address(number):
        return f"127.77.{os.getpid() % 250}.{number + 1}"

    @staticmethod
    def within(number):
        return []

    def heal(self):
        pass


class Namespaces:
    can_cut = True

    def __init__(self):
        self.numbers = []
        self.severed = set()
        ip("netns", "add", "switch")
        ip("-n", "switch", "link", "add", "br0", "type", "bridge")
        ip("-n", "switch", "link", "set", "br0", "up")

    @staticmethod
    def address(number):
        return f"10.77.0.{number + 1}"

    @staticmethod
    def hardware(number):
        return f"02:00:00:00:00:{number + 1:02x}"

    @staticmethod
    def name(number):
        return f"machine{number}"

    def within(self, number):
        """What stands before a command that is to run on this machine; the process id stays."""
        return ["nsenter", f"--net=/run/netns/{self.name(number)}"]

    def add(self, number):
        name = self.name(number)
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        wire = ("-n", "switch", "link")
        ip(*wire, "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip(*wire, "set", f"port{number}", "master", "br0", "up")
        ip("-n", name, "link", "set", "eth0", "address", self.hardware(number))
        ip("-n", name, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        for other in self.numbers:
            self.point(number, other, self.hardware(other))
            self.point(other, number, self.hardware(number))
        self.numbers.append(number)

    def point(self, source, target, hardware):
        where = (self.address(target), "lladdr", hardware, "dev", "eth0", "nud", "permanent")
        ip("-n", self.name(source), "neigh", "replace", *where)

    def cut_one_way(self, source, target):
        """Nothing that `source` sends reaches `target` any more; the other way stays open."""
        self.point(source, target, NOBODY)
        self.severed.add((source, target))

    def cut(self, one, other):
        self.cut_one_way(one, other)
        self.cut_one_way(other, one)

    def part(self, *groups):
        """Machines of different groups do not reach each other."""
        for group in groups:
            for one in group:
                for other in self.numbers:
                    if other not in group:
                        self.cut_one_way(one, other)

    def heal(self):
        for source, target in self.severed:
            self.point(source, target, self.hardware(target))
        self.severed.clear()
