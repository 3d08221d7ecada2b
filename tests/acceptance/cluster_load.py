"""Users of a cluster who go on whatever happens to it: each repeats what was not acknowledged under
the same idempotency key, on whichever node answers, and remembers what was."""

import collections
import time

import kill9
import wire
from scripted import Account
from story import Answer, micro, until

ALONE_S = 4  # how long nothing may happen where nothing is allowed to happen
NOT_THERE_YET = b"has not reached that height"


class Door:
    """The cluster as one client sees it: some node; after a failure another. Never shows it a past
    that it has left behind: every request names the height that it has seen (read-your-writes)."""

    def __init__(self, nodes, random, at):
        self.nodes, self.random, self.at = nodes, random, at
        self.seen = 0
        self.moves = 0

    def http(self, method, path, body=None, **options):
        self.last_path = path
        path += ("&" if "?" in path else "?") + f"min_height={self.seen}"
        end = time.monotonic() + 1
        while True:
            answer = self.at.http(method, path, body, **options)
            if NOT_THERE_YET not in answer.body or time.monotonic() > end:
                break
            time.sleep(0.02)
        if answer.status in kill9.UNKNOWN:
            self.at = self.random.choice([each for each in self.nodes if each != self.at])
            self.moves += 1
            return answer
        document = answer.json() if answer.status == 200 else None
        if isinstance(document, dict):
            self.seen = max(self.seen, document.get("height") or 0)
        return answer

    def get(self, path, **options):
        answer = self.http("GET", path, **options)
        if answer.status in kill9.UNKNOWN:
            raise OSError("no node has answered")  # nothing may be concluded from silence
        return answer.json()


class Patient:
    """What came of every operation: how it was answered, between when, in which block; mixed into
    the loads."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.last_good = 0.0
        self.good = 0
        self.overtaken = 0
        self.history = []  # (first asked, answered, height)
        self.trail = collections.deque(maxlen=20)  # of this operation: which node said what

    def settle(self, send, accepted=()):
        self.trail.clear()
        asked = time.monotonic()

        def traced():
            at = self.account.home.at
            answer = send()
            self.trail.append((str(at), answer.status, answer.code, answer.body[:300]))
            # Another copy of the same operation was first: the key tells what it did.
            if answer.code == "nonce_mismatch":
                self.overtaken += 1
                return Answer(0, {}, b"")
            return answer

        document = super().settle(traced, accepted)
        if document is not None:
            self.last_good = time.monotonic()
            self.good += 1
            self.history.append((asked, self.last_good, document["height"]))
        return document


class Client(Patient, kill9.Client):
    pass


class Sender(Patient, kill9.Sender):
    pass


class Miner(Patient, kill9.Miner):
    """Remembers too what was said of results that were refused."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.refused = {}  # job id -> trail

    def settle(self, send, accepted=()):
        answer = super().settle(send, accepted)
        if answer is None:
            self.refused[self.account.home.last_path.split("/")[4]] = list(self.trail)
        return answer


