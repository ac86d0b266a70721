#!/usr/bin/env python3
"""Experiments of MLflow's stores along chains of engines and back into a file, by the command, with every row at every station looked at by PyMySQL,
psycopg and sqlite3, and on request what MLflow's own client reads there.

    python mlflow_chain.py EXPMIG [VERSION=PYTHON ...]

For the committed stores of every version whose tables on servers are committed, and for those that MLflow 3.17.2 upgraded. SQLite -> MariaDB ->
SQLite, SQLite -> MySQL -> SQLite where EXPMIG_TEST_MYSQLD names a server, and SQLite -> PostgreSQL -> MariaDB -> SQLite. At every station the digest
is the same, and every cell but the experiment's id, which is the copy's own wherever a row names it. Nothing else has come or gone, and what was
read is as it was, a file to the byte. PYTHON is an interpreter that has mlflow==VERSION (and pymysql, psycopg2): its client reads the same at every
station of the chains with tables of that version, which alone are made then.

What only SQLite keeps, steps and times that are fractions and tags that are longer than a server's column, is refused first, with each value named;
then it is changed by statements like those of docs/mlflow.md.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from stations import DATA, HERE, Places, along, check, expmig, file, whole_row

NEWEST = "3.17.2"
VERSIONS = ["1.30.1", "2.22.5", "3.0.1", "3.5.1", NEWEST]
WAYS = [["MariaDB"], ["MySQL"], ["PostgreSQL", "MariaDB"]]

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
TIMES = [(table, column) for table in ("metrics", "latest_metrics") for column in ("step", "timestamp")]
ROUNDED = [f"UPDATE {table} SET {column} = round({column}) WHERE typeof({column}) = 'real'" for table, column in TIMES]
LONG = "x" * 19_999 + "é"


def experiment_of(station, experiment):
    """{table: rows as a multiset} of an experiment of MLflow's, with every cell but its id, and the ids of it that its rows name."""
    found, ids, there = {}, set(), station.tables()
    for table, condition in MLFLOW.items():
        if table in there:
            names, rows = station.rows(table, condition.format(experiment))
            kept = [at for at, name in enumerate(names) if name != "experiment_id"]
            found[table] = Counter(whole_row([names[at] for at in kept], [cells[at] for at in kept]) for cells in rows)
            ids.update(cells[names.index("experiment_id")] for cells in rows if "experiment_id" in names)
    return found, ids - {None}


def same(first, experiment, there, copy):
    (wanted, _), (found, ids) = experiment_of(first, experiment), experiment_of(there, copy)
    for table, rows in wanted.items():
        if rows != found[table]:
            lost, new = list((rows - found[table]).items())[:2], list((found[table] - rows).items())[:2]
            raise SystemExit(f"{table} at {there.kind}: not there {lost}, instead {new}")
    check(f"the experiments that rows of the copy name at {there.kind}", {int(copy)}, ids)
    return sum(sum(rows.values()) for rows in wanted.values())


def refused(source, target, experiment, status, wanted):
    """A copy that would change values is refused, every one is named with its table and column, and nothing is written."""
    before, bytes_before = target.everything(), source.state()
    said = json.loads(expmig("--json", "migrate", source.url, "--experiment", experiment, "--to", target.url, fails=True))
    named = {key: [detail["value"] for detail in said["details"] if detail["key"] == key] for key in ("table", "column")}
    check(f"{target.kind} refuses", (status, wanted), (said["status"], Counter(zip(named["table"], named["column"]))))
    check("nothing is written", (before, bytes_before), (target.everything(), source.state()))


def fractions(source):
    """How many there are, by table and column."""
    return +Counter({(table, column): source.ask(f"SELECT count(*) FROM {table} WHERE typeof({column}) = 'real'")[1][0][0] for table, column in TIMES})


def emptied(source, path):
    """A store of the same version without runs, whose experiment 0 lets its name be taken."""
    shutil.copy(source, path)
    end = file(path)
    there = end.tables()
    end.execute(*[f"DELETE FROM {table}" + (" WHERE experiment_id > 0" if table == "experiments" else "") for table in MLFLOW if table in there])
    end.execute("UPDATE experiments SET name = 'aside'")
    return end


