"""The operations as their help and /openapi.json tell of them, and a chain to ask them about."""

import json
import re

import formats
from harness import FORMATS
from scripted import Account

STREAMS = ("client watch",)  # show a row at each change; in JSON a line each


class Command:
    """One command as its own help describes it."""

    def __init__(self, words, text):
        self.words = words
        self.text = text
        self.usage = " ".join(self.section("Usage").split())
        self.flags = {}  # "--model" -> (other spellings, what it says)
        lines = re.sub(r"\n {30,}", "  ", self.section("Options")).splitlines()
        for line in lines:
            found = re.match(r"  (--[a-z0-9-]+)((?:, --?[a-z0-9-]+)*)(?: \S+)?\s*(.*)$", line)
            if found:
                spellings = [each for each in found.group(2).split(", ") if each]
                self.flags[found.group(1)] = (spellings, found.group(3))
        rest = re.search(r"^REST: (\S+) (\S+)$", text, re.MULTILINE)
        self.rest = rest.groups() if rest else None
        self.aliases = [
            line.strip().removeprefix("aitbc ")
            for line in self.section("Also spelled").splitlines()
        ]

    def section(self, name):
        found = re.search(rf"^{name}:\n(.*?)(?:\n\n|\Z)", self.text, re.MULTILINE | re.DOTALL)
        return found.group(1) if found else ""


def all_commands(home):
    listing = home.query("help")["help"]
    names = re.findall(
        r"^  ([a-z-]+(?: [a-z-]+)*)  +\S",
        re.search(r"\nCommands:\n(.*?)\n\n", listing, re.DOTALL).group(1),
        re.MULTILINE,
    )
    return {
        name: Command(name.split(), home.query("help", *name.split())["help"]) for name in names
    }


def rest_rows(document):
    """Operation name -> (method, path, object) of /openapi.json."""
    return {
        row["operationId"]: (method.upper(), path, row)
        for path, methods in document["paths"].items()
        for method, row in methods.items()
    }


def inputs_of(row):
    """Input name -> its description in /openapi.json, wherever it travels."""
    inputs = {each["name"]: each for each in row["parameters"] if "$ref" not in each}
    body = (
        row.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    )
    body = row["x-aitbc-transaction"]["fields"] if "x-aitbc-transaction" in row else body
    for name, schema in body.get("properties", {}).items():
        inputs[name] = {
            "name": name,
            "description": schema.get("description", ""),
            "schema": schema,
            "required": name in body.get("required", []),
        }
    return inputs


class Facts:
    """What the commands are asked about."""


def make_facts(story, home, arguments):
    story.chapter("A chain with something of everything on it")
    facts = Facts()
    facts.up = home.up("--no-miner")
    miner = Account(home, f"miner {arguments.seed}")
    registered = miner.register()
    story.need(
        registered.status == 200, "a scripted miner signs by itself and is registered", registered
    )
    facts.miner_id = registered.json()["miner_id"]
    facts.hash = registered.json()["transaction_hash"]  # about no job: it has a receipt of its own
    facts.done = home.query("client", "submit", "--prompt", "for the scripted miner")["job_id"]
    jobs = miner.poll(1) or []
    story.need([job["job_id"] for job in jobs] == [facts.done], "it polls the job", jobs)
    done = miner.complete(jobs[0], "a scripted answer")
    story.need(
        done.status == 200 and done.json()["status"] == "completed", "and completes it", done
    )
    home.query("client", "pay", facts.done, "--amount", "2.5")
    facts.open = home.query("client", "submit", "--prompt", "for nobody", "-c", "region=nowhere")[
        "job_id"
    ]
    facts.receipt, facts.genesis = home.work / "receipt.json", home.work / "genesis.json"
    home.query("client", "receipt", facts.done, "--output-file", facts.receipt)
    home.query("chain", "genesis", "--output-file", facts.genesis)
    facts.address = home.query("wallet", "show")["address"]
    facts.other = miner.address
    (home.work / "jobs.json").write_text(
        json.dumps([{"prompt": "one"}, {"prompt": "two", "constraints": {"region": "x"}}])
    )
    return facts


