"""Section 3 of the scenarios: wallets, payments, what they add up to, and receipts."""

import json
import re

import harness
from story import micro


def cell(ran, name):
    """The value beside `name` in a table of one thing."""
    for line in ran.out.splitlines():
        words = line.split(None, 1)
        if words and words[0] == name:
            return words[1].strip() if len(words) > 1 else ""
    return None


def a_wallet_pays(story, home, job):
    story.chapter("3.1 Create a new wallet")
    made = home.shell("aitbc wallet create --name test_wallet")
    address = cell(made, "address")
    story.check(
        made.code == 0 and re.fullmatch(r"ait1[02-9ac-hj-np-z]{38}", address or ""),
        f"its address is {address}",
        made.out + made.err,
    )
    phrase = cell(made, "seed_phrase") or ""
    story.check(
        len(phrase.split()) == 24 and "back" in made.out.lower(),
        "its seed phrase of 24 words is shown, with how to keep it",
        made.out,
    )
    later = home.run("wallet", "show", "test_wallet", "-o", "json")
    story.check(
        phrase not in later.out and later.json()["active"] is False,
        "it is shown only once, and the new wallet is not the active one",
        later.out,
    )
    twice = home.shell("aitbc wallet create --name test_wallet")
    story.check(
        twice.code == 5 and twice.error_code == "already_exists",
        "the same name again is refused",
        str(twice),
    )

    story.chapter("3.2 Check the wallet's balance")
    balance = home.shell("aitbc wallet balance")
    shown = {name: cell(balance, name) for name in ("available", "staked", "total")}
    story.check(
        balance.code == 0 and all(shown.values()), f"it shows {shown}", balance.out + balance.err
    )
    before = home.query("wallet", "balance")
    story.check(
        all(micro(shown[name]) == micro(before[name]) for name in shown),
        "the JSON says the same",
        before,
    )
    parts = sum(micro(before[name]) for name in ("available", "staked", "locked", "unbonding"))
    story.check(parts == micro(before["total"]), "the parts add up to the total", before)

    story.chapter("3.3 Pay for the job")
    miner = home.query("client", "status", job)["miner"]
    earned_before = micro(home.query("miner", "status", miner["miner_id"])["earned"])
    paid = home.shell("aitbc client pay --amount 10")
    story.need(paid.code == 0, "it pays the only unpaid job of this wallet", paid.out + paid.err)
    story.check(
        re.search(r"\b[0-9a-f]{64}\b", cell(paid, "transaction_hash") or ""),
        "it shows the transaction's hash",
        paid.out,
    )
    story.check("funded" in paid.out and job in paid.out, "and that the job is funded", paid.out)
    settlement_adds_up(story, home, job, before, earned_before, miner)


def settlement_adds_up(story, home, job, before, earned_before, miner):
    payment = home.query("client", "status", job)["payment"]
    part = {
        name: micro(payment[name])
        for name in ("amount", "escrow", "paid_to_miner", "fee", "refunded")
    }
    story.check(
        payment["state"] == "paid" and part["escrow"] == 0,
        "the completed job is settled at once",
        payment,
    )
    story.check(
        part["paid_to_miner"] + part["fee"] + part["refunded"] == part["amount"] == 10_000_000,
        "pay, fee and refund add up to the 10 AIT",
        payment,
    )
    hourly = micro(miner["price_per_hour"])
    story.check(
        part["paid_to_miner"] == hourly * payment["paid_duration_ms"] // 3_600_000,
        f"{payment['paid_duration_ms']} ms at {miner['price_per_hour']} AIT an hour are "
        f"{payment['paid_to_miner']} AIT",
        payment,
    )
    story.check(
        part["fee"] == part["paid_to_miner"] * 25_000 // 1_000_000,
        f"the fee is 2.5 %: {payment['fee']} AIT",
        payment,
    )
    after = home.query("wallet", "balance")
    story.check(
        micro(before["total"]) - micro(after["total"]) == part["paid_to_miner"] + part["fee"],
        f"the wallet had {before['total']} AIT and has {after['total']} AIT",
        (before, after, payment),
    )
    earned = micro(home.query("miner", "status", miner["miner_id"])["earned"])
    story.check(
        earned - earned_before == part["paid_to_miner"],
        "the miner earned exactly its pay",
        (earned_before, earned),
    )
    fees = home.get("/api/v1/chain")["network_fees"]
    fee_account = home.get(f"/api/v1/accounts/{fees}")
    story.check(
        micro(fee_account["total"]) == part["fee"],
        "the network's account has exactly the fee",
        fee_account,
    )
    supply = home.query("chain", "supply")
    story.check(
        supply["balanced"] is True and micro(supply["minted"]) == harness.SUPPLY_MICRO,
        "all balances together are the genesis supply",
        supply,
    )
    history = home.query("wallet", "history")["items"]
    moves = sum(micro(row["amount"]) * (1 if row["direction"] == "in" else -1) for row in history)
    story.check(
        moves == micro(after["available"]), "the history adds up to what is available", history
    )


