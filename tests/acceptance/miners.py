"""Real miner processes with keys that the script knows, and what they did to jobs and money."""

import datetime
import json
import os
import shutil
import signal
import subprocess

import harness
import wire
from scripted import Account
from story import Stop, micro, until


def with_parameters(home, **parameters):
    """A node on a fresh chain whose genesis says so; answers what `aitbc up` says."""
    home.up("--no-miner")
    home.run("down", "--force", timeout=60)
    path = home.data / "genesis.json"
    genesis = json.loads(path.read_text())
    genesis["parameters"].update(parameters)
    path.write_text(json.dumps(genesis))
    for folder in [home.data / "state", *home.data.glob("log-*")]:
        shutil.rmtree(folder)
    return home.up("--no-miner")


class Miner:
    """One miner process and its account, which can also be spoken for from here."""

    def __init__(self, home, name, role="miner", words=(), environment=None):
        self.home = home
        self.name = name
        self.role = role
        self.words = [str(word) for word in words]
        self.environment = dict(environment or {})
        self.account = Account(home, name)
        self.address = self.account.address
        self.process = None
        self.log = home.work / f"process-{name.replace(' ', '-')}.log"

    def start(self):
        """The key goes through a pipe, as the command line gives it to its children."""
        reader, writer = os.pipe()
        os.write(writer, wire.blake2b(self.name.encode()).hex().encode())
        os.close(writer)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                [
                    str(self.home.bin / "aitbcd"),
                    "--role",
                    self.role,
                    "--",
                    "--node",
                    f"unix:{self.home.socket}",
                    "--key-fd",
                    str(reader),
                    *self.words,
                ],
                cwd=self.home.work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(reader,),
                env={**self.home.environment, **self.environment},
            )
        os.close(reader)
        self.process.log = self.log
        self.home.processes.append(self.process)
        return self

    def send(self, number):
        os.kill(self.process.pid, number)

    def leave(self, seconds=25):
        """SIGTERM; the exit status, None when it does not end in time."""
        self.send(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def said(self, words, seconds=20):
        """Whether its log has a line with all of these words, now or soon."""

        def found():
            return any(
                all(word in line for word in words)
                for line in self.log.read_text(errors="replace").splitlines()
            )

        return until(found, seconds)

    def last_words(self):
        return "\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    def record(self):
        answer = self.home.http("GET", f"/api/v1/miners/{self.address}")
        return answer.json() if answer.status == 200 else {}

    def is_known(self):
        return self.record().get("status") == "active"

    def offers_a_model(self):
        return self.is_known() and bool(self.record().get("models"))

    def balance_micro(self):
        account = self.home.get(f"/api/v1/accounts/{self.address}") or {}
        return micro(account.get("available", "0"))


class Client:
    """Submits and pays for jobs."""

    def __init__(self, story, home, name, amount="1000"):
        self.home = home
        self.account = Account(home, name)
        story.need(
            self.account.faucet(amount).status == 200, f"a client has {amount} AIT"
        )

    def submit(self, content, amount_micro=0, **more):
        answer = self.home.http(
            "POST", "/api/v1/jobs", {"data": content, **more}, account=self.account.address
        )
        if answer.status != 200:
            raise Stop(f"a job is not taken: {answer}")
        job = answer.json()["job_id"]
        if amount_micro and self.account.pay(job, amount_micro).status != 200:
            raise Stop(f"{job} cannot be paid")
        return job

    def view(self, job):
        return self.home.get(f"/api/v1/jobs/{job}") or {}

    def wait_for(self, job, states, seconds):
        """The job as soon as it is in one of these states, or as it is when time is up."""
        until(lambda: self.view(job).get("status") in states, seconds, 0.02)
        return self.view(job)

    def wait_for_end(self, job, seconds):
        return self.wait_for(job, ("completed", "failed", "cancelled", "expired"), seconds)

    def available_micro(self):
        account = self.home.get(f"/api/v1/accounts/{self.account.address}")
        return micro(account["available"])


def lease_of(view):
    """What a miner was told when it got the job that is shown here."""
    return {
        "job_id": view["job_id"],
        "attempt": view["attempts"],
        "payload_hash": view["payload"],
        "price_per_hour": view["miner"]["price_per_hour"],
        "leased_at": view["started_at"],
    }


def seconds_between(earlier, later):
    def read(text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

    return (read(later) - read(earlier)).total_seconds()


def money_is_whole(story, home):
    supply = home.query("chain", "supply")
    parts = sum(micro(supply[part]) for part in ("available", "staked", "unbonding", "escrow"))
    return story.check(
        supply["balanced"] is True and parts == micro(supply["minted"]) == harness.SUPPLY_MICRO,
        "all balances together are the genesis supply",
        supply,
    )
