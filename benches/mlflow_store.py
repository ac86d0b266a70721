#!/usr/bin/env python3
"""Migrations of an experiment of MLflow, beside hand-written SQL and LOAD DATA of ready-made files.

  mlflow.py --job BENCH_JOB --work FOLDER [--metrics N] [--runs N] [--rounds N] [--memory N] [--server]

An experiment with N points in RUNS runs, alone in a store of the tables of tests/data/mlflow/3.17.2.db. SQLite -> SQLite is beside the statements
that a careful user of the sqlite3 shell would write: ATTACH, and one INSERT ... SELECT for each table, in one durable transaction, into the same empty
store with its keys and indexes, with a cache of 256 MiB. With --server also SQLite -> MariaDB, beside LOAD DATA LOCAL INFILE of ready-made files into the
same tables of a private server. Rounds are interleaved; whole processes; the medians of wall and processor times and of the ratios within a round.
--memory N copies N points once more and says the peak.
"""
import argparse
import multiprocessing
import os
import pathlib
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

from servers import HERE, Server

DATA = HERE.parent / "tests" / "data" / "mlflow"
EXPERIMENT = 1
KEYS, STEPS_FROM = 10, 1_700_000_000_000
TABLES = ["experiment_tags", "runs", "metrics", "latest_metrics", "params", "tags"]
TARGETS = {"sql": 1.2, "load": 1.5, "memory": 64.0}


def empty_store(path):
    """MLflow's tables with what they have before the first run, and nothing else."""
    remove(path)
    origin = sqlite3.connect(f"file:{DATA / '3.17.2.db'}?mode=ro", uri=True)
    made = sqlite3.connect(path)
    of_types = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND type = ? ORDER BY rowid"
    for kind in ("table", "index", "trigger"):
        for (statement,) in origin.execute(of_types, (kind,)):
            made.execute(statement)
    for table, condition in [("alembic_version", "1"), ("workspaces", "1"), ("experiments", "experiment_id = 0")]:
        for row in origin.execute(f"SELECT * FROM {table} WHERE {condition}"):
            made.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    made.commit()
    made.close()


def store(path, metrics, runs):
    """An experiment as MLflow's client logs it: run by run, step by step."""
    empty_store(path)
    made = sqlite3.connect(path)
    made.execute("PRAGMA synchronous = OFF")
    made.execute("PRAGMA cache_size = -1000000")
    rand = random.Random(1)
    made.execute("INSERT INTO experiments VALUES (?, 'bench', 'mlflow-artifacts:/1', 'active', 1700000000000, 1700000000000, 'default')", (EXPERIMENT,))
    made.execute("INSERT INTO experiment_tags VALUES ('mlflow.note.content', 'a note', ?)", (EXPERIMENT,))
    steps = metrics // runs // KEYS
    for number in range(runs):
        run = f"{rand.getrandbits(128):032x}"
        begin = STEPS_FROM + number * 1_000_000
        made.execute("INSERT INTO runs VALUES (?, ?, 'UNKNOWN', '', '', 'someone', 'FINISHED', ?, ?, '', 'active', ?, ?, NULL)",
                     (run, f"run-{number}", begin, begin + steps * 100, f"mlflow-artifacts:/1/{run}/artifacts", EXPERIMENT))
        values = {}
        rows = []
        for step in range(steps):
            for key in range(KEYS):
                values[key] = (rand.random(), begin + step * 100 + key, step)
                rows.append((f"metric_{key}", *values[key][:2], run, step, 0))
        made.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        made.executemany("INSERT INTO latest_metrics VALUES (?, ?, ?, ?, 0, ?)", [(f"metric_{key}", *value, run) for key, value in values.items()])
        made.executemany("INSERT INTO params VALUES (?, ?, ?)", [(f"param_{n}", str(rand.random()), run) for n in range(10)])
        tags = [("mlflow.runName", f"run-{number}"), ("mlflow.user", "someone"), ("mlflow.source.name", "train.py"), ("mlflow.source.type", "LOCAL")]
        made.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(*tag, run) for tag in tags])
    made.commit()
    made.close()


