#!/usr/bin/env python3
"""Section 9 of the specification, as written, against real nodes: the cluster that `aitbc cluster
init` makes, and addresses that are dead, hung, no node, or a node of another cluster.

The host of the scenario, 10.0.0.5, is an address of the loopback in a network namespace of the
script's own. Where none can be made the same is done on 127.0.0.1, and the skip says so.
"""

import json
import os
import shutil
import signal
import socket
import threading

import cluster_net
import harness
import wire
from story import until

HOST = "10.0.0.5"
PORT = 8080
LATENCY = ("min_us", "avg_us", "max_us", "p95_us")


class Talker:
    """Something that listens and is no node: says `reply` to whoever comes, or nothing at all."""

    def __init__(self, host, reply):
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        self.reply = reply
        self.held = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(one)
            if self.reply is None:
                continue
            try:
                one.settimeout(5)
                if one.recv(4096):
                    one.sendall(self.reply)
            except OSError:
                pass
            one.close()

    def close(self):
        self.listener.close()
        for one in self.held:
            one.close()


def web_server(host):
    body = b"<html><body>It works!</body></html>"
    return Talker(
        host,
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: "
        + str(len(body)).encode()
        + b"\r\nconnection: close\r\n\r\n"
        + body,
    )


def init(home, folder, *words):
    return home.query("cluster", "init", folder, *words)


def start_nodes(story, home, made, at_scenario=False):
    """Starts each node by the line that `cluster init` printed; waits until all are ready. The
    first one may be served at the scenario's address."""
    processes = []
    for node in made["items"]:
        words = ["--config", f"{node['data_dir']}/node.toml"]
        story.quiet_check(
            node["start"].endswith(" ".join(words)), "the line names the file", node["start"]
        )
        if at_scenario and node is made["items"][0]:
            for setting in (f"host={HOST}", f"port={PORT}"):
                words += ["--set", f"gateway.tcp_{setting}"]
            words += ["--set", "gateway.unsafe_public_bind=true"]
        processes.append(home.start(*words, log=f"process-{node['name']}.log"))
    for node in made["items"]:
        ready = until(
            lambda: home.run("--data-dir", node["data_dir"], "status", "-o", "json").code == 0, 60
        )
        story.need(ready, f"{node['name']} runs by the line that was printed", home.log_tails())
    return processes


def stop_nodes(home, processes):
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        process.wait(timeout=30)
        home.processes.remove(process)


# ---- the files of a cluster ----


def a_cluster_is_made(story, home):
    story.chapter("`aitbc cluster plan` and `init`: keys, genesis, configuration")
    flags = ("--nodes", 3, "--dev", "--crash-tolerant")
    planned = home.query("cluster", "plan", "c", *flags)
    story.check(
        [node["node_key"] for node in planned["items"]] == ["made"] * 3
        and not (home.work / "c").exists(),
        "the plan shows three nodes and makes nothing",
    )
    dry = home.query("cluster", "init", "c", *flags, "--dry-run")
    story.check(
        dry["items"] == planned["items"] and not (home.work / "c").exists(),
        "`init --dry-run` is the plan",
    )
    made = init(home, "c", *flags, "--register")
    keys = {node["name"]: (home.work / "c" / node["name"] / "node.key") for node in made["items"]}
    story.check(
        all(key.stat().st_mode & 0o777 == 0o600 for key in keys.values()),
        "each node has a key that only its owner reads",
    )
    story.check(
        made["quorum"] == 2 and made["may_stop"] == 1 and made["may_lie"] == 0,
        "it says how many decide and how many may stop",
        made,
    )
    before = {name: key.read_bytes() for name, key in keys.items()}
    again = init(home, "c", *flags, "--register")
    story.check(
        {node["node_key"] for node in again["items"]} == {"kept"}
        and {node["node_toml"] for node in again["items"]} == {"kept"}
        and again["genesis_hash"] == made["genesis_hash"]
        and before == {name: key.read_bytes() for name, key in keys.items()},
        "a second `init` keeps every key, the genesis and the files, and says so",
    )
    other = home.run("cluster", "init", "c", "--nodes", 4, "--dev", "--crash-tolerant")
    story.check(
        other.code == 5
        and other.error_code == "conflict"
        and not (home.work / "c/node-4").exists(),
        "another plan in that folder is a conflict that changes nothing",
        other.err,
    )
    for node in made["items"]:
        ran = home.run("config", "validate", f"{node['data_dir']}/node.toml")
        story.quiet_check(ran.code == 0, "the configuration is valid", ran.err)
    rendered = home.run("cluster", "render", "c", "--hosts", "10.0.0.5,10.0.0.6,10.0.0.7")
    secrets = [key.read_text().strip() for key in keys.values()]
    story.check(
        rendered.code == 0
        and "10.0.0.7:7802" in rendered.out
        and "ExecStart=" in rendered.out
        and "scp -p" in rendered.out
        and not any(secret in rendered.out + rendered.err for secret in secrets),
        "`render` prints configuration, service and commands for other hosts, and no secret",
        rendered.err + rendered.out[:400],
    )
    toml = home.work / "c/node-1/node.toml"
    good = toml.read_text()
    toml.write_text(good.replace("listen_port = 7800", "listen_port = 7900"))
    checked = home.run("cluster", "plan", "c", *flags)
    story.check(
        checked.code == 9 and "7800" in checked.err and "7900" in checked.err,
        "`plan` finds offline that two files do not fit together, and says why",
        checked.err,
    )
    toml.write_text(good)
    return made


