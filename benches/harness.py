"""What the benchmarks have in common: their options, their lines, and how they end."""
import argparse
import os
import shutil
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SIZES, GROWTH_TO = "10000,100000,1000000", 10_000_000
TARGET_FROM = 1_000_000  # below that, starting the process is a good part of the time
MEMORY_TARGET = 64.0  # MiB above a process that only opened the database


class Failed(Exception):
    pass


class Line:
    """Runs of ours, each with one of the other side's; `other` is None where that cannot run."""

    def __init__(self, ours, other):
        self.seconds, self.cpu = (statistics.median(x) for x in ([c.wall for c in ours], [c.cpu for c in ours]))
        self.rss = max(c.rss for c in ours)
        self.ratio = None
        if other:
            ratios = [a.wall / b.wall for a, b in zip(ours, other)]
            self.shell_seconds, self.shell_cpu = (statistics.median(x) for x in ([c.wall for c in other], [c.cpu for c in other]))
            self.ratio, self.low, self.high = statistics.median(ratios), min(ratios), max(ratios)


def verdict(value, target):
    return "met" if value <= target else "NOT MET"


def remove(path):
    """Removes a database with what stands beside it, a file, or a folder."""
    if os.path.isdir(path):
        return shutil.rmtree(path)
    for suffix in ("", "-journal", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)


def arguments(doc, sizes=SIZES, full=None):
    """The options of a benchmark that this text describes; `full` says what --full needs, if there is one."""
    p = argparse.ArgumentParser(description=doc)
    p.add_argument("--sizes", default=sizes, help="METRIC rows of the databases (default %(default)s)")
    if full:
        p.add_argument("--full", action="store_true", help=f"also {GROWTH_TO}: {full}")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--job", default=os.path.join(ROOT, "target", "release", "examples", "bench_job"))
    p.add_argument("--work", default=os.path.join(ROOT, "target", "bench"), help="folder of the databases")
    a = p.parse_args()
    a.sizes = sorted({int(s) for s in a.sizes.split(",")} | ({GROWTH_TO} if full and a.full else set()))
    a.job, a.work = os.path.abspath(a.job), os.path.abspath(a.work)
    if not os.path.exists(a.job):
        sys.exit(f"{a.job}: not there; build it with: cargo build --release --example bench_job")
    if not shutil.which("sqlite3"):
        sys.exit("the sqlite3 command-line shell is needed (Debian, Ubuntu: apt-get install sqlite3)")
    os.makedirs(a.work, exist_ok=True)
    return a


def print_lines(a, heading, bench_of, width=0, other="shell"):
    """Makes `bench_of(size, job, work)` for each size and prints its lines: what was done, the runs, the target or None. Afterwards
    removes its SCRATCH from the work folder."""
    print(f"{heading}; medians of {a.rounds} rounds, whole processes; peak memory above a process that only opened the database\n")
    columns = (f"{'ours s':>8}", f"{other + ' s':>8}", f"{'cpu s':>8}", f"{other:>8}", f"{'ratio':>6}", f"{'min..max':>12}", f"{'target':>6}")
    print(f"{'metrics':>9} {'':<{width}} {' '.join(columns)}{'':<11}{'MiB':>6} {'target':>6}")
    try:
        for size in a.sizes:
            bench = bench_of(size, a.job, a.work)
            for what, x, target in bench.lines(a.rounds):
                row = [f"{x.seconds:>8.3f}", f"{'-':>8}", f"{x.cpu:>8.3f}", f"{'-':>8}", f"{'-':>6}", f"{'-':>12}", f"{'-':>6}  {'':<7}"]
                if x.ratio is not None:
                    row[1], row[3], row[4] = f"{x.shell_seconds:>8.3f}", f"{x.shell_cpu:>8.3f}", f"{x.ratio:>6.2f}"
                    row[5] = f"{f'{x.low:.2f}..{x.high:.2f}':>12}"
                    if target is not None:
                        row[6] = f"{target:>6.2f}  {verdict(x.ratio, target):<7}"
                above = x.rss - bench.idle
                print(f"{size:>9} {what:<{width}} {' '.join(row)}  {above:>6.1f} {MEMORY_TARGET:>6.0f}  {verdict(above, MEMORY_TARGET)}",
                      flush=True)
    except Failed as e:
        sys.exit(f"error: {e}")
    finally:
        for name in bench_of.SCRATCH:
            remove(os.path.join(a.work, name))
