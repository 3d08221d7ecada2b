#!/usr/bin/env python3
"""Plants bugs into a copy of the tree, one at a time, and sees that the differential test finds each.

usage: tests/unit/actors/differential/planted.py [--keep FOLDER] [NAME...]
  --keep    builds in FOLDER and leaves it there, so that the next run builds little

A bug is planted/NAME.patch. The copy is built with the release preset; the tree itself is not
touched. Leaves with 1 when a bug is not found or a patch does not fit, with 0 when all are found.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
TEST = "differential_test"
SECONDS_MAX = 600


def run(command, folder, **options):
    return subprocess.run([str(part) for part in command], cwd=folder, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def must(command, folder):
    result = run(command, folder)
    if result.returncode != 0:
        sys.exit(f"{result.stdout[-4000:]}\n{' '.join(map(str, command))} failed")


def copy_tree(copy):
    """What git knows and what is new, but not what is built. Equal files keep their time."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], ROOT).stdout
    for name in listed.split("\0"):
        source, target = ROOT / name, copy / name
        if not name or not source.is_file():
            continue
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)


def build(copy):
    must(["cmake", "--build", copy / "build" / "release", "--target", TEST, "--parallel", str(os.cpu_count() or 1)], copy)


def seek(name, copy):
    """One row of the table, and whether the bug was found."""
    patch = HERE / "planted" / f"{name}.patch"
    planted = run(["patch", "-p1", "--forward", "-i", patch], copy)
    if planted.returncode != 0:
        return False, f"{name:<28} THE PATCH DOES NOT FIT\n{planted.stdout}"
    try:
        build(copy)
        began = time.monotonic()
        result = run([copy / "build" / "release" / "tests" / "bin" / TEST, "--gtest_filter=Differential.*"], copy,
                     timeout=SECONDS_MAX, env=dict(os.environ, DIFFERENTIAL_OPERATIONS="1000000"))
        took = time.monotonic() - began
    finally:
        must(["patch", "-p1", "--reverse", "-i", patch], copy)
    found = re.search(r"found after about (\d+) operations, ([\d.e+-]+) s", result.stdout)
    if result.returncode == 0 or not found:
        return False, f"{name:<28} NOT FOUND in {took:.0f} s\n{result.stdout[-2000:]}"
    shrunk = re.search(r"to (\d+) steps in (\d+) runs", result.stdout)
    last = [line for line in result.stdout.splitlines() if line.strip()]
    text = next((line for line in last if line.startswith("chain ") or " chain " in line[:20]), "")
    short = re.search(r"chain \d+: (.{0,110})", result.stdout)
    return True, (f"{name:<28} found after {int(found.group(1)):>7} operations, {float(found.group(2)):6.2f} s; "
                  f"script of {shrunk.group(1) if shrunk else '?'} steps ({took:.0f} s with shrinking)\n"
                  f"{'':<28} {short.group(1) if short else text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=pathlib.Path, help="build in this folder and leave it there")
    parser.add_argument("name", nargs="*", help="for example fee_rounding; all by default")
    arguments = parser.parse_args()
    known = sorted(path.stem for path in (HERE / "planted").glob("*.patch"))
    unknown = sorted(set(arguments.name) - set(known))
    if unknown:
        print(f"no bug {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    wanted = arguments.name or known
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = arguments.keep.resolve() if arguments.keep else pathlib.Path(folder)
        copy_tree(copy)
        if not (copy / "build" / "release" / "build.ninja").exists():
            must(["cmake", "--preset", "release"], copy)
        build(copy)
        for name in wanted:
            found, row = seek(name, copy)
            failed += not found
            print(row, flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} planted bugs found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
