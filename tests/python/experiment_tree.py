"""Reads SQLite databases for check_copy.py: all rows as they are stored, and what hangs below one experiment.

It shares no code with digest.py, so that the two can vouch for each other.
"""
import pathlib
import sqlite3
from collections import Counter, defaultdict, namedtuple
from contextlib import closing

WITH_ID = ("EXPERIMENT", "TRIAL", "TRIAL_RUN", "METRIC", "ARTIFACT")
# (columns, parent table, the parent's columns); the first one leads to the owner, by its last column.
FOREIGN_KEYS = {
    "EXPERIMENT": [],
    "TRIAL": [(("experiment_id",), "EXPERIMENT", ("id",))],
    "TRIAL_RUN": [(("trial_id",), "TRIAL", ("id",))],
    "RESULTS": [(("trial_run_id",), "TRIAL_RUN", ("id",))],
    "EPOCH": [(("trial_run_id",), "TRIAL_RUN", ("id",))],
    "BATCH": [(("epoch_idx", "trial_run_id"), "EPOCH", ("idx", "trial_run_id"))],
    "METRIC": [],
    "ARTIFACT": [],
    "EXPERIMENT_ARTIFACT": [(("experiment_id",), "EXPERIMENT", ("id",))],
    "TRIAL_ARTIFACT": [(("trial_id",), "TRIAL", ("id",))],
    "TRIAL_RUN_ARTIFACT": [(("trial_run_id",), "TRIAL_RUN", ("id",))],
    "RESULTS_METRIC": [(("results_id",), "RESULTS", ("trial_run_id",))],
    "RESULTS_ARTIFACT": [(("results_id",), "RESULTS", ("trial_run_id",))],
    "EPOCH_METRIC": [(("epoch_idx", "epoch_trial_run_id"), "EPOCH", ("idx", "trial_run_id"))],
    "EPOCH_ARTIFACT": [(("epoch_idx", "epoch_trial_run_id"), "EPOCH", ("idx", "trial_run_id"))],
    "BATCH_METRIC": [(("batch_idx", "epoch_idx", "trial_run_id"), "BATCH", ("idx", "epoch_idx", "trial_run_id"))],
    "BATCH_ARTIFACT": [(("batch_idx", "epoch_idx", "trial_run_id"), "BATCH", ("idx", "epoch_idx", "trial_run_id"))],
}
LINKED = {table: table.rsplit("_", 1)[1] for table in FOREIGN_KEYS if table.endswith(("_METRIC", "_ARTIFACT"))}
LINK_COLUMN = {link: kind.lower() + "_id" for link, kind in LINKED.items()}
for link, kind in LINKED.items():
    FOREIGN_KEYS[link].append(((LINK_COLUMN[link],), kind, ("id",)))
OWNER_COLUMN = {table: keys[0][0][-1] for table, keys in FOREIGN_KEYS.items() if keys}
OWNER_TABLE = {table: {"experiment_id": "EXPERIMENT", "trial_id": "TRIAL"}.get(column, "TRIAL_RUN")
               for table, column in OWNER_COLUMN.items()}
# The columns that are no content. Indices of epochs and batches are keys and content.
KEYS = {table: {column for columns, _, _ in keys for column in columns if column.endswith("_id")} | ({"id"} if table in WITH_ID else set())
        for table, keys in FOREIGN_KEYS.items()}

# `values`: all columns. `content`: what the row says, as (table, sorted (column, storage class, value)), without keys and NULLs.
Row = namedtuple("Row", "table values content")


def connect(path):
    db = sqlite3.connect(pathlib.Path(path).resolve().as_uri() + "?mode=ro", uri=True, isolation_level=None)
    db.text_factory = bytes
    db.execute("BEGIN")
    return db


def exact(value):
    """Something that is equal only for the same bits: repr() tells 0.0 from -0.0, and rounds nothing."""
    return repr(value) if isinstance(value, float) else value


def columns_of(db, table):
    """The names of the columns, and what to SELECT for each one's value and storage class."""
    names = [row[1].decode() for row in db.execute(f'PRAGMA table_xinfo("{table}")')]
    return names, ", ".join('"{0}", typeof("{0}")'.format(name.replace('"', '""')) for name in names)


