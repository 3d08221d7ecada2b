#!/usr/bin/env python3
"""What careless and hostile users do: each gets its code and exit status, and nothing is lost.

Over the command line and over REST: wrong ids, amounts, bodies, methods, tokens, passwords and
modes; paying twice, with nothing, for others; results nobody leased; transactions sent again.
"""

import json
import re
import signal
import stat

import harness
import hostile
from people import People, balances
from story import micro, until


def careless_lines(story, home, people):
    story.chapter("Careless command lines")
    wrong_key = people.owner[:-1] + ("q" if people.owner[-1] != "q" else "p")
    lines = [
        (["client", "status", "nonsense"], 3, None),
        (["client", "status", "job-../../etc/passwd"], (2, 3), None),
        (["client", "status", "x" * 500], 2, "too_large"),
        (["client", "result", "job-" + "2" * 26], 3, "not_found"),
        (["frobnicate"], 2, "usage"),
        (["client", "frobnicate"], 2, "usage"),
        (["client", "status", "a", "b", "c"], 2, "usage"),
        (["client", "submit", "--data", "{not json"], 2, None),
        (["client", "submit", "--data", "[1,2]"], 2, None),
        (["client", "submit", "--data", '"text"'], 2, None),
        (["client", "submit"], 2, "usage"),
        (["client", "submit", "--data", "@/no/such/file"], 3, "not_found"),
        (["client", "submit", "--data", "@/"], (2, 7), None),
        (["client", "submit", "--prompt", "x", "--ttl", "-5"], 2, "invalid_argument"),
        (
            ["client", "submit", "--prompt", "x", "--ttl", "99999999999999999999"],
            2,
            "invalid_argument",
        ),
        (["client", "submit", "--prompt", "x", "--model", "m" * 200], 2, None),
        (["client", "submit", "--prompt", "x", "-c", "min_vram_gb=lots"], 2, None),
        (["client", "submit", "--prompt", "x", "-c", "nosuch=1"], 2, None),
        (["client", "submit", "--prompt", "x", "--prompt", "y"], 2, "usage"),
        (["client", "submit", "--prompt"], 2, "usage"),
        (["client", "pay", people.open, "--amount", "-1"], 2, None),
        (["client", "pay", people.open, "--amount=-1"], 2, "invalid_argument"),
        (["client", "pay", people.open, "--amount", "0"], 2, "invalid_argument"),
        (["client", "pay", people.open, "--amount", "0.0000001"], 2, "invalid_argument"),
        (["client", "pay", people.open, "--amount", "1e3"], 2, "invalid_argument"),
        (["client", "pay", people.open, "--amount", "1,5"], 2, "invalid_argument"),
        (["client", "pay", people.open, "--amount", "NaN"], 2, "invalid_argument"),
        (["client", "pay", people.open, "--amount", "18446744073709551616"], 2, "invalid_argument"),
        (
            ["client", "pay", people.open, "--amount", "18446744073709.551616"],
            2,
            "invalid_argument",
        ),
        (["client", "pay", people.open, "--amount", "9" * 400], 2, None),
        (["client", "pay", people.open, "--amount", "1000000"], 6, "insufficient_funds"),
        (["wallet", "send", people.rich.address, "999999999"], 6, "insufficient_funds"),
        (["wallet", "send", wrong_key, "1"], 2, "invalid_argument"),
        (["wallet", "send", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "1"], 2, None),
        (["wallet", "stake", "5000"], 6, "insufficient_funds"),
        (["wallet", "unstake", "1"], (5, 6), None),
        (["wallet", "send", people.rich.address, "1", "--asset", "DOGE"], 2, None),
        (["wallet", "send", people.rich.address, "1", "--asset", "USDC"], 6, "insufficient_funds"),
        (["wallet", "send", people.rich.address, "1", "--memo", "m" * 1000], 2, None),
        (["wallet", "faucet", "--amount", "1000000001"], (2, 5, 6), None),
        (["wallet", "create", "--name", "../evil"], 2, None),
        (["wallet", "create", "--name", ""], 2, None),
        (["wallet", "create", "--name", "n" * 300], 2, None),
        (["wallet", "use", "nobody"], 3, "not_found"),
        (["wallet", "import", "--name", "n", "--file", "/dev/null"], 2, None),
        (["miner", "register", "--gpus", "lots"], (0, 2), None),
        (["miner", "register", "--gpus", "-1x RTX"], 2, None),
        (["miner", "register", "--concurrency", "0"], 2, None),
        (["miner", "register", "--price-per-hour", "99999999"], 2, None),
        (["client", "list", "--limit", "-1"], 2, "invalid_argument"),
        (["client", "list", "--cursor", "zzz"], 2, None),
        (["client", "list", "-o", "xml"], 2, "usage"),
        (["chain", "block", "99999999"], 3, "not_found"),
        (["chain", "block", "-1"], 2, None),
        (["chain", "tx", "00"], 2, None),
        (["status", "--node", "http://"], 2, None),
        (["status", "--node", "http://127.0.0.1:1"], 7, "unavailable"),
        (["status", "--timeout", "soon"], 2, "usage"),
        (["wait", "height", "99999999", "--timeout", "1"], 8, "deadline_exceeded"),
        (["explain", "job", "job-" + "2" * 26], 3, "not_found"),
        (["config", "explain", "no.such"], (2, 3), None),
        (["client", "submit", "--prompt", "x", "--idempotency-key", "k" * 65], 2, "usage"),
    ]
    before = balances(home, *people.all())
    for words, expected, code in lines:
        ran = home.run(*words)
        exits = expected if isinstance(expected, tuple) else (expected,)
        story.quiet_check(
            ran.code in exits and (code is None or ran.error_code == code),
            f"`aitbc {' '.join(words)[:70]}` ends with {expected} {code or ''}",
            f"exit {ran.code} {ran.error_code}: {ran.out[:200]} {ran.err[:500]}",
        )
        story.quiet_check(
            ran.code == 0
            or (ran.err.startswith("error: ") or "\nerror: " in ran.err)
            and "next: " in ran.err,
            f"{str(ran)[:90]} says what happened and what to do",
            ran.err[:300],
        )
    strange = home.run("client", "status", b"job-\xff\xfe")
    story.check(
        strange.code in (2, 3),
        "an id of bytes that are no UTF-8 is refused",
        str(strange) + strange.err,
    )
    story.check(len(lines) > 0, f"{len(lines)} lines are told")
    home.run("miner", "deregister")  # one of the lines may have registered the owner
    after = balances(home, *people.all())
    story.check(
        [each[:4] for each in after] == [each[:4] for each in before],
        "nobody has less or more than before",
        (before, after),
    )


