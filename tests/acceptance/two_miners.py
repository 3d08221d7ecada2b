#!/usr/bin/env python3
"""Two miners, one of them killed, frozen, drained or sent away in the middle of a job: the other
does it, it is paid once, and what comes too late is refused."""

import signal

import harness
import wire
from miners import Client, Miner, lease_of, money_is_whole, seconds_between, with_parameters
from story import micro, until

LEASE_MS = 3_000
PRICE_MICRO = 2_000_000
COUNTING = ", ".join(str(number) for number in range(1, 20)) + ","


class Work:
    """Jobs that take as long as a test needs, whatever the machine is."""

    def __init__(self, client):
        self.client = client
        self.tokens_per_second = 20

    def content(self, seconds):
        tokens = max(8, min(2_000, int(seconds * self.tokens_per_second)))
        options = {"num_predict": tokens, "temperature": 0}
        return {"prompt": COUNTING, "raw": True, "options": options}

    def measure(self):
        job = self.client.submit(self.content(1.5), PRICE_MICRO)
        view = self.client.wait_for_end(job, 60)
        if view["status"] == "completed" and view["duration_ms"]:
            self.tokens_per_second = 1000 * view["completion_tokens"] / view["duration_ms"]
        return view

    def begin(self, seconds):
        """A paid job of about this length, as soon as a miner works on it."""
        job = self.client.submit(self.content(seconds), PRICE_MICRO)
        return self.client.wait_for(job, ("processing",), 20)


def holder(view, miners):
    address = (view.get("miner") or {}).get("address")
    return next((each for each in miners if each.address == address), None)


def earned(miners):
    return {each.name: each.balance_micro() for each in miners}


def paid_once(story, client, before, view, miners, doer):
    """`before` is (client's money, miners' money) from before the job was submitted."""
    payment = view["payment"]
    paid, fee = micro(payment["paid_to_miner"]), micro(payment["fee"])
    gains = {name: now - before[1][name] for name, now in earned(miners).items()}
    story.check(
        payment["state"] == "paid"
        and paid + fee + micro(payment["refunded"]) == PRICE_MICRO
        and gains == {each.name: paid if each is doer else 0 for each in miners}
        and before[0] - client.available_micro() == paid + fee,
        "it is paid once, to the miner that did it, and the rest goes back",
        (payment, gains, before[0] - client.available_micro()),
    )


def too_late(story, client, lost, lease, when):
    nonce = lost.account.next_nonce()
    answers = [lost.account.complete(lease, "Too late.") for _ in range(2)]
    story.check(
        all((each.status, each.code) == (409, "lease_lost") for each in answers),
        f"its result, signed and sent {when}, is refused: 409 lease_lost",
        answers,
    )
    error = (answers[0].json() or {}).get("error", {})
    story.check(
        bool(error.get("details")) and bool(error.get("hint")),
        f"the refusal says why and what next: {error.get('details')} {error.get('hint')}",
        answers[0],
    )
    story.quiet_check(lost.account.next_nonce() == nonce, "a refusal uses up no number", nonce)


def killed(story, client, work, miners):
    story.chapter("One is killed in the middle of a job")
    before = (client.available_micro(), earned(miners))
    view = work.begin(6)
    lost = holder(view, miners)
    story.need(lost is not None, "a long paid job is being worked on", view)
    lost.send(signal.SIGKILL)
    lost.process.wait()
    lease = lease_of(view)
    job = view["job_id"]
    story.say(f"       {lost.name} held {job}, attempt {lease['attempt']}, and is dead")
    until(lambda: client.view(job).get("attempts") == 2, 30, 0.02)
    again = client.view(job)
    other = next(each for each in miners if each is not lost)
    story.check(
        again["attempts"] == 2 and holder(again, miners) is other,
        "when its lease has run out the other miner has the job",
        again,
    )
    waited = seconds_between(view["started_at"], again["started_at"])
    story.check(
        LEASE_MS / 1000 <= waited <= LEASE_MS / 1000 * 2 + 2,
        f"that was {waited:.1f} s after the first had taken it, with leases of "
        f"{LEASE_MS / 1000:.0f} s",
        (view["started_at"], again["started_at"]),
    )
    too_late(story, client, lost, lease, "while the other works on it")
    done = client.wait_for_end(job, 90)
    story.check(
        done["status"] == "completed" and holder(done, miners) is other,
        "the job is done, by the other",
        done,
    )
    too_late(story, client, lost, lease, "when the job is done")
    paid_once(story, client, before, done, miners, other)
    story.check(
        lost.record()["jobs_expired"] == 1 and other.record()["jobs_completed"] >= 1,
        "the miners' records say so",
        (lost.record(), other.record()),
    )
    return lost


