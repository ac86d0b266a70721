#!/usr/bin/env python3
"""One experiment of a SQLite database as an export document, written from docs/export-format.md and not from the Rust code.

    python write_document.py DB EXPERIMENT_ID [--order written|sorted|reversed|SEED] [--indent] [--digest HEX] [--bare]

`--order` is that of all keys and lists: as on the page, sorted, reversed, or shuffled with a seed. `--bare` leaves out what a
document made by hand need not have: format, metadata, empty lists, NULLs, the ids of what a row stands below.
"""
import argparse
import base64
import json
import math
import pathlib
import random
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing

COLUMNS = {
    "EXPERIMENT": ["id", "title", "desc", "start_time", "update_time"],
    "TRIAL": ["id", "name", "experiment_id", "start_time", "update_time"],
    "TRIAL_RUN": ["id", "trial_id", "status", "start_time", "update_time"],
    "RESULTS": ["time"],
    "EPOCH": ["idx", "time"],
    "BATCH": ["idx", "time"],
    "METRIC": ["id", "type", "total_val", "per_label_val"],
    "ARTIFACT": ["id", "type", "loc"],
}
# What a row hangs on, as the columns of the key that leads to it from the outside, and the row's own.
KEYS = {
    "EXPERIMENT": ["id"], "TRIAL": ["experiment_id", "id"], "TRIAL_RUN": ["trial_id", "id"], "RESULTS": ["trial_run_id"],
    "EPOCH": ["trial_run_id", "idx"], "BATCH": ["trial_run_id", "epoch_idx", "idx"], "METRIC": ["id"], "ARTIFACT": ["id"],
    "EXPERIMENT_ARTIFACT": ["experiment_id", "artifact_id"], "TRIAL_ARTIFACT": ["trial_id", "artifact_id"],
    "TRIAL_RUN_ARTIFACT": ["trial_run_id", "artifact_id"], "RESULTS_METRIC": ["results_id", "metric_id"],
    "RESULTS_ARTIFACT": ["results_id", "artifact_id"], "EPOCH_METRIC": ["epoch_trial_run_id", "epoch_idx", "metric_id"],
    "EPOCH_ARTIFACT": ["epoch_trial_run_id", "epoch_idx", "artifact_id"],
    "BATCH_METRIC": ["trial_run_id", "epoch_idx", "batch_idx", "metric_id"],
    "BATCH_ARTIFACT": ["trial_run_id", "epoch_idx", "batch_idx", "artifact_id"],
}
NUMBERS = {"id", "idx", "experiment_id", "trial_id", "total_val"}
NAMES = {"desc": "description"}
MOST_DEPTH = 32


class Raw(str):
    """JSON text that stands in the document as it is."""


def embeds(text):
    """Whether text of a JSON column stands in the document as it is."""
    def once(pairs):
        if len(dict(pairs)) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    def real(token):
        if math.isinf(float(token)):
            raise ValueError("infinite")
        return float(token)

    def depth(value):
        if not isinstance(value, (dict, list)):
            return 0
        return 1 + max((depth(x) for x in (value.values() if isinstance(value, dict) else value)), default=0)

    def no_constant(token):
        raise ValueError(token)

    try:
        value = json.loads(text, object_pairs_hook=once, parse_float=real, parse_int=lambda t: real(t) and t, parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be
    except (ValueError, RecursionError):
        return False
    first = next(iter(value), "") if isinstance(value, dict) else ""
    return value is not None and text.strip(" \t\r\n") == text and depth(value) <= MOST_DEPTH and not first.startswith("$")


def value_of(storage, value, column, extra=False):
    """A cell as the page says, by what its column is for."""
    number, is_json = column in NUMBERS and not extra, column == "per_label_val" and not extra
    if storage == "null":
        return None
    if storage == "blob":
        return {"$blob": base64.b64encode(value).decode()}
    if storage == "integer":
        return {"$integer": value} if is_json else value
    if storage == "real":
        shown = value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"$real": shown} if is_json or not (number or math.isfinite(value)) else shown
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return {"$bytes": base64.b64encode(value).decode()}
    if is_json:
        return Raw(text) if embeds(text) else {"$text": text}
    return {"$text": text} if number else text


