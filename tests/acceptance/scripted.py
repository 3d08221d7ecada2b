"""A scripted account: a client or miner in plain Python that signs for itself (wire.py)."""

import datetime
import json

import wire
from story import Answer

MODEL = "scripted-model"


class Account:
    """Acts over a home's unix socket; one thread at a time."""

    def __init__(self, home, seed):
        self.home = home
        self.signer = wire.Signer(wire.blake2b(str(seed).encode()))
        self.address = self.signer.address
        self.chain = None

    def next_nonce(self):
        account = self.home.get(f"/api/v1/accounts/{self.address}") or {}
        return account.get("nonce", 0) + 1

    def sign(self, kind, body, key="", blobs=(), nonce=None):
        """The REST body of a signed command. Raises OSError when the node is away."""
        chain = self.home.get("/api/v1/chain")
        self.chain = chain or self.chain
        if self.chain is None:
            raise OSError("the node is away")
        number = self.next_nonce() if nonce is None else nonce
        return wire.request_body(
            self.signer.transaction(self.chain, number, kind, body, key, blobs), blobs
        )

    def send(self, path, kind, body, key="", blobs=(), dry_run=False):
        """Signs and sends; signs again when another transaction of the account came first."""
        answer = Answer(0, {}, b"")
        for _ in range(5):
            try:
                content = self.sign(kind, body, key, blobs)
            except OSError:
                return Answer(0, {}, b"")
            answer = self.home.http(
                "POST", path + ("?dry_run=true" if dry_run else ""), content, key=key
            )
            if answer.code != "nonce_mismatch":
                return answer
        return answer

    def transfer(self, to, amount_micro, key="", memo=""):
        return self.send(
            "/api/v1/transfers", "ledger.transfer", wire.transfer(to, amount_micro, memo), key
        )

    def pay(self, job_id, amount_micro, key=""):
        return self.send(
            f"/api/v1/jobs/{job_id}/pay", "job.pay", wire.pay(job_id, amount_micro), key
        )

    def submit(self, prompt, key=None, **more):
        body = {"data": {"prompt": prompt}, **more}
        return self.home.http("POST", "/api/v1/jobs", body, account=self.address, key=key)

    def faucet(self, amount):
        return self.home.http(
            "POST",
            "/api/v1/faucet",
            {"amount": amount, "address": self.address},
            account=self.address,
        )

    # ---- as a miner ----

    def register(self, price_micro=500_000, concurrency=8):
        return self.send(
            "/api/v1/miners", "miner.register", wire.register(price_micro, concurrency)
        )

    def poll(self, count=1, wait=0):
        """Jobs leased to this account; None when the node did not answer."""
        answer = self.home.http(
            "POST",
            "/api/v1/miners/poll",
            {"max": count, "wait": wait},
            account=self.address,
            timeout=wait + 10,
        )
        document = answer.json() or {}
        return document.get("jobs", document.get("items")) if answer.status == 200 else None

    def complete(self, job, text, key=""):
        result = json.dumps(
            {"response": text, "model": MODEL, "provider": "scripted", "eval_count": 5}
        ).encode()
        leased = datetime.datetime.fromisoformat(job["leased_at"].replace("Z", "+00:00"))
        # The same bytes each time: a repeated key must mean the same content.
        body = wire.complete(job, result, MODEL, 40, int(leased.timestamp() * 1000) + 40)
        return self.send(
            f"/api/v1/jobs/{job['job_id']}/complete", "job.complete", body, key, (result,)
        )

    def fail(self, job, retryable):
        body = wire.fail(job, "unavailable", "The scripted engine is ill.", retryable)
        return self.send(f"/api/v1/jobs/{job['job_id']}/fail", "job.fail", body)

    def beat(self, jobs):
        held = [{"job_id": job["job_id"], "attempt": job["attempt"]} for job in jobs]
        return self.home.http(
            "POST", "/api/v1/miners/heartbeat", {"jobs": held}, account=self.address
        )