def wrong_passwords_and_modes(story, home, people):
    story.chapter("Passwords and file modes")
    before = balances(home, *people.all())
    wrong = home.work / "wrong"
    wrong.write_text("wrong\n")
    wrong.chmod(0o600)
    send = ["wallet", "send", people.rich.address, "1"]
    cases = [
        ("a wrong password", [*send, "--password-file", str(wrong)], {}, 4, "wrong_password"),
        (
            "a wrong password on standard input",
            [*send, "--password-stdin"],
            {"stdin": "nope\n"},
            4,
            "wrong_password",
        ),
        (
            "a wrong password in the environment",
            send,
            {"environment": {"AITBC_WALLET_PASSWORD": "nope"}},
            4,
            "wrong_password",
        ),
        ("a missing password file", [*send, "--password-file", "/no/such"], {}, 3, "not_found"),
    ]
    for name, words, options, exit_code, code in cases:
        ran = home.run(*words, **options)
        story.check(
            ran.code == exit_code and ran.error_code == code,
            f"{name} is refused ({code})",
            str(ran) + ran.err,
        )
    wrong.chmod(0o644)
    ran = home.run(*send, "--password-file", str(wrong))
    story.check(
        ran.code == 4 and "chmod 600" in ran.err,
        "a password file that others may read is refused",
        str(ran) + ran.err,
    )
    keystore = home.data / "wallets" / "default.json"
    mode = stat.S_IMODE(keystore.stat().st_mode)
    keystore.chmod(0o644)
    ran = home.run(*send)
    story.check(
        ran.code != 0 and "600" in ran.err,
        "a keystore that others may read is not opened; chmod 600 is named",
        str(ran) + ran.err,
    )
    keystore.chmod(mode)
    good = keystore.read_bytes()
    for name, content in (
        ("half", good[: len(good) // 2]),
        ("empty", b""),
        ("no JSON", b"\xff\xfe\x00"),
        ("a changed byte of", good.replace(b"a", b"b", 1)),
    ):
        keystore.write_bytes(content)
        ran = home.run(*send)
        story.check(
            ran.code not in (0, 1),
            f"{name} keystore is refused (exit {ran.code} {ran.error_code})",
            str(ran) + ran.err,
        )
    keystore.write_bytes(good)
    story.check(balances(home, *people.all()) == before, "nobody has less or more than before")


def paying_wrongly(story, home, people):
    story.chapter("Paying twice, with nothing, for others")
    cases = [
        (
            "with an empty wallet",
            people.poor.pay(people.open, 1_000_000),
            {"forbidden", "insufficient_funds"},
        ),
        ("another's job", people.rich.pay(people.open, 1_000_000), {"forbidden"}),
        ("an unknown job", people.rich.pay("job-" + "2" * 26, 1_000_000), {"not_found"}),
        (
            "more than there is in the world",
            people.rich.pay(people.open, 2**63),
            {"malformed", "invalid_argument"},
        ),
    ]
    before = balances(home, *people.all())
    for name, answer, codes in cases:
        story.check(
            answer.code in codes and 400 <= answer.status < 500,
            f"paying {name} is refused ({answer.status} {answer.code})",
            answer,
        )
    mine = people.poor.submit("mine").json()["job_id"]
    broke = people.poor.pay(mine, 1_000_000)
    story.check(
        broke.status == 402 and broke.code == "insufficient_funds",
        "paying one's own job with nothing is refused",
        broke,
    )
    nothing = people.poor.pay(mine, 0)
    story.check(nothing.code == "invalid_argument", "and so is paying nothing at all", nothing)
    story.check(
        [each[:4] for each in balances(home, *people.all())] == [each[:4] for each in before],
        "no money has moved",
    )
    home.http("POST", f"/api/v1/jobs/{mine}/cancel", {}, account=people.poor.address)
    paid = home.run("client", "pay", people.done, "--amount", "10", "-o", "json")
    story.need(
        paid.code == 0 and paid.json()["payment_state"] == "paid",
        "the owner pays the job that is done",
        paid.err,
    )
    once = balances(home, *people.all())
    again = home.run("client", "pay", people.done, "--amount", "10")
    story.check(
        again.code == 5 and again.error_code == "conflict",
        "paying it twice is refused",
        str(again) + again.err,
    )
    once_key = "one-" + people.open[-20:]
    keyed = ("client", "pay", people.open, "--idempotency-key", once_key, "--amount")
    first = home.query(*keyed, "1")
    repeated = home.query(*keyed, "1")
    story.check(
        repeated.get("repeated") is True
        and repeated["transaction_hash"] == first["transaction_hash"],
        "paying again under the same key is the same payment",
        repeated,
    )
    other = home.run(*keyed, "2")
    story.check(
        other.code == 5 and other.error_code == "conflict",
        "the same key for another amount is refused",
        str(other) + other.out + other.err,
    )
    now = balances(home, people.owner)[0]
    story.check(
        micro(once[0][1]) - micro(now[1]) == 1_000_000, "one AIT is locked, once", (once[0], now)
    )
    home.query("client", "cancel", people.open)
    story.check(
        balances(home, people.owner)[0][:2] == once[0][:2],
        "cancelling gives it back",
        balances(home, people.owner),
    )


def results_nobody_wants(story, home, people):
    story.chapter("Results of jobs that were not leased")
    unknown = {
        "job_id": "job-" + "2" * 26,
        "attempt": 1,
        "payload_hash": "00" * 32,
        "price_per_hour": "0.5",
        "leased_at": "2026-01-01T00:00:00Z",
    }
    answer = people.miner.complete(unknown, "made up")
    story.check(answer.code == "not_found", "a result of an unknown job is refused", answer)
    job = people.rich.submit("to be stolen").json()["job_id"]
    polled = people.miner.poll(1)
    story.need(polled and polled[0]["job_id"] == job, "a miner has leased a job", polled)
    stolen = people.other_miner.complete(polled[0], "stolen")
    story.check(stolen.code == "lease_lost", "a result by another miner is refused", stolen)
    stale = people.miner.complete(
        {**polled[0], "attempt": polled[0]["attempt"] + 1}, "another attempt"
    )
    story.check(stale.code == "lease_lost", "a result of another attempt is refused", stale)
    dear = people.miner.complete({**polled[0], "price_per_hour": "1000000"}, "dear")
    story.check(
        400 <= dear.status < 500, f"a result at another price is refused ({dear.code})", dear
    )
    other_input = people.miner.complete({**polled[0], "payload_hash": "11" * 32}, "other input")
    story.check(
        400 <= other_input.status < 500,
        f"a result of another payload is refused ({other_input.code})",
        other_input,
    )
    no_miner = people.rich.complete(polled[0], "no miner")
    story.check(
        400 <= no_miner.status < 500,
        f"a result by somebody who is no miner is refused ({no_miner.code})",
        no_miner,
    )
    good = people.miner.complete(polled[0], "the right one")
    story.check(good.status == 200, "the right result is taken", good)
    twice = people.miner.complete(polled[0], "a second one")
    story.check(400 <= twice.status < 500, f"a second result is refused ({twice.code})", twice)
    story.check(
        home.get(f"/api/v1/jobs/{job}/result")["text"] == "the right one", "the first result stands"
    )
    foreign = home.http("POST", f"/api/v1/jobs/{job}/cancel", {}, account=people.poor.address)
    story.check(
        foreign.status in (403, 409),
        f"cancelling another's job is refused ({foreign.code})",
        foreign,
    )


def jobs_that_come_to_nothing(story, home, people):
    story.chapter("Paid jobs that come to nothing")
    before = balances(home, people.rich.address)[0][:3]

    def paid_job(prompt, **more):
        job = people.rich.submit(prompt, **more).json()["job_id"]
        story.quiet_check(people.rich.pay(job, 5_000_000).status == 200, f"{prompt} is paid for")
        return job

    def view(job):
        return home.get(f"/api/v1/jobs/{job}")

    expired = paid_job("expires", ttl=1, constraints={"region": "nowhere"})
    hopeless = paid_job("fails for good")
    held = people.miner.poll(1)[0]
    answer = people.miner.fail(held, retryable=False)
    story.check(
        answer.status == 200 and answer.json()["refunded"] == "5.000000",
        "a job that no miner can do fails at once, and all of its price goes back",
        answer,
    )
    unlucky = paid_job("fails three times")
    attempts = 0
    while view(unlucky)["status"] != "failed" and attempts < 5:
        attempts += 1
        # The same miner gets it again after a pause only.
        people.miner.fail(people.miner.poll(1, wait=10)[0], retryable=True)
    story.check(attempts == 3, "one that fails again and again is tried three times", attempts)
    until(lambda: view(expired)["status"] == "expired", 10, 0.1)
    ends = [
        (view(job)["status"], view(job)["payment_state"]) for job in (expired, hopeless, unlucky)
    ]
    wanted = [("expired", "refunded"), ("failed", "refunded"), ("failed", "refunded")]
    story.check(ends == wanted, "they end expired, failed and failed, and refunded", ends)
    after = balances(home, people.rich.address)[0][:3]
    story.check(after == before, "who paid for them has what it had", (before, after))


def figure(home, name):
    """One figure of /metrics."""
    text = home.http("GET", "/metrics").body.decode()
    return int(float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1)))