class Asker(kill9.Load):
    """Asks without a key, and so never twice for one thing: what it gets lies between what was
    answered and what was asked."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.asked, self.good, self.overtaken = 0, 0, 0
        self.acknowledged, self.history = {}, []

    def turn(self):
        self.asked += 1
        asked = time.monotonic()
        answer = self.account.faucet("1")
        if answer.status == 200:
            document = answer.json()
            self.good += 1
            self.acknowledged[document["transaction_hash"]] = document["height"]
            self.history.append((asked, time.monotonic(), document["height"]))
        elif answer.status not in kill9.UNKNOWN:
            self.strange.append((answer.status, answer.body[:300]))
        time.sleep(self.random.random() * 0.2)


class Crowd:
    """Everybody who uses the cluster at once, spread over its nodes."""

    def __init__(self, story, cluster, random, stop, funded):
        self.story, self.nodes, self.funded = story, cluster.nodes, funded
        seed = cluster.seed

        def account(name, number):
            node = self.nodes[number % len(self.nodes)]
            own = type(random)(random.random())
            return Account(Door(self.nodes, own, node), f"{name} {number} {seed}")

        def fresh():
            return type(random)(random.random())

        count = len(self.nodes)
        self.receiver = account("receiver", 0)
        self.clients = [Client(account("client", i), fresh(), stop) for i in range(2)]
        self.senders = [
            Sender(account("sender", i), fresh(), stop, self.receiver) for i in range(count)
        ]
        self.miners = [Miner(account("miner", i + 1), fresh(), stop) for i in range(2)]
        self.askers = [Asker(account("asker", i), fresh(), stop) for i in range(count)]
        self.loads = [*self.clients, *self.senders, *self.miners, *self.askers]

    def prepare(self):
        for load in (*self.clients, *self.senders):
            answer = load.account.faucet(str(self.funded))
            self.story.need(answer.status == 200, "a user is funded", answer)
        for load in self.miners:
            answer = load.account.register(price_micro=3_600_000, concurrency=64)
            self.story.need(answer.status == 200, "a miner is registered", answer)

    def start(self):
        for load in self.loads:
            load.start()

    def join(self, seconds):
        end = time.monotonic() + seconds
        for load in self.loads:
            load.join(timeout=max(0.1, end - time.monotonic()))

    def good(self):
        return sum(load.good for load in self.loads)

    def acknowledged(self):
        return {
            transaction: height
            for load in self.loads
            for transaction, height in list(load.acknowledged.items())
        }

    def names(self):
        return {
            load: f"{type(load).__name__.lower()} {each}"
            for loads in (self.clients, self.senders, self.miners, self.askers)
            for each, load in enumerate(loads)
        }


def came_to_rest(story, crowd):
    """Everybody has ended, nobody met an answer that makes no sense."""
    for load, name in crowd.names().items():
        story.quiet_check(
            not load.is_alive() and load.failure is None,
            f"{name} has come to rest",
            repr(load.failure),
        )
        story.quiet_check(
            not load.strange, f"{name} met no answer that makes no sense", load.strange[:3]
        )
    story.check(
        True,
        f"{sum(load.operations for load in crowd.loads)} turns of {len(crowd.loads)} users, "
        f"{sum(load.repeats for load in crowd.loads)} requests repeated, "
        f"{sum(load.account.home.moves for load in crowd.loads)} times to another node, "
        f"{sum(load.overtaken for load in crowd.loads)} overtaken by a copy",
    )


def real_time_order_holds(story, crowd):
    """What was answered before something else was asked for is in no later block."""
    history = sorted(each for load in crowd.loads for each in load.history)
    by_answer = sorted(history, key=lambda each: each[1])
    wrong, highest, done = [], 0, 0
    for asked, answered, height in history:
        while done < len(by_answer) and by_answer[done][1] < asked:
            highest = max(highest, by_answer[done][2])
            done += 1
        if height < highest:
            wrong.append((asked, answered, height, highest))
    story.check(
        not wrong,
        f"{len(history)} operations stand in the chain in the order in which they were answered",
        wrong[:3],
    )


def nothing_is_lost(story, crowd, node):
    gone = []
    acknowledged = crowd.acknowledged()
    found_all = node.read_all(f"/api/v1/transactions/{each}" for each in acknowledged)
    for (transaction, height), found in zip(acknowledged.items(), found_all):
        found = found or {}
        if found.get("height") != height or found.get("status") != "applied":
            gone.append((transaction, height, found))
    return story.check(
        not gone,
        f"{node}: all {len(acknowledged)} acknowledged transactions are in the blocks that were "
        "named",
        (len(gone), gone[:3]),
    )


def jobs_agree(story, crowd, node):
    """Each job once; paid as acknowledged, done as delivered."""
    delivered = {job: text for miner in crowd.miners for job, text in miner.delivered.items()}
    total = 0
    for client in crowd.clients:
        jobs = kill9.every_job(node, client.account)
        total += len(jobs)
        by_id = {job["job_id"]: job for job in jobs}
        expected = set(client.jobs.values())
        story.quiet_check(
            set(by_id) == expected and len(jobs) == len(expected) == len(client.jobs),
            f"{node}: a client's jobs are those acknowledged, each once",
            (len(jobs), len(expected), sorted(set(by_id) ^ expected)[:5]),
        )
        paid = {
            each: micro(job["payment"]["amount"]) for each, job in by_id.items() if job["payment"]
        }
        story.quiet_check(
            paid == client.payments,
            f"{node}: a client's payments are those acknowledged, each once",
            sorted(set(paid.items()) ^ set(client.payments.items()))[:5],
        )
        done = {each for each, job in by_id.items() if job["status"] == "completed"}
        story.quiet_check(
            done == set(delivered) & set(by_id),
            f"{node}: completed are the jobs that a miner delivered",
            [
                (each, each in done, [miner.refused.get(each) for miner in crowd.miners])
                for each in sorted(done ^ (set(delivered) & set(by_id)))[:5]
            ],
        )
        account = node.get(f"/api/v1/accounts/{client.account.address}")
        spent = sum(
            micro(job["payment"]["paid_to_miner"]) + micro(job["payment"]["fee"])
            for job in jobs
            if job["payment"]
        )
        story.quiet_check(
            micro(account["total"]) == crowd.funded * 1_000_000 - spent,
            f"{node}: jobs have cost a client what they say",
            (account, spent),
        )
    story.check(True, f"{node}: {total} jobs and their payments compared")


def money_agrees(story, crowd, node, minted_micro=1_000_000 * 1_000_000):
    def total_of(account):
        return micro(node.get(f"/api/v1/accounts/{account.address}")["total"])

    sums = [sum(sender.sent.values()) for sender in crowd.senders]
    count = sum(len(sender.sent) for sender in crowd.senders)
    left = [total_of(sender.account) for sender in crowd.senders]
    received = total_of(crowd.receiver)
    story.check(
        received == sum(sums) and left == [crowd.funded * 1_000_000 - each for each in sums],
        f"{node}: {count} payments have moved their sum, once",
        (received, sums, left),
    )
    given = [(load.good, total_of(load.account) / 1_000_000, load.asked) for load in crowd.askers]
    story.check(
        all(answered <= got <= asked for answered, got, asked in given),
        f"{node}: who asked without a key got each answered wish, and none twice",
        given,
    )
    supply = node.get("/api/v1/supply")
    parts = sum(micro(supply[part]) for part in ("available", "staked", "unbonding", "escrow"))
    story.check(
        supply["balanced"] is True and parts == micro(supply["minted"]) == minted_micro,
        f"{node}: all balances together are the genesis supply",
        supply,
    )


def keys_are_remembered(story, crowd, nodes, random, count=20):
    """Acknowledged keys once more, on any node: the same answer, and nothing moves."""
    wrong, tried = [], 0
    for sender in crowd.senders:
        for key in random.sample(sorted(sender.sent), min(count, len(sender.sent))):
            account = Account(random.choice(nodes), "")
            account.signer, account.address = sender.account.signer, sender.account.address
            again = account.transfer(sender.to.signer.account, sender.sent[key], key, key)
            known = (again.json() or {}).get("transaction_hash") in sender.acknowledged
            tried += 1
            if not known or again.json().get("repeated") is not True:
                wrong.append((key, again))
    for client in crowd.clients:
        for key in random.sample(sorted(client.jobs), min(count, len(client.jobs))):
            account = Account(random.choice(nodes), "")
            account.signer, account.address = client.account.signer, client.account.address
            again = account.submit("prompt " + key.split("-")[1], key=key).json() or {}
            tried += 1
            if again.get("job_id") != client.jobs[key] or again.get("repeated") is not True:
                wrong.append((key, again))
    story.check(
        not wrong, f"{tried} acknowledged keys, sent again to any node, answer as before", wrong[:3]
    )


class Work:
    """Payments at any node: what shows that the chain goes on."""

    def __init__(self, story, cluster, seed):
        self.story = story
        self.account = Account(cluster.nodes[0], f"payer {seed}")
        self.target = wire.blake2b(b"payee", 20)
        self.count = 0
        answer = self.account.faucet("1000")
        story.need(answer.status == 200, "an account is funded", answer)

    def done_at(self, node, seconds=20):
        """How long one payment took through this node; None when it was not done in time."""
        began = time.monotonic()
        self.count += 1
        self.account.home = node
        key = f"payment-{self.count}"
        done = until(
            lambda: self.account.transfer(self.target, 1, key).status == 200, seconds, 0.02
        )
        return time.monotonic() - began if done else None

    def goes_on(self, nodes, sentence):
        times = [self.done_at(node) for node in nodes]
        text = ", ".join(f"{each:.2f}" for each in times if each is not None)
        return self.story.check(
            None not in times, f"{sentence} (payments took {text} s)", self.state(nodes)
        )

    def stands_still(self, node, sentence, seconds=ALONE_S):
        height = node.height()
        self.story.check(
            self.done_at(node, seconds) is None and node.height() == height,
            f"{sentence} (tried for {seconds} s)",
            self.state([node]),
        )

    @staticmethod
    def state(nodes):
        return "".join(node.last_words() for node in nodes)