# ---- section 9 ----


def section_nine(story, home, made, is_verbatim):
    story.chapter("Section 9, as written")
    host, port = (HOST, PORT) if is_verbatim else ("127.0.0.1", 7700)
    add = 'aitbc node add --name "us-east-1" --host "10.0.0.5" --port 8080 --type "validator"'
    if not is_verbatim:
        add = add.replace(HOST, host).replace(str(PORT), str(port))
    ran = home.shell(add)
    story.check(ran.code == 0 and "is kept in" in ran.err, f"9.1 {add}", ran.err)
    kept = home.query("node", "list")["items"]
    mine = next(node for node in kept if node["name"] == "us-east-1")
    story.check(
        (mine["host"], mine["port"], mine["type"]) == (host, port, "validator"),
        "the node is in the local store",
        mine,
    )
    ran = home.shell(add)
    story.check(ran.code == 5 and ran.error_code == "already_exists", "twice is refused", ran.err)
    test = 'aitbc node test --node "us-east-1"'
    ran = home.shell(test)
    story.check(
        ran.code == 0 and all(word in ran.out for word in (*LATENCY, "version", "height")),
        f"9.2 {test}: latency, version, height",
        ran.out + ran.err,
    )
    told = json.loads(home.shell(test + " -o json").out)
    version = home.query("--data-dir", made["items"][0]["data_dir"], "status")["version"]
    story.check(
        told["state"] == "healthy"
        and told["version"] == version
        and told["key_proven"] is True
        and told["public_key"] == made["items"][0]["public_key"]
        and 0 < told["latency"]["min_us"] <= told["latency"]["p95_us"] <= told["latency"]["max_us"]
        and abs(told["clock_skew_us"]) < 1_000_000,
        "the figures are this node's: its key proven, its version, its clock",
        told,
    )
    address = made["items"][1]["url"].removeprefix("http://")
    ran = home.run("node", "test", address, "-o", "json")
    story.check(
        ran.code == 0 and json.loads(ran.out)["public_key"] == made["items"][1]["public_key"],
        "a node that nobody added is tested by its address",
        ran.out + ran.err,
    )
    ran = home.shell("aitbc node chains")
    cells = [line.split()[0] for line in ran.out.splitlines()]
    story.check(
        ran.code == 0
        and "AIT-DEVNET" in ran.out.splitlines()[0]
        and set(cells[1:]) == {"node-1", "node-2", "node-3", "us-east-1"},
        "9.3 aitbc node chains: rows are nodes, columns chains",
        ran.out + ran.err,
    )
    return told


