#!/usr/bin/env python3
"""SQLite -> PostgreSQL -> MariaDB -> SQLite, by the command, and every row at every station looked at by psycopg, PyMySQL and sqlite3.

    python chain.py EXPMIG

For digits.db, for extreme values that every one of the three engines holds, and for the committed store of MLflow 3.17.2. The digests are equal
at every station, and the rows too, without the digest: of Experiment Manager's with where they hang (check_copy.py), of MLflow's every cell but
the experiment's id. Needs psycopg and PyMySQL, private servers of both kinds, and the sqlite3 module.
"""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import binding
import psycopg
import pymysql

import check_copy
import server_rows
from expmig import DatabaseManager
from experiment_tree import FOREIGN_KEYS, Tree

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
sys.path.insert(0, str(HERE.parent / "mlflow"))
from servers import mariadb, postgresql  # noqa: E402

EXTREME = r"""
    UPDATE METRIC SET total_val = 4.9406564584124654e-324 WHERE id % 7 = 1;
    UPDATE METRIC SET total_val = -1.7976931348623157e308 WHERE id % 7 = 2;
    UPDATE METRIC SET total_val = 2.2250738585072009e-308 WHERE id % 7 = 3;
    UPDATE METRIC SET total_val = 0.1 + 0.2, per_label_val = '{"a":  1e0, "a": 2, "é": 1E-7}' WHERE id % 7 = 4;
    UPDATE METRIC SET type = 'é😀\''"' || char(9, 10, 13) || '\N %s', per_label_val = '' WHERE id % 7 = 5;
    UPDATE METRIC SET per_label_val = '{"' || replace(hex(zeroblob(100000)), '00', 'ä') || '": 0.1}' WHERE id % 7 = 6 AND id % 11 = 0;
    UPDATE EXPERIMENT SET start_time = '0001-01-01T00:00:00', update_time = '9999-12-31T23:59:59.999999', desc = '', title = ' ' || title || ' ';
    UPDATE ARTIFACT SET loc = 'C:\x\' || id;
    UPDATE TRIAL SET start_time = '1969-12-31T23:59:59.999999', name = name || ' '"""

# MLflow's tables, and which of their rows are an experiment's.
RUNS = "IN (SELECT r.run_uuid FROM runs r WHERE r.experiment_id = {0})"
TRACES = "IN (SELECT i.request_id FROM trace_info i WHERE i.experiment_id = {0})"
MLFLOW = {
    **{table: "t.experiment_id = {0}" for table in ("experiments", "experiment_tags", "runs", "datasets", "logged_models", "logged_model_params",
                                                   "logged_model_tags", "trace_info")},
    **{table: f"t.run_uuid {RUNS}" for table in ("metrics", "latest_metrics", "params", "tags")},
    **{table: f"t.request_id {TRACES}" for table in ("trace_tags", "trace_request_metadata", "trace_metrics")},
    **{table: f"t.trace_id {TRACES}" for table in ("spans", "span_metrics", "assessments")},
    "logged_model_metrics": "t.model_id IN (SELECT m.model_id FROM logged_models m WHERE m.experiment_id = {0})",
    "inputs": f"(t.destination_id {RUNS} OR t.source_id {RUNS})",
    "input_tags": f"t.input_uuid IN (SELECT n.input_uuid FROM inputs n WHERE n.destination_id {RUNS} OR n.source_id {RUNS})",
    "entity_associations": f"t.source_id {TRACES}",
}


class Station:
    """A database: its URL for expmig, and a client that is not expmig."""

    def __init__(self, kind, url, connect):
        self.kind, self.url, self.connect = kind, str(url), connect

    def rows(self, table, condition="1 = 1"):
        """The names of the columns in lower case, and the rows."""
        quote = "`" if self.kind == "MariaDB" else '"'
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT t.* FROM {quote}{table}{quote} t WHERE {condition}")
            return [column[0].lower() for column in cursor.description], cursor.fetchall()

    def tracker(self):
        """{table: rows} of Experiment Manager's tables."""
        found = {}
        for table in server_rows.TABLES:
            names, rows = self.rows(table)
            found[table] = [server_rows.row_of(table, names, cells) for cells in rows]
        return found

    def mlflow(self, experiment):
        """{table: rows as a multiset} of an experiment of MLflow's, with every cell but its id."""
        found = {}
        for table, condition in MLFLOW.items():
            names, rows = self.rows(table, condition.format(experiment))
            found[table] = Counter(
                tuple(sorted((name, *plain(value)) for name, value in zip(names, cells) if name != "experiment_id")) for cells in rows
            )
        return found


def plain(value):
    """As `server_rows.cell`, where booleans are numbers, and bytes are what a text of an engine without such a type is."""
    return server_rows.cell("", int(value) if isinstance(value, bool) else value)


def expmig(*words):
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def digest(station, experiment):
    return json.loads(expmig("--json", "digest", station.url, "--experiment", experiment))["experiments"][0]["digest"]


