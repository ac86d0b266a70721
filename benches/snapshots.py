#!/usr/bin/env python3
"""Times making and restoring a snapshot against the sqlite3 shell's .backup and .restore. README.md says how to read it."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

from run import GROWTH_TO, HERE, MEMORY_TARGET, ROOT, SEED, Child, Failed, fresh_copy, remove, verdict

TARGET = 1.3


class Bench:
    """The measurements on one generated database."""

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.pristine = os.path.join(work, f"metrics-{metrics}-seed{SEED}.db")
        generator = os.path.join(HERE, "generate.py")
        if not os.path.exists(self.pristine) or os.path.getmtime(self.pristine) < os.path.getmtime(generator):
            subprocess.run([sys.executable, generator, "--metrics", str(metrics), "--seed", str(SEED), self.pristine], check=True)
        self.db, self.copy, self.folder = (os.path.join(work, "scratch" + x) for x in (".db", "-copy.db", "-snapshots"))
        fresh_copy(self.pristine, self.db)
        self.idle = max(Child([job, "idle", self.db], watch=True).rss for _ in range(20))

    def create(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        child = Child([self.job, "snapshot", self.db, self.folder])
        snapshot = os.path.join(self.folder, child.stdout.strip())
        with open(snapshot + ".json") as f:
            manifest = json.load(f)
        if manifest["size"] != os.path.getsize(snapshot + ".db") or manifest["statistics"]["tables"]["METRIC"] != self.metrics:
            raise Failed(f"a wrong snapshot: {manifest}")
        return child

    def backup(self):
        remove(self.copy)
        child = Child(["sh", "-c", 'sqlite3 "$0" ".backup \'$1\'" && sync "$1" "$(dirname "$1")"', self.db, self.copy])
        if os.path.getsize(self.copy) != os.path.getsize(self.db):
            raise Failed("a wrong backup")
        return child

    def spoil(self):
        """The database as it is before a restore: the same size, another content, on disk and in the page cache."""
        fresh_copy(self.pristine, self.db)
        Child(["sqlite3", self.db, "UPDATE EXPERIMENT SET title = 'spoilt'"])

    def check_restored(self):
        title = Child(["sqlite3", self.db, "SELECT count(*) FROM EXPERIMENT WHERE title = 'spoilt'"]).stdout.strip()
        if title != "0":
            raise Failed("a wrong restore")

    def restore(self):
        self.spoil()
        child = Child([self.job, "restore", self.db, self.folder, self.id])
        self.check_restored()
        return child

    def shell_restore(self):
        self.spoil()
        child = Child(["sqlite3", self.db, f".restore '{os.path.join(self.folder, self.id)}.db'"])
        self.check_restored()
        return child

    def line(self, name, ours, shell, rounds):
        pairs = [(ours(), shell()) for _ in range(rounds)]
        ratios = [a.wall / b.wall for a, b in pairs]
        median = [statistics.median(x) for x in
                  ([a.wall for a, _ in pairs], [b.wall for _, b in pairs], [a.cpu for a, _ in pairs], [b.cpu for _, b in pairs], ratios)]
        above = max(a.rss for a, _ in pairs) - self.idle
        print(f"{self.metrics:>9}  {name:<26} {median[0]:>8.3f} {median[1]:>8.3f} {median[2]:>8.3f} {median[3]:>8.3f} {median[4]:>6.2f} "
              f"{f'{min(ratios):.2f}..{max(ratios):.2f}':>12} {TARGET:>6.2f}  {verdict(median[4], TARGET):<8} "
              f"{above:>6.1f} {MEMORY_TARGET:>6.0f}  {verdict(above, MEMORY_TARGET)}", flush=True)

    def run(self, rounds):
        self.line("snapshot, .backup and sync", self.create, self.backup, rounds)
        self.id = Child([self.job, "snapshot", self.db, self.folder]).stdout.strip()
        self.line("restore, .restore", self.restore, self.shell_restore, rounds)

    def clean(self):
        remove(self.db), remove(self.copy)
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--sizes", default="1000000", help="METRIC rows of the databases (default %(default)s)")
    p.add_argument("--full", action="store_true", help="also 10000000: some 8 GB of free disk")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--job", default=os.path.join(ROOT, "target", "release", "examples", "bench_job"))
    p.add_argument("--work", default=os.path.join(ROOT, "target", "bench"), help="folder of the databases")
    a = p.parse_args()
    sizes = sorted({int(s) for s in a.sizes.split(",")} | ({GROWTH_TO} if a.full else set()))
    os.makedirs(a.work, exist_ok=True)
    print(f"\nSnapshots: medians of {a.rounds} rounds, whole processes; peak memory in MiB above a process that only opened the database\n")
    print(f"{'metrics':>9}  {'what':<26} {'ours s':>8} {'shell s':>8} {'cpu s':>8} {'shell':>8} {'ratio':>6} {'min..max':>12} {'target':>6} "
          f"{'':<9} {'above':>6} {'target':>6}")
    for size in sizes:
        bench = None
        try:
            bench = Bench(size, os.path.abspath(a.job), os.path.abspath(a.work))
            bench.run(a.rounds)
        except Failed as e:
            sys.exit(f"error: {e}")
        finally:
            if bench:
                bench.clean()


if __name__ == "__main__":
    main()
