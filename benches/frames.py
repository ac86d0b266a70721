#!/usr/bin/env python3
"""Metrics into a pandas frame: whole processes with expmig beside such with pandas.read_sql and sqlite3, of the same join.

  frames.py --package FOLDER --work FOLDER [--metrics 1000000] [--rounds 5]

FOLDER has the Python package (bindings/python/assemble.py FOLDER --library …). Needs pandas and pyarrow. Fails if the median of the ratios of the
times is above 0.3, or if the peak of the memory above that after the imports is above 1.2 times what the frame takes itself (deep).
"""
import argparse
import compileall
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIME_RATIO, MEMORY_RATIO = 0.3, 1.2

JOIN = """
SELECT t.experiment_id, r.trial_id, l.run AS trial_run_id, l.epoch AS epoch_idx, l.batch AS batch_idx, m.id AS metric_id, m.type, m.total_val,
  m.per_label_val, l.time FROM (
  SELECT results_id AS run, NULL AS epoch, NULL AS batch, metric_id, o.time FROM RESULTS_METRIC JOIN RESULTS o ON o.trial_run_id = results_id
  UNION ALL SELECT epoch_trial_run_id, epoch_idx, NULL, metric_id, o.time FROM EPOCH_METRIC
    JOIN EPOCH o ON o.idx = epoch_idx AND o.trial_run_id = epoch_trial_run_id
  UNION ALL SELECT l.trial_run_id, l.epoch_idx, l.batch_idx, metric_id, o.time FROM BATCH_METRIC l
    JOIN BATCH o ON o.idx = l.batch_idx AND o.epoch_idx = l.epoch_idx AND o.trial_run_id = l.trial_run_id) l
JOIN METRIC m ON m.id = l.metric_id JOIN TRIAL_RUN r ON r.id = l.run JOIN TRIAL t ON t.id = r.trial_id
"""

BEGIN = """
import sys
def memory(name):
    for line in open('/proc/self/status'):
        if line.startswith(name):
            return int(line.split()[1]) * 1024
"""

# Each says how many rows there are, what the frame takes, and the peak above what was there after the imports.
END = """
print(len(frame), int(frame.memory_usage(deep=True).sum()), memory('VmHWM') - after_imports)
"""

PROGRAMS = {
    "expmig": f"""{BEGIN}
sys.path.insert(0, sys.argv[2])
import expmig, pandas, pyarrow
import expmig.columns, expmig.migration
after_imports = memory('VmRSS')
db = expmig.DatabaseManager(sys.argv[1])
frame = expmig.DataMigrationManager(db).metrics().to_pandas()
{END}""",
    "read_sql": f"""{BEGIN}
import sqlite3, pandas
after_imports = memory('VmRSS')
frame = pandas.read_sql({JOIN!r}, sqlite3.connect(sys.argv[1]), parse_dates=['time'])
{END}""",
    "imports": "import sqlite3, pandas, pyarrow",
}


def database(path: Path, count: int) -> None:
    """The real data with a trial of many metrics, a hundred in each epoch."""
    shutil.copy(ROOT / "tests" / "data" / "digits.db", path)
    with sqlite3.connect(path) as db:
        start, = db.execute("SELECT start_time FROM EXPERIMENT WHERE id = 1").fetchone()
        trial = db.execute("INSERT INTO TRIAL (name, experiment_id, start_time, update_time) VALUES ('many', 1, ?1, ?1)", [start]).lastrowid
        run = db.execute("INSERT INTO TRIAL_RUN (trial_id, status, start_time, update_time) VALUES (?2, 'completed', ?1, ?1)", [start, trial]).lastrowid
        db.executemany("INSERT INTO EPOCH VALUES (?, ?, ?)", ((epoch, run, start) for epoch in range(count // 100 + 1)))
        first, = db.execute("SELECT max(id) + 1 FROM METRIC").fetchone()
        db.executemany(
            "INSERT INTO METRIC (id, type, total_val, per_label_val) VALUES (?, ?, ?, ?)",
            ((first + at, ("accuracy", "loss")[at % 2], at / 7, f'{{"class_0": {at / 9}, "class_1": {at / 11}}}') for at in range(count)),
        )
        db.executemany(
            "INSERT INTO EPOCH_METRIC (epoch_idx, epoch_trial_run_id, metric_id) VALUES (?, ?, ?)", ((at // 100, run, first + at) for at in range(count)),
        )
    db.close()


def run(name: str, *arguments: object) -> tuple[float, float, list[int]]:
    """Seconds of the wall clock and of the processor, and what the program said."""
    before, began = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", PROGRAMS[name], *map(str, arguments)], stdout=subprocess.PIPE, check=True, text=True)
    took, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return took, used, [int(word) for word in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--package", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--metrics", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"frames-{options.metrics}.db"
    if not path.exists():
        database(work / "new.db", options.metrics)
        os.replace(work / "new.db", path)
    # As pip compiles what it installs.
    if not compileall.compile_dir(options.package, quiet=1):
        sys.exit("the package cannot be compiled")
    measured: dict[str, list[tuple[float, float, list[int]]]] = {name: [] for name in PROGRAMS}
    for name in PROGRAMS:
        # The file, and the modules, in memory.
        run(name, path, options.package)
    for _ in range(options.rounds):
        for name in PROGRAMS:
            measured[name].append(run(name, path, options.package))
    rows = {one[2][0] for name in ("expmig", "read_sql") for one in measured[name]}
    if len(rows) != 1:
        sys.exit(f"the frames have different numbers of rows: {rows}")
    for name, all_of in measured.items():
        wall, processor = (statistics.median(one[at] for one in all_of) for at in (0, 1))
        print(f"{name}: {wall:.2f} s, {processor:.2f} s of processor time")
    failed = False
    for at, what in ((0, "wall clock"), (1, "processor time")):
        ratio = statistics.median(mine[at] / theirs[at] for mine, theirs in zip(measured["expmig"], measured["read_sql"]))
        print(f"{rows.pop() if at == 0 else options.metrics} metrics, whole process, {what}: {ratio:.2f} times read_sql, of at most {TIME_RATIO}")
        # What the machine does besides is in the wall clock.
        failed |= at == 1 and ratio > TIME_RATIO
    _, _, (_, own, peak) = max(measured["expmig"], key=lambda one: one[2][2])
    print(f"memory: the frame {own / 2**20:.0f} MiB, the peak above the imports {peak / 2**20:.0f} MiB: {peak / own:.2f} times, of at most {MEMORY_RATIO}")
    if failed or peak > MEMORY_RATIO * own:
        sys.exit("too slow, or too large")


if __name__ == "__main__":
    main()
