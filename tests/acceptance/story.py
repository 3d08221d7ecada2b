"""A story in sentences, whose every line is something that was seen to be true or false."""

import dataclasses
import json
import re
import shlex
import time

SKIPPED = 77
# What no user may ever see: the inside of the program falling out.
FALLEN_OUT = re.compile(
    r"terminate called|what\(\):|Assertion|assertion failed|Segmentation fault|Traceback"
    r"|core dumped|AddressSanitizer|runtime error:|LeakSanitizer|std::|nlohmann|\bcaf::"
    r"|0x[0-9a-f]{10,}"
)


class Stop(Exception):
    """The story cannot go on: what follows needs what just failed."""


@dataclasses.dataclass
class Ran:
    """One run of a command."""

    words: list
    code: int
    out: str
    err: str
    seconds: float

    def json(self):
        """The one JSON document on standard output."""
        try:
            return json.loads(self.out)
        except json.JSONDecodeError as cause:
            raise Stop(
                f"{self} prints no JSON: {cause}: {self.out[:300]!r}; {self.err[:300]!r}"
            ) from cause

    @property
    def error(self):
        """The error body of -o json: the last line of standard error; {} when there is none."""
        for line in reversed(self.err.splitlines()):
            if line.startswith("{"):
                try:
                    return json.loads(line).get("error", {})
                except json.JSONDecodeError:
                    return {}
        return {}

    @property
    def error_code(self):
        """The stable text code, in whatever format the error came."""
        found = re.search(r"^  code: ([a-z_]+)", self.err, re.MULTILINE)
        return self.error.get("code") or (found.group(1) if found else "")

    def __str__(self):
        return "`" + shlex.join(str(word) for word in self.words) + f"` (exit {self.code})"


@dataclasses.dataclass
class Answer:
    """One HTTP answer; status 0 when the connection failed before one came."""

    status: int
    headers: dict
    body: bytes

    def json(self):
        try:
            return json.loads(self.body)
        except json.JSONDecodeError:
            return None

    @property
    def code(self):
        document = self.json()
        error = document.get("error") if isinstance(document, dict) else None
        return error.get("code", "") if isinstance(error, dict) else ""


class Story:
    """Collects what held and what did not."""

    def __init__(self, title):
        self.good = 0
        self.bad = []
        self.skipped = []
        self.began = time.monotonic()
        self.say(title)

    @staticmethod
    def say(text):
        print(text, flush=True)

    def chapter(self, text):
        self.say(f"\n{text}")

    def check(self, holds, sentence, detail=""):
        """Tells one outcome; `detail` only when it is not true."""
        if holds:
            self.good += 1
            self.say(f"  ok   {sentence}")
        else:
            self.bad.append(sentence)
            self.say(
                f"  NOT  {sentence}" + (f"\n       {str(detail)[:1500]}" if detail != "" else "")
            )
        return bool(holds)

    def quiet_check(self, holds, sentence, detail=""):
        """For checks made by the hundred: only a failure is told; the caller sums up."""
        if holds:
            self.good += 1
            return True
        return self.check(False, sentence, detail)

    def need(self, holds, sentence, detail=""):
        """A check without which the rest makes no sense."""
        if not self.check(holds, sentence, detail):
            raise Stop(f"the rest needs: {sentence}")

    def skip(self, sentence):
        self.skipped.append(sentence)
        self.say(f"  skip {sentence}")

    def finish(self):
        seconds = time.monotonic() - self.began
        self.say(
            f"\n{self.good} checks held, {len(self.bad)} did not, {len(self.skipped)} skipped, "
            f"in {seconds:.1f} s"
        )
        for sentence in self.bad:
            self.say(f"  NOT  {sentence}")
        if self.bad:
            return 1
        return 0 if self.good else SKIPPED


def until(probe, seconds, every=0.05):
    """The first true answer of `probe`, or its last when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer or time.monotonic() >= end:
            return answer
        time.sleep(every)


def micro(amount):
    """ "1.5" -> 1500000, exactly."""
    whole, _, part = str(amount).partition(".")
    return int(whole) * 1_000_000 + int((part + "000000")[:6])


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