class Client:
    """MLflow's own, of a version."""

    def __init__(self, version, python):
        self.version, self.python = version, python

    def reads_the_same(self, name, folder, looks):
        """`looks` are experiments at stations, in groups that have to be the same. Of files it reads copies: it may write."""
        words, environment = [], dict(os.environ, MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
        for at, (station, experiment) in enumerate(look for group in looks for look in group):
            uri = station.mlflow_url
            if station.kind == "SQLite":
                copy = folder / f"read-{name.replace(' ', '-')}-{at}.db"
                shutil.copy(station.url, copy)
                uri = f"sqlite:///{copy}"
            words += [uri, str(experiment)]
        view = HERE.parent / "mlflow" / "client_view.py"
        done = subprocess.run([self.python, str(view), *words], capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SystemExit(f"MLflow {self.version} cannot read {words}: {done.stderr}")
        # An older version says things of its own before.
        found = json.loads(done.stdout.splitlines()[-1])
        runs = points = 0
        for group in looks:
            views, found = found[: len(group)], found[len(group) :]
            for (station, experiment), view in zip(group, views):
                for what, wanted in views[0].items():
                    check(f"{name}, experiment {experiment} at {station.kind}: {what} to MLflow's client", wanted, view[what])
            runs += len(views[0]["runs"])
            points += sum(len(history) for run in views[0]["runs"].values() for history in run[2].values())
        print(f"{name}: the client of MLflow {self.version} reads the same {runs} runs and {points} points at {len(looks[0])} stations", flush=True)


def prepared(name, folder):
    """A store with what no committed one has: tags of 20,000 characters, of an experiment and of a run."""
    source = file(str(folder / f"{name}-{len(list(folder.iterdir()))}.db"))
    shutil.copy(DATA / "mlflow" / f"{name}.db", source.url)
    source.execute(
        f"INSERT INTO experiment_tags (key, value, experiment_id) VALUES ('long', '{LONG}', 2)",
        f"INSERT INTO tags (key, value, run_uuid) SELECT 'long', '{LONG}', max(run_uuid) FROM runs WHERE experiment_id = 2",
    )
    return source


def into_a_file(name, folder):
    """Which keeps everything."""
    source = prepared(name, folder)
    other = emptied(source.url, str(folder / f"{name}-other.db"))
    for experiment in range(4):
        along(f"{name} into a file", [source, other], experiment, same)


def chain(name, tables, way, places, folder, clients):
    title = f"{name} over {' and '.join(way)}"
    source = prepared(name, folder)
    label = f"chain_{len(list(folder.iterdir()))}"
    scripts = [(DATA / "mlflow" / f"{tables}-{kind.lower()}.sql").read_text() for kind in way]
    middle = [places.schema(kind, label, script) for kind, script in zip(way, scripts)]
    for station in middle:
        station.execute("UPDATE experiments SET name = 'aside'")
    end = emptied(source.url, str(folder / f"{label}-end.db"))
    refused(source, middle[0], 1, "LOSSY", fractions(source))
    source.execute(*ROUNDED)
    # Before MLflow 3.17 those of experiments have a limit, too.
    long = ["tags"] if tables == NEWEST else ["tags", "experiment_tags"]
    refused(source, middle[0], 2, "CONSTRAINT", Counter((table, "value") for table in long))
    source.execute(*[f"UPDATE {table} SET value = substr(value, 1, 5000) WHERE length(value) > 8000" for table in long])
    stations = [source, *middle, end]
    looks = []
    for experiment in range(4):
        looks.append(list(zip(stations, along(title, stations, experiment, same))))
    if tables in clients:
        clients[tables].reads_the_same(title, folder, looks)


def main():
    expmig.command = os.path.abspath(sys.argv[1])
    clients = {version: Client(version, python) for version, python in (word.split("=", 1) for word in sys.argv[2:])}
    chains = 0
    with tempfile.TemporaryDirectory(prefix="expmig-chain-") as folder, Places(folder) as places:
        folder = Path(folder)
        for version in VERSIONS:
            for name, tables in [(version, version)] + ([(f"{version}-upgraded", NEWEST)] if version != NEWEST else []):
                if clients and tables not in clients:
                    continue
                into_a_file(name, folder)
                for way in WAYS:
                    there = all(kind in places.addresses and (DATA / "mlflow" / f"{tables}-{kind.lower()}.sql").exists() for kind in way)
                    if there:
                        chain(name, tables, way, places, folder, clients)
                        chains += 1
    print(f"{chains} chains lost nothing")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main()
