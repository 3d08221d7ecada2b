"""A second, independent reading of the wire: keys, addresses, signed transactions in plain Python.

What it signs is only accepted when it agrees with the node to the byte, and a scripted client can
sign as fast as it likes without a keystore.
"""

import base64
import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
MICRO = 1_000_000


def _add(left, right):
    """Twisted Edwards addition in extended coordinates (RFC 8032, 5.1.4)."""
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a = (y1 - x1) * (y2 - x2) % P
    b = (y1 + x1) * (y2 + x2) % P
    c = 2 * t1 * t2 * D % P
    d = 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _base_point():
    y = 4 * pow(5, P - 2, P) % P
    squared = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(squared, (P + 3) // 8, P)
    if x * x % P != squared:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = x if x % 2 == 0 else P - x
    return x, y, 1, x * y % P


def _doublings():
    points = [_base_point()]
    for _ in range(255):
        points.append(_add(points[-1], points[-1]))
    return points


DOUBLINGS = _doublings()


def _times_base(scalar):
    point = (0, 1, 1, 0)
    for bit, doubled in enumerate(DOUBLINGS):
        if scalar >> bit & 1:
            point = _add(point, doubled)
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def blake2b(content, size=32):
    return hashlib.blake2b(content, digest_size=size).digest()


def _groups_of_five(content):
    number = int.from_bytes(content, "big")
    count = len(content) * 8 // 5
    return [number >> 5 * (count - 1 - i) & 31 for i in range(count)]


def bech32m(prefix, content):
    def checksum(groups):
        value = 1
        for group in groups:
            top = value >> 25
            value = (value & 0x1FFFFFF) << 5 ^ group
            for i, generator in enumerate(
                (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
            ):
                value ^= generator if top >> i & 1 else 0
        return value

    groups = _groups_of_five(content)
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    mark = checksum(spread + groups + [0] * 6) ^ 0x2BC830A3
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    return (
        prefix
        + "1"
        + "".join(alphabet[g] for g in groups + [mark >> 5 * (5 - i) & 31 for i in range(6)])
    )


def pack(value):
    """Canonical msgpack: shortest integers, bytes as bin, texts as str."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _pack_integer(value)
    if isinstance(value, bytes):
        return _head(len(value), ((2**8, 0xC4), (2**16, 0xC5), (2**32, 0xC6))) + value
    if isinstance(value, str):
        raw = value.encode()
        small = bytes([0xA0 | len(raw)]) if len(raw) < 32 else b""
        return (small or _head(len(raw), ((2**8, 0xD9), (2**16, 0xDA), (2**32, 0xDB)))) + raw
    head = (
        bytes([0x90 | len(value)])
        if len(value) < 16
        else _head(len(value), ((2**16, 0xDC), (2**32, 0xDD)))
    )
    return head + b"".join(pack(each) for each in value)


def _head(size, widths):
    for limit, mark in widths:
        if size < limit:
            return bytes([mark]) + size.to_bytes((limit.bit_length() - 1) // 8, "big")
    raise ValueError("too large")


def _pack_integer(value):
    if 0 <= value < 128:
        return bytes([value])
    if -32 <= value < 0:
        return bytes([256 + value])
    if value > 0:
        return _head(value, ((2**8, 0xCC), (2**16, 0xCD), (2**32, 0xCE), (2**64, 0xCF)))
    for bits, mark in ((8, 0xD0), (16, 0xD1), (32, 0xD2), (64, 0xD3)):
        if value >= -(2 ** (bits - 1)):
            return bytes([mark]) + (2**bits + value).to_bytes(bits // 8, "big")
    raise ValueError("too large")


class Signer:
    """One account: a seed, its key, its address."""

    def __init__(self, seed):
        digest = hashlib.sha512(seed).digest()
        self.scalar = (int.from_bytes(digest[:32], "little") & (2**254 - 8)) | 2**254
        self.prefix = digest[32:]
        self.public_key = _times_base(self.scalar)
        self.account = blake2b(self.public_key, 20)
        self.address = bech32m("ait", self.account)

    def sign(self, domain, message):
        tagged = domain.encode() + b"|" + message
        nonce = int.from_bytes(hashlib.sha512(self.prefix + tagged).digest(), "little") % ORDER
        point = _times_base(nonce)
        challenge = (
            int.from_bytes(hashlib.sha512(point + self.public_key + tagged).digest(), "little")
            % ORDER
        )
        return point + ((nonce + challenge * self.scalar) % ORDER).to_bytes(32, "little")

    def transaction(self, chain, nonce, kind, body, key="", blobs=()):
        """The wire bytes of a signed transaction; `chain` is the answer of GET /api/v1/chain."""
        genesis = chain.get("genesis_hash") or chain["genesis"]
        content = pack(
            [
                1,
                chain["chain"],
                bytes.fromhex(genesis),
                self.public_key,
                nonce,
                chain["height"] + 1000,
                key,
                kind,
                pack(body),
                [blake2b(blob) for blob in blobs],
            ]
        )
        return pack([content, self.sign("tx/1", content)])


def request_body(wire, blobs=()):
    """What the REST interface takes for a command signed by an account."""
    return {
        "transaction": base64.b64encode(wire).decode(),
        "blobs": [base64.b64encode(b).decode() for b in blobs],
    }


# The bodies of transactions: their fields in the order of the wire.


def transfer(to, amount_micro, memo=""):
    return [to, 0, amount_micro, memo]


def pay(job_id, amount_micro):
    return [job_id, amount_micro]


def register(price_micro, concurrency, models=()):
    return [[], [[name, []] for name in models], ["inference"], price_micro, concurrency, ""]


def complete(job, result, model, duration_ms, now_ms):
    """The result of one polled job."""
    return [
        job["job_id"],
        job["attempt"],
        bytes.fromhex(job["payload_hash"]),
        blake2b(result),
        len(result),
        model,
        3,
        5,
        duration_ms,
        now_ms - duration_ms,
        now_ms,
        _micro(job["price_per_hour"]),
    ]


def fail(job, code, message, retryable):
    return [job["job_id"], job["attempt"], code, message, retryable]


def _micro(amount):
    whole, _, part = amount.partition(".")
    return int(whole) * MICRO + int((part + "000000")[:6])