def waiting_is_quiet(story, home):
    story.chapter("Impatient people who wait")
    job = home.query("client", "submit", "--prompt", "never", "-c", "region=nowhere")["job_id"]
    before = figure(home, "aitbc_http_requests_total")
    for words in (["wait", "job", job], ["client", "result", job, "--wait"]):
        ran = home.run(*words, "--timeout", "1500ms")
        story.check(
            ran.code == 8 and ran.error_code == "deadline_exceeded" and job in ran.err,
            f"`aitbc {' '.join(words)[:24]}...` gives up in time, and says how to go on (exit 8)",
            str(ran) + ran.err,
        )
    asked = figure(home, "aitbc_http_requests_total") - before
    story.check(asked < 50, f"waiting for 3 s asked the node {asked} times")
    opened = until(lambda: figure(home, "aitbc_http_connections_open") < 10, 10, 0.2)
    story.check(
        opened, "and leaves no connections behind", figure(home, "aitbc_http_connections_open")
    )
    process = home.start("client", "watch", job, program="aitbc", log="watch.log")
    until(lambda: job in process.log.read_text(), 5)
    process.send_signal(signal.SIGINT)
    until(lambda: process.poll() is not None, 5)
    story.check(process.returncode == 130, "Ctrl-C ends watching with 130", process.returncode)
    process = home.start("client", "result", job, "--wait", program="aitbc", log="wait.log")
    until(lambda: "pending" in process.log.read_text(), 5)
    process.send_signal(signal.SIGTERM)
    until(lambda: process.poll() is not None, 5)
    said = process.log.read_text()
    story.check(
        process.returncode == 143 and "goes on" in said and "--wait" in said,
        "SIGTERM ends waiting with 143, and it says that the job goes on and how to resume",
        (process.returncode, said),
    )
    home.query("client", "cancel", job)


