#!/usr/bin/env python3
"""Time the migration job against hand-written SQL in the sqlite3 shell. README.md says how to read it."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import baseline
from harness import GROWTH_TO, HERE, MEMORY_TARGET, ROOT, Failed, Line, arguments, remove, verdict

EXPERIMENT, SEED = 1, 1
LINES = [  # strategy, into another file?, target ratio
    ("aggressive", False, 0.8),
    ("balanced", False, 1.2),
    ("aggressive", True, 0.8),
    ("balanced", True, 1.2),
]
GROWTH_FROM, GROWTH_TARGET = 100_000, 1.3
STATIC_LIBS = ("-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc")  # rustc's native-static-libs

# What a copy must have in common with its source, in one row; the last two are totals of the file.
CONTENT = """
WITH t AS MATERIALIZED (SELECT id FROM TRIAL WHERE experiment_id = :experiment),
r AS MATERIALIZED (SELECT id FROM TRIAL_RUN WHERE trial_id IN t),
m AS MATERIALIZED (SELECT 'results' AS at, metric_id FROM RESULTS_METRIC WHERE results_id IN r
  UNION ALL SELECT 'epoch', metric_id FROM EPOCH_METRIC WHERE epoch_trial_run_id IN r
  UNION ALL SELECT 'batch', metric_id FROM BATCH_METRIC WHERE trial_run_id IN r),
mm AS MATERIALIZED (SELECT count(*) AS links, count(DISTINCT x.id) AS metrics, sum(at = 'results') AS of_results,
    sum(at = 'epoch') AS of_epochs, sum(at = 'batch') AS of_batches,
    sum(CAST(round(total_val * 1e6) AS INTEGER)) AS millionths, sum(length(per_label_val)) AS json_length
  FROM m CROSS JOIN METRIC x ON x.id = m.metric_id),
a AS MATERIALIZED (SELECT artifact_id FROM EXPERIMENT_ARTIFACT WHERE experiment_id = :experiment
  UNION ALL SELECT artifact_id FROM TRIAL_ARTIFACT WHERE trial_id IN t
  UNION ALL SELECT artifact_id FROM TRIAL_RUN_ARTIFACT WHERE trial_run_id IN r
  UNION ALL SELECT artifact_id FROM RESULTS_ARTIFACT WHERE results_id IN r
  UNION ALL SELECT artifact_id FROM EPOCH_ARTIFACT WHERE epoch_trial_run_id IN r
  UNION ALL SELECT artifact_id FROM BATCH_ARTIFACT WHERE trial_run_id IN r),
aa AS MATERIALIZED (SELECT count(*) AS artifact_links, count(DISTINCT x.id) AS artifacts, sum(length(loc)) AS loc_length
  FROM a CROSS JOIN ARTIFACT x ON x.id = a.artifact_id)
SELECT (SELECT title FROM EXPERIMENT WHERE id = :experiment) AS title, (SELECT count(*) FROM t) AS trials,
  (SELECT count(*) FROM r) AS runs, (SELECT count(*) FROM RESULTS WHERE trial_run_id IN r) AS results,
  (SELECT count(*) FROM EPOCH WHERE trial_run_id IN r) AS epochs, (SELECT count(*) FROM BATCH WHERE trial_run_id IN r) AS batches,
  mm.*, aa.*, (SELECT count(*) FROM METRIC) AS all_metrics, (SELECT count(*) FROM ARTIFACT) AS all_artifacts