class Database:
    """The rows of a database, by the key that leads to each from the outside."""

    def __init__(self, db):
        self.extra_columns = []
        self.generation = 1
        self.rows = {table: self.read(db, table) for table in KEYS}

    def read(self, db, table):
        columns = [(row[1].decode(), row[2].decode()) for row in db.execute(f'PRAGMA table_xinfo("{table}")')]
        if not columns:
            return None
        if table == "BATCH":
            self.generation = 2
        plain = set(KEYS[table]) | set(COLUMNS.get(table, []))
        extra = [name for name, _ in columns if name.lower() not in plain and name.lower() != "trial_run_id"]
        self.extra_columns += [{"table": table, "column": name, "type": kind} for name, kind in columns if name in extra]
        found = defaultdict(dict)
        selected = ", ".join('"{0}", typeof("{0}")'.format(name.replace('"', '""')) for name, _ in columns)
        for cells in db.execute(f'SELECT {selected} FROM "{table}"'):
            row = {name.lower(): (storage.decode(), value) for (name, _), value, storage in zip(columns, cells[::2], cells[1::2])}
            extras = {name: value_of(*row[name.lower()], name, True) for name in extra}
            cell = {column: value_of(*row[column], column) for column in COLUMNS.get(table, [])}
            *outer, own = [row[column][1] for column in KEYS[table]]
            found[tuple(outer)][own] = cell, {name: value for name, value in extras.items() if value is not None}
        return found

    def below(self, table, *key):
        """The rows of a table below this key, by their own key, in its order."""
        found = self.rows[table] or {}
        return [(own, *rest) for own, rest in sorted(found.get(key, {}).items())]


class Writer:
    def __init__(self, database, experiment):
        self.database, self.experiment = database, experiment
        self.counts = Counter()
        self.leaves = {"METRIC": set(), "ARTIFACT": set()}

    def cells(self, cells, extras):
        node = {NAMES.get(column, column): value for column, value in cells.items()}
        return node | ({"extra_columns": extras} if extras else {})

    def node(self, table, cells, extras):
        self.counts[table] += 1
        return self.cells(cells, extras)

    def linked(self, link, *key):
        """The metrics or artifacts that a junction table hangs on a row."""
        kind, found = link.rsplit("_", 1)[1], []
        for own, _, link_extras in self.database.below(link, *key):
            cells, extras = self.database.rows[kind][()][own]
            self.counts[link] += 1
            self.leaves[kind].add(own)
            found.append(self.cells(cells, extras) | ({"link_extra_columns": link_extras} if link_extras else {}))
        return found

    def epoch(self, run, epoch, cells, extras):
        node = self.node("EPOCH", cells, extras)
        node["metrics"], node["artifacts"] = (self.linked(link, run, epoch) for link in ("EPOCH_METRIC", "EPOCH_ARTIFACT"))
        if self.database.rows["BATCH"] is not None:
            node["batches"] = [self.node("BATCH", *rest) | {
                "metrics": self.linked("BATCH_METRIC", run, epoch, own), "artifacts": self.linked("BATCH_ARTIFACT", run, epoch, own),
            } for own, *rest in self.database.below("BATCH", run, epoch)]
        return node

    def run(self, run, cells, extras):
        node = self.node("TRIAL_RUN", cells, extras)
        node["epochs"] = [self.epoch(run, own, *rest) for own, *rest in self.database.below("EPOCH", run)]
        results = [self.node("RESULTS", *rest) for own, *rest in self.database.below("RESULTS") if own == run]
        for found in results:
            found["metrics"], found["artifacts"] = self.linked("RESULTS_METRIC", run), self.linked("RESULTS_ARTIFACT", run)
        node["results"] = results[0] if results else None
        node["artifacts"] = self.linked("TRIAL_RUN_ARTIFACT", run)
        return node

    def document(self, digest):
        [(cells, extras)] = [rest for own, *rest in self.database.below("EXPERIMENT") if own == self.experiment]
        trials = []
        node = self.node("EXPERIMENT", cells, extras)
        for trial, *rest in self.database.below("TRIAL", self.experiment):
            trials.append(self.node("TRIAL", *rest) | {"artifacts": self.linked("TRIAL_ARTIFACT", trial)})
            trials[-1]["trial_runs"] = [self.run(own, *rest) for own, *rest in self.database.below("TRIAL_RUN", trial)]
        artifacts = self.linked("EXPERIMENT_ARTIFACT", self.experiment)
        self.counts.update({kind: len(ids) for kind, ids in self.leaves.items()})
        counts = {table: self.counts[table] for table, rows in self.database.rows.items() if rows is not None}
        return {
            "format": {"name": "expmig.export", "version": 1, "extra_columns": self.database.extra_columns},
            "experiment": node, "trials": trials, "artifacts": artifacts,
            "metadata": {
                "export_timestamp": "2023-12-01T16:00:00.000000Z", "source_database": "written by hand", "include_metrics": True,
                "include_artifacts": True, "format": "json", "format_version": 1, "generation": self.database.generation,
                "complete": True, "left_out": {}, "counts": counts, "digest": {"algorithm": "expmig.digest/1", "value": digest},
                "expmig_version": "0.1.0",
            },
        }