def make_a_block(story, home, node):
    """Money from the faucet, asked of this node: a transaction that all nodes must agree on."""
    address = wire.Signer(wire.blake2b(b"cluster_commands")).address
    connection = harness.UnixConnection(f"{node['data_dir']}/node.sock", 30)
    body = json.dumps({"amount": "5", "address": address})
    connection.request("POST", "/api/v1/faucet", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    story.check(answer.status == 200, f"{node['name']} takes a transaction", told[:300])


def the_matrix_tells_heights_and_lag(story, home, made):
    make_a_block(story, home, made["items"][1])
    matrix = until(
        lambda: all_synced(home.run("node", "chains", "-o", "json")), 60
    )
    story.check(bool(matrix), "every node of the cluster comes to `synced` with its height", matrix)
    told = {node["node"]: node for node in (matrix or {"items": []})["items"]}
    for name in ("node-1", "node-2", "node-3"):
        chains = told.get(name, {}).get("chains", [])
        story.quiet_check(
            len(chains) == 1
            and chains[0]["lag"] == 0
            and chains[0]["genesis"] == made["genesis_hash"],
            f"{name} has the cluster's genesis",
            chains,
        )


def all_synced(ran, text="synced "):
    if ran.code != 0:
        return None
    matrix = ran.json()
    cells = {row["ait-devnet"] for row in matrix["items"]}
    return matrix if cells and "synced 0" not in cells and all_are(text, cells) else None


def all_are(beginning, texts):
    return all(text.startswith(beginning) for text in texts)


def a_frozen_node_is_hung(story, home, made, process):
    process.send_signal(signal.SIGSTOP)
    make_a_block(story, home, made["items"][0])
    expect(story, home, "node-3", "hung", 8, "deadline_exceeded", ["has not answered"])
    ran = home.run("node", "chains", "--timeout", "1")
    story.check(
        ran.code == 13 and "error: hung" in ran.out and "synced 2" in ran.out,
        "the matrix shows the others go on and the frozen one as hung, exit 13",
        ran.out + ran.err,
    )
    process.send_signal(signal.SIGCONT)
    caught_up = until(
        lambda: all_synced(home.run("node", "chains", "-o", "json"), "synced 2"), 60
    )
    story.check(bool(caught_up), "thawed, it is synced at the same height", caught_up)


def who_reaches_whom(story, home, processes):
    story.chapter("Who reaches whom")

    def whole():
        ran = home.run("cluster", "matrix", "-o", "json")
        return ran.json() if ran.code == 0 else None

    home.run("node", "remove", "us-east-1")
    matrix = until(whole, 30)
    rows = {row["from"]: row for row in (matrix or {"items": []})["items"]}
    names = ("node-1", "node-2", "node-3")
    story.check(
        all(
            rows.get(one, {}).get(other) == "self"
            if one == other
            else rows.get(one, {}).get(other, "").split(" ")[-1] in ("us", "ms", "up")
            for one in names
            for other in names
        ),
        "`cluster matrix` shows a round trip from each to each",
        matrix or home.run("cluster", "matrix").err,
    )
    status = home.query("--data-dir", str(home.work / "c/node-1"), "status")
    story.check(status["peers"] == 2, "`status` counts two peers", status)
    peers = home.query("--data-dir", str(home.work / "c/node-1"), "node", "peers")["items"]
    story.check(
        [(peer["name"], peer["is_connected"]) for peer in peers]
        == [("node-2", True), ("node-3", True)],
        "`node peers` lists both",
        peers,
    )
    voters = home.query("--data-dir", str(home.work / "c/node-1"), "chain", "validators")["items"]
    story.check(
        [(one["name"], one["is_self"], one["is_connected"]) for one in voters]
        == [("node-1", True, None), ("node-2", False, True), ("node-3", False, True)],
        "`chain validators` says who votes and who is reached",
        voters,
    )
    stop_nodes(home, [processes.pop()])

    def one_missing():
        ran = home.run("cluster", "matrix")
        return ran if ran.code == 9 and "node-1 does not reach node-3" in ran.err else None

    story.check(
        bool(until(one_missing, 30)),
        "with one node stopped it names the links that are down, exit 9",
        home.run("cluster", "matrix").err,
    )
    explained = home.query("explain", "node", "node-1")
    story.check(
        "linked to 1 of 2" in explained["summary"]
        and [one["node"] for one in explained["not_linked_to"]] == ["node-3"],
        "`explain node` says whom it misses and why",
        explained,
    )
    ran = home.run("node", "chains")
    story.check(
        ran.code == 13 and "error: dead" in ran.out,
        "`node chains` shows the dead node as an error, exit 13",
        ran.out + ran.err,
    )
    ran = home.run("node", "monitor", "-o", "json")
    states = {row["node"]: row["state"] for row in ran.json()["items"]}
    story.check(
        ran.code == 0 and states.get("node-3") == "dead" and states.get("node-1") == "healthy",
        "`node monitor` off a terminal is one frame",
        ran.out,
    )


# ---- what is no healthy node ----


def expect(story, home, name, state, code, error_code, words):
    ran = home.run("node", "test", name, "--timeout", "1", "-o", "json")
    told = ran.json()
    story.check(
        ran.code == code
        and told["state"] == state
        and ran.error_code == error_code
        and all(word in told["why"] for word in words),
        f"{name}: `{state}`, exit {code}: {told['why']}",
        ran.out + ran.err,
    )
    table = home.run("node", "test", name, "--timeout", "1")
    story.quiet_check(
        table.code == code and state in table.out, "the same without JSON", table.out + table.err
    )


def strangers(story, home, made):
    story.chapter("Addresses that are dead, hung, no node, or of another cluster")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        dead = gone.getsockname()[1]
    hung, web, mute = Talker("127.0.0.1", None), web_server("127.0.0.1"), Talker("127.0.0.1", b"")
    noise = Talker("127.0.0.1", b"SSH-2.0-OpenSSH_9.2p1\r\n")
    for name, port in (
        ("dead", dead),
        ("hung", hung.port),
        ("web", web.port),
        ("hangs-up", mute.port),
        ("ssh", noise.port),
    ):
        home.query("node", "add", name, f"http://127.0.0.1:{port}")
    expect(story, home, "dead", "dead", 7, "unavailable", ["Nobody listens"])
    expect(story, home, "hung", "hung", 8, "deadline_exceeded", ["has not answered"])
    expect(story, home, "web", "not a node", 9, "check_failed", ["no AITBC node"])
    expect(story, home, "hangs-up", "not a node", 9, "check_failed", ["no AITBC node"])
    expect(story, home, "ssh", "not a node", 9, "check_failed", ["no AITBC node"])
    for one in (hung, web, mute, noise):
        one.close()
    other = init(home, "other", "--nodes", 1, "--dev", "--http-port", 7790, "--peer-port", 7890)
    processes = start_nodes(story, home, other)
    home.query("node", "add", "wrong", other["items"][0]["url"], "--genesis", made["genesis_hash"])
    expect(story, home, "wrong", "other cluster", 9, "check_failed", ["another cluster"])
    ran = home.run("node", "test", "wrong", "--genesis", other["genesis_hash"])
    story.check(ran.code == 0, "with its own genesis asked for it is healthy", ran.err)
    key = made["items"][0]["public_key"]
    home.query("node", "add", "impostor", other["items"][0]["url"], "--public-key", key)
    expect(story, home, "impostor", "other cluster", 9, "check_failed", ["another node"])
    stop_nodes(home, processes)
    kept = [node["name"] for node in home.query("node", "list")["items"]]
    for name in ("dead", "hung", "web", "hangs-up", "ssh", "wrong", "impostor"):
        home.query("node", "remove", name)
    left = [node["name"] for node in home.query("node", "list")["items"]]
    story.check(len(kept) - len(left) == 7, "all of them are forgotten again", left)
    ran = home.run("node", "test", "us-west-1")
    story.check(ran.code == 3 and "node list" in ran.err, "an unknown name is exit 3", ran.err)


def tell(story, home, arguments):
    is_room = os.environ.get(cluster_net.IN_ROOM) == "yes"
    if is_room:
        cluster_net.ip("link", "set", "lo", "up")
        cluster_net.ip("addr", "add", f"{HOST}/32", "dev", "lo")
    else:
        story.skip(f"the address {HOST}: {os.environ.get(cluster_net.IN_ROOM, 'no room')}")
    made = a_cluster_is_made(story, home)
    if is_room:
        first = made["items"][0]
        pins = ("--public-key", first["public_key"], "--genesis", made["genesis_hash"])
        token = ("--token-file", f"{first['data_dir']}/api.token")
        home.query("node", "add", "node-1", f"http://{HOST}:{PORT}", "--force", *pins, *token)
    processes = start_nodes(story, home, made, at_scenario=is_room)
    section_nine(story, home, made, is_room)
    the_matrix_tells_heights_and_lag(story, home, made)
    a_frozen_node_is_hung(story, home, made, processes[2])
    who_reaches_whom(story, home, processes)
    stop_nodes(home, processes)
    strangers(story, home, made)
    shutil.rmtree(home.work / "c")


if __name__ == "__main__":
    cluster_net.enter_room()
    harness.main(tell, "Section 9: nodes and clusters", 400)
