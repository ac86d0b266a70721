#!/usr/bin/env python3
"""Time an import of a document against a Python script that does the same, and against our own migration. README.md says how to read it."""
import argparse
import os
import sys

from run import (EXPERIMENT, HERE, MEMORY_TARGET, ROOT, Child, Failed, Line, content, fresh_copy, generated, idle_memory, remove,
                 verdict)

TARGET, MIGRATION_TARGET, TARGET_FROM = 0.4, 2.0, 1_000_000  # below that, starting the process is a good part of the time


class Bench:
    """One document, imported into a new database each time."""

    def __init__(self, metrics, job, work):
        self.job = job
        self.source, self.document, self.db, self.other, self.third = (
            os.path.join(work, "scratch-import" + x) for x in (".db", ".json", "-ours.db", "-script.db", "-migrated.db"))
        fresh_copy(generated(metrics, work), self.source)
        remove(self.document)
        Child([job, "export", self.source, str(EXPERIMENT), self.document])
        self.idle = idle_memory(job, self.source)
        self.parser = None
        self.expected = content(self.source, EXPERIMENT)
        for mine, total in (("metrics", "all_metrics"), ("artifacts", "all_artifacts")):
            self.expected[total] = self.expected[mine]

    def run(self, database, argv):
        """A timed run into a new database, whose content is compared afterwards."""
        remove(database)
        child = Child(argv)
        if content(database, EXPERIMENT) != self.expected:
            raise Failed(f"{' '.join(argv)}: a wrong copy")
        return child

    def ours(self):
        return self.run(self.db, [self.job, "import", self.db, self.document])

    def script(self):
        child = self.run(self.other, [sys.executable, os.path.join(HERE, "import_baseline.py"), self.document, self.other, self.source])
        self.parser = child.stdout.strip()
        return child

    def migration(self):
        return self.run(self.third, [self.job, "migrate", self.source, str(EXPERIMENT), "--target", self.third])

    def lines(self, rounds):
        rows = [(self.ours(), self.script(), self.migration()) for _ in range(rounds)]
        ours = [a for a, _, _ in rows]
        return Line(ours, [b for _, b, _ in rows]), Line(ours, [c for _, _, c in rows])

    def clean(self):
        for path in (self.source, self.document, self.db, self.other, self.third):
            remove(path)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--sizes", default="10000,100000,1000000", help="METRIC rows of the databases (default %(default)s)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--job", default=os.path.join(ROOT, "target", "release", "examples", "bench_job"))
    p.add_argument("--work", default=os.path.join(ROOT, "target", "bench"), help="folder of the databases")
    a = p.parse_args()
    if not os.path.exists(a.job):
        sys.exit(f"{a.job}: not there; build it with: cargo build --release --lib --example bench_job")
    work = os.path.abspath(a.work)
    os.makedirs(work, exist_ok=True)
    print(f"Importing the document of experiment {EXPERIMENT} into a new database; medians of {a.rounds} rounds, whole processes\n")
    print(f"{'metrics':>9} {'against':<17} {'ours s':>8} {'other s':>8} {'cpu s':>8} {'other':>8} {'ratio':>6} {'min..max':>12} {'target':>6}"
          f"           {'MiB':>6} {'target':>6}")
    bench = None
    try:
        for size in sorted({int(s) for s in a.sizes.split(",")}):
            bench = Bench(size, os.path.abspath(a.job), work)
            script, migration = bench.lines(a.rounds)
            for name, x, wanted in ((f"Python, {bench.parser}", script, TARGET), ("our migration", migration, MIGRATION_TARGET)):
                above = x.rss - bench.idle
                target = f"{wanted:>6.2f}  {verdict(x.ratio, wanted):<7}" if size >= TARGET_FROM else f"{'-':>6}  {'':<7}"
                print(f"{size:>9} {name:<17} {x.seconds:>8.3f} {x.shell_seconds:>8.3f} {x.cpu:>8.3f} {x.shell_cpu:>8.3f} {x.ratio:>6.2f} "
                      f"{f'{x.low:.2f}..{x.high:.2f}':>12} {target}  {above:>6.1f} {MEMORY_TARGET:>6.0f}  {verdict(above, MEMORY_TARGET)}", flush=True)
            bench.clean()
    except Failed as e:
        sys.exit(f"error: {e}")
    finally:
        if bench:
            bench.clean()


if __name__ == "__main__":
    main()
