"""Three real nodes that keep two chains together and follow a third: part of many_chains.py."""

import json

import wire
from cluster_commands import init, start_nodes, stop_nodes
from harness import ROOT, UnixConnection
from story import until

LAB = "ait-lab"
HEALTH = "ait-healthchain"
DEVNET = "ait-devnet"


def faucet_genesis(home, name):
    document = json.loads((ROOT / "configs/genesis/ait-devnet.json").read_text())
    document["chain"] = name
    path = home.work / f"{name}.json"
    path.write_text(json.dumps(document))
    return path


def at(home, node, *words, **options):
    return home.run("--data-dir", node["data_dir"], *words, **options)


def ask_faucet(node, chain, name):
    connection = UnixConnection(f"{node['data_dir']}/node.sock", 30)
    address = wire.Signer(wire.blake2b(name.encode())).address
    connection.request(
        "POST",
        f"/api/v1/faucet?chain={chain}",
        json.dumps({"amount": "5", "address": address}),
        {"Content-Type": "application/json"},
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def votes(node, chain):
    connection = UnixConnection(f"{node['data_dir']}/node.sock", 30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return f'aitbc_consensus_voting{{chain="{chain}"}} 1\n' in text


def cells_of(home, chain):
    """Cells of one chain's column of `node chains`, by node; None where it cannot be had."""
    ran = home.run("node", "chains", "-o", "json")
    if ran.code != 0:
        return {}
    return {row["node"]: row.get(chain, "-") for row in ran.json()["items"]}


def three_nodes(story, home):
    story.chapter("Three nodes that keep two chains together and follow a third")
    made = init(home, "c", "--nodes", 3, "--dev", "--crash-tolerant", "--register")
    nodes = made["items"]
    processes = start_nodes(story, home, made)
    kept_together(story, home, nodes)
    for index, node in enumerate(nodes):
        for chain in (DEVNET, HEALTH):
            story.quiet_check(
                ask_faucet(node, chain, f"{index}") == 200, f"{node['name']} takes work of {chain}"
            )
    followed(story, home, nodes)
    matrix_tells(story, home)

    def linked():
        links = peers_of(home, nodes[0], HEALTH)
        return len(links) == 2 and all(link["is_connected"] and link["height"] for link in links)

    story.check(
        until(linked, 20) and len(peers_of(home, nodes[0], LAB)) == 1,
        "each chain has links of its own, which tell the peers' heights",
        peers_of(home, nodes[0], HEALTH),
    )
    one_comes_back(story, home, nodes, processes)
    stop_nodes(home, processes)


def genesis_of(home, name, nodes):
    """A chain with a faucet and these validators, as a file."""
    path = faucet_genesis(home, name)
    document = json.loads(path.read_text())
    document["parameters"]["fault_model"] = "crash"
    document["validators"] = [
        {"name": node["name"], "public_key": node["public_key"], "weight": 1} for node in nodes
    ]
    path.write_text(json.dumps(document))
    return path


def host(home, verb, node, file, port, peers):
    """`peers` is (node, port)s."""
    table = ",".join(f"{one['name']}={one['public_key']}@127.0.0.1:{there}" for one, there in peers)
    words = ("--genesis", file, "--listen", f"127.0.0.1:{port}", "--peers", table)
    return at(home, node, "chain", verb, *words)


def peers_of(home, node, chain):
    return at(home, node, "node", "peers", "--chain", chain, "-o", "json").json()["items"]


def kept_together(story, home, nodes):
    """Two of its three validators begin the chain; the third one joins when it runs."""
    file = genesis_of(home, HEALTH, nodes)
    ports = [7900, 7901, 7902]
    ran = host(home, "create", nodes[0], file, 7800, [(nodes[1], ports[1])])
    story.check(
        ran.code == 5 and "7800" in ran.err and not ran.out,
        "a port that another chain listens on is refused before anything is made",
        ran.err,
    )
    for index, node in enumerate(nodes):
        others = [(one, there) for one, there in zip(nodes, ports) if one is not node]
        verb = "join" if index == 2 else "create"
        if verb == "join":
            story.need(
                until(lambda: ask_faucet(nodes[0], HEALTH, "a") == 200, 30),
                "the first two agree on its first block",
            )
        ran = host(home, verb, node, file, ports[index], others)
        story.need(ran.code == 0, f"{node['name']}: `chain {verb}` {HEALTH}", ran.err)
    story.check(
        until(lambda: ask_faucet(nodes[1], HEALTH, "b") == 200 and votes(nodes[2], HEALTH), 40),
        "node-3 listened for a few blocks, for its key may have voted before, and votes now",
    )


def followed(story, home, nodes):
    file = genesis_of(home, LAB, nodes[:1])
    ran = host(home, "create", nodes[0], file, 7910, [(nodes[1], 7911)])
    story.need(ran.code == 0, f"node-1 begins {LAB} alone, for followers", ran.err)
    story.need(ask_faucet(nodes[0], LAB, "first") == 200, "and makes a block of it")
    ran = host(home, "join", nodes[1], file, 7911, [(nodes[0], 7910)])
    story.need(ran.code == 0, "node-2 joins it", ran.err)
    story.check(
        until(lambda: ask_faucet(nodes[1], LAB, "second") == 200, 30),
        "the follower has fetched it and takes work, which the validator puts into a block",
        home.log_tails(),
    )


def matrix_tells(story, home):
    def whole():
        cells = [cells_of(home, chain) for chain in (DEVNET, HEALTH, LAB)]
        return cells if all(cell.startswith("synced ") for cell in cells[1].values()) else None

    cells = until(whole, 30)
    story.check(
        bool(cells)
        and len(cells[1]) == 3
        and cells[2]["node-1"].startswith("synced ")
        and cells[2]["node-2"].startswith("synced ")
        and cells[2]["node-3"] == "-",
        "`node chains` is a matrix of nodes and chains with heights",
        cells,
    )
    story.say(home.run("node", "chains").out)


def one_comes_back(story, home, nodes, processes):
    processes[1].kill()
    processes[1].wait()
    for index in range(3):
        story.quiet_check(ask_faucet(nodes[0], HEALTH, f"late {index}") == 200, "two go on")
    ran = home.run("node", "chains")
    story.check(
        ran.code == 13 and "error: dead" in ran.out, "the matrix shows the dead one", ran.out
    )
    processes[1] = home.start(
        "--config", f"{nodes[1]['data_dir']}/node.toml", log="process-again.log"
    )
    heights = {}

    def caught_up():
        for chain in (DEVNET, HEALTH, LAB):
            heights[chain] = cells_of(home, chain)
        both = [cells["node-2"] == cells["node-1"] for cells in heights.values() if cells]
        return len(both) == 3 and all(both)

    story.check(
        until(caught_up, 40), "killed and started again, a node catches up on all three", heights
    )
