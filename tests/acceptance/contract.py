#!/usr/bin/env python3
"""The contract of the surfaces: every operation in every output format, the command line's table
against /openapi.json, errors, and dry runs that change nothing and foretell what the real run does.
"""

import json
import re

import formats
import harness
from dry_runs import dry_runs
from harness import FORMATS
from story import until
from surface import (
    STREAMS,
    all_commands,
    every_format,
    inputs_of,
    is_local,
    make_facts,
    plans_of,
    reads_of,
    rest_rows,
)

ERROR_FIELDS = {"code", "message", "details", "hint", "retryable", "request_id"}
# Rows without a command: what miner processes send.
WITHOUT_COMMAND = {
    "validator.synced",  # a node that was let in says it itself
    "job.lease",
    "job.renew",
    "job.complete",
    "job.complete_batch",
    "job.deliver",
    "job.fail",
    "miner.session",
    "miner.heartbeat",
}


def the_tables_are_one(story, home, commands, document):
    story.chapter("The command line's table is /openapi.json")
    rows = rest_rows(document)
    by_command = {
        row["x-cli"].removeprefix("aitbc "): (name, method, path, row)
        for name, (method, path, row) in rows.items()
        if "x-cli" in row
    }
    bare = {name for name, (_, _, row) in rows.items() if "x-cli" not in row}
    story.check(
        bare == WITHOUT_COMMAND,
        f"{len(by_command)} rows have a command; without one are {sorted(bare)}",
    )
    story.check(
        set(by_command) <= set(commands),
        "every command of /openapi.json is in `aitbc help`",
        set(by_command) - set(commands),
    )
    compared = 0
    for words, command in commands.items():
        if command.rest is None:
            story.quiet_check(
                words not in by_command, f"`aitbc {words}` names its route in its help"
            )
            continue
        if not story.quiet_check(
            words in by_command, f"the route of `aitbc {words}` is in /openapi.json", command.rest
        ):
            continue
        name, method, path, row = by_command[words]
        story.quiet_check(
            command.rest == (method, path),
            f"`aitbc {words}` and {name} have one route",
            (command.rest, method, path),
        )
        compared += compare_inputs(story, home, words, command, row, (method, path))
    story.check(compared > 100, f"{compared} parameters are the same in both")
    alias_count = 0
    for words, command in commands.items():
        for alias in command.aliases:
            alias_count += 1
            ran = home.run(*alias.split(), "--help")
            story.quiet_check(
                ran.code == 0 and ran.out == command.text,
                f"`aitbc {alias}` is `aitbc {words}`",
                str(ran),
            )
    story.check(alias_count > 20, f"{alias_count} other spellings lead to their command")


def compare_inputs(story, home, words, command, row, route):
    inputs = inputs_of(row)
    for name, described in inputs.items():
        flag = "--" + name.replace("_", "-")
        if not story.quiet_check(
            flag in command.flags, f"`aitbc {words}` has {flag}", command.flags.keys()
        ):
            continue
        said = command.flags[flag][1]
        story.quiet_check(
            said.startswith(described.get("description", "")),
            f"{flag} of `aitbc {words}` says the same",
            (said, described.get("description")),
        )
        for choice in described["schema"].get("enum", []):
            story.quiet_check(
                choice in command.text, f"the help of `aitbc {words}` names the choice {choice}"
            )
        in_path = "{" + name + "}" in route[1]
        if described["required"] and not in_path:
            story.quiet_check(
                "[required]" in said, f"{flag} of `aitbc {words}` is marked as required", said
            )
    extra = sorted(set(command.flags) - {"--" + name.replace("_", "-") for name in inputs})
    if "x-aitbc-transaction" not in row and "{" not in route[1]:
        for flag in extra:  # what only the command line understands, a node refuses by name
            name = flag[2:].replace("-", "_")
            answer = (
                home.http("GET", f"{route[1]}?{name}=1")
                if route[0] == "GET"
                else home.http("POST", route[1], {name: "1"})
            )
            refused = answer.status == 422 and name in answer.body.decode()
            required = answer.status == 422 and "missing" in answer.body.decode()
            story.quiet_check(
                refused or required, f"{flag} of `aitbc {words}` is the command line's own", answer
            )
    return len(inputs)