def read(db, table):
    """The rows of a known table; none if the database has no such table."""
    columns, selected = columns_of(db, table)
    if not columns:
        return []
    names = [column.lower() for column in columns]
    rows = []
    for cells in db.execute(f'SELECT {selected} FROM "{table}"'):
        content = [(name, storage.decode(), exact(value)) for name, value, storage in zip(names, cells[::2], cells[1::2])
                   if storage != b"null" and name not in KEYS[table]]
        rows.append(Row(table, dict(zip(names, cells[::2])), (table, tuple(sorted(content)))))
    return rows


def known_tables(path):
    """{table: rows} of all tables that the schema has."""
    with closing(connect(path)) as db:
        return {table: read(db, table) for table in FOREIGN_KEYS}


def raw_tables(path):
    """Each table of the file, by its name in upper case, as a multiset of (rowid, values and storage classes)."""
    result = {}
    with closing(connect(path)) as db:
        for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            name = name.decode()
            _, selected = columns_of(db, name)
            try:
                rows = db.execute(f'SELECT rowid, {selected} FROM "{name}"')
            except sqlite3.OperationalError:  # a table WITHOUT ROWID
                rows = db.execute(f'SELECT NULL, {selected} FROM "{name}"')
            result[name.upper()] = Counter(tuple(map(exact, row)) for row in rows)
        result["sqlite_master"] = Counter(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
    return result


def multiset(items):
    return frozenset(Counter(items).items())


class Tree:
    """What hangs below an experiment.

    rows      {table: rows}; of METRIC and ARTIFACT those that a link reaches
    numbers   gives equal contents equal numbers; to be shared by the trees that are compared
    shapes    {(table, id): number} of the runs, the trials and the experiment, for all that hangs below each
    """

    def __init__(self, tables, experiment, numbers, skip_trials=(), skip_artifacts=()):
        self.numbers = numbers
        self.targets = {kind: {row.values["id"]: row for row in tables[kind]} for kind in ("METRIC", "ARTIFACT")}
        self.rows = {table: [] for table in FOREIGN_KEYS}
        self.rows["EXPERIMENT"] = [row for row in tables["EXPERIMENT"] if row.values["id"] == experiment]
        self.children = defaultdict(list)  # (owner's table, owner's id): rows
        for table in OWNER_COLUMN:
            owners = self.ids(OWNER_TABLE[table])
            for row in tables[table]:
                owner = row.values.get(OWNER_COLUMN[table])
                skipped = (table == "TRIAL" and row.values["id"] in skip_trials
                           or table == "EXPERIMENT_ARTIFACT" and row.values["artifact_id"] in skip_artifacts)
                if owner in owners and not skipped:
                    self.rows[table].append(row)
                    self.children[OWNER_TABLE[table], owner].append(row)
        for kind, targets in self.targets.items():
            reached = {row.values.get(LINK_COLUMN[link]) for link in LINKED if LINKED[link] == kind for row in self.rows[link]}
            self.rows[kind] = [targets[row_id] for row_id in targets if row_id in reached]
        self.shapes = {}
        for row in self.rows["EXPERIMENT"]:
            self.shape(row)

    def ids(self, table):
        return {row.values["id"] for row in self.rows[table]} - {None}

    def number(self, content):
        return self.numbers.setdefault(content, len(self.numbers))

    def target(self, link):
        """The row that a link links, or None if it does not exist."""
        return self.targets[LINKED[link.table]].get(link.values.get(LINK_COLUMN[link.table]))

    def content(self, row):
        """What a row says; a link says also what its linked row says."""
        if row.table not in LINKED:
            return row.content
        target = self.target(row)
        return (*row.content, target.content if target else "nothing")

    def shape(self, node):
        """Number a node for its row (but the experiment's), all below it, and how the links below share rows.

        Returns the number, and the links below, each with its place: its own number and those of the nodes on the way up to here.
        """
        inner, links = [], []
        for row in self.children[node.table, node.values["id"]]:
            if row.table in ("TRIAL", "TRIAL_RUN"):
                number, below = self.shape(row)
                links += [(link, (*place, number)) for link, place in below]
            else:
                number = self.number(self.content(row))
                if row.table in LINKED:
                    links.append((row, (number,)))
            inner.append(number)
        places = defaultdict(list)  # (METRIC or ARTIFACT, id): the places of its links
        for link, place in links:
            if self.target(link):
                places[LINKED[link.table], link.values[LINK_COLUMN[link.table]]].append(place)
        sharing = multiset((self.number(self.targets[kind][row_id].content), multiset(where)) for (kind, row_id), where in places.items())
        content = None if node.table == "EXPERIMENT" else node.content
        self.shapes[node.table, node.values["id"]] = number = self.number((content, multiset(inner), sharing))
        return number, links
