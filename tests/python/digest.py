#!/usr/bin/env python3
"""The content digest `expmig.digest/1`, and `/2` of experiments with links, a second time: written from docs/digest.md, not from the Rust code.

    python digest.py DB EXPERIMENT_ID     prints the digest
    python digest.py DB --all             prints a line `id digest` per experiment

It reads SQLite databases only, keeps one digest per row in memory, and shares no code with the library: where the two
disagree, one of them (or the page) is wrong. Needs the package `blake3`, and canonical_json.py beside it.
"""
import argparse
import functools
import pathlib
import re
import sqlite3
import struct
import sys
from collections import defaultdict
from contextlib import closing
from datetime import datetime, timedelta

from blake3 import blake3

from canonical_json import canonical_json, counted, u64

NAME = b"expmig.digest/1"
NAME_WITH_LINKS = b"expmig.digest/2"
ZERO = bytes(32)

# Content columns with their kinds.
CONTENT = {
    "EXPERIMENT": [("title", "text"), ("desc", "text"), ("start_time", "time"), ("update_time", "time")],
    "TRIAL": [("name", "text"), ("start_time", "time"), ("update_time", "time")],
    "TRIAL_RUN": [("status", "text"), ("start_time", "time"), ("update_time", "time")],
    "RESULTS": [("time", "time")],
    "EPOCH": [("idx", "integer"), ("time", "time")],
    "BATCH": [("idx", "integer"), ("epoch_idx", "integer"), ("time", "time")],
    "METRIC": [("type", "text"), ("total_val", "real"), ("per_label_val", "json")],
    "ARTIFACT": [("type", "text"), ("loc", "text")],
    "EXPERIMENT_ARTIFACT": [],
    "TRIAL_ARTIFACT": [],
    "TRIAL_RUN_ARTIFACT": [],
    "RESULTS_METRIC": [],
    "RESULTS_ARTIFACT": [],
    "EPOCH_METRIC": [("epoch_idx", "integer")],
    "EPOCH_ARTIFACT": [("epoch_idx", "integer")],
    "BATCH_METRIC": [("batch_idx", "integer"), ("epoch_idx", "integer")],
    "BATCH_ARTIFACT": [("batch_idx", "integer"), ("epoch_idx", "integer")],
}

# The owner of a row: the column that names it and the owner's table.
OWNER = {
    "TRIAL": ("experiment_id", "EXPERIMENT"),
    "TRIAL_RUN": ("trial_id", "TRIAL"),
    "RESULTS": ("trial_run_id", "TRIAL_RUN"),
    "EPOCH": ("trial_run_id", "TRIAL_RUN"),
    "BATCH": ("trial_run_id", "TRIAL_RUN"),
    "EXPERIMENT_ARTIFACT": ("experiment_id", "EXPERIMENT"),
    "TRIAL_ARTIFACT": ("trial_id", "TRIAL"),
    "TRIAL_RUN_ARTIFACT": ("trial_run_id", "TRIAL_RUN"),
    "RESULTS_METRIC": ("results_id", "TRIAL_RUN"),
    "RESULTS_ARTIFACT": ("results_id", "TRIAL_RUN"),
    "EPOCH_METRIC": ("epoch_trial_run_id", "TRIAL_RUN"),
    "EPOCH_ARTIFACT": ("epoch_trial_run_id", "TRIAL_RUN"),
    "BATCH_METRIC": ("trial_run_id", "TRIAL_RUN"),
    "BATCH_ARTIFACT": ("trial_run_id", "TRIAL_RUN"),
}
WITH_ID = {"EXPERIMENT", "TRIAL", "TRIAL_RUN", "METRIC", "ARTIFACT"}
LEAVES = ["RESULTS", "EPOCH", "BATCH"]
LINKS = {table: table.rsplit("_", 1)[1] for table in OWNER if table.endswith(("_METRIC", "_ARTIFACT"))}


@functools.cache
def known_columns(table):
    """Every column that the schema gives this table; all others are extra."""
    names = {name for name, _ in CONTENT[table]}
    if table in OWNER:
        names.add(OWNER[table][0])
    if table in WITH_ID:
        names.add("id")
    if table in LINKS:
        names.add(LINKS[table].lower() + "_id")
    return {name.encode() for name in names}


# ---- Notation

def H(data):
    return blake3(data).digest()


def i64(n):
    return struct.pack("<q", n)


def sum_of(digests):
    total = sum(int.from_bytes(d, "little") for d in digests) % (1 << 256)
    return u64(len(digests)) + total.to_bytes(32, "little")


# ---- Values and rows

