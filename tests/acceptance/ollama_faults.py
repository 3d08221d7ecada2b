#!/usr/bin/env python3
"""Ollama servers that hang, drip, break off, fail and lie: their jobs are done elsewhere or paid
back, no hang costs more than one deadline, and nobody else notices."""

import time

import harness
from miners import Client, Miner, money_is_whole, with_parameters
from sick_ollama import Server
from story import micro, until

# Long, so that a miner's pause before it may have the same job again is long: the other is there by
# then. No job here lives as long as a lease.
LEASE_MS = 60_000
DEADLINE_MS = 1_500
PRICE_MICRO = 1_000_000
PRICE_PER_HOUR_MICRO = 3_600 * 1_000_000
DEADLINES = (
    *("--ollama-connect", DEADLINE_MS),
    *("--ollama-first-byte", DEADLINE_MS),
    *("--ollama-idle", DEADLINE_MS),
    *("--ollama-total", 4 * DEADLINE_MS),
)
# What is wrong, the code that the job's history shows, and how long it may take at most.
ILLS = {
    "hang": ("deadline_exceeded", DEADLINE_MS),
    "silent": ("deadline_exceeded", DEADLINE_MS),
    "drip_head": ("deadline_exceeded", DEADLINE_MS),
    "drip_body": ("deadline_exceeded", DEADLINE_MS),
    "full": ("deadline_exceeded", DEADLINE_MS),
    "gone": ("unavailable", 0),
    "cut": ("unavailable", 0),
    "reset": ("unavailable", 0),
    "fail": ("unavailable", 0),
    "locked": ("unavailable", 0),
    "moved": ("unavailable", 0),
    "html": ("unavailable", 0),
    "broken": ("unavailable", 0),
    "bad_text": ("unavailable", 0),
    "no_http": ("unavailable", 0),
    "huge": ("unavailable", 0),
    "other_model": ("unavailable", 0),
    "negative": ("unavailable", 0),
}
# Beside all else that the machine does meanwhile: sending back, a block, a process's turn.
MARGIN_MS = 2_000


def model_of(ill):
    return f"model-{ill.replace('_', '-')}:latest"


def ollama_miner(home, name, model, url, *words):
    """One that has a price: the loop keeps it when it adds its model to the record."""
    miner = Miner(home, name, "mine-ollama", ("--model", model, "--ollama-url", url, *words))
    miner.account.register(PRICE_PER_HOUR_MICRO, 1)
    return miner


def prompt(client, model, paid=True):
    return client.submit({"prompt": "How is it?"}, PRICE_MICRO if paid else 0, model=model)


def first_attempt(home, job):
    """(milliseconds, what was said of it) of the first time that a miner had the job."""
    stages = home.get(f"/api/v1/jobs/{job}/explain")["stages"]
    stage = next(each for each in stages if each["stage"] == "processing")
    return stage["ms"], stage["note"]


class Ward:
    """A sick server and its miner for every ill; the two whose address fails are alone."""

    def __init__(self, home):
        together = [ill for ill in ILLS if ill not in ("full", "gone")]
        self.sick = Server(map(model_of, together), {model_of(ill): ill for ill in together})
        self.full = Server([model_of("full")], backlog=1)
        self.gone = Server([model_of("gone")])
        self.well = Server([*map(model_of, ILLS), "model-fine:latest"])
        self.home = home

    def server_of(self, ill):
        return {"full": self.full, "gone": self.gone}.get(ill, self.sick)

    def miner_of(self, ill, seed):
        url = self.server_of(ill).url
        return ollama_miner(
            self.home, f"sick {ill} {seed}", model_of(ill), url, "--continuous", *DEADLINES
        )

    def close(self):
        for each in (self.sick, self.full, self.gone, self.well):
            each.close()