# ---- a chain with something of everything on it ----


def reads_agree(story, home, commands, document, facts):
    story.chapter("Every read in every format")
    rows = rest_rows(document)
    schemas = {
        row["x-cli"].removeprefix("aitbc "): (
            row["responses"]["200"]["content"]["application/json"]["schema"],
            method,
            path,
        )
        for method, path, row in rows.values()
        if "x-cli" in row
    }
    reads = reads_of(facts)
    known = (
        set(reads)
        | set(plans_of(facts))
        | {words for words, command in commands.items() if is_local(words)}
    )
    unknown = {
        words
        for words in set(commands) - known
        if commands[words].rest and commands[words].rest[0] == "GET"
    }
    for words in sorted(unknown):  # a new query needs no line here
        reads[words] = []
    for words, more in reads.items():
        value = every_format(story, home, words, [*words.split(), *more])
        if value is None or words not in schemas:
            continue
        schema, method, path = schemas[words]
        if method == "GET" and words not in (*STREAMS, "events"):
            complaints = formats.schema_complaints(value, schema)
            story.quiet_check(
                not complaints,
                f"`aitbc {words}` answers by the schema of /openapi.json",
                complaints[:5],
            )
            if words != "client result":  # to which the command line adds what it verified itself
                strange = formats.unknown_fields(value, schema)
                story.quiet_check(
                    not strange, f"all of `aitbc {words}` is in the schema", strange[:8]
                )
            same_over_rest(story, home, words, path, value, facts)
    story.check(True, f"{len(reads)} reads in {len(FORMATS)} formats are told")


def same_over_rest(story, home, words, path, value, facts):
    if words in ("client result", "client list", "client receipts"):
        return  # a proof is added, or the caller's account decides
    filled = path.format(
        job_id=facts.open if words == "explain job" else facts.done,
        miner_id=facts.miner_id,
        address=facts.address,
        hash=facts.hash,
        height="latest",
    )
    answer = home.http("GET", filled, account=facts.address)
    story.quiet_check(
        answer.status == 200 and answer.json() == value,
        f"GET {filled} says the same as `aitbc {words}`",
        (answer.status, formats.compact(answer.json())[:300], formats.compact(value)[:300]),
    )


def local_writes_agree(story, home):
    story.chapter("Commands on wallets and files in every format")
    count = 0
    for index, output_format in enumerate(FORMATS):
        name = f"w{index}"
        steps = [
            ["wallet", "create", "--name", name],
            ["wallet", "export", name, "--out-file", f"{name}.wallet"],
            ["wallet", "import", "--name", f"i{index}", "--file", f"{name}.wallet"],
            ["wallet", "use", name],
            ["wallet", "rename", name, f"r{index}"],
            ["wallet", "use", "default"],
            ["config", "init", f"{name}.toml"],
        ]
        for words in steps:
            ran = home.run(*words, "-o", output_format)
            count += 1
            good = ran.code == 0 and ran.out.strip() and "error" not in ran.err
            story.quiet_check(
                good,
                f"`aitbc {' '.join(words)}` -o {output_format} succeeds",
                ran.err + ran.out[:200],
            )
            if good and output_format in ("json", "jsonl"):
                story.quiet_check(
                    isinstance(json.loads(ran.out), dict), f"{ran} prints one JSON document"
                )
            if good and output_format == "yaml":
                story.quiet_check(
                    isinstance(formats.read_yaml(ran.out), dict),
                    f"{ran} prints one YAML document",
                    ran.out,
                )
    story.check(True, f"{count} runs are told")


# ---- errors ----