TIMESTAMP = re.compile(rb"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


def microseconds(data):
    """Microseconds since 1970 of a timestamp given as bytes, or None if it is not one."""
    match = TIMESTAMP.fullmatch(data)
    if not match:
        return None
    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), int((match[7] or b"").ljust(6, b"0")))
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def V(storage, value, kind="text"):
    """One value; `storage` is what SQLite's typeof() says of it."""
    if storage == b"null":
        return b"\x00"
    if storage == b"integer":
        if kind == "real" and int(float(value)) == value:
            return b"\x02" + struct.pack("<d", value)
        return b"\x01" + i64(value)
    if storage == b"real":
        if kind == "integer" and -(2.0 ** 63) <= value < 2.0 ** 63 and value == int(value):
            return b"\x01" + i64(int(value))
        return b"\x02" + struct.pack("<d", value)
    if storage == b"blob":
        return b"\x05" + counted(value)
    if kind == "time" and (time := microseconds(value)) is not None:
        return b"\x03" + i64(time)
    if kind == "json" and (document := canonical_json(value)) is not None:
        return b"\x06" + counted(document)
    return b"\x04" + counted(value)


ABSENT = (b"null", None)


def R(table, row, links=()):
    """One row, given as {column name in lower case: (storage class, value)}; a column that is not there counts as NULL. `links`
    are the extra columns that have ids of other rows."""
    parts = [counted(table.encode())]
    parts += [V(*row.get(name.encode(), ABSENT), kind) for name, kind in CONTENT[table]]
    extra = sorted(name for name, (storage, _) in row.items()
                   if name not in known_columns(table) and name not in links and storage != b"null")
    parts.append(u64(len(extra)))
    parts += [counted(name) + V(*row[name]) for name in extra]
    return b"".join(parts)


def connect(path):
    """Read only, and text as the bytes that are stored."""
    db = sqlite3.connect(pathlib.Path(path).resolve().as_uri() + "?mode=ro", uri=True, isolation_level=None)
    db.text_factory = bytes
    db.execute("BEGIN")  # one view of the data for all tables
    return db


def quoted(name):
    return '"' + name.decode().replace('"', '""') + '"'


def rows(db, table):
    """The rows of a table as `R` takes them; none if the database has no such table."""
    # table_info leaves generated columns out, as the definition does.
    columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
    if not columns:
        return
    names = [name.lower() for name in columns]  # bytes.lower() is ASCII only
    selected = ", ".join(f"{quoted(name)}, typeof({quoted(name)})" for name in columns)
    for values in db.execute(f'SELECT {selected} FROM "{table}"'):
        yield dict(zip(names, zip(values[1::2], values[0::2])))


def key(row, column):
    """The number in an id or foreign key column. NULL, text and blobs are nobody's key: a fresh object, equal to nothing."""
    storage, value = row.get(column.encode(), ABSENT)
    return value if storage in (b"integer", b"real") else object()


# ---- Links of extra columns

KEYS = {
    "RESULTS": ["trial_run_id"], "EPOCH": ["idx", "trial_run_id"], "BATCH": ["idx", "epoch_idx", "trial_run_id"],
}


def whose_id(table, column):
    """The table whose ids a column of the schema has, or None."""
    if column == "id":
        return table if table in WITH_ID else None
    if table in OWNER and column == OWNER[table][0]:
        return OWNER[table][1]
    return LINKS[table] if table in LINKS and column == LINKS[table].lower() + "_id" else None


def link_columns(db, table):
    """{extra column in lower case: the table whose ids it has}, of the foreign keys that the database declares."""
    found = {}
    for _, number, parent, column, above, *_ in db.execute(f'PRAGMA foreign_key_list("{table}")'):
        parent = parent.decode().upper()
        if parent not in CONTENT:
            continue
        if above is None:
            primary = [row[1] for row in sorted(db.execute(f'PRAGMA table_info("{parent}")'), key=lambda row: row[5]) if row[5]]
            above = primary[number] if number < len(primary) else KEYS.get(parent, ["id"])[number]
        entity = whose_id(parent, above.decode().lower())
        if entity and column.lower() not in known_columns(table):
            found[column.lower()] = entity
    return found


def link_id(row, column):
    """The id in a column, which may be declared for text."""
    storage, value = row[column]
    if storage == b"text":
        try:
            return int(value)
        except ValueError:
            return object()
    return key(row, column.decode())


# ---- Nodes