def check(what, wanted, found):
    if wanted != found:
        raise SystemExit(f"{what}: {found} is not {wanted}")


def along(name, stations, experiment, compare):
    """Copies an experiment from station to station; `compare` looks at the rows of two of them."""
    first, wanted, here, at = stations[0], digest(stations[0], experiment), stations[0], experiment
    for there in stations[1:]:
        said = json.loads(expmig("--json", "migrate", here.url, "--experiment", at, "--to", there.url))
        copy = said["new_experiment_id"]
        check(f"{name}: the digest at {there.kind}", wanted, digest(there, copy))
        rows = compare(first, experiment, there, copy)
        print(f"{name}, experiment {experiment}: {there.kind} has the same {rows} rows and the digest {wanted[:16]}...", flush=True)
        here, at = there, copy


def same_tracker(first, experiment, there, copy):
    numbers = {}
    copied = there.tracker()
    trees = Tree(first.tracker(), experiment, numbers), Tree(copied, copy, numbers)
    lines = check_copy.compare_rows(*trees, list(FOREIGN_KEYS)) or check_copy.compare_places(*trees) or check_copy.check_keys(copied, trees[1])
    if lines:
        raise SystemExit("\n".join([f"at {there.kind}:", *lines]))
    return sum(map(len, trees[1].rows.values()))


def same_mlflow(first, experiment, there, copy):
    wanted, found = first.mlflow(experiment), there.mlflow(copy)
    for table, rows in wanted.items():
        if rows != found[table]:
            lost, new = list((rows - found[table]).items())[:2], list((found[table] - rows).items())[:2]
            raise SystemExit(f"{table} at {there.kind}: not there {lost}, instead {new}")
    return sum(sum(rows.values()) for rows in wanted.values())


def main():
    with tempfile.TemporaryDirectory(prefix="expmig-chain-") as folder, postgresql(folder) as (_, postgres_url), mariadb(folder) as (_, maria_url):
        folder = Path(folder)
        at = dict(host="127.0.0.1", user="tester", password="secret")
        port = {"postgres": int(postgres_url.split(":")[3].split("/")[0]), "maria": int(maria_url.split(":")[3].split("/")[0])}

        def on_postgres(schema):
            connect = lambda: psycopg.connect(port=port["postgres"], dbname="mlflow", options=f"-c search_path={schema}", **at)
            return Station("PostgreSQL", f"{postgres_url}&schema={schema}", connect)

        def on_maria(schema):
            connect = lambda: pymysql.connect(port=port["maria"], database=schema, charset="utf8mb4", init_command="SET time_zone = '+00:00'", **at)
            return Station("MariaDB", maria_url.replace("/mlflow?", f"/{schema}?"), connect)

        def file(path):
            return Station("SQLite", path, lambda: sqlite3.connect(path))

        for name in ("digits", "extreme"):
            source = folder / f"{name}.db"
            shutil.copy(DATA / "digits.db", source)
            if name == "extreme":
                with closing(sqlite3.connect(source)) as database:
                    database.executescript(EXTREME)
            stations = [file(source), on_postgres(name), on_maria(name), file(folder / f"{name}-end.db")]
            for station in stations[1:]:
                DatabaseManager(station.url, create=True).close()
            along(name, stations, 1, same_tracker)

        source, end = folder / "store.db", folder / "store-end.db"
        for path in (source, end):
            shutil.copy(DATA / "mlflow" / "3.17.2.db", path)
        tables = (DATA / "mlflow" / "3.17.2-postgresql.sql").read_text()
        with psycopg.connect(port=port["postgres"], dbname="mlflow", autocommit=True, **at) as connection:
            connection.execute("CREATE SCHEMA store")
            connection.execute("SET search_path = store;\n" + tables)
        with closing(pymysql.connect(port=port["maria"], charset="utf8mb4", **at)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("CREATE DATABASE store")
            cursor.execute("USE store")
            for line in (DATA / "mlflow" / "3.17.2-mariadb.sql").read_text().splitlines():
                if line.strip() and not line.startswith("--"):
                    cursor.execute(line)
            connection.commit()
        with closing(sqlite3.connect(source)) as database:
            # Points whose step or time is a fraction only SQLite keeps.
            for table in ("metrics", "latest_metrics"):
                database.execute(f"DELETE FROM {table} WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'")
            database.commit()
        with closing(sqlite3.connect(end)) as database:
            # A store of MLflow's without runs: its experiments go with all that is theirs.
            tables = [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                if table in MLFLOW:
                    database.execute(f"DELETE FROM {table}" + (" WHERE experiment_id > 0" if table == "experiments" else ""))
            database.commit()
        for experiment in (1, 2, 3):
            along("MLflow", [file(source), on_postgres("store"), on_maria("store"), file(end)], experiment, same_mlflow)
        print("the chain lost nothing")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    COMMAND = os.path.abspath(sys.argv[1])
    main()