def refusals(home, facts):
    """(words, exit code, stable code) of commands that must fail."""
    wrong = home.work / "wrong.password"
    wrong.write_text("not this one")
    wrong.chmod(0o600)
    damaged = home.work / "damaged.json"
    other_id = facts.done[:-1] + ("a" if facts.done.endswith("q") else "q")
    damaged.write_text(facts.receipt.read_text().replace(facts.done, other_id))
    return [
        (["client", "status", "job-" + "a" * 26], 3, "not_found"),
        (["client", "result", facts.open], 7, "not_ready"),
        (["client", "receipt", facts.open], 7, "not_ready"),
        (["miner", "status", "miner-" + "a" * 32], 3, "not_found"),
        (["client", "pay", facts.open, "0.0000001"], 2, "invalid_argument"),
        (["wallet", "send", "ait1wrong", "1"], 2, None),
        (["wallet", "send", facts.other, "100000"], 6, "insufficient_funds"),
        (["client", "cancel", facts.done], 5, "conflict"),
        (["client", "pay", facts.done, "1"], 5, "conflict"),
        (["clientt"], 2, "usage"),
        (["client", "status", "--jb-id", "x"], 2, "usage"),
        (["client"], 2, "usage"),
        (["wallet", "send"], 2, "usage"),
        (["wallet", "create", "--name", "default"], 5, "already_exists"),
        (["status", "--node", "unix:/nowhere/node.sock"], 7, "unavailable"),
        (["wallet", "stake", "1", "--password-file", str(wrong)], 4, "wrong_password"),
        (["verify", "receipt", str(damaged), "--genesis", str(facts.genesis)], 9, "check_failed"),
        (["verify", "receipt", "missing.json", "--genesis", str(facts.genesis)], 3, "not_found"),
        (["chain", "tx", "zz"], 2, None),
        (["chain", "tx", "0" * 64], 3, "not_found"),
        (["wait", "job", facts.open, "--timeout", "300ms"], 8, "deadline_exceeded"),
        (["explain", "no_such_code"], 3, "not_found"),
        (["client", "list", "--fields", "nosuch"], 2, "invalid_argument"),
        (["client", "list", "--limit", "0"], 2, "invalid_argument"),
        (["client", "list", "--status", "done"], 2, None),
        (["wallet", "show", "nobody"], 3, "not_found"),
        (["miner", "poll"], 3, "not_found"),
        (["inference", "complete", "--prompt", "x"], 7, "unavailable"),
        (["wallet", "create", "--name", "x", "--dry-run"], 2, None),
    ]


def errors_are_one(story, home, facts):
    story.chapter("Every refusal in every format")
    table = {row["code"]: row for row in home.query("help", "exit-codes")["items"]}
    cases = refusals(home, facts)
    for words, exit_code, code in cases:
        seen = set()
        for output_format in FORMATS:
            ran = home.run(*words, "-o", output_format)
            seen.add((ran.code, ran.error_code))
            story.quiet_check(
                ran.out == "", f"{ran} prints nothing on standard output", ran.out[:200]
            )
            if output_format in ("json", "jsonl"):
                last = ran.err.strip().splitlines()[-1] if ran.err.strip() else ""
                body = json.loads(last) if last.startswith("{") else {}
                story.quiet_check(
                    set(body) == {"error"} and set(body["error"]) >= ERROR_FIELDS,
                    f"{ran} prints the error body",
                    ran.err[:300],
                )
                story.quiet_check(
                    body.get("error", {}).get("message"), f"{ran} says what happened", ran.err
                )
            else:
                story.quiet_check(
                    re.search(r"^error: .+\n(.*\n)*  next: .+\n  code: ", ran.err, re.MULTILINE),
                    f"{ran} says what happened and what to do",
                    ran.err,
                )
        said = next(iter(seen))
        good = len(seen) == 1 and said[0] == exit_code and (code is None or said[1] == code)
        story.quiet_check(
            good,
            f"`aitbc {' '.join(words)}` ends with {exit_code} {code or ''} in every format",
            seen,
        )
        explained = table.get(said[1])
        story.quiet_check(
            explained and explained["exit"] == said[0], f"exit-codes explains {said[1]}", explained
        )
        story.quiet_check(
            home.run("explain", said[1]).code == 0, f"`aitbc explain {said[1]}` works"
        )
    story.check(True, f"{len(cases)} refusals in {len(FORMATS)} formats are told")