FROM mm, aa
"""
COPIED_ROWS = ("trials", "runs", "results", "epochs", "batches", "metrics", "links", "artifacts", "artifact_links")


class Child:
    """One whole process: wall and CPU seconds, peak RSS in MiB, standard output."""

    def __init__(self, argv, stdin="/dev/null", watch=False):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            files = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
                     (os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)]
            start = time.perf_counter()
            pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=files)
            seen = watch_rss(pid) if watch else None
            _, status, usage = os.wait4(pid, 0)
            self.wall = time.perf_counter() - start
            out.seek(0), err.seek(0)
            self.stdout, stderr = out.read().decode(errors="replace"), err.read().decode(errors="replace")
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = seen if watch else usage.ru_maxrss / 1024
        if status != 0:
            raise Failed(f"{' '.join(argv)}: exit code {os.waitstatus_to_exitcode(status)}\n{stderr}")


def watch_rss(pid):
    """The peak RSS of a short process, by looking on. Its ru_maxrss would be too large: that begins
    with the size of the process that spawned it, this one. Looking on can only be too small, which
    is the strict side, as this figure is subtracted."""
    peak = 0
    while True:
        with open(f"/proc/{pid}/status") as f:
            line = next((x for x in f if x.startswith("VmHWM")), None)
        if line is None:  # it has ended
            return peak / 1024
        peak = max(peak, int(line.split()[1]))


def fresh_copy(source, copy):
    """A copy that is on disk and in the page cache, so nothing is left to read or write back."""
    remove(copy)
    shutil.copyfile(source, copy)
    with open(copy, "rb+") as f:
        os.fsync(f.fileno())
        while f.read(1 << 20):
            pass


def content(path, experiment):
    conn = sqlite3.connect(path)
    cursor = conn.execute(CONTENT, {"experiment": experiment})
    row = dict(zip([c[0] for c in cursor.description], cursor.fetchone()))
    conn.close()
    return row


def generated(metrics, work):
    """The path of the database with so many metrics; it is made if need be."""
    path = os.path.join(work, f"metrics-{metrics}-seed{SEED}.db")
    generator = os.path.join(HERE, "generate.py")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(generator):
        subprocess.run([sys.executable, generator, "--metrics", str(metrics), "--seed", str(SEED), path], check=True)
    return path


def idle_memory(job, db):
    """The peak of a process that only opens the database."""
    return max(Child([job, "idle", db], watch=True).rss for _ in range(20))


class Bench:
    """The measurements on one generated database."""

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.pristine = generated(metrics, work)
        self.source = content(self.pristine, EXPERIMENT)
        self.rows = 1 + sum(self.source[k] for k in COPIED_ROWS)
        self.db, self.other, self.sql = (os.path.join(work, "scratch" + x) for x in (".db", "-other.db", ".sql"))
        fresh_copy(self.pristine, self.db)
        self.idle = idle_memory(job, self.db)

    def ours(self, strategy, another):
        argv = [self.job, "migrate", self.db, str(EXPERIMENT), "--strategy", strategy]
        child = Child(argv + (["--target", self.other] if another else []))
        try:
            answer = json.loads(child.stdout)
            return child, answer["new_experiment_id"], answer["items_processed"]
        except (ValueError, KeyError) as e:
            raise Failed(f"{' '.join(argv)}: printed {child.stdout!r} ({e!r})")

    def shell(self, another):
        with open(self.sql, "w") as f:
            f.write(baseline.script(EXPERIMENT, self.other if another else None))
        child = Child(["sqlite3", "-batch", self.db], stdin=self.sql)
        return child, int(child.stdout), self.rows

    def measure(self, another, job):
        """Prepare, run, and check what was copied; only the run is timed."""
        fresh_copy(self.pristine, self.db)
        remove(self.other)
        child, new, processed = job()
        copy = content(self.other if another else self.db, new)
        expected = dict(self.source)
        for mine, total in (("metrics", "all_metrics"), ("artifacts", "all_artifacts")):
            expected[total] = self.source[mine] + (0 if another else self.source[total])
        wrong = [f"{k}: {copy[k]} instead of {v}" for k, v in expected.items() if copy[k] != v]
        if processed != self.rows:
            wrong.append(f"items_processed: {processed} instead of {self.rows}")
        if wrong or (new == EXPERIMENT and not another):
            raise Failed(f"a wrong copy (experiment {new}):\n  " + "\n  ".join(wrong))
        return child

    def line(self, strategy, another, rounds):
        pairs = []
        for _ in range(rounds):
            pairs.append((self.measure(another, lambda: self.ours(strategy, another)),
                          self.measure(another, lambda: self.shell(another))))
        return Line([a for a, _ in pairs], [b for _, b in pairs])


def name(strategy, another):
    return f"{strategy.upper()}, {'another file' if another else 'same database'}"


def print_speed(benches, rounds):
    print(f"Copying experiment {EXPERIMENT}, which holds half of the metrics; medians of {rounds} rounds, whole processes\n")
    print(f"{'metrics':>9}  {'what':<26} {'ours s':>8} {'shell s':>8} {'cpu s':>8} {'shell':>8} {'ratio':>6} {'min..max':>12} {'target':>6}")
    found = {}
    for b in benches:
        for strategy, another, target in LINES:
            x = found[b.metrics, strategy, another] = b.line(strategy, another, rounds)
            print(f"{b.metrics:>9}  {name(strategy, another):<26} {x.seconds:>8.3f} {x.shell_seconds:>8.3f} {x.cpu:>8.3f} {x.shell_cpu:>8.3f} "
                  f"{x.ratio:>6.2f} {f'{x.low:.2f}..{x.high:.2f}':>12} {target:>6.2f}  {verdict(x.ratio, target)}", flush=True)
    return found


def print_growth(benches, found):
    print(f"\nMicroseconds per copied row, and the largest size against {GROWTH_FROM}\n")
    sizes = [b.metrics for b in benches]
    print(f"{'':<26}" + "".join(f" {s:>9}" for s in sizes) + f" {'growth':>7} {'target':>6}")
    for strategy, another, _ in LINES:
        cost = {b.metrics: found[b.metrics, strategy, another].seconds / b.rows * 1e6 for b in benches}
        row = f"{name(strategy, another):<26}" + "".join(f" {cost[s]:>9.3f}" for s in sizes)
        if GROWTH_FROM in cost and max(sizes) > GROWTH_FROM:
            growth = cost[max(sizes)] / cost[GROWTH_FROM]
            row += f" {growth:>7.2f}"
            row += f" {GROWTH_TARGET:>6.2f}  {verdict(growth, GROWTH_TARGET)}" if GROWTH_TO in cost else f" {'-':>6}"
        print(row)


def print_memory(benches, found):
    print("\nPeak memory in MiB, less that of a process which only opened the database\n")
    print(f"{'metrics':>9}  {'what':<26} {'peak':>7} {'idle':>7} {'above':>7} {'target':>6}")
    for b in benches:
        for strategy, another, _ in LINES:
            x = found[b.metrics, strategy, another]
            print(f"{b.metrics:>9}  {name(strategy, another):<26} {x.rss:>7.1f} {b.idle:>7.1f} {x.rss - b.idle:>7.1f} "
                  f"{MEMORY_TARGET:>6.0f}  {verdict(x.rss - b.idle, MEMORY_TARGET)}")


def build_overhead(job, work):
    """Compiles overhead.c against the library that `make dist` left in the target folder of the job."""
    library = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(job))), "dist", "libexpmig.a")
    if not os.path.exists(library):
        raise Failed(f"{library}: not there; build it with: make dist")
    program = os.path.join(work, "overhead")
    Child([os.environ.get("CC", "cc"), "-std=c99", "-O2", "-I" + os.path.join(ROOT, "include"),
           os.path.join(HERE, "overhead.c"), library, *STATIC_LIBS, "-o", program])
    return program


def main():
    a = arguments(__doc__, full="some 8 GB of free disk and an hour")
    try:
        print(f"sqlite3 shell {Child(['sqlite3', '--version']).stdout.split()[0]}, {os.cpu_count()} CPUs\n")
        benches = [Bench(s, a.job, a.work) for s in a.sizes]
        overhead = build_overhead(a.job, a.work)
        found = print_speed(benches, a.rounds)
        print_growth(benches, found)
        print_memory(benches, found)
        fresh_copy(benches[0].pristine, benches[0].db)
        print("\nOverhead of a call\n\n" + Child([overhead, benches[0].db]).stdout.rstrip())
    except Failed as e:
        sys.exit(f"error: {e}")
    finally:
        for scratch in ("scratch.db", "scratch-other.db", "scratch.sql"):
            remove(os.path.join(a.work, scratch))


if __name__ == "__main__":
    main()