def every_ill(story, home, client, ward, seed):
    story.chapter(f"{len(ILLS)} ways to be ill, all at once, and one healthy server")
    miners = {ill: ward.miner_of(ill, seed).start() for ill in ILLS}
    fine = ollama_miner(
        home, f"fine {seed}", "model-fine", ward.well.url, "--continuous"
    ).start()
    story.need(
        until(lambda: all(each.offers_a_model() for each in [*miners.values(), fine]), 60),
        f"{len(miners)} miners have an ill server each, one a good one",
        [each.last_words() for each in miners.values() if not each.offers_a_model()],
    )
    ward.full.fill()
    ward.gone.close()
    jobs = {ill: prompt(client, model_of(ill)) for ill in ILLS}
    story.check(
        until(lambda: all(client.view(job)["attempts"] >= 1 for job in jobs.values()), 20),
        "each of them takes a paid job",
    )
    healers = [
        ollama_miner(home, f"healer {ill} {seed}", model_of(ill), ward.well.url).start()
        for ill in ILLS
    ]
    began = time.monotonic()
    beside = client.wait_for_end(prompt(client, "model-fine"), 10)
    story.check(
        beside["status"] == "completed" and time.monotonic() - began < 3,
        f"a job for the healthy one, submitted meanwhile, is done in "
        f"{time.monotonic() - began:.2f} s",
        beside,
    )
    for (ill, (code, limit_ms)), healer in zip(ILLS.items(), healers):
        done = client.wait_for_end(jobs[ill], 60)
        took_ms, note = first_attempt(home, jobs[ill])
        story.check(
            done["status"] == "completed"
            and done["attempts"] in (2, 3)
            and done["miner"]["address"] == healer.address
            and micro(done["payment"]["paid_to_miner"]) == healer.balance_micro() > 0
            and code in note
            and took_ms <= limit_ms + MARGIN_MS,
            f"{ill}: given back as {code} after {took_ms} ms, then done by another miner",
            (done, note, miners[ill].last_words()),
        )
    story.check(
        all(miner.balance_micro() == 0 for miner in miners.values()),
        "nobody was paid for an answer that was none",
    )
    story.check(
        all(miner.is_running() for miner in miners.values()), "no miner fell over its server"
    )
    codes = {name: miner.leave() for name, miner in [*miners.items(), ("fine", fine)]}
    story.check(set(codes.values()) == {0}, "all of them leave in order", codes)


def nobody_else(story, home, client, ward, seed):
    story.chapter("An ill server and no other miner")
    before = client.available_micro()
    miner = ollama_miner(
        home, f"alone {seed}", model_of("fail"), ward.sick.url, "--continuous", *DEADLINES
    ).start()
    job = prompt(client, model_of("fail"))
    view = client.wait_for_end(job, 60)
    story.check(
        view["status"] == "failed"
        and view["attempts"] == 3
        and view["error"]["code"] == "unavailable"
        and "out of memory" in view["error"]["message"],
        "after three attempts the job fails; the client reads the server's own words: "
        + str((view.get("error") or {}).get("message")),
        (view, miner.last_words()),
    )
    story.check(
        view["payment_state"] == "refunded" and client.available_micro() == before,
        "the client has all of its money back",
        view["payment"],
    )
    result = home.run("client", "result", job, "-o", "json")
    story.check(
        result.code == 7 or result.error_code == "job_failed",
        f"`aitbc client result` says job_failed and ends with {result.code}",
        result.err,
    )
    stages = [
        each
        for each in home.get(f"/api/v1/jobs/{job}/explain")["stages"]
        if each["stage"] == "queued"
    ]
    story.check(
        all(stage["ms"] >= LEASE_MS // 16 for stage in stages[1:]),
        "between the attempts there was a pause each: "
        + ", ".join(f"{stage['ms']} ms" for stage in stages[1:]),
        stages,
    )
    story.check(miner.leave() == 0, "the miner leaves in order", miner.last_words())


def breaker(story, home, client, seed):
    story.chapter("A server that hears nothing, and many jobs")
    model = "model-many:latest"
    deaf, good = Server([model]), Server([model])
    lame = ollama_miner(
        home, f"lame {seed}", model, deaf.url, "--continuous", *DEADLINES
    ).start()
    story.need(until(lame.offers_a_model, 20), "a miner with a good server is there")
    deaf.hears_nothing.set()
    jobs = [prompt(client, model) for _ in range(8)]
    until(lambda: lame.record()["jobs_failed"] >= 1, 20)
    began = time.monotonic()
    other = ollama_miner(home, f"swift {seed}", model, good.url, "--jobs", "8").start()
    views = [client.wait_for_end(job, 60) for job in jobs]
    story.check(
        all(view["status"] == "completed" for view in views) and other.process.wait(20) == 0,
        f"while its server hears nothing another miner does all 8 jobs, in "
        f"{time.monotonic() - began:.1f} s",
        [(view["status"], view["attempts"]) for view in views],
    )
    failed = lame.record()["jobs_failed"]
    story.check(failed <= 2, "the lame one has cost two attempts at most", failed)
    deaf.hears_nothing.clear()
    healed = client.wait_for_end(prompt(client, model), 45)
    story.check(
        healed["status"] == "completed" and healed["miner"]["address"] == lame.address,
        "when its server hears again, it works again, without being started anew",
        (healed, lame.last_words()),
    )
    story.check(lame.leave() == 0, "it leaves in order", lame.last_words())
    for each in (deaf, good):
        each.close()


def tell(story, home, arguments):
    with_parameters(home, lease_ms=LEASE_MS, miner_lost_ms=LEASE_MS)
    client = Client(story, home, f"client {arguments.seed}")
    ward = Ward(home)
    try:
        every_ill(story, home, client, ward, arguments.seed)
        nobody_else(story, home, client, ward, arguments.seed)
        breaker(story, home, client, arguments.seed)
    finally:
        ward.close()
    story.chapter("Money")
    money_is_whole(story, home)


if __name__ == "__main__":
    harness.main(tell, "Ollama servers that are ill", 300)
