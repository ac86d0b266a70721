#!/usr/bin/env python3
"""Time the validation against what the sqlite3 shell can check. README.md says how to read it."""
import argparse
import json
import os
import shutil
import sqlite3
import sys

from run import GROWTH_TO, MEMORY_TARGET, ROOT, Child, Failed, Line, fresh_copy, generated, idle_memory, remove, verdict

TARGET, TARGET_FROM = 0.8, 1_000_000  # below that, starting the process is a good part of the time
# What SQLite can check by itself: foreign keys, and metrics whose labels are no object of numbers. NULL comes first: older
# versions call it invalid JSON.
SHELL = """
SELECT count(*) FROM pragma_foreign_key_check;
SELECT count(*) FROM METRIC m WHERE per_label_val IS NOT NULL AND
  CASE WHEN NOT json_valid(per_label_val) THEN 1
       WHEN json_type(per_label_val) <> 'object' THEN 1
       ELSE EXISTS (SELECT 1 FROM json_each(m.per_label_val) WHERE type NOT IN ('integer', 'real')) END;
"""
# Defects that both must count alike: dangling links, one of them to an epoch, and odd labels.
DAMAGE = """
DELETE FROM METRIC WHERE id % 1000 = 7;
DELETE FROM EPOCH WHERE idx = 3 AND trial_run_id % 10 = 1;
UPDATE METRIC SET per_label_val = '{"a": "x"}' WHERE id % 1000 = 8;
UPDATE METRIC SET per_label_val = '[1]' WHERE id % 1000 = 9;
UPDATE METRIC SET per_label_val = '{"a": 1' WHERE id % 1000 = 10;
"""
LABELS = ("json_malformed", "json_not_object", "json_non_numeric")


class Bench:
    """One database; both sides only read it."""

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.db = os.path.join(work, "scratch-validate.db")
        pristine = generated(metrics, work)
        fresh_copy(pristine, self.db)
        conn = sqlite3.connect(self.db)
        conn.executescript(DAMAGE)
        conn.close()
        self.compare(lambda found: min(found) > 0)
        fresh_copy(pristine, self.db)
        self.compare(lambda found: found == (0, 0))
        self.idle = idle_memory(job, self.db)

    def ours(self):
        """A run of ours, and the dangling references and odd labels that it found."""
        argv = [self.job, "validate", self.db]
        child = Child(argv)
        try:
            counts = json.loads(child.stdout)["counts"]
        except (ValueError, KeyError) as e:
            raise Failed(f"{' '.join(argv)}: printed {child.stdout!r} ({e!r})")
        of = lambda *kinds: sum(c["count"] for c in counts if c["kind"] in kinds)
        return child, (of("dangling_reference"), of(*LABELS))

    def shell(self):
        child = Child(["sqlite3", "-batch", "-readonly", "-cmd", "PRAGMA cache_size=-262144", self.db, SHELL])
        return child, tuple(int(line) for line in child.stdout.split())

    def compare(self, plausible):
        found, theirs = self.ours()[1], self.shell()[1]
        if found != theirs or not plausible(found):
            raise Failed(f"dangling references and odd labels: we found {found}, the shell {theirs}")

    def line(self, rounds):
        pairs = [(self.ours()[0], self.shell()[0]) for _ in range(rounds)]
        return Line([a for a, _ in pairs], [b for _, b in pairs])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--sizes", default="10000,100000,1000000", help="METRIC rows of the databases (default %(default)s)")
    p.add_argument("--full", action="store_true", help="also 10000000: some 4 GB of free disk")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--job", default=os.path.join(ROOT, "target", "release", "examples", "bench_job"))
    p.add_argument("--work", default=os.path.join(ROOT, "target", "bench"), help="folder of the databases")
    a = p.parse_args()
    sizes = sorted({int(s) for s in a.sizes.split(",")} | ({GROWTH_TO} if a.full else set()))
    if not os.path.exists(a.job):
        sys.exit(f"{a.job}: not there; build it with: cargo build --release --lib --example bench_job")
    if not shutil.which("sqlite3"):
        sys.exit("the sqlite3 command-line shell is needed (Debian, Ubuntu: apt-get install sqlite3)")
    work = os.path.abspath(a.work)
    os.makedirs(work, exist_ok=True)
    print(f"Validating the whole database; medians of {a.rounds} rounds, whole processes; peak memory above a process that only opened it\n")
    print(f"{'metrics':>9} {'ours s':>8} {'shell s':>8} {'cpu s':>8} {'shell':>8} {'ratio':>6} {'min..max':>12} {'target':>6}"
          f"           {'MiB':>6} {'target':>6}")
    try:
        for size in sizes:
            bench = Bench(size, os.path.abspath(a.job), work)
            x = bench.line(a.rounds)
            above = x.rss - bench.idle
            target = f"{TARGET:>6.2f}  {verdict(x.ratio, TARGET):<7}" if size >= TARGET_FROM else f"{'-':>6}  {'':<7}"
            print(f"{size:>9} {x.seconds:>8.3f} {x.shell_seconds:>8.3f} {x.cpu:>8.3f} {x.shell_cpu:>8.3f} {x.ratio:>6.2f} "
                  f"{f'{x.low:.2f}..{x.high:.2f}':>12} {target}  {above:>6.1f} "
                  f"{MEMORY_TARGET:>6.0f}  {verdict(above, MEMORY_TARGET)}", flush=True)
    except Failed as e:
        sys.exit(f"error: {e}")
    finally:
        remove(os.path.join(work, "scratch-validate.db"))


if __name__ == "__main__":
    main()
