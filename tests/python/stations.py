"""Databases of each engine with a client that is not expmig, and copies of an experiment along a chain of them: for chain.py and mlflow_chain.py.

After every job the source is what it was, a file to the byte, and the target has what it had and the copy's rows, and nothing else."""
import functools
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pymysql

import server_rows

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
sys.path.insert(0, str(HERE.parent / "mlflow"))
import servers  # noqa: E402

ACCOUNT = dict(host="127.0.0.1", user="tester", password="secret")
# The tables of a database, where the engine keeps their names.
NAMES = {
    "SQLite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "PostgreSQL": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}
SHOWN = "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'"


class Station:
    """A database: its URL for expmig, one for MLflow, and a client that is neither."""

    def __init__(self, kind, url, connect, mlflow_url=None, quote='"'):
        self.kind, self.url, self.connect, self.mlflow_url, self.quote = kind, str(url), connect, mlflow_url, quote

    @functools.cached_property
    def reader(self):
        """A connection without a transaction, which sees what is there now."""
        return self.connect()

    def ask(self, query):
        """The names of the columns in lower case, and the rows."""
        with closing(self.reader.cursor()) as cursor:
            cursor.execute(query)
            return [column[0].lower() for column in cursor.description], cursor.fetchall()

    def rows(self, table, condition="1 = 1"):
        return self.ask(f"SELECT t.* FROM {self.quote}{table}{self.quote} t WHERE {condition}")

    def execute(self, *statements):
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def tables(self):
        return [row[0] for row in self.ask(NAMES.get(self.kind, SHOWN))[1]]

    def everything(self):
        """Every row of every table."""
        return Counter((table, row) for table in self.tables() for row in map(whole_row, *self.with_names(table)))

    def with_names(self, table):
        names, rows = self.rows(table)
        return [names] * len(rows), rows

    def state(self):
        """What a job that only reads leaves as it is: the bytes of a file, or everything."""
        if self.kind != "SQLite":
            return self.everything()
        beside = [name for name in os.listdir(os.path.dirname(self.url)) if name.startswith(os.path.basename(self.url) + "-")]
        return hashlib.sha256(Path(self.url).read_bytes()).hexdigest(), beside

    def tracker(self):
        """{table: rows} of Experiment Manager's tables."""
        found = {}
        for table in server_rows.TABLES:
            names, rows = self.rows(table)
            found[table] = [server_rows.row_of(table, names, cells) for cells in rows]
        return found


def plain(value):
    """As `server_rows.cell`, where booleans are numbers."""
    return server_rows.cell("", int(value) if isinstance(value, bool) else value)


def whole_row(names, cells):
    return tuple(sorted((name, *plain(value)) for name, value in zip(names, cells)))


def file(path):
    return Station("SQLite", path, lambda: sqlite3.connect(path), f"sqlite:///{path}")


class Places(ExitStack):
    """Servers of every kind that there is, as long as the block runs, and new schemas on them. MySQL is there where EXPMIG_TEST_MYSQLD names it."""

    def __init__(self, folder):
        super().__init__()
        self.addresses = {kind: self.enter_context(make(folder)) for kind, make in servers.SERVERS}

    def schema(self, kind, name, script=None):
        """A new schema, with the tables of a script, a statement a line."""
        theirs, ours = self.addresses[kind]
        port = int(ours.split(":")[3].split("/")[0])
        if kind == "PostgreSQL":
            at = dict(port=port, dbname="mlflow", **ACCOUNT)
            with psycopg.connect(autocommit=True, **at) as connection:
                connection.execute(f'CREATE SCHEMA "{name}"')
                connection.execute(f'SET search_path = "{name}";\n{script or ""}')
            connect = lambda: psycopg.connect(options=f"-c search_path={name}", autocommit=True, **at)
            return Station(kind, f"{ours}&schema={name}", connect, f"{theirs}?options=-csearch_path%3D{name}")
        with closing(pymysql.connect(port=port, charset="utf8mb4", **ACCOUNT)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            cursor.execute(f"USE {name}")
            for line in (script or "").splitlines():
                if line.strip() and not line.startswith("--"):
                    cursor.execute(line)
            connection.commit()
        options = dict(port=port, database=name, charset="utf8mb4", autocommit=True, init_command="SET time_zone = '+00:00'", **ACCOUNT)
        connect = lambda: pymysql.connect(**options)
        return Station(kind, ours.replace("/mlflow?", f"/{name}?"), connect, theirs.replace("/mlflow", f"/{name}"), "`")


def expmig(*words, fails=False):
    done = subprocess.run([expmig.command, *map(str, words)], capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def digest(station, experiment):
    return json.loads(expmig("--json", "digest", station.url, "--experiment", experiment))["experiments"][0]["digest"]


def check(what, wanted, found):
    if wanted != found:
        raise SystemExit(f"{what}: {found} is not {wanted}")


def along(name, stations, experiment, compare):
    """Copies an experiment from station to station; `compare` looks at the rows of two of them. Its id at each."""
    first, wanted, ids = stations[0], digest(stations[0], experiment), [experiment]
    for here, there in zip(stations, stations[1:]):
        source, before = here.state(), there.everything()
        said = json.loads(expmig("--json", "migrate", here.url, "--experiment", ids[-1], "--to", there.url))
        check(f"{name}: {here.kind} after a copy from it", source, here.state())
        ids.append(said["new_experiment_id"])
        check(f"{name}: the digest at {there.kind}", wanted, digest(there, ids[-1]))
        rows = compare(first, experiment, there, ids[-1])
        after = there.everything()
        check(f"{name}: what {there.kind} had, and has no more", Counter(), before - after)
        check(f"{name}: rows that {there.kind} got", rows, sum((after - before).values()))
        print(f"{name}, experiment {experiment}: {there.kind} has the same {rows} rows and the digest {wanted[:16]}...", flush=True)
    return ids
