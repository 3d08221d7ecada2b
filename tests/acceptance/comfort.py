#!/usr/bin/env python3
"""An operator's comfort: doctor, explain, contexts, completion, manual pages, logs, reload.

Everything is asked of the real binaries; what is broken on purpose is mended again before the next
question.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import harness
from story import median, until

BASH = r"""
source <({program} completion bash)
complete_line() {{
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}
  COMPREPLY=(); _aitbc; printf '%s\n' "${{COMPREPLY[@]}}"
}}
complete_line {words}
"""
COMPLETION_MS = 200


def findings(home, *words):
    ran = home.run("doctor", *words, "-o", "json", timeout=40)
    return ran, {item["check"]: item for item in ran.json()["items"]}


# ---- doctor ----


def doctor_without_a_node(story, home):
    story.chapter("The doctor without a node")
    ran, seen = findings(home)
    story.check(
        ran.code == 9 and seen["node"]["status"] == "fail" and "aitbc up" in seen["node"]["next"],
        "it says that no node answers, what to do, and ends with 9",
        ran.out,
    )
    story.check(
        {"config", "context", "clock"} <= set(seen), "and looks at what needs no node", list(seen)
    )


def doctor_with_a_node(story, home):
    story.chapter("The doctor with a node")
    ran, seen = findings(home)
    failed = {check: item for check, item in seen.items() if item["status"] == "fail"}
    story.check(
        ran.code == 0 and not failed,
        f"a fresh node is healthy: {len(seen)} checks",
        failed or ran.err,
    )
    wanted = {"node", "version", "chain", "log", "load", "disk", "sync", "clock", "miners", "jobs"}
    wanted |= {"config", "context", "keys", "genesis", "wallet", "model", "processes", "ports"}
    story.check(wanted <= set(seen), "it looked at everything it should", wanted - set(seen))
    table = home.run("doctor")
    story.check(
        table.code == 0 and all(item["what"] in table.out for item in seen.values() if
                                item["check"] in ("version", "genesis")),
        "the table says the same for people",
        table.out,
    )
    key = home.data / "node.key"
    key.chmod(0o644)
    ran, seen = findings(home)
    story.check(
        ran.code == 9 and f"chmod 600 {key}" in seen["keys"]["next"],
        "a key that others may read is found, with the command that mends it",
        seen.get("keys"),
    )
    key.chmod(0o600)
    home.query("client", "submit", "--prompt", "for nobody", "-c", "region=nowhere")
    ran, seen = findings(home)
    story.check(
        seen["jobs"]["status"] == "warn" and "explain job job-" in seen["jobs"]["next"],
        "a job that no miner may take is found",
        seen["jobs"],
    )
    (home.home / "config" / "conf.d").mkdir(parents=True, exist_ok=True)
    bad = home.home / "config" / "conf.d" / "bad.toml"
    bad.write_text("[gateway]\ntcp_prt = 7\n")
    ran, seen = findings(home)
    config = seen["config"]
    story.check(
        ran.code == 9 and config["status"] == "fail" and "tcp_port" in config["why"],
        "a misspelt key is found, with the place and a suggestion",
        config,
    )
    bad.unlink()


def doctor_of_a_stopped_node(story, home, pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        ran, seen = findings(home, "--timeout", "500ms")
        story.check(
            ran.code == 9 and seen["node"]["status"] == "fail" and time.monotonic() - began < 15,
            f"a node that hangs is told after {time.monotonic() - began:.1f} s",
            seen["node"],
        )
        took = completion_times(home, ["client", "status", ""])
        story.check(
            max(took) < COMPLETION_MS + 100,
            f"completion beside it takes {median(took):.0f} ms, at most {max(took):.0f}",
        )
    finally:
        os.kill(pid, signal.SIGCONT)


# ---- explain ----


def explanations(story, home, job):
    story.chapter("Explain")
    code = home.query("explain", "code", "insufficient_funds")
    story.check(
        code["exit"] == 6 and code["http_status"] == 402 and code["causes"] and code["remedy"],
        "a code: meaning, causes, remedy, exit code, HTTP status",
        code,
    )
    key = home.query("explain", "key", "node.log_level")
    story.check(
        key["reload"] == "live" and key["origin"] == "default" and key["takes"],
        "a key: meaning, range, value, origin, and whether a reload is enough",
        key,
    )
    story.check(home.query("explain", "log_level") == key, "a key without its section is the same")
    paid = home.query("client", "pay", job, "--amount", "1")["transaction_hash"]
    tx = home.query("explain", "tx", paid)
    story.check(
        tx["status"] == "applied" and "final" in tx["summary"] and tx["effects"],
        "a transaction: where it is and what it did",
        tx,
    )
    story.check(
        home.query("explain", paid)["hash"] == paid
        and home.query("explain", job)["job_id"] == job
        and home.query("explain", "insufficient_funds") == code,
        "without a kind it is guessed by its form",
    )
    story.check(home.run("explain", "tx", "0" * 64).code == 3, "an unknown transaction is exit 3")
    miner = home.query("miner", "register", "--gpus", "1x RTX 4090", "--price-per-hour", "0.5")
    told = home.query("explain", "miner", miner["miner_id"])
    story.check(
        told["miner_id"] == miner["miner_id"] and told["next"] and told["waiting_jobs"],
        "a miner: why it has no job, and what speaks against each that waits",
        told,
    )


# ---- contexts ----


def contexts(story, home, facts):
    story.chapter("Contexts")
    added = home.run(
        "context", "add", "tcp", "--node", facts["url"], "--token-file",
        home.data / "api.token", "--wallet", "default", "--output-format", "yaml", "-o", "json",
    )
    stored = home.home / "config" / "contexts.json"
    story.check(
        added.code == 0 and stored.stat().st_mode & 0o777 == 0o600,
        "a context is stored with mode 0600",
        added.err,
    )
    token = (home.data / "api.token").read_text().strip()
    story.check(token not in stored.read_text(), "it holds the name of the token file, no token")
    over_tcp = home.run("status", "--context", "tcp", "-vv")
    story.check(
        over_tcp.code == 0 and over_tcp.out.startswith("pid:"),
        "--context chooses node, token and form",
        over_tcp.out + over_tcp.err,
    )
    by_variable = home.run("context", "show", environment={"AITBC_CONTEXT": "tcp"})
    story.check("chosen_by: AITBC_CONTEXT" in by_variable.out, "and so does AITBC_CONTEXT",
                by_variable.out)
    home.run("context", "use", "tcp")
    story.check(home.run("chain", "info").out.startswith("chain:"), "and `context use` for good")
    home.run("context", "use", "default")
    missing = home.run("status", "--context", "tpc", "-o", "json")
    story.check(
        missing.code == 3 and "tcp" in missing.error["hint"],
        "a misspelt one is exit 3 with a suggestion",
        missing.err,
    )
    story.check(home.run("context", "remove", "tcp").code == 0, "and it can be forgotten")


# ---- completion ----


def bash_completes(home, *words):
    quoted = " ".join("'" + word + "'" for word in ("aitbc", *words))
    done = subprocess.run(
        ["bash", "-c", BASH.format(program=home.bin / "aitbc", words=quoted)],
        env=home.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        timeout=20,
    )
    return done.stdout.decode().split("\n")[:-1], done.stderr.decode()


def completion_times(home, words, runs=9):
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(
            [str(home.bin / "aitbc"), "__complete", "--", *words],
            env=home.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )
        took.append((time.perf_counter() - began) * 1000)
    return took


def completion(story, home, job):
    story.chapter("Completion")
    cases = [
        (["cli"], "client"), (["client", "stat"], "status"),
        (["client", "status", ""], job), (["client", "status", job[:8]], job),
        (["explain", "job", ""], job), (["wallet", "show", ""], "default"),
        (["config", "explain", "node.l"], "node.log_level"),
        (["explain", "code", "lease"], "lease_lost"), (["--context", ""], "default"),
        (["client", "submit", "--ty"], "--type"), (["-o", "ya"], "yaml"),
        (["client", "list", "--status", "que"], "queued"),
        (["client", "list", "--status", "=", "que"], "queued"),
    ]
    for words, wanted in cases:
        offered, err = bash_completes(home, *words)
        story.quiet_check(
            wanted in offered and err == "",
            f"bash completes `aitbc {' '.join(words)}` to {wanted}",
            (offered[:8], err),
        )
    story.check(True, f"bash completes {len(cases)} lines: words, flags, ids, names, keys, codes")
    took = completion_times(home, ["client", "status", ""])
    story.check(
        median(took) < COMPLETION_MS, f"live values take {median(took):.0f} ms of {COMPLETION_MS}"
    )
    for shell in ("zsh", "fish"):
        script = home.query("completion", shell)["script"]
        if not shutil.which(shell):
            story.skip(f"completion in {shell}: it is not installed here; the script is printed")
            continue
        checked = subprocess.run(
            [shell, "-n"], input=script.encode(), capture_output=True, check=False
        )
        story.check(checked.returncode == 0, f"{shell} reads its script", checked.stderr)


def completion_without_a_node(story, home):
    done = subprocess.run(
        [str(home.bin / "aitbc"), "__complete", "--", "miner", "status", ""],
        env=home.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )
    story.check(
        (done.returncode, done.stdout, done.stderr) == (0, b":end\n", b""),
        "without a node completion offers no ids and says nothing",
        done,
    )
    took = completion_times(home, ["client", "status", ""])
    story.check(max(took) < COMPLETION_MS, f"within {max(took):.0f} ms")


# ---- manual pages ----


def manual(story, home):
    story.chapter("Manual pages")
    folder = home.work / "man" / "man1"
    written = home.query("man", "--out-dir", folder)
    story.check(
        written["pages"] > 60 and (folder / "aitbc-client-submit.1").exists(),
        f"{written['pages']} pages, one a command",
    )
    checker = next((tool for tool in ("mandoc", "groff") if shutil.which(tool)), None)
    if checker is None:
        story.skip("typesetting them: neither mandoc nor groff is installed")
        return
    words = ["mandoc", "-Tlint", "-Wwarning"] if checker == "mandoc" else [
        "groff", "-ww", "-man", "-Tutf8", "-rLL=100n"
    ]
    complaints = []
    for page in sorted(folder.glob("*.1")):
        done = subprocess.run([*words, str(page)], capture_output=True, check=False)
        if done.stderr or done.returncode != 0:
            complaints.append((page.name, done.stderr.decode()[:200]))
        if page.name == "aitbc-client-submit.1" and checker == "groff":
            # Bold is an escape or a letter printed over itself, as the terminal wants it.
            text = re.sub(rb"\x1b\[\d+m|.\x08", b"", done.stdout).decode()
            story.check(
                all(word in text for word in ("EXAMPLES", "EXIT STATUS", "--prompt", "SEE ALSO")),
                "a page has examples, options, exit codes and its neighbours",
                text[:600],
            )
    story.check(not complaints, f"{checker} has nothing to say against them", complaints[:3])


# ---- logs ----


class Follower:
    """`aitbc admin logs --follow` in the background."""

    def __init__(self, home, *words):
        self.out = open(home.work / "followed.log", "wb+")
        self.process = subprocess.Popen(
            [str(home.bin / "aitbc"), "admin", "logs", "--follow", *words],
            env=home.environment, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out,
        )

    def text(self):
        return pathlib.Path(self.out.name).read_text()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(10)
        self.out.close()
        return code


def logs(story, home):
    story.chapter("Logs")
    log = home.data / "logs" / "node.log"
    ran = home.query("admin", "logs", "--service", "node")
    story.check(
        any(item["message"].startswith("node_ready") for item in ran["items"])
        and set(ran["items"][0]) == {"time", "level", "process", "message"},
        "lines of the node with time, level and process",
        ran["items"][:2],
    )
    with open(log, "a", encoding="utf-8") as file:
        file.write("error: planted token=canary123 by the test\n")
    errors = home.query("admin", "logs", "--level", "error")["items"]
    planted = [item["message"] for item in errors if "planted" in item["message"]]
    story.check(
        planted == ["error: planted token=[redacted] by the test"]
        and {item["level"] for item in errors} <= {"error", "critical"},
        "--level error finds only errors, and a secret in one is replaced",
        errors,
    )
    none = home.query("admin", "logs", "--since", "2099-01-01T00:00:00Z")["items"]
    story.check(none == [], "--since in the future finds nothing")
    follower = Follower(home, "--service", "node", "-o", "json")
    until(lambda: "node_ready" in follower.text(), 10)
    with open(log, "a", encoding="utf-8") as file:
        file.write("before_rotation\n")
    shutil.copyfile(log, f"{log}.1")  # as the supervisor rotates
    os.truncate(log, 0)
    with open(log, "a", encoding="utf-8") as file:
        file.write("after_rotation\n")
    both = until(
        lambda: "before_rotation" in follower.text() and "after_rotation" in follower.text(), 10
    )
    story.check(both, "--follow goes on over a rotation", follower.text()[-400:])
    before = follower.text().count("node_ready")
    node = next(
        child["pid"]
        for child in json.loads((home.data / "run" / "supervisor.json").read_text())["children"]
        if child["name"] == "node"
    )
    os.kill(node, signal.SIGKILL)  # the supervisor starts it again
    again = until(lambda: follower.text().count("node_ready") > before, 15)
    story.check(again, "and over a restart of the node", follower.text()[-400:])
    code = follower.stop()
    lines = [json.loads(line) for line in follower_lines(home)]
    story.check(
        code in (0, 130) and len(lines) == len({json.dumps(line) for line in lines}),
        f"Ctrl-C ends it ({code}); {len(lines)} lines of JSON, none of them twice",
    )
    until(lambda: home.http("GET", "/readyz", timeout=5).status == 200, 15)


def follower_lines(home):
    return [
        line for line in (home.work / "followed.log").read_text().splitlines()
        if line.startswith("{")
    ]


# ---- reload ----


def reload(story, home, facts):
    story.chapter("Reload")
    folder = home.home / "config" / "conf.d"
    token = home.work / "viewer.token"
    token.write_text("a-token-for-viewers-of-32-bytes-or-more\n")
    token.chmod(0o600)
    (folder / "live.toml").write_text(
        '[node]\nlog_level = "debug"\n[chain]\nblock_wait_ms = 3\n'
        f'[gateway.tokens]\nviewer = "file:{token}"\n'
    )
    port = int(home.query("status")["url"].rsplit(":", 1)[1])
    bearer = {"Authorization": "Bearer a-token-for-viewers-of-32-bytes-or-more"}
    before = home.http("GET", "/api/v1/status", headers=bearer, tcp=port).status
    report = home.query("config", "reload")
    applied = {change["key"] for change in report["applied"]}
    story.check(
        {"node.log_level", "gateway.tokens"} <= applied
        and [change["key"] for change in report["needs_restart"]] == ["chain.block_wait_ms"],
        "`config reload` says what applies and what waits for a restart",
        report,
    )
    after = home.http("GET", "/api/v1/status", headers=bearer, tcp=port).status
    story.check((before, after) == (401, 200), "a new token is valid at once", (before, after))
    _, seen = findings(home)
    story.check(
        "block_wait_ms" in json.dumps(seen.get("reload")),
        "the doctor names what waits for a restart",
        list(seen),
    )
    (folder / "live.toml").write_text('[node]\nlog_level = "loud"\n')
    refused = home.run("config", "reload", "-o", "json")
    story.check(
        refused.code == 2 and "log_level" in refused.error["details"],
        "a faulty configuration is refused whole, with its place",
        refused.err,
    )
    still = home.http("GET", "/api/v1/status", headers=bearer, tcp=port).status
    story.check(still == 200, "and the old one stays")
    node = json.loads(home.http("GET", "/api/v1/status", headers=bearer, tcp=port).body)["pid"]
    os.kill(node, signal.SIGHUP)

    log = home.data / "logs" / "node.log"

    def is_told(message):
        return message in log.read_text()

    story.check(until(lambda: is_told("config_reload_refused"), 10), "SIGHUP says so in the log")
    (folder / "live.toml").unlink()
    supervisor = json.loads((home.data / "run" / "supervisor.json").read_text())["pid"]
    os.kill(supervisor, signal.SIGHUP)
    gone = until(
        lambda: home.http("GET", "/api/v1/status", headers=bearer, tcp=port).status == 401, 10
    )
    story.check(
        gone and is_told("config_reloaded"), "SIGHUP to the supervisor does the same and is in the log"
    )


def readiness(story, home):
    story.chapter("Readiness")
    ready = home.get("/readyz?verbose")
    story.check(
        ready["ready"] and ready["checks"]["probe_us"] > 0,
        f"ready means that a probe job made the round trip ({ready['checks']['probe_us']} us)",
        ready,
    )
    shown = home.query("config", "show", "--origin")["items"]
    plain = home.query("config", "show")["items"]
    story.check(
        all("origin" in item for item in shown) and not any("origin" in item for item in plain),
        "`config show` tells origins when asked for them",
    )
    health = home.query("node", "health")
    story.check(
        health["ready"] and health["height"] > 0 and health["memory_bytes"] > 0
        and health["data_bytes"] > 0,
        "`node health` has the figures",
        health,
    )


def tell(story, home, arguments):
    home.use_models()
    home.environment["AITBC_MINER__INFERENCE_PORT"] = "0"
    home.environment["AITBC_GATEWAY__TCP_PORT"] = "0"
    doctor_without_a_node(story, home)
    completion_without_a_node(story, home)
    facts = home.up("--no-miner")
    job = home.query("client", "submit", "--prompt", "for a miner that is not there")["job_id"]
    doctor_with_a_node(story, home)
    explanations(story, home, job)
    contexts(story, home, facts)
    completion(story, home, job)
    manual(story, home)
    readiness(story, home)
    reload(story, home, facts)
    doctor_of_a_stopped_node(story, home, home.query("status")["pid"])
    logs(story, home)
    home.down()


if __name__ == "__main__":
    harness.main(tell, __doc__.splitlines()[0], limit_s=150)
