"""What the acceptance scripts share: a home of their own, the command line and the REST interface.

A script ends with 0 when all held, 1 when something did not, 77 when nothing could be tried.
"""

import argparse
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from story import FALLEN_OUT, Answer, Ran, Stop, Story

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SYNTHETIC = "synthetic://llama?layers=2&width=64&seed=1"
SUPPLY_MICRO = 1_000_000_000 * 1_000_000
FORMATS = ("table", "wide", "json", "yaml", "jsonl", "csv", "name")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def models_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or str(pathlib.Path.home() / ".cache")
    named = os.environ.get("AITBC_MINER__MODELS_DIR")
    return pathlib.Path(named or pathlib.Path(cache) / "aitbc" / "models")


class Home:
    """A fresh home and what runs in it. Ends only what it started, by process id."""

    def __init__(self, story, bin_dir, keep=False):
        self.story = story
        self.bin = pathlib.Path(bin_dir).resolve()
        self.keep = keep
        # Short, because a socket's path has a hundred bytes at most.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ait-"))
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o700)
        self.work = self.folder / "work"
        self.work.mkdir()
        self.processes = []
        self.outputs_seen = 0
        self.environment = self.make_environment()

    def make_environment(self):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AITBC_", "XDG_", "LC_")) and name not in ("NO_COLOR", "TERM")
        }
        kept.update(
            {
                "PATH": f"{self.bin}:{os.environ.get('PATH', '/usr/bin:/bin')}",
                "LANG": "C.UTF-8",
                "HOME": str(self.home),
                "AITBC_HOME": str(self.home),
                "XDG_DATA_HOME": str(self.home / "xdg-data"),
                "XDG_CONFIG_HOME": str(self.home / "xdg-config"),
                "XDG_CACHE_HOME": str(self.home / "xdg-cache"),
                "XDG_STATE_HOME": str(self.home / "xdg-state"),
                "AITBC_MINER__MODELS_DIR": str(models_folder()),
            }
        )
        return kept

    def use_models(self):
        """The real model where it is, else weights from a seed. True when the model is real."""
        if (models_folder() / MODEL_FILE).exists():
            return True
        self.story.skip(
            f"text of the real model: {MODEL_FILE} is not in the models folder (scripts/setup "
            "fetches it); synthetic weights answer, so texts are noise"
        )
        self.environment["AITBC_MINER__MODEL"] = SYNTHETIC
        self.environment["AITBC_MODELS__ALIASES"] = f"llama3={SYNTHETIC},llama3:latest={SYNTHETIC}"
        return False

    @property
    def data(self):
        return self.home / "data"

    @property
    def socket(self):
        return self.data / "node.sock"

    # ---- the command line ----

    def run(self, *words, stdin=None, environment=None, timeout=120, program="aitbc"):
        """Runs one command off a terminal; `stdin` is text or bytes."""
        return self.run_line(
            [str(self.bin / program), *(str(word) for word in words)],
            stdin,
            environment,
            timeout,
            shown=[program, *words],
        )

    def shell(self, line, environment=None, timeout=120):
        """Runs a line as a user types it, through a shell."""
        return self.run_line(["/bin/sh", "-c", line], None, environment, timeout, shown=[line])

    def run_line(self, words, stdin, environment, timeout, shown):
        given = stdin.encode() if isinstance(stdin, str) else stdin
        began = time.monotonic()
        try:
            done = subprocess.run(
                words,
                input=given if given is not None else b"",
                cwd=self.work,
                timeout=timeout,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                check=False,
                env={**self.environment, **(environment or {})},
            )
            code, out, err = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as cause:
            code, out, err = -1, cause.stdout or b"", (cause.stderr or b"") + b"\n(no end in time)"
        ran = Ran(
            list(shown),
            code,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
            time.monotonic() - began,
        )
        self.watch_for_debris(ran)
        return ran

    def watch_for_debris(self, ran):
        self.outputs_seen += 1
        debris = FALLEN_OUT.search(ran.err) or FALLEN_OUT.search(ran.out)
        if debris or ran.code < 0:
            self.story.check(
                False,
                f"{ran} ends in order",
                f"{debris.group(0) if debris else 'signal or no end in time'}: {ran.err[-800:]}",
            )

    def query(self, *words, **options):
        """A command that must succeed; its JSON."""
        ran = self.run(*words, "-o", "json", **options)
        if ran.code != 0:
            raise Stop(f"{ran}: {ran.err.strip()[:800]}")
        return ran.json()

    # ---- REST ----

    def http(
        self, method, path, body=None, account=None, key=None, headers=None, timeout=30, tcp=None
    ):
        """One request over the unix socket, or to TCP port `tcp`; bytes go as they are."""
        sent = dict(headers or {})
        if account:
            sent["Aitbc-Account"] = account
        if key:
            sent["Idempotency-Key"] = key
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = (
            http.client.HTTPConnection("127.0.0.1", tcp, timeout=timeout)
            if tcp
            else UnixConnection(self.socket, timeout)
        )
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read(),
            )
        except (OSError, http.client.HTTPException):
            return Answer(0, {}, b"")
        finally:
            connection.close()

    def get(self, path, **options):
        return self.http("GET", path, **options).json()

    # ---- processes ----

    def start(self, *words, program="aitbcd", log=None):
        """A process in the background; its output goes to `log` in the work folder."""
        path = self.work / (log or f"process-{len(self.processes)}.log")
        with open(path, "ab") as output:
            process = subprocess.Popen(
                [str(self.bin / program), *(str(word) for word in words)],
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
            )
        process.log = path
        self.processes.append(process)
        return process

    def up(self, *flags):
        """`aitbc up`; answers its facts."""
        ran = self.run("up", *flags, "-o", "json", timeout=180)
        self.story.need(
            ran.code == 0,
            "`aitbc up` brings up a node in a fresh home",
            ran.err[-1500:] + self.log_tails(),
        )
        return ran.json()

    def down(self):
        ran = self.run("down", "--force", "-o", "json", timeout=90)
        return self.story.check(
            ran.code == 0, "`aitbc down` stops the node", ran.err + self.log_tails()
        )

    def log_tails(self, lines=12):
        text = ""
        for log in sorted((self.data / "logs").glob("*.log")):
            last = log.read_text(errors="replace").splitlines()[-lines:]
            text += f"\n       last lines of {log.name}:" + "".join(
                f"\n         {line[:300]}" for line in last
            )
        return text

    def supervised(self):
        """Process ids that the supervisor of this home reports as running, itself first."""
        try:
            state = json.loads((self.data / "run" / "supervisor.json").read_text())
        except (OSError, json.JSONDecodeError):
            return []
        return [state["pid"]] + [child["pid"] for child in state["children"] if child["pid"]]

    def owns(self, pid):
        """Whether this process works in this home: its environment says so."""
        try:
            return f"AITBC_HOME={self.home}".encode() in pathlib.Path(
                f"/proc/{pid}/environ"
            ).read_bytes().split(b"\0")
        except PermissionError:
            # A process that keeps its memory private shows its environment to root alone.
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            return str(self.home).encode() in command
        except OSError:
            return False

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        pids = self.supervised()
        if any(self.owns(pid) for pid in pids):
            self.run("down", "--force", timeout=60)
        for pid in pids:
            if self.owns(pid):
                os.kill(pid, signal.SIGKILL)
        self.look_into_logs()
        if self.keep:
            self.story.say(f"\nThe home is kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def look_into_logs(self):
        for log in [*(self.data / "logs").glob("*.log"), *self.work.glob("process-*.log")]:
            text = log.read_text(errors="replace")
            debris = re.search(
                r"terminate called|what\(\):|ssertion|Sanitizer|runtime error:", text
            )
            if debris:
                self.story.check(
                    False, f"{log.name} shows no broken process", text[debris.start() :][:1200]
                )

    def file_hashes(self, leave_out=()):
        """What every file of the home holds, by its path below the home."""
        hashes = {}
        for path in sorted(self.home.rglob("*")):
            name = str(path.relative_to(self.home))
            if path.is_file() and not any(re.search(pattern, name) for pattern in leave_out):
                try:
                    hashes[name] = hashlib.blake2b(path.read_bytes()).hexdigest()
                except FileNotFoundError:
                    continue
        return hashes


class OutOfTime(Exception):
    pass


def main(tell, title, limit_s, add_arguments=None):
    """Runs one script: `tell(story, home, arguments)`. Tears down whatever happens, in time."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument(
        "bin",
        nargs="?",
        default=os.environ.get("AITBC_BIN", str(ROOT / "build/release/bin")),
        help="folder of the binaries",
    )
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--keep", action="store_true", help="keep the home, for a look at it")
    parser.add_argument(
        "--limit", type=int, default=limit_s, help="seconds after which it gives up"
    )
    if add_arguments:
        add_arguments(parser)
    arguments = parser.parse_args()
    story = Story(title)
    story.say(
        f"binaries: {arguments.bin}; seed: {arguments.seed} (repeat with --seed {arguments.seed})"
    )
    arguments.random = random.Random(arguments.seed)
    for name in ("aitbc", "aitbcd"):
        if not os.access(pathlib.Path(arguments.bin) / name, os.X_OK):
            story.check(False, f"{name} is in the folder of the binaries", "build it first")
            sys.exit(story.finish())

    def out_of_time(number, _frame):
        raise OutOfTime(
            f"signal {number}" if number != signal.SIGALRM else f"{arguments.limit} s are over"
        )

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, out_of_time)
    signal.alarm(arguments.limit)
    home = Home(story, arguments.bin, arguments.keep)
    try:
        tell(story, home, arguments)
    except Stop as cause:
        story.check(False, "the story came to its end", cause)
    except OutOfTime as cause:
        story.check(False, "the story came to its end in time", f"{cause}{home.log_tails()}")
    except Exception:  # a fault of the script itself: told, and the home is still torn down
        story.check(False, "the script itself has no fault", traceback.format_exc())
    finally:
        signal.alarm(0)
        home.close()
    sys.exit(story.finish())