def reads_of(facts):
    """Command -> further words; what is not here is asked without any."""
    genesis = ["--genesis", str(facts.genesis)]
    return {
        "client status": [facts.done],
        "client result": [facts.done],
        "client receipt": [facts.done],
        "client watch": [facts.done],
        "explain job": [facts.open],
        "explain": ["insufficient_funds"],
        "miner status": [facts.miner_id],
        "miner jobs": [facts.miner_id],
        "miner earnings": [facts.miner_id],
        "chain tx": [facts.hash],
        "chain receipt": [facts.hash],
        "chain block": ["latest"],
        "config explain": ["gateway.tcp_port"],
        "verify receipt": [str(facts.receipt), *genesis],
        "completion": ["bash"],
        "wait": ["job", facts.done],
        "client list": [],
        "client receipts": [],
        "miner list": [],
        "wallet balance": [],
        "wallet history": [],
        "chain supply": [],
        "chain info": [],
        "chain events": [],
        "chain genesis": [],
        "status": [],
        "events": [],
        "wallet list": [],
        "wallet show": [],
        "config validate": [],
        "config show": [],
        "version": [],
        "help": [],
        "help exit-codes": [],
        "man": [],
        "up": ["--no-miner"],
    }


def plans_of(facts):
    """Every command with a dry run -> words that could really be run, in a good order."""
    return {
        "client submit": ["--prompt", "dry", "-c", "region=nowhere"],
        "client batch-submit": ["@jobs.json"],
        "client pay": [facts.open, "3"],
        "client cancel": [facts.open],
        "wallet send": [facts.other, "1.5"],
        "wallet stake": ["4"],
        "wallet unstake": ["1"],
        "wallet faucet": ["--amount", "5"],
        "chain validator join": ["ab" * 32, "--name", "candidate"],
        "miner register": ["--gpus", "2x A100 80GB", "--price-per-hour", "0.25"],
        "miner drain": ["--reason", "tired"],
        "miner deregister": [],
    }


def is_local(words):
    """What needs a model or a process, or differs at each look, and is tried elsewhere
    (scenarios.py, careless.py, comfort.py)."""
    return words.split()[0] in ("inference", "model") or words in (
        "miner poll",
        "miner start",
        "miner mine-ollama",
        "miner stop",
        "down",
        "node health",
        "node identity",
    )


def machine_reading(name, ran):
    """The JSON of a run; a stream's lines as one list."""
    if name in STREAMS:
        return {"items": [json.loads(line) for line in ran.out.splitlines()], "next_cursor": None}
    return json.loads(ran.out)


def steady(text, output_format):
    """A plan's ids and times are those of the moment: each look has others."""
    text = re.sub(r"\bjob-[0-9a-z]{26}", "job-" + "a" * 26, text)
    return (
        text if output_format == "table" else formats.RFC3339.sub("2026-01-01T00:00:00.000Z", text)
    )


def every_format(story, home, name, words):
    """One command in all formats against its own JSON; taken anew where it changed meanwhile."""
    is_plan = "--dry-run" in words
    ran = home.run(*words, "-o", "json")
    if not story.quiet_check(ran.code == 0, f"`aitbc {name}` succeeds", f"{ran}\n{ran.err[-600:]}"):
        return None
    if not ran.out.strip():
        return story.quiet_check(False, f"`aitbc {name}` -o json prints JSON", str(ran)) or None
    first = machine_reading(name, ran)
    for output_format in FORMATS:
        complaints = ["never tried"]
        for _ in range(3):
            shown = home.run(*words, "-o", output_format)
            text, document = shown.out, first
            if is_plan:
                text, document = steady(text, output_format), json.loads(
                    steady(json.dumps(first), output_format)
                )
            complaints = formats.complaints_about(output_format, text, document)
            if not complaints:
                break
            first = machine_reading(name, home.run(*words, "-o", "json"))
        story.quiet_check(
            shown.code == ran.code,
            f"`aitbc {name}` -o {output_format} has the same exit code",
            shown.code,
        )
        story.quiet_check(
            not complaints,
            f"`aitbc {name}` -o {output_format} derives from its JSON",
            "\n       ".join(complaints[:4]),
        )
        story.quiet_check(
            "error" not in shown.err,
            f"`aitbc {name}` -o {output_format} is silent about errors",
            shown.err,
        )
    return first
