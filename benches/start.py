#!/usr/bin/env python3
"""How long the command takes to start, and how large it is: whole processes beside an empty one.

  start.py --command expmig --database small.db [--rounds 51]

Fails if `expmig --version` is not within 10 ms of an empty process, `expmig list` of a small file not within 20 ms, both as medians, or if the
command has more than 12 MiB. On a busy machine look at the processor time beside it.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from load import EMPTY

MOST_MIB = 12
LIMITS_MS = {"--version": 10, "list": 20}


def milliseconds(command):
    """Of the wall clock, and of the processor; what it prints goes nowhere."""
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, used = os.wait4(child, 0)
    took = time.perf_counter() - began
    if status != 0:
        sys.exit(f"{command} failed")
    return took * 1000, (used.ru_utime + used.ru_stime) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--command", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--rounds", type=int, default=51)
    options = parser.parse_args()
    size = os.path.getsize(options.command)
    print(f"expmig: {size} bytes, of at most {MOST_MIB} MiB")
    failed = size > MOST_MIB << 20
    with tempfile.TemporaryDirectory() as work:
        database = shutil.copy(options.database, work)
        empty = os.path.join(work, "empty")
        with open(empty + ".c", "w", encoding="utf-8") as file:
            file.write(EMPTY)
        subprocess.run([os.environ.get("CC", "cc"), empty + ".c", "-o", empty], check=True)
        commands = {"empty": [empty], "--version": [options.command, "--version"], "list": [options.command, "list", database]}
        times = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                times[name].append(milliseconds(command))
    medians = {name: [statistics.median(part) for part in zip(*list(of))] for name, of in times.items()}
    for name, limit in LIMITS_MS.items():
        wall, processor = (mine - none for mine, none in zip(medians[name], medians["empty"]))
        print(f"expmig {name}: {wall:.1f} ms more than an empty process (processor: {processor:.1f} ms), of at most {limit}")
        failed |= wall > limit
    if failed:
        sys.exit("the command is too large, or starts too slowly")


if __name__ == "__main__":
    main()