def made(path, metrics, runs):
    """The store, if it is not there yet, in a process of its own: a child's peak of memory is never below what this process had when it began."""
    if not path.exists():
        maker = multiprocessing.Process(target=store, args=(path, metrics, runs))
        maker.start()
        maker.join()
        if maker.exitcode:
            sys.exit(f"{path} was not made")


def remove(path):
    for suffix in ("", "-journal", "-wal", "-shm"):
        pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)


def read_once(path):
    """So that both sides find it in the system's cache."""
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass


def sql(source, target):
    """What copies the experiment by the sqlite3 shell."""
    runs = f"(SELECT run_uuid FROM runs WHERE experiment_id = {EXPERIMENT})"
    lines = [".bail on", "PRAGMA cache_size = -262144;", f"ATTACH '{target}' AS o;", "PRAGMA o.cache_size = -262144;", "BEGIN;",
             f"INSERT INTO o.experiments SELECT * FROM main.experiments WHERE experiment_id = {EXPERIMENT};"]
    for table in TABLES:
        of = f"experiment_id = {EXPERIMENT}" if table in ("runs", "experiment_tags") else f"run_uuid IN {runs}"
        lines.append(f"INSERT INTO o.{table} SELECT * FROM main.{table} WHERE {of};")
    return "\n".join([*lines, "COMMIT;\n"])


class Taken:
    """What a process took."""

    def __init__(self, command, text=None):
        command = [str(part) for part in command]
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.PIPE if text else subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if text:
            child.stdin.write(text.encode())
            child.stdin.close()
        said = child.stderr.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
        self.wall, self.cpu, self.mib = time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        child.returncode = status
        if status:
            sys.exit(f"{command[:3]}: {said[:1000]}")


class Files:
    """From a file to another one."""

    def __init__(self, options, source):
        self.job, self.source, self.target = options.job, source, options.work / "mlflow-out.db"
        self.empty = options.work / "mlflow-empty.db"
        empty_store(self.empty)

    def prepare(self):
        remove(self.target)
        shutil.copyfile(self.empty, self.target)
        os.sync()
        read_once(self.source)

    def check(self):
        """That all rows are there, and are the same, whatever id the experiment has."""
        there = sqlite3.connect(f"file:{self.target}?mode=ro", uri=True)
        there.execute("ATTACH ? AS s", (f"file:{self.source}?mode=ro",))
        for table in TABLES[1:]:
            columns = "run_uuid, name" if table == "runs" else "*"
            for database in ("main", "s"):
                other = {"main": "s", "s": "main"}[database]
                (n,) = there.execute(f"SELECT count(*) FROM (SELECT {columns} FROM {database}.{table} EXCEPT SELECT {columns} FROM {other}.{table})").fetchone()
                if n:
                    sys.exit(f"{n} rows of {table} differ")
        there.close()

    def ours(self):
        self.prepare()
        return Taken([self.job, "migrate", self.source, EXPERIMENT, "--target", self.target])

    def other(self):
        self.prepare()
        return Taken(["sqlite3", self.source], sql(self.source, self.target))

    def clear(self):
        remove(self.target)
        remove(self.empty)


