"""What reaches the node as bytes: changed transactions, odd requests, missing tokens."""

import json
import os
import socket

import wire
from people import balances
from story import FALLEN_OUT, micro, until

MIB = 1024 * 1024


def transactions_sent_again(story, home, people):
    story.chapter("Signed transactions, sent again and changed")
    body = people.rich.sign(
        "ledger.transfer", wire.transfer(people.poor.signer.account, 1_000_000, "once")
    )
    before = balances(home, people.rich.address, people.poor.address)
    first = home.http("POST", "/api/v1/transfers", body)
    story.need(first.status == 200, "a signed transfer is taken", first)
    again = home.http("POST", "/api/v1/transfers", body)
    replayed = again.status == 409 or again.status == 200 and again.json().get("repeated") is True
    story.check(
        replayed, f"sent again it is refused or the same ({again.status} {again.code})", again
    )
    after = balances(home, people.rich.address, people.poor.address)
    story.check(
        micro(before[0][0]) - micro(after[0][0])
        == 1_000_000
        == micro(after[1][0]) - micro(before[1][0]),
        "the money moved once",
        (before, after),
    )
    settled = balances(home, *people.all())
    fresh = wire.request_body
    sign = people.rich.signer.transaction
    chain = home.get("/api/v1/chain")
    nonce = people.rich.next_nonce()
    transfer = wire.transfer(people.poor.signer.account, 1_000_000)
    good = sign(chain, nonce, "ledger.transfer", transfer)
    changed = bytearray(good)
    changed[len(good) // 2] ^= 1
    other_chain = {**chain, "chain": "ait-other"}
    cases = {
        "with one changed bit": ("/api/v1/transfers", bytes(changed)),
        "cut short": ("/api/v1/transfers", good[:-3]),
        "with a byte behind it": ("/api/v1/transfers", good + b"\0"),
        "for another chain": (
            "/api/v1/transfers",
            sign(other_chain, nonce, "ledger.transfer", transfer),
        ),
        "of the past": ("/api/v1/transfers", sign(chain, nonce - 1, "ledger.transfer", transfer)),
        "of the far future": (
            "/api/v1/transfers",
            sign(chain, nonce + 100, "ledger.transfer", transfer),
        ),
        "that has expired": (
            "/api/v1/transfers",
            sign({**chain, "height": -999}, nonce, "ledger.transfer", transfer),
        ),
        "that never expires": (
            "/api/v1/transfers",
            sign({**chain, "height": 2**40}, nonce, "ledger.transfer", transfer),
        ),
        "to the wrong route": ("/api/v1/stakes", good),
        "of an unknown kind": ("/api/v1/transfers", sign(chain, nonce, "ledger.mint", [1])),
        "with a body of another shape": (
            "/api/v1/transfers",
            sign(chain, nonce, "ledger.transfer", ["x", 1]),
        ),
        "that mints by overflow": (
            "/api/v1/transfers",
            sign(
                chain,
                nonce,
                "ledger.transfer",
                wire.transfer(people.poor.signer.account, 2**64 - 1),
            ),
        ),
        "of nothing": (
            "/api/v1/transfers",
            sign(chain, nonce, "ledger.transfer", wire.transfer(people.poor.signer.account, 0)),
        ),
        "as a node's batch": ("/api/v1/faucet", sign(chain, 0, "batch", [[]])),
        "empty": ("/api/v1/transfers", b""),
    }
    for name, (path, content) in cases.items():
        answer = home.http("POST", path, fresh(content))
        story.check(
            400 <= answer.status < 500 and answer.code,
            f"a transaction {name} is refused ({answer.status} {answer.code})",
            answer,
        )
    story.check(balances(home, *people.all()) == settled, "nobody has less or more than before")


# ---- REST ----


def careless_requests(story, home, people):
    story.chapter("Careless requests")
    account = people.rich.address
    deep = b'{"data":' + b"[" * 5000 + b"]" * 5000 + b"}"
    requests = [
        ("malformed JSON", "POST", "/api/v1/jobs", b"{not json", {400}),
        ("bad UTF-8", "POST", "/api/v1/jobs", b'{"prompt":"\xff\xfe"}', {400}),
        ("a list for an object", "POST", "/api/v1/jobs", b"[]", {400}),
        ("nothing", "POST", "/api/v1/jobs", b"", {400, 422}),
        ("very deep JSON", "POST", "/api/v1/jobs", deep, {400}),
        ("an unknown field", "POST", "/api/v1/jobs", {"prompt": "x", "price": 1}, {422}),
        ("a number for a text", "POST", "/api/v1/jobs", {"prompt": 7}, {422}),
        ("a huge body", "POST", "/api/v1/jobs", b"x" * (5 * MIB), {413, 0}),
        ("a prompt that is too large", "POST", "/api/v1/jobs", {"prompt": "x" * MIB}, {413, 422}),
        (
            "an amount as a number",
            "POST",
            "/api/v1/faucet",
            {"amount": 1.5, "address": account},
            {422},
        ),
        (
            "seven decimals",
            "POST",
            "/api/v1/faucet",
            {"amount": "1.0000001", "address": account},
            {422},
        ),
        (
            "a negative amount",
            "POST",
            "/api/v1/faucet",
            {"amount": "-1", "address": account},
            {422},
        ),
        (
            "an overflowing amount",
            "POST",
            "/api/v1/faucet",
            {"amount": "99999999999999999999", "address": account},
            {422},
        ),
        (
            "an unsigned transfer",
            "POST",
            "/api/v1/transfers",
            {"to": account, "amount": "1"},
            {422},
        ),
        ("no base64", "POST", "/api/v1/transfers", {"transaction": "*%&"}, {400, 422}),
        ("an unknown route", "GET", "/api/v1/nothing", None, {404}),
        ("a wrong method", "DELETE", "/api/v1/jobs", None, {405}),
        ("another wrong method", "PUT", "/api/v1/status", b"{}", {405}),
        ("an unknown method", "BREW", "/api/v1/status", None, {400, 404, 405, 501}),
        ("an odd path", "GET", "/api/v1/jobs/%2e%2e%2f%2e%2e/etc", None, {400, 404, 422}),
        ("NUL in a path", "GET", "/api/v1/jobs/%00", None, {400, 404, 422}),
        ("a bad percent", "GET", "/api/v1/jobs/%zz", None, {400, 404, 422}),
        ("a bad number", "GET", "/api/v1/jobs?limit=many", None, {422}),
        ("too many rows", "GET", "/api/v1/jobs?limit=100000", None, {422}),
        ("a bad cursor", "GET", "/api/v1/jobs?cursor=zz", None, {400, 422}),
        ("an unknown query", "GET", "/api/v1/jobs?nosuch=1", None, {422}),
        ("a height nobody has", "GET", "/api/v1/chain?min_height=99999999", None, {503}),
    ]
    before = balances(home, *people.all())
    for name, method, path, body, statuses in requests:
        answer = home.http(method, path, body, account=account)
        good = answer.status in statuses and (answer.status == 0 or answer.code)
        story.check(good, f"{name}: {answer.status} {answer.code}", answer)
        if answer.status == 405:
            story.check(
                answer.headers.get("allow"),
                f"and names what is allowed: {answer.headers.get('allow')}",
                answer.headers,
            )
        inside = FALLEN_OUT.search(answer.body.decode(errors="replace"))
        story.quiet_check(
            not inside, f"{name}: the answer shows nothing of the inside", answer.body[:300]
        )
    bad_account = home.http("GET", "/api/v1/jobs", account="ait1nonsense")
    story.check(
        bad_account.status in (400, 422),
        f"a wrong account header: {bad_account.status} {bad_account.code}",
        bad_account,
    )
    long_key = home.http("POST", "/api/v1/jobs", {"prompt": "x"}, account=account, key="k" * 65)
    story.check(
        long_key.status == 422, f"a key of 65 bytes: {long_key.status} {long_key.code}", long_key
    )
    head = home.http("HEAD", "/api/v1/status")
    options = home.http("OPTIONS", "/api/v1/status")
    story.check(head.status == 200 and not head.body, "HEAD mirrors GET without a body", head)
    story.check(options.status in (200, 204), "OPTIONS is answered", options)
    raw_requests(story, home)
    story.check(balances(home, *people.all()) == before, "nobody has less or more than before")


def raw_requests(story, home):
    """What no HTTP library would send."""
    noises = {
        "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64),
        "two lengths": b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Content-Length: 6\r\n\r\n{}{}{}",
        "a length and chunks": b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a negative length": b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "an endless header": b"GET / HTTP/1.1\r\nX: " + b"a" * (200 * 1024) + b"\r\n\r\n",
        "a header without a colon": b"GET / HTTP/1.1\r\nnonsense\r\n\r\n",
        "half a request": b"GET /api/v1/status HTT",
    }
    for name, content in noises.items():
        first = b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(5)
                connection.connect(str(home.socket))
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                first = connection.recv(4096)
        except OSError:
            pass  # hung up on: that is an answer too
        refused = first == b"" or b" 4" in first[:16] or b" 5" in first[:16]
        story.check(
            refused,
            f"{name}: {first.split(b'%c' % 13)[0].decode(errors='replace') or 'hung up'}",
            first[:200],
        )
    story.check(home.http("GET", "/healthz").status == 200, "the node serves on")


def without_a_token(story, home, people):
    story.chapter("Over TCP")
    port = (
        int(home.query("status")["url"].rsplit(":", 1)[1])
        if home.query("status").get("url")
        else tcp_port(home)
    )
    if not port:
        story.skip("TCP: the node tells no port")
        return
    ask = lambda path, method="GET", body=None, **headers: home.http(
        method, path, body, tcp=port, headers=headers
    )
    story.check(ask("/healthz").status == 200, "/healthz needs no token")
    for path in ("/api/v1/status", "/api/v1/jobs", f"/api/v1/accounts/{people.owner}"):
        answer = ask(path)
        story.check(
            answer.status == 401 and answer.code == "unauthenticated",
            f"{path} without a token: {answer.status} {answer.code}",
            answer,
        )
    answer = ask("/api/v1/jobs", "POST", {"prompt": "x"}, **{"Aitbc-Account": people.owner})
    story.check(answer.status == 401, "submitting for another without a token is refused", answer)
    for name, value in (
        ("a wrong token", "Bearer wrong"),
        ("another scheme", "Basic YTpi"),
        ("a long one", "Bearer " + "x" * 5000),
    ):
        answer = ask("/api/v1/status", Authorization=value)
        story.check(answer.status == 401, f"{name}: {answer.status} {answer.code}", answer)
    token = (home.data / "api.token").read_text().strip()
    answer = ask("/api/v1/status", Authorization=f"Bearer {token}")
    story.check(answer.status == 200, "the owner's token opens it", answer)
    ran = home.run("status", "--node", f"http://127.0.0.1:{port}")
    story.check(
        ran.code == 4 and ran.error_code == "unauthenticated",
        "the command line without a token ends with 4",
        str(ran) + ran.err,
    )
    ran = home.run(
        "status", "--node", f"http://127.0.0.1:{port}", "--token-file", str(home.data / "api.token")
    )
    story.check(ran.code == 0, "with the token file it works", str(ran) + ran.err)


def tcp_port(home):
    log = (home.data / "logs" / "node.log").read_text()
    return int(log.rsplit("tcp_port=", 1)[1].split()[0]) if "tcp_port=" in log else 0


def the_inference_port(story, home):
    story.chapter("The inference port")
    started = home.run("miner", "start", "-o", "json")
    ready = started.code == 0 and until(lambda: home.query("status")["inference_url"], 60, 0.2)
    if not story.check(
        ready, "a miner with the built-in engine serves it", started.err + home.log_tails()
    ):
        return
    port = int(home.query("status")["inference_url"].rstrip("/").rsplit(":", 1)[1])
    ask = lambda method, path, body=None: home.http(method, path, body, tcp=port)
    hello = {"model": "llama3", "prompt": "Hi", "stream": False, "options": {"num_predict": 4}}
    requests = [
        ("bad JSON", "POST", "/api/generate", b"{", {400}),
        ("a list", "POST", "/api/generate", b"[]", {400}),
        ("an unknown model", "POST", "/api/generate", {**hello, "model": "no-such"}, {404}),
        ("no model", "POST", "/api/generate", {"prompt": "x"}, {400, 404, 422}),
        ("a wrong method", "GET", "/api/generate", None, {404, 405}),
        ("an unknown route", "GET", "/api/nothing", None, {404}),
        ("a huge body", "POST", "/api/generate", b"x" * (5 * MIB), {413, 0}),
        (
            "a prompt larger than the context",
            "POST",
            "/api/generate",
            {**hello, "prompt": "word " * 40_000},
            {400, 413, 422},
        ),
        (
            "a temperature of a text",
            "POST",
            "/api/generate",
            {**hello, "options": {"temperature": "hot"}},
            {400, 422},
        ),
        (
            "a negative temperature",
            "POST",
            "/api/generate",
            {**hello, "options": {"temperature": -1, "num_predict": 2}},
            {200, 400, 422},
        ),
    ]
    for name, method, path, body, statuses in requests:
        answer = ask(method, path, body)
        story.check(
            answer.status in statuses,
            f"{name}: {answer.status}",
            (answer.status, answer.body[:300]),
        )
        inside = FALLEN_OUT.search(answer.body.decode(errors="replace"))
        story.quiet_check(
            not inside, f"{name}: the answer shows nothing of the inside", answer.body[:300]
        )
    hang_up(port, json.dumps({**hello, "stream": True, "options": {"num_predict": 400}}).encode())
    answer = ask("POST", "/api/generate", hello)
    story.check(
        answer.status == 200 and answer.json()["response"],
        "after a client that hung up, it serves on",
        answer,
    )
    for name, more in (
        ("an unknown model", {"model": "no-such"}),
        ("no token", {"max_tokens": 0}),
        ("a bad top_p", {"top_p": 7}),
    ):
        refused = home.http(
            "POST",
            "/api/v1/inference/complete",
            {"prompt": "x", "model": "llama3", "max_tokens": 2, **more},
        )
        story.check(
            400 <= refused.status < 500 and refused.code,
            f"through the node, {name}: {refused.status} {refused.code}",
            refused,
        )
    state = json.loads(home.run("miner", "stop", "-o", "json").out or "{}")
    story.check(
        state.get("was_running") is True and state.get("forced") is False,
        "the miner is told to stop, and does",
        state,
    )


def hang_up(port, body):
    """Asks for a long answer and leaves after its first bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(
            b"POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        connection.recv(64)