def a_careless_operator(story, home):
    story.chapter("A careless operator")
    config = home.home / "config" / "node.toml"
    pid = home.query("status")["pid"]
    second = home.run("--config", config, program="aitbcd")
    story.check(
        second.code == 5 and str(pid) in second.err,
        f"a second node on the same data is refused, and who holds them is named: process {pid}",
        str(second) + second.err,
    )
    bad = home.work / "bad.toml"
    bad.write_text('[gateway]\ntcp_prot = 7\ntcp_port = "x"\n')
    for ran in (home.run("config", "validate", bad), home.run("--config", bad, program="aitbcd")):
        said = ran.out + ran.err
        story.check(
            ran.code == 2
            and "bad.toml:2" in said
            and "bad.toml:3" in said
            and "did you mean" in said,
            f"{ran.words[0]} tells all errors of a configuration, with their lines",
            said,
        )
    home.query("down")
    key = home.data / "node.key"
    key.chmod(0o644)
    loose = home.run("up", "--no-miner")
    key.chmod(0o600)
    story.check(
        loose.code == 4 and "chmod 600" in loose.err,
        "a node's key that others may read is not used",
        str(loose) + loose.err,
    )
    genesis = home.data / "genesis.json"
    good = genesis.read_text()
    genesis.write_text(good.replace('"1000000000"', '"2000000000"'))
    other = home.run("up", "--no-miner")
    genesis.write_text(good)
    story.check(
        other.code == 7 and "another genesis" in other.err,
        "a genesis that mints more than before is refused",
        str(other) + other.err[-600:],
    )
    home.up("--no-miner")
    supply = home.query("chain", "supply")
    story.check(
        supply["balanced"] is True and micro(supply["minted"]) == harness.SUPPLY_MICRO,
        "with the right one it goes on, and all balances are there",
        supply,
    )


