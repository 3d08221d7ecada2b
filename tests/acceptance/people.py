"""Who takes part in careless.py, and what they have."""

from scripted import Account


def balances(home, *addresses):
    """What accounts have; nonces too, so that a refused payment may not even use up a number."""
    accounts = [home.get(f"/api/v1/accounts/{address}") for address in addresses]
    return [
        (each["total"], each["available"], each["locked"], each["staked"], each["nonce"])
        for each in accounts
    ]


class People:
    """Who takes part: the owner (wallet `default`) and scripted strangers."""

    def __init__(self, story, home, arguments):
        home.up("--no-miner")
        self.owner = home.query("wallet", "show")["address"]
        self.miner = Account(home, f"miner {arguments.seed}")
        self.other_miner = Account(home, f"other miner {arguments.seed}")
        self.seed = arguments.seed
        self.rounds = 0
        self.rich = Account(home, f"rich {arguments.seed}")
        story.need(
            all(each.register().status == 200 for each in (self.miner, self.other_miner)),
            "two miners are registered",
        )
        self.renew(story, home)

    def renew(self, story, home):
        """Jobs to be fought over: one that nobody takes, one that is done; and a new poor one."""
        self.poor = Account(home, f"poor {self.seed} {self.rounds}")
        self.rounds += 1
        story.need(self.rich.faucet("100").status == 200, "a stranger gets 100 AIT")
        self.open = home.query("client", "submit", "--prompt", "open", "-c", "region=nowhere")[
            "job_id"
        ]
        self.done = self.a_done_job(story, home)

    def a_done_job(self, story, home):
        job = home.query("client", "submit", "--prompt", "done")["job_id"]
        polled = self.miner.poll(1)
        done = self.miner.complete(polled[0], "the answer")
        story.need(done.status == 200 and polled[0]["job_id"] == job, "a job is done", done)
        return job

    def all(self):
        return (
            self.owner,
            self.miner.address,
            self.other_miner.address,
            self.poor.address,
            self.rich.address,
        )


# ---- the command line ----