class Maria:
    """From a file to a server."""

    def __init__(self, options, source, server):
        self.job, self.source, self.server = options.job, source, server
        self.ddl = (DATA / "3.17.2-mariadb.sql").read_text()
        self.folder = server.folder / "ready"
        self.folder.mkdir()
        rows = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        self.columns = {}
        self.rows = 0
        for table in ["experiments", *TABLES]:
            self.columns[table] = [row[1] for row in rows.execute(f"PRAGMA table_info({table})")]
            where = f" WHERE experiment_id = {EXPERIMENT}" if table == "experiments" else ""
            with open(self.folder / table, "w", encoding="utf-8") as out:
                for row in rows.execute(f"SELECT * FROM {table}{where}"):
                    out.write("\t".join("\\N" if cell is None else repr(cell) if isinstance(cell, float) else str(cell) for cell in row) + "\n")
                    self.rows += 1

    def prepare(self, schema):
        self.server.sql(f"DROP SCHEMA IF EXISTS {schema}; CREATE SCHEMA {schema}")
        # One statement a line; a trigger has semicolons within.
        statements = [line.rstrip().removesuffix(";") for line in self.ddl.splitlines() if line and not line.startswith("--")]
        Taken(self.server.client(schema), "DELIMITER $$\n" + "".join(f"{statement}$$\n" for statement in statements))

    def check(self, schema):
        counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in ["experiments", *TABLES])
        if (found := int(self.server.sql(f"SELECT {counts} - 1", schema)[1])) != self.rows:
            sys.exit(f"{schema} has {found} rows, not {self.rows}")

    def ours(self):
        self.prepare("ours")
        taken = Taken([self.job, "migrate", self.source, EXPERIMENT, "--target", self.server.url("ours")])
        self.check("ours")
        return taken

    def other(self):
        self.prepare("loaded")
        text = "START TRANSACTION;\n"
        for table, columns in self.columns.items():
            text += f"LOAD DATA LOCAL INFILE '{self.folder / table}' INTO TABLE {table} CHARACTER SET utf8mb4 ({', '.join(f'`{c}`' for c in columns)});\n"
        taken = Taken([*self.server.client(), "loaded"], text + "COMMIT;\n")
        self.check("loaded")
        return taken


def line(name, pairs, target):
    middle = statistics.median
    walls, cpus = [a.wall / b.wall for a, b in pairs], [a.cpu / b.cpu for a, b in pairs]
    verdict = "met" if middle(walls) <= target else "NOT MET"
    print(f"{name:<36} {middle(a.wall for a, _ in pairs):8.2f} {middle(b.wall for _, b in pairs):8.2f} {middle(walls):6.2f}  "
          f"({min(walls):.2f}..{max(walls):.2f})  processor {middle(a.cpu for a, _ in pairs):6.2f} {middle(b.cpu for _, b in pairs):6.2f} {middle(cpus):6.2f}  "
          f"target {target:.2f}  {verdict}", flush=True)
    memory("peak memory, MiB", max(a.mib for a, _ in pairs))


def memory(name, mib):
    print(f"{name:<36} {mib:8.0f}   target {TARGETS['memory']:.0f}  {'met' if mib <= TARGETS['memory'] else 'NOT MET'}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--metrics", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, help="points of one more copy, for the peak")
    parser.add_argument("--server", action="store_true", help="also into a private MariaDB server")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    source = options.work / f"mlflow-{options.metrics}-{options.runs}.db"
    made(source, options.metrics, options.runs)
    print(f"{options.metrics} points in {options.runs} runs, {options.rounds} rounds; seconds of ours and of the other, and the ratio\n")
    files = Files(options, source)
    pairs = []
    for number in range(options.rounds):
        pairs.append((files.ours(), files.other()))
        if number == 0:
            for side in (files.ours, files.other):
                side()
                files.check()
    line("SQLite -> SQLite / ATTACH", pairs, TARGETS["sql"])
    if options.server:
        server = Server()
        try:
            maria = Maria(options, source, server)
            line("SQLite -> MariaDB / LOAD DATA", [(maria.ours(), maria.other()) for _ in range(options.rounds)], TARGETS["load"])
        finally:
            server.stop()
    if options.memory:
        large = options.work / f"mlflow-{options.memory}-{options.runs}.db"
        made(large, options.memory, options.runs)
        files.source = large
        memory(f"peak memory at {options.memory} points, MiB", files.ours().mib)
    files.clear()


if __name__ == "__main__":
    main()