def bare(node):
    """Without what need not be there."""
    if isinstance(node, list):
        return [bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    unneeded = ("experiment_id", "trial_id", "format", "metadata")
    return {key: bare(value) for key, value in node.items() if key not in unneeded and value is not None and value != []}


def ordered(node, order):
    """With its keys and lists in another order."""
    if isinstance(node, list):
        items = [ordered(item, order) for item in node]
        return order(items, None) if items else items
    if not isinstance(node, dict):
        return node
    return dict(order([(key, ordered(value, order)) for key, value in node.items()], lambda pair: pair[0]))


def dump(node, indent, level=0):
    space, end = ("\n" + "  " * (level + 1), "\n" + "  " * level) if indent else ("", "")
    if isinstance(node, Raw):
        return str(node)
    if isinstance(node, dict):
        members = [f"{space}{json.dumps(key)}: {dump(value, indent, level + 1)}" for key, value in node.items()]
        return "{" + ",".join(members) + (end if members else "") + "}"
    if isinstance(node, list):
        items = [space + dump(item, indent, level + 1) for item in node]
        return "[" + ",".join(items) + (end if items else "") + "]"
    return json.dumps(node, allow_nan=False, ensure_ascii=indent)


def orders(name):
    if name == "written":
        return lambda items, key: items
    if name == "sorted":
        return lambda items, key: sorted(items, key=key) if key else items
    if name == "reversed":
        return lambda items, key: items[::-1]
    generator = random.Random(int(name))
    return lambda items, key: generator.sample(items, len(items))


def write(path, experiment, order="written", indent=False, digest=None, is_bare=False):
    """The document, as bytes."""
    with closing(sqlite3.connect(pathlib.Path(path).resolve().as_uri() + "?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        document = Writer(Database(db), experiment).document(digest)
    document = ordered(bare(document) if is_bare else document, orders(order))
    return dump(document, indent).encode() + b"\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database")
    parser.add_argument("experiment", type=int)
    parser.add_argument("--order", default="written")
    parser.add_argument("--indent", action="store_true")
    parser.add_argument("--digest")
    parser.add_argument("--bare", action="store_true")
    arguments = parser.parse_args()
    document = write(arguments.database, arguments.experiment, arguments.order, arguments.indent, arguments.digest, arguments.bare)
    print(document.decode(), end="")


if __name__ == "__main__":
    main()
