"""Plants secrets that can be told from everything else, and looks for them where none may be."""

import os
import pathlib
import re
import shutil

PASSWORD = "Canary-Password-7f3a91"
PROMPT = "canary-prompt-5e21c4 tell nobody"
PART_BYTES = 1 << 20


class Canaries:
    """What is secret in this home, by what it is called; more is added as it comes to be."""

    def __init__(self, story, home):
        self.story = story
        self.home = home
        self.secrets = {"the wallet's password": PASSWORD.encode()}

    def plant(self):
        """A wallet whose words are known, and a job whose prompt is nobody's business."""
        given = {"environment": {"AITBC_WALLET_PASSWORD": PASSWORD}}
        made = self.home.run("wallet", "create", "--name", "canary", "-o", "json", **given)
        self.story.need(made.code == 0, "a wallet is made with a password of its own", made.err)
        exported = self.home.work / "canary.words"
        words = ["wallet", "export", "canary", "--seed", "--out-file", str(exported)]
        ran = self.home.run(*words, **given)
        self.story.need(ran.code == 0, "its words can be exported", ran.err)
        phrase = re.search(r"([a-z]+ ){11,}[a-z]+", exported.read_text()).group(0)
        self.story.check(
            exported.stat().st_mode & 0o077 == 0, "into a file that nobody else may read"
        )
        exported.unlink()
        self.secrets["the wallet's words"] = phrase.encode()
        sent = self.home.run("wallet", "show", "canary", "-o", "json", **given)
        self.story.check(PASSWORD not in sent.out + sent.err + phrase, "no answer repeats them")
        self.home.query("client", "submit", "--prompt", PROMPT, "-c", "region=nowhere")
        self.secrets["a prompt"] = PROMPT.encode()
        for name in ("node.key", "miner.key", "api.token", "wallet.password"):
            path = self.home.data / name
            if path.exists():
                self.secrets[f"the content of {name}"] = path.read_bytes().strip()

    def found_in(self, content, leave_out=()):
        return [
            name
            for name, secret in self.secrets.items()
            if name not in leave_out and secret in content
        ]

    # ---- where it is looked for ----

    def hunt(self):
        self.story.chapter("Secrets, where none may be")
        self.in_files()
        self.in_processes()
        self.in_answers()

    def in_files(self):
        places = {}
        count = 0
        for path in [*self.home.home.rglob("*"), *self.home.work.rglob("*")]:
            if not path.is_file() or path.is_symlink():
                continue
            count += 1
            own = {f"the content of {path.name}"}
            # Prompts are what the chain's data is made of.
            is_data = path.parent.name == "state" or path.parent.name.startswith("log-")
            found = self.found_in_file(path, own | ({"a prompt"} if is_data else set()))
            if found:
                places[str(path.relative_to(self.home.folder))] = found
        logs = [path.name for path in (self.home.data / "logs").glob("*")]
        self.story.check(
            not places,
            f"{len(self.secrets)} secrets stand in none of {count} files but their own "
            f"(among them {', '.join(sorted(logs))})",
            places,
        )

    def found_in_file(self, path, leave_out):
        found, tail = set(), b""
        with open(path, "rb") as content:
            while part := content.read(PART_BYTES):
                found.update(self.found_in(tail + part, leave_out))
                tail = part[-256:]
        return sorted(found)

    def in_processes(self):
        told, places = 0, {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            told += 1
            if found := self.found_in(command):
                places[f"command line of {folder.name}"] = found
        closed = 0
        for pid in self.home.supervised():
            try:
                environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            except PermissionError:
                closed += 1  # not even its own user may look: that is the best answer
                continue
            if found := self.found_in(environment):
                places[f"environment of {pid}"] = found
        self.story.check(
            not places,
            f"nor in {told} command lines and the environments of "
            f"{len(self.home.supervised())} processes ({closed} of them closed to their own user)",
            places,
        )

    def in_answers(self):
        places = {}
        for path in ("/metrics", "/openapi.json", "/api/v1/status", "/api/v1/chain", "/readyz"):
            if found := self.found_in(self.home.http("GET", path + "?verbose=true").body):
                places[path] = found
        self.story.check(not places, "nor in what the node tells of itself", places)

    # ---- what a crash leaves ----

    def no_core_dumps(self, pids):
        bad = {}
        for pid in pids:
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            line = re.search(r"^Max core file size\s+(\S+)\s+(\S+)", limits, re.MULTILINE)
            if line.groups() != ("0", "0"):
                bad[pid] = line.group(0)
        self.story.check(not bad, f"none of {len(pids)} processes may write a core dump", bad)

    def crash(self, pid, signal_number):
        """Ends a process as a fault would; answers the dumps it left."""
        folder = pathlib.Path(os.readlink(f"/proc/{pid}/cwd"))
        before = set(folder.glob("core*"))
        os.kill(pid, signal_number)
        return folder, before

    def no_new_dump(self, folder, before):
        dumps = (set(folder.glob("core*")) | set(self.home.folder.rglob("core.*"))) - before
        for dump in dumps:
            if dump.is_file():
                shutil.move(dump, self.home.work / dump.name)
        self.story.check(not dumps, "a crashed node leaves no core dump", dumps)
