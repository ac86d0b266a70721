#!/usr/bin/env python3
"""What it costs to load the library, open a small database and close it: whole processes beside empty ones.

  load.py --library libexpmig.so --database small.db [--rounds 101]

Two C programs that differ in nothing else are run by turns. Fails if the difference of the medians is not below 5 ms; on a busy machine
look at the processor time beside it.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT_MS = 5
EMPTY = "int main(void) { return 0; }\n"
OPEN = """
#include <expmig.h>
int main(int argc, char **argv) {
    expmig_database *database = 0;
    if (argc != 2 || expmig_database_open(argv[1], 0, &database, 0) != EXPMIG_OK)
        return 1;
    expmig_database_close(database);
    return 0;
}
"""


def milliseconds(command):
    """Of the wall clock, and of the processor."""
    began = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    took = time.perf_counter() - began
    if status != 0:
        sys.exit(f"{command} failed")
    return took * 1000, (used.ru_utime + used.ru_stime) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--rounds", type=int, default=101)
    options = parser.parse_args()
    include = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "include")
    with tempfile.TemporaryDirectory() as work:
        database = shutil.copy(options.database, work)
        soname = subprocess.run(["objdump", "-p", options.library], check=True, capture_output=True, text=True).stdout
        soname = next(line.split()[1] for line in soname.splitlines() if "SONAME" in line)
        shutil.copy(options.library, os.path.join(work, soname))
        commands = []
        for name, text, more in [("empty", EMPTY, []), ("open", OPEN, [os.path.join(work, soname), f"-Wl,-rpath,{work}"])]:
            source = os.path.join(work, name + ".c")
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            program = os.path.join(work, name)
            subprocess.run(["cc", "-O2", "-I", include, source, *more, "-o", program], check=True)
            commands.append([program, database] if more else [program])
        rounds = [[milliseconds(command) for command in commands] for _ in range(options.rounds)]
        more = []
        for at, clock in enumerate(["ms", "ms of processor time"]):
            empty, opened = (statistics.median(figures[at] for figures in column) for column in zip(*rounds))
            more.append(opened - empty)
            print(f"load, open, close: {more[at]:.2f} {clock} over an empty process ({opened:.2f} - {empty:.2f}, medians of {options.rounds})")
        return 0 if more[0] < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
