#!/usr/bin/env python3
"""What the compiler and the linker did against attacks, read from the binaries themselves.

A build with debugging information is for editing and is not asked (exit 77).
"""

import re
import subprocess

import harness

FORTIFIED = re.compile(r"\b(__(?:mem|str|f?printf|vs?n?printf|read|f?gets|poll|s?n?printf)\w*_chk)")


def readelf(path, *flags):
    done = subprocess.run(
        ["readelf", "-W", *flags, str(path)], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def look_at(story, path):
    story.chapter(path.name)
    header = readelf(path, "-h")
    segments = readelf(path, "-l")
    dynamic = readelf(path, "-d")
    symbols = readelf(path, "--dyn-syms")
    story.check(
        re.search(r"Type:\s+DYN", header) and "PIE" in dynamic,
        "may lie anywhere in memory (PIE)",
        header,
    )
    story.check("GNU_RELRO" in segments, "its tables become read-only (RELRO)", segments)
    story.check(
        re.search(r"\bNOW\b", dynamic), "before it begins, all of them (BIND_NOW)", dynamic
    )
    stack = re.search(r"GNU_STACK.*?\b(R\w*)\s+0x", segments)
    story.check(stack and "E" not in stack.group(1), "no code on the stack", segments)
    both = [line for line in segments.splitlines() if re.search(r"LOAD.*\bRWE\b", line)]
    story.check(not both, "no memory that is both written and executed", both)
    story.check("TEXTREL" not in dynamic, "no code that is patched at start", dynamic)
    story.check(
        not re.search(r"R(UN)?PATH", dynamic), "libraries from the system's places only", dynamic
    )
    story.check("__stack_chk_fail" in symbols, "stack frames are guarded", "no __stack_chk_fail")
    checked = sorted(set(FORTIFIED.findall(symbols)))
    story.check(checked, f"library calls know their buffers: {', '.join(checked[:4])}", "none")
    story.check(
        "__glibcxx_assert_fail" in symbols, "containers check their indexes", "no assertion"
    )
    dangerous = re.findall(r"UND (gets|system|popen|mktemp|tmpnam|strcpy|strcat)@", symbols)
    story.check(not dangerous, "calls none of the functions that nobody should", dangerous)


def tell(story, home, _arguments):
    for name in ("aitbcd", "aitbc"):
        path = home.bin / name
        if ".debug_info" in readelf(path, "-S"):
            story.skip(f"{name} is built for editing: its hardening is that of the release preset")
            continue
        look_at(story, path)


if __name__ == "__main__":
    harness.main(tell, __doc__.splitlines()[0], limit_s=60)