def digests(path, wanted=None):
    """{experiment id: digest} of the wanted experiments that exist (None: of all)."""
    with closing(connect(path)) as db:
        ties = {table: link_columns(db, table) for table in CONTENT}
        experiments, linking = {}, defaultdict(list)  # linking: (table, owner's table, owner's id, its own digest, row)
        for row in rows(db, "EXPERIMENT"):
            if (key(row, "id") in wanted) if wanted is not None else row[b"id"][0] == b"integer":
                experiments[key(row, "id")] = R("EXPERIMENT", row, ties["EXPERIMENT"])
                linking["EXPERIMENT", key(row, "id")].append(("EXPERIMENT", H(experiments[key(row, "id")]), row))
        trials, runs = {}, {}  # id: (owner's id, R)
        for row in rows(db, "TRIAL"):
            if key(row, "experiment_id") in experiments:
                trials[key(row, "id")] = (key(row, "experiment_id"), R("TRIAL", row, ties["TRIAL"]))
                linking["TRIAL", key(row, "id")].append(("TRIAL", H(trials[key(row, "id")][1]), row))
        for row in rows(db, "TRIAL_RUN"):
            if key(row, "trial_id") in trials:
                runs[key(row, "id")] = (key(row, "trial_id"), R("TRIAL_RUN", row, ties["TRIAL_RUN"]))
                linking["TRIAL_RUN", key(row, "id")].append(("TRIAL_RUN", H(runs[key(row, "id")][1]), row))
        nodes = {"EXPERIMENT": experiments, "TRIAL": trials, "TRIAL_RUN": runs}

        def experiment_of(table, owner):
            if table == "TRIAL_RUN":
                table, owner = "TRIAL", runs[owner][0]
            return trials[owner][0] if table == "TRIAL" else owner

        leaves = {table: {key(row, "id"): row for row in rows(db, table)} for table in ("METRIC", "ARTIFACT")}
        linked = {table: {number: H(R(table, row, ties[table])) for number, row in found.items()}
                  for table, found in leaves.items()}
        below = defaultdict(list)   # (table, id): digests of what hangs on that node
        reached = defaultdict(set)  # (experiment id, METRIC or ARTIFACT): ids
        for table in LEAVES + list(LINKS):
            column, owner_table = OWNER[table]
            for row in rows(db, table):
                owner = key(row, column)
                if owner not in nodes[owner_table]:
                    continue
                data = R(table, row, ties[table])
                if table in LINKS:
                    kind = LINKS[table]
                    target = key(row, kind.lower() + "_id")
                    data += linked[kind].get(target, ZERO)
                    if target in linked[kind]:
                        reached[experiment_of(owner_table, owner), kind].add(target)
                below[owner_table, owner].append(H(data))
                linking[owner_table, owner].append((table, H(data), row))

    # The nodes without their links: what links lead to.
    bare_runs = {run: H(H(data) + sum_of(below["TRIAL_RUN", run])) for run, (_, data) in runs.items()}
    bare_trials = {}
    for trial, (_, data) in trials.items():
        its_runs = [bare_runs[run] for run, (owner, _) in runs.items() if owner == trial]
        bare_trials[trial] = H(H(data) + sum_of(below["TRIAL", trial] + its_runs))

    def target(experiment, table, number):
        """Stands for the row that a link leads to."""
        if table == "EXPERIMENT":
            return H(counted(b"EXPERIMENT")) if number == experiment else ZERO
        if table in linked:
            return linked[table][number] if number in reached[experiment, table] else ZERO
        bare = bare_trials if table == "TRIAL" else bare_runs
        return bare[number] if number in bare and experiment_of(table, number) == experiment else ZERO

    def links_of(experiment, tied):
        return [H(counted(table.encode()) + counted(column) + own + target(experiment, ties[table][column], link_id(row, column)))
                for table, own, row in tied for column in ties[table] if row[column][0] != b"null"]

    def with_links(node, links):
        return H(node + sum_of(links)) if links else node

    any_links = set()
    for run, (trial, data) in runs.items():
        links = links_of(trials[trial][0], linking["TRIAL_RUN", run])
        any_links |= {trials[trial][0]} if links else set()
        below["TRIAL", trial].append(with_links(bare_runs[run], links))
    for trial, (experiment, data) in trials.items():
        links = links_of(experiment, linking["TRIAL", trial])
        any_links |= {experiment} if links else set()
        below["EXPERIMENT", experiment].append(with_links(H(H(data) + sum_of(below["TRIAL", trial])), links))
    result = {}
    for experiment, data in experiments.items():
        body = sum_of(below["EXPERIMENT", experiment])
        tied = [entry for entry in linking["EXPERIMENT", experiment] if entry[0] != "EXPERIMENT"]
        for kind in ("METRIC", "ARTIFACT"):
            body += sum_of([linked[kind][row] for row in reached[experiment, kind]])
            tied += [(kind, linked[kind][row], leaves[kind][row]) for row in reached[experiment, kind]]
        links = links_of(experiment, tied)
        own = links_of(experiment, linking["EXPERIMENT", experiment][:1])
        if links:
            body += sum_of(links)
        if links or own or experiment in any_links:
            result[experiment] = H(counted(NAME_WITH_LINKS) + H(data) + body + sum_of(own))
        else:
            result[experiment] = H(counted(NAME) + H(data) + body)
    return result


def experiment_digest(path, experiment_id):
    """The 32 bytes of the digest; LookupError if the database has no such experiment."""
    found = digests(path, {experiment_id})
    if experiment_id not in found:
        raise LookupError(f"{path}: no experiment with id {experiment_id}")
    return found[experiment_id]


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Print the content digest of an experiment.")
    parser.add_argument("db")
    parser.add_argument("experiment_id", type=int, nargs="?")
    parser.add_argument("--all", action="store_true", help="one line `id digest` per experiment")
    options = parser.parse_args(arguments)
    if options.all == (options.experiment_id is not None):
        parser.error("give an EXPERIMENT_ID or --all")
    try:
        if options.all:
            for experiment, digest in sorted(digests(options.db).items()):
                print(experiment, digest.hex())
        else:
            print(experiment_digest(options.db, options.experiment_id).hex())
    except (LookupError, sqlite3.Error) as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