def frozen(story, client, work, miners):
    story.chapter("One is frozen past its lease and wakes up again")
    before = (client.available_micro(), earned(miners))
    view = work.begin(6)
    asleep = holder(view, miners)
    story.need(asleep is not None, "another long job is being worked on", view)
    asleep.send(signal.SIGSTOP)
    other = next(each for each in miners if each is not asleep)
    done = client.wait_for_end(view["job_id"], 90)
    story.check(
        done["status"] == "completed" and done["attempts"] == 2 and holder(done, miners) is other,
        f"{other.name} did what {asleep.name} slept over",
        done,
    )
    asleep.send(signal.SIGCONT)
    story.check(
        asleep.said(("job_dropped", view["job_id"], "lease_lost"), 60),
        "awake, it learns that the job is lost and drops it",
        asleep.last_words(),
    )
    too_late(story, client, asleep, lease_of(view), "after that")
    paid_once(story, client, before, done, miners, other)
    story.check(asleep.is_running(), "it carries on")
    return asleep, other


def sent_away(story, client, work, stays, leaves):
    story.chapter("One is told to leave while it works; the other takes nothing new")
    drained = stays.account.send("/api/v1/miners/drain", "miner.drain", [""])
    story.need(drained.status == 200, f"{stays.name} is drained", drained)
    view = work.begin(2)
    story.check(
        holder(view, (stays, leaves)) is leaves, "a drained miner is given nothing new", view
    )
    code = leaves.leave()
    done = client.view(view["job_id"])
    story.check(
        code == 0 and done["status"] == "completed" and done["attempts"] == 1,
        "at SIGTERM the other finishes its job, then ends with 0",
        (code, done),
    )
    waiting = client.submit(work.content(0.5), PRICE_MICRO)
    story.check(
        not until(lambda: client.view(waiting)["status"] != "queued", 1),
        "a new job waits: nobody is there for it",
        client.view(waiting),
    )
    again = stays.account.send(
        "/api/v1/miners", "miner.register", wire.register(500_000, 1)
    )
    done = client.wait_for_end(waiting, 60)
    story.check(
        again.status == 200
        and done["status"] == "completed"
        and holder(done, (stays, leaves)) is stays,
        "registered again, the drained miner, the one that had slept, takes it",
        (again, done),
    )


def drained_node(story, home, client, work):
    story.chapter("The node is drained while a job runs")
    view = work.begin(3)
    waiting = client.submit(work.content(0.5), PRICE_MICRO)
    begun = home.query("admin", "drain")
    story.check(
        begun["draining"] is True and begun["jobs_running"] >= 1,
        "`aitbc admin drain` says what still runs",
        begun,
    )
    ready = home.http("GET", "/readyz?verbose=1")
    story.check(
        ready.status == 503
        and ready.json()["checks"]["draining"] is True
        and "drained" in ready.json()["problem"],
        "/readyz says 503, and why",
        ready,
    )
    refused = home.http(
        "POST", "/api/v1/jobs", {"data": {"prompt": "x"}}, account=client.account.address
    )
    story.check(
        (refused.status, refused.code) == (503, "unavailable"),
        "a new job is refused: 503 unavailable",
        refused,
    )
    done = client.wait_for_end(view["job_id"], 60)
    story.check(
        done["status"] == "completed" and done["attempts"] == 1,
        "what runs is finished and taken: its leases are renewed, its result comes in",
        done,
    )
    still = home.query("admin", "drain")
    story.check(
        client.view(waiting)["status"] in ("queued", "processing", "completed")
        and still["since"] == begun["since"],
        "a drain that goes on began when it began",
        still,
    )
    ended = home.query("admin", "resume")
    ready = until(lambda: home.http("GET", "/readyz").status == 200, 10)
    done = client.wait_for_end(waiting, 60)
    story.check(
        ended["draining"] is False and ready and done["status"] == "completed",
        "`aitbc admin resume`: it is ready, and what waited is done",
        (ended, done),
    )


def tell(story, home, arguments):
    home.use_models()
    home.environment["AITBC_MINER__THREADS"] = "1"
    story.chapter("Two miners")
    with_parameters(home, lease_ms=LEASE_MS, miner_lost_ms=LEASE_MS)
    client = Client(story, home, f"client {arguments.seed}")
    miners = [Miner(home, f"miner {name} {arguments.seed}").start() for name in ("A", "B")]
    story.need(
        until(lambda: all(each.is_known() for each in miners), 60),
        "two miner processes with a model each are registered",
        [each.last_words() for each in miners],
    )
    work = Work(client)
    first = work.measure()
    story.need(
        first["status"] == "completed",
        f"a short job is done, at {work.tokens_per_second:.0f} tokens a second",
        first,
    )
    lost = killed(story, client, work, miners)
    lost.start()
    story.check(
        until(lambda: lost.said(("miner_ready",), 1) and lost.is_running(), 30),
        "the killed miner comes back under its name",
        lost.last_words(),
    )
    asleep, other = frozen(story, client, work, miners)
    drained_node(story, home, client, work)
    sent_away(story, client, work, asleep, other)
    story.check(asleep.leave() == 0, "the last miner leaves in order", asleep.last_words())
    story.chapter("Money")
    money_is_whole(story, home)


if __name__ == "__main__":
    harness.main(tell, "Two miners", 300)
