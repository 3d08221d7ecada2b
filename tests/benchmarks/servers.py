"""The servers that are measured: a node and Redis, each in a fresh folder on the same disk, started
and ended by process id."""

import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "acceptance"))
import wire  # noqa: E402  (the keys of tests/acceptance)

START_SECONDS = 60
STOP_SECONDS = 60
SETTLE_SECONDS = 60
# The quota of unpaid jobs is there against spam and would end every load after a thousand jobs; a
# job must outlive the longest study.
PARAMETERS = {
    "jobs_unfunded_per_account_max": 1_000_000_000,
    "jobs_open_max": 4_000_000,
    "job_ttl_ms_default": 86_400_000,
}


class Failed(Exception):
    """What went wrong, for the person at the terminal."""


def has_memory_file_system(folder):
    """Whether a sync of this folder means nothing."""
    kind = subprocess.run(
        ["stat", "--file-system", "--format=%T", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()
    return kind in ("tmpfs", "ramfs")


class Place:
    """A temporary folder for all servers of a run; gone afterwards, unless kept."""

    def __init__(self, parent=None, keep=False):
        self.keep = keep
        # Short, because a socket's path has a hundred bytes at most.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ait-jobs-", dir=parent))
        self.servers = []
        if has_memory_file_system(self.folder):
            self.close()
            raise Failed(
                f"{self.folder.parent} lies in memory, where a sync means nothing: give a folder "
                "on a disk with --dir"
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for server in self.servers:
            server.stop()
        if self.keep:
            print(f"The folder is kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def wait_until(condition, seconds, step=0.005):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return False


class Server:
    """One process. Subclasses say how it starts and when it is ready."""

    name = "server"

    def __init__(self, place):
        self.folder = place.folder / f"{self.name}-{len(place.servers)}"
        self.folder.mkdir(mode=0o700)
        self.process = None
        self.log = self.folder / "output.log"
        self.port = 0
        place.servers.append(self)

    @property
    def pid(self):
        return self.process.pid

    def launch(self, command, environment=None):
        self.log_begins = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
            )

    def new_log(self):
        return self.log.read_bytes()[self.log_begins :].decode(errors="replace")

    def need_ready(self, is_ready):
        """Seconds until it was ready."""
        began = time.monotonic()
        wait_until(lambda: is_ready() or self.process.poll() is not None, START_SECONDS)
        if self.process.poll() is not None or not is_ready():
            raise Failed(f"{self.name} did not start: {self.new_log()[-2000:]}")
        return time.monotonic() - began

    def stop(self, number=signal.SIGTERM):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self):
        """Waits until the server rests: what a load has left to do must not count for the next."""
        end = time.monotonic() + SETTLE_SECONDS
        busy = True
        while busy and time.monotonic() < end:
            before = self.processor_seconds()
            time.sleep(1)
            busy = self.processor_seconds() - before > 0.03

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


class Node(Server):
    """aitbcd alone, without a supervisor: the only validator of a chain of its own."""

    name = "node"

    def __init__(self, place, bin_dir, settings=()):
        super().__init__(place)
        self.program = pathlib.Path(bin_dir) / "aitbcd"
        self.settings = list(settings)
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.make_chain()

    def make_chain(self):
        seed = secrets.token_bytes(32)
        key = self.data / "node.key"
        key.touch(mode=0o600)
        key.write_text(seed.hex() + "\n")
        genesis = json.loads((ROOT / "configs" / "genesis" / "ait-devnet.json").read_text())
        genesis["time"] = datetime.datetime.now(datetime.timezone.utc).strftime(
            "%Y-%m-%dT%H:%M:%S.000Z"
        )
        genesis["validators"] = [
            {"name": "local", "public_key": wire.Signer(seed).public_key.hex(), "weight": 1}
        ]
        genesis["parameters"].update(PARAMETERS)
        (self.data / "genesis.json").write_text(json.dumps(genesis, indent=2))

    def environment(self):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AITBC_")
        }
        environment["AITBC_HOME"] = str(self.folder)
        return environment

    def command(self):
        settings = ["gateway.tcp_port=0", "node.log_format=text", "miner.enabled=false"]
        words = [str(self.program), "--role", "node"]
        for setting in settings + self.settings:
            words += ["--set", setting]
        return words

    def start(self):
        """Starts, on a port of its own; answers the seconds until it was ready."""
        self.launch(self.command(), self.environment())
        return self.need_ready(self.is_ready)

    def is_ready(self):
        told = re.findall(r"node_ready .*tcp_port=(\d+)", self.new_log())
        if not told:
            return False
        self.port = int(told[-1])
        return self.get("/readyz", timeout=5) is not None

    def get(self, path, timeout=30):
        """The JSON behind a path, or None."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token()}"})
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return None
        finally:
            connection.close()

    @property
    def token_file(self):
        return self.data / "api.token"

    def token(self):
        return self.token_file.read_text().strip()

    def load_flags(self):
        return ["--node", f"127.0.0.1:{self.port}", "--token-file", str(self.token_file)]

    def recovery(self):
        """What the log said of the last start."""
        found = re.findall(r"chain_recovered (.*)", self.new_log())
        return dict(part.split("=", 1) for part in found[-1].split()) if found else {}


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis(Server):
    """redis-server with every write synced before it is acknowledged, and no other persistence."""

    name = "redis"

    def start(self):
        self.port = free_port()
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            # A rewrite of its log in the middle of a round would cost Redis, not us.
            "auto-aof-rewrite-percentage": "0",
            "daemonize": "no",
        }
        command = ["redis-server"]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.launch(command)
        return self.need_ready(self.is_ready)

    def is_ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
        except OSError:
            return False

    def load_flags(self):
        return ["--redis", f"127.0.0.1:{self.port}"]


def as_root(*command):
    return list(command) if os.geteuid() == 0 else ["sudo", "-n", *command]


def has_redis():
    return shutil.which("redis-server") is not None


def need_package(program, package):
    """Installs it from Debian where it is missing."""
    if shutil.which(program) is not None:
        return
    if shutil.which("apt-get") is None:
        raise Failed(f"{program} is missing, and this is no Debian system: install it by hand")
    print(f"installing {package}", file=sys.stderr)
    quiet = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    # The package may start a service of its own; it is idle, and not the one that is measured.
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(as_root(*quiet, "update"), stdout=subprocess.DEVNULL, check=False)
    done = subprocess.run(
        as_root(*quiet, "install", "-y", "--no-install-recommends", package),
        stdout=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    if done.returncode != 0 or shutil.which(program) is None:
        raise Failed(f"{package} could not be installed: run as root: apt-get install {package}")


def need_redis():
    need_package("redis-server", "redis-server")