def nothing_is_lost(story, home):
    story.chapter("In the end")
    supply = home.query("chain", "supply")
    story.check(
        supply["balanced"] is True and micro(supply["minted"]) == harness.SUPPLY_MICRO,
        "all balances together are the genesis supply",
        supply,
    )
    story.check(home.query("status")["ready"] is True, "the node is ready as before")
    state = json.loads((home.data / "run" / "supervisor.json").read_text())
    story.check(
        all(child["restarts"] == 0 for child in state["children"]), "and was never restarted", state
    )
    story.check(
        True,
        f"{home.outputs_seen} command lines were run, and none showed the inside of the program",
    )


def tell(story, home, arguments):
    home.use_models()
    people = People(story, home, arguments)
    careless_lines(story, home, people)
    wrong_passwords_and_modes(story, home, people)
    paying_wrongly(story, home, people)
    results_nobody_wants(story, home, people)
    hostile.transactions_sent_again(story, home, people)
    hostile.careless_requests(story, home, people)
    hostile.without_a_token(story, home, people)
    jobs_that_come_to_nothing(story, home, people)
    waiting_is_quiet(story, home)
    hostile.the_inference_port(story, home)
    nothing_is_lost(story, home)
    a_careless_operator(story, home)
    home.down()


if __name__ == "__main__":
    harness.main(tell, __doc__.splitlines()[0], limit_s=280)
