#!/usr/bin/env python3
"""The built-in engine against reference outputs of another implementation, through the command
line: token ids, greedy continuations with their logits, and chat prompts.

The reference file lies outside the repository: AITBC_GOLDEN_DIR, else ../shared/golden beside it.
"""

import json
import os
import pathlib

import harness
from story import median

SCALAR_MAX = 0.02  # largest difference from exact F32 logits that the reference kernels may show
FAST_MEDIAN = 0.3
FAST_MAX = 1.0
ROOT = pathlib.Path(__file__).resolve().parents[2]


def golden_file():
    folder = os.environ.get("AITBC_GOLDEN_DIR")
    return (pathlib.Path(folder) if folder else ROOT.parent / "shared/golden") / "smollm2.json"


def texts_have_the_reference_ids(story, home, golden):
    story.chapter("Tokenizer")
    strings = home.home / "strings.json"
    strings.write_text(json.dumps([entry["text"] for entry in golden["tokens"]]), encoding="utf-8")
    items = home.query("model", "tokenize", "--model", "llama3", "--file", str(strings))["items"]
    wrong = [
        entry["text"]
        for item, entry in zip(items, golden["tokens"])
        if item["ids"] != entry["ids"]
    ]
    story.check(
        len(items) == len(golden["tokens"]) and not wrong,
        f"{len(items) - len(wrong)} of {len(golden['tokens'])} strings have the reference's ids",
        f"others: {wrong}",
    )


def steps_of(home, prompt, tokens, backend):
    words = ("--raw", "--temperature", "0", "--max-tokens", str(tokens), "--logprobs", "5")
    return home.query(
        "inference", "complete", "--model", "llama3", "--prompt", prompt, "--backend", backend, *words
    )["tokens"]


def next_token_logits_agree(story, home, golden, backend):
    """Differences of the five best logits, as long as both go on with the same token."""
    differences = []
    for entry in golden["greedy"]:
        expected = entry["f32_top5_logits"]
        steps = steps_of(home, entry["prompt"], len(expected), backend)
        for step, row, token in zip(steps, expected, entry["ids"]):
            found = {top["id"]: top["logit"] for top in step["top"]}
            differences += [abs(found[one] - logit) for one, logit in row if one in found]
            if step["id"] != token:
                break  # from here on the two read different texts
    return differences


def logits_are_close(story, home, golden):
    story.chapter("Logits")
    scalar = next_token_logits_agree(story, home, golden, "scalar")
    story.check(
        len(scalar) > 100 and max(scalar) < SCALAR_MAX,
        f"scalar: {len(scalar)} logits, largest difference {max(scalar):.5f} (limit {SCALAR_MAX})",
    )
    fast = next_token_logits_agree(story, home, golden, "auto")
    story.check(
        len(fast) > 100 and median(sorted(fast)) < FAST_MEDIAN and max(fast) <= FAST_MAX,
        f"fast: {len(fast)} logits, median {median(sorted(fast)):.3f} (limit {FAST_MEDIAN}), "
        f"largest {max(fast):.3f} (limit {FAST_MAX})",
    )


def chats_have_the_reference_length(story, home, golden):
    story.chapter("Chat template")
    for entry in golden["chat"]:
        words = ("--prompt", entry["user"], "--temperature", "0", "--max-tokens", "8")
        found = home.query("inference", "chat", "--model", "llama3", *words)["prompt_tokens"]
        story.check(
            found == entry["prompt_tokens"],
            f"{entry['user'][:40]!r} becomes {found} tokens, as in the reference",
            f"the reference has {entry['prompt_tokens']}",
        )


def tell(story, home, _arguments):
    if not golden_file().is_file():
        return story.skip(f"the reference file is not here: {golden_file().name}")
    if not home.use_models():
        return None
    golden = json.loads(golden_file().read_text(encoding="utf-8"))
    home.up()
    texts_have_the_reference_ids(story, home, golden)
    logits_are_close(story, home, golden)
    chats_have_the_reference_length(story, home, golden)
    return None


if __name__ == "__main__":
    harness.main(tell, "The engine says what the reference says", 240)