def writes_need_one_candidate(story, home):
    story.chapter("Writes without an id need exactly one candidate")
    none = home.run("client", "pay", "--amount", "10")
    story.check(
        none.code == 3 and none.error_code == "not_found",
        "with no unpaid job, paying is refused (exit 3)",
        str(none) + none.err,
    )
    jobs = [
        home.query("client", "submit", "--prompt", "Hi", "-c", "region=nowhere")["job_id"]
        for _ in range(2)
    ]
    before = home.query("wallet", "balance")
    for words in (("client", "pay", "--amount", "10"), ("client", "cancel")):
        several = home.run(*words)
        story.check(
            several.code == 2
            and several.error_code == "ambiguous"
            and all(job in several.err for job in jobs),
            f"with two candidates, `aitbc {' '.join(words)}` lists both and does nothing (exit 2)",
            str(several) + several.err,
        )
    after = home.query("wallet", "balance")
    story.check(
        micro(after["total"]) == micro(before["total"]) and after["nonce"] == before["nonce"],
        "nothing was paid",
        (before, after),
    )
    home.query("client", "cancel", jobs[0])
    one = home.run("client", "cancel")
    story.check(
        one.code == 0 and jobs[1] in one.out + one.err,
        "with one left, it is taken and named",
        one.err + one.out,
    )
    story.check(
        home.query("client", "status", "@last")["job_id"] == jobs[1], "@last is the last job"
    )
    prefix = jobs[0][:-4]
    story.check(
        home.query("client", "status", prefix)["job_id"] == jobs[0],
        "a unique prefix of an id is enough",
    )


def receipts_verify(story, home, job, arguments):
    story.chapter("The receipt verifies without a node")
    receipt, genesis = home.work / "receipt.json", home.work / "genesis.json"
    home.query("client", "receipt", job, "--output-file", receipt)
    home.query("chain", "genesis", "--output-file", genesis)
    nowhere = {"AITBC_HOME": str(home.folder / "nobody")}
    told = home.run(
        "verify", "receipt", receipt, "--genesis", genesis, "-o", "json", environment=nowhere
    )
    story.check(
        told.code == 0 and told.json()["job_id"] == job,
        "it verifies in a home where nothing is",
        told.out[:400] + told.err,
    )
    bytes_of = receipt.read_bytes()
    damaged = home.work / "damaged.json"
    taken, codes = [], {}
    for number in range(arguments.changes):
        at = arguments.random.randrange(len(bytes_of.rstrip()))
        changed = bytearray(bytes_of)
        # Any other byte, or one that the receipt has elsewhere and is therefore harder to find.
        others = sorted({*bytes_of} - {bytes_of[at]}) if number % 2 else range(256)
        changed[at] = arguments.random.choice([byte for byte in others if byte != bytes_of[at]])
        damaged.write_bytes(changed)
        ran = home.run("verify", "receipt", damaged, "--genesis", genesis, environment=nowhere)
        codes[ran.code] = codes.get(ran.code, 0) + 1
        if ran.code not in (2, 9):
            taken.append(f"byte {at}: {bytes_of[at]:#x} became {changed[at]:#x}, exit {ran.code}")
    story.check(
        not taken,
        f"{arguments.changes} copies with one changed byte are all refused (exits {codes})",
        taken[:10],
    )
    other = json.loads(genesis.read_text())
    other["chain"] = "ait-other"
    (home.work / "other.json").write_text(json.dumps(other))
    wrong = home.run(
        "verify", "receipt", receipt, "--genesis", home.work / "other.json", environment=nowhere
    )
    story.check(
        wrong.code == 9, "against another chain's genesis it is refused", str(wrong) + wrong.err
    )