def misspelt_flags(story, home, commands):
    story.chapter("A misspelt flag on every command")
    count = 0
    for words, command in commands.items():
        flags = [flag for flag in command.flags if len(flag) > 5] or ["--output"]
        flag = max(flags, key=len)
        wrong = flag[:-2] + flag[-1]
        ran = home.run(*words.split(), wrong)
        count += 1
        story.quiet_check(
            ran.code == 2
            and ran.error_code == "usage"
            and f"`{flag}`" in ran.err
            and "Did you mean" in ran.err,
            f"`aitbc {words} {wrong}` suggests {flag}",
            ran.err,
        )
        story.quiet_check(ran.out == "", f"`aitbc {words} {wrong}` prints no result", ran.out[:100])
    story.check(True, f"{count} misspelt flags are told")


# ---- dry runs ----


def inference_in_every_format(story, home):
    story.chapter("The model's window in every format")
    started = home.run("miner", "start", "-o", "json")
    if not story.check(started.code == 0, "`aitbc miner start` starts a miner", started.err):
        return
    ready = until(lambda: home.run("model", "list").code == 0, 60, 0.2)
    if not story.check(ready, "the node forwards inference to it", home.log_tails()):
        return
    ask = [
        "--model",
        "llama3",
        "--prompt",
        "The sky is",
        "--temperature",
        "0",
        "--max-tokens",
        "4",
        "--seed",
        "1",
    ]
    for name, words in (
        ("model list", []),
        ("model tokenize", ["--model", "llama3", "--text", "Hello AITBC"]),
        ("inference complete", [*ask, "--raw", "--logprobs", "2"]),
        ("inference chat", ask),
    ):
        value = home.query(*name.split(), *words)
        # How long it took differs each time; nothing else may.
        for output_format in ("yaml", "jsonl", "csv", "table", "wide", "name"):
            shown = home.run(*name.split(), *words, "-o", output_format)
            text = re.sub(r"(prompt_ms|decode_ms)(\W+)\d+", r"\1\g<2>0", shown.out)
            still = {key: 0 if key.endswith("_ms") else inner for key, inner in value.items()}
            complaints = [
                each
                for each in formats.complaints_about(output_format, text, still)
                if output_format != "csv" or not re.match(r"(prompt|decode)_ms ", each)
            ]
            story.quiet_check(
                shown.code == 0 and not complaints,
                f"`aitbc {name}` -o {output_format} derives from its JSON",
                complaints[:3] or shown.err,
            )
        story.check(True, f"`aitbc {name}` is told")
    stopped = home.run("miner", "stop", "-o", "json")
    story.check(stopped.code == 0, "`aitbc miner stop` stops it", stopped.err)


def tell(story, home, arguments):
    home.use_models()
    # So that what a real run wrote is on the disk when the next dry run is looked at.
    home.environment["AITBC_STORAGE__FLUSH_INTERVAL_MS"] = "10"
    commands = all_commands(home)
    story.check(len(commands) > 50, f"`aitbc help` lists {len(commands)} commands")
    facts = make_facts(story, home, arguments)
    document = home.get("/openapi.json")
    the_tables_are_one(story, home, commands, document)
    reads_agree(story, home, commands, document, facts)
    local_writes_agree(story, home)
    errors_are_one(story, home, facts)
    misspelt_flags(story, home, commands)
    dry_runs(story, home, commands, document, facts)
    inference_in_every_format(story, home)
    home.down()


if __name__ == "__main__":
    harness.main(tell, __doc__.splitlines()[0], limit_s=580)
