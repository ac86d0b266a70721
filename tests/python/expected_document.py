#!/usr/bin/env python3
"""Compares an export document with what docs/export-format.md says it has to be, byte by byte.

  expected_document.py DB EXPERIMENT DOCUMENT [--no-metrics] [--no-artifacts] [--indent N]

A second implementation, written from that page alone. It reads the database with Python's sqlite3 and prints OK, or where the
document first differs. How the digits of a REAL are spelled is free as long as they bring back the same bits with a point or an
exponent, and metadata are compared by value. Nothing else is free; documents with an indent are compared by their tokens.
"""
import argparse
import base64
import json
import math
import os
import pathlib
import re
import sqlite3
import struct
import sys

CONTENT = {
    "EXPERIMENT": [("id", "id"), ("title", "text"), ("desc", "text"), ("start_time", "text"), ("update_time", "text")],
    "TRIAL": [("id", "id"), ("name", "text"), ("experiment_id", "id"), ("start_time", "text"), ("update_time", "text")],
    "TRIAL_RUN": [("id", "id"), ("trial_id", "id"), ("status", "text"), ("start_time", "text"), ("update_time", "text")],
    "RESULTS": [("time", "text")],
    "EPOCH": [("idx", "number"), ("time", "text")],
    "BATCH": [("idx", "number"), ("time", "text")],
    "METRIC": [("id", "id"), ("type", "text"), ("total_val", "number"), ("per_label_val", "json")],
    "ARTIFACT": [("id", "id"), ("type", "text"), ("loc", "text")],
}
KEYS = {"RESULTS": ["trial_run_id"], "EPOCH": ["trial_run_id"], "BATCH": ["trial_run_id", "epoch_idx"],
        "EXPERIMENT_ARTIFACT": ["experiment_id"], "TRIAL_ARTIFACT": ["trial_id"], "TRIAL_RUN_ARTIFACT": ["trial_run_id"],
        "RESULTS_METRIC": ["results_id"], "RESULTS_ARTIFACT": ["results_id"],
        "EPOCH_METRIC": ["epoch_trial_run_id", "epoch_idx"], "EPOCH_ARTIFACT": ["epoch_trial_run_id", "epoch_idx"],
        "BATCH_METRIC": ["trial_run_id", "epoch_idx", "batch_idx"], "BATCH_ARTIFACT": ["trial_run_id", "epoch_idx", "batch_idx"]}
ORDER = ["EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "BATCH", "METRIC", "ARTIFACT", *list(KEYS)[3:]]
REAL = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
MARK = "\x01"


class Blob(bytes):
    pass


class Text(bytes):
    pass


def q(name):
    return '"' + name.replace('"', '""') + '"'


def string(text):
    out = []
    for c in text:
        short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(c)
        out.append(short or (f"\\u{ord(c):04x}" if c < " " else c))
    return '"' + "".join(out) + '"'


def real(value):
    return MARK + struct.pack(">d", value).hex() + MARK


def infinite(value):
    return '"Infinity"' if value > 0 else '"-Infinity"'


def depth_of(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(depth_of, children), default=0)


def is_embedded(text):
    def pairs(items):
        if len({key for key, _ in items}) < len(items):
            raise ValueError("a key twice")
        for key, _ in items:
            key.encode()
        return dict(items)

    def number(token):
        if math.isinf(float(token)):
            raise ValueError("out of range")
        return 0

    def refuse(token):
        raise ValueError(token)

    if text != text.strip(" \t\n\r") or text == "null":
        return False
    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_int=number, parse_float=number, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    if isinstance(value, dict) and any(key.startswith("$") for key in value):
        return False
    return depth_of(value) <= 32


def value(cell, kind):
    if cell is None:
        return "null"
    if isinstance(cell, int):
        return '{"$integer":%d}' % cell if kind == "json" else str(cell)
    if isinstance(cell, float):
        if math.isinf(cell):
            return infinite(cell) if kind == "number" else '{"$real":%s}' % infinite(cell)
        return '{"$real":%s}' % real(cell) if kind == "json" else real(cell)
    if isinstance(cell, Blob):
        return '{"$blob":"%s"}' % base64.b64encode(cell).decode()
    try:
        text = cell.decode()
    except UnicodeDecodeError:
        return '{"$bytes":"%s"}' % base64.b64encode(cell).decode()
    if kind == "text":
        return string(text)
    return text if kind == "json" and is_embedded(text) else '{"$text":%s}' % string(text)


def as_integer(cell):
    if isinstance(cell, float) and math.isfinite(cell) and cell == int(cell) and -2**63 <= cell < 2**63:
        return int(cell)
    return cell if isinstance(cell, int) else None


def order(cell):
    """As SQLite: numbers, then text, then blobs."""
    if isinstance(cell, (int, float)):
        return (0, cell, b"")
    return (2 if isinstance(cell, Blob) else 1, 0, bytes(cell))


class Database:
    def __init__(self, path):
        self.db = sqlite3.connect(pathlib.Path(path).resolve().as_uri() + "?mode=ro", uri=True)
        self.db.text_factory = Text
        self.names = {bytes(n).decode().upper(): bytes(n).decode() for (n,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self.extra, self.types, self.rows = {}, {}, {}
        for table in ORDER:
            if table in self.names:
                self.read(table)

    def read(self, table):
        known = {name.lower() for name, _ in CONTENT.get(table, [])} | {k.lower() for k in KEYS.get(table, [])}
        known |= {"metric_id", "artifact_id"} if "_" in table and table != "TRIAL_RUN" else set()
        info = [(bytes(r[1]).decode(), bytes(r[2]).decode()) for r in self.db.execute(f"PRAGMA table_info({q(self.names[table])})")]
        self.extra[table] = [(n, t) for n, t in info if n.lower() not in known]
        columns = ", ".join(f"{q(n)}, typeof({q(n)})" for n, _ in info)
        self.rows[table] = []
        for cells in self.db.execute(f"SELECT {columns} FROM {q(self.names[table])}"):
            row = {n.lower(): Blob(v) if bytes(t) == b"blob" else v for (n, _), v, t in zip(info, cells[::2], cells[1::2])}
            self.rows[table].append(row)

    def below(self, table, key):
        """The rows of a table with this key, which begins with an id."""
        if not hasattr(self, "index"):
            self.index = {}
        if table not in self.index:
            self.index[table] = {}
            for row in self.rows.get(table, []):
                own = tuple(row[k] for k in KEYS[table])
                own = (as_integer(own[0]), *own[1:])
                if None not in own:
                    self.index[table].setdefault(tuple(map(order, own)), []).append(row)
        return self.index[table].get(tuple(map(order, key)), [])


class Document:
    def __init__(self, db, experiment, metrics, artifacts):
        self.db, self.experiment, self.metrics, self.artifacts = db, experiment, metrics, artifacts
        self.tables = [t for t in ORDER if t in db.names and (
            t in ("EXPERIMENT", "TRIAL", "TRIAL_RUN") or ("METRIC" in t and metrics) or ("ARTIFACT" in t and artifacts)
            or (t in ("RESULTS", "EPOCH", "BATCH") and (metrics or artifacts)))]
        self.counts = dict.fromkeys(self.tables, 0)
        self.seen = set()
        self.leaves = {kind: {as_integer(r["id"]): r for r in db.rows[kind]} for kind in ("METRIC", "ARTIFACT")}

    def members(self, table, row, key="extra_columns", only_extra=False):
        out = []
        for name, kind in [] if only_extra else CONTENT[table]:
            cell = as_integer(row[name]) if kind == "id" else row[name]
            out.append(f'"{"description" if name == "desc" else name}":{value(cell, "number" if kind == "id" else kind)}')
        extra = sorted((n for n, _ in self.db.extra[table]), key=lambda n: n.lower())
        extra = [f"{string(n)}:{value(row[n.lower()], 'text')}" for n in extra if row[n.lower()] is not None]
        return out + ([f'"{key}":{{{",".join(extra)}}}'] if extra else [])

    def links(self, owner, key):
        out = []
        for kind in ("METRIC", "ARTIFACT"):
            table = f"{owner}_{kind}"
            if table not in self.tables:
                continue
            objects = []
            for link in sorted(self.db.below(table, key), key=lambda r: as_integer(r[kind.lower() + "_id"]) or 0):
                leaf = self.leaves[kind].get(as_integer(link[kind.lower() + "_id"]))
                if leaf is None:
                    continue
                members = self.members(kind, leaf) + self.members(table, link, "link_extra_columns", True)
                objects.append("{" + ",".join(members) + "}")
                self.counts[table] += 1
                if (kind, leaf["id"]) not in self.seen:
                    self.seen.add((kind, leaf["id"]))
                    self.counts[kind] += 1
            out.append(f'"{kind.lower()}s":[{",".join(objects)}]')
        return out

    def is_empty(self, members):
        return not self.metrics and all(m in ('"artifacts":[]', '"batches":[]') for m in members)

    def rows_below(self, table, key, children):
        objects = []
        rows = self.db.below(table, key)
        for row in sorted(rows, key=lambda r: order(r["idx"]) if table != "RESULTS" else 0):
            if table != "RESULTS" and row["idx"] is None:
                continue
            before = dict(self.counts), set(self.seen)
            inner = children(key if table == "RESULTS" else (*key, row["idx"]))
            if self.is_empty(inner):
                self.counts, self.seen = before
                continue
            self.counts[table] += 1
            objects.append("{" + ",".join(self.members(table, row) + inner) + "}")
        return objects

    def run(self, run):
        key = (run,)
        batch = lambda key: self.links("BATCH", key)
        epoch = lambda key: self.links("EPOCH", key) + (
            [f'"batches":[{",".join(self.rows_below("BATCH", key, batch))}]'] if "BATCH" in self.tables else [])
        out = []
        if "EPOCH" in self.tables:
            out.append(f'"epochs":[{",".join(self.rows_below("EPOCH", key, epoch))}]')
            results = self.rows_below("RESULTS", key, lambda key: self.links("RESULTS", key))
            out.append('"results":' + (results[0] if results else "null"))
        return out + self.links("TRIAL_RUN", key)

    def nodes(self, table, parent_column, parent, children):
        objects = []
        for row in sorted(self.db.rows[table], key=lambda r: r["id"]):
            if as_integer(row[parent_column]) == parent:
                self.counts[table] += 1
                objects.append("{" + ",".join(self.members(table, row) + children(row["id"])) + "}")
        return objects

    def text(self):
        """All but the metadata."""
        extra = [f'{{"table":"{t}","column":{string(n)},"type":{string(d)}}}' for t in sorted(self.tables, key=self.position)
                 for n, d in self.db.extra[t]]
        row, = [r for r in self.db.rows["EXPERIMENT"] if r["id"] == self.experiment]
        self.counts["EXPERIMENT"] = 1
        trial = lambda id: self.links("TRIAL", (id,)) + [f'"trial_runs":[{",".join(self.nodes("TRIAL_RUN", "trial_id", id, self.run))}]']
        trials = self.nodes("TRIAL", "experiment_id", self.experiment, trial)
        own = "".join("," + member for member in self.links("EXPERIMENT", (self.experiment,)))
        rows = f'"rows":{sum(self.counts.values())},' if self.metrics or not self.artifacts else ""
        head = f'{{"name":"expmig.export","version":1,{rows}"extra_columns":[{",".join(extra)}]}}'
        return f'{{"format":{head},"experiment":{{{",".join(self.members("EXPERIMENT", row))}}},"trials":[{",".join(trials)}]{own},"metadata":'

    @staticmethod
    def position(table):
        tables = ["EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "BATCH", "METRIC", "ARTIFACT", "EXPERIMENT_ARTIFACT", "TRIAL_ARTIFACT",
                  "TRIAL_RUN_ARTIFACT", "RESULTS_METRIC", "RESULTS_ARTIFACT", "EPOCH_METRIC", "EPOCH_ARTIFACT", "BATCH_METRIC", "BATCH_ARTIFACT"]
        return tables.index(table)


def difference(expected, actual):
    """Where the actual text stops being the expected one; what it has after that."""
    at = 0
    for n, part in enumerate(expected.split(MARK)):
        if n % 2:
            match = REAL.match(actual, at)
            token = match and match.group()
            if not token or not re.search("[.eE]", token) or struct.pack(">d", float(token)).hex() != part:
                return at, f"{actual[at:at + 40]!r} is not the REAL {struct.unpack('>d', bytes.fromhex(part))[0]!r}"
            at = match.end()
        elif not actual.startswith(part, at):
            same = len(os.path.commonprefix([part, actual[at:at + len(part)]]))
            return at + same, f"{actual[at + same:at + same + 60]!r} instead of {part[same:same + 60]!r}"
        else:
            at += len(part)
    return None


def compact(text):
    """The text without white space between tokens. Embedded JSON loses its own, so both sides have to be treated alike."""
    return "".join(re.findall(r'"(?:[^"\\]|\\.)*"|[^\s"]+', text))


def check_metadata(metadata, document, db_path):
    wrong = []
    expected = {"source_database": os.path.basename(db_path), "include_metrics": document.metrics, "include_artifacts": document.artifacts,
                "format": "json", "format_version": 1, "generation": 2 if any("BATCH" in t for t in document.db.names) else 1,
                "counts": document.counts}
    for key, want in expected.items():
        if metadata.get(key) != want:
            wrong.append(f"metadata.{key} is {metadata.get(key)!r} instead of {want!r}")
    if set(metadata) != set(expected) | {"export_timestamp", "complete", "left_out", "digest", "expmig_version"}:
        wrong.append(f"metadata has the keys {sorted(metadata)}")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", metadata["export_timestamp"]):
        wrong.append(f"metadata.export_timestamp is {metadata['export_timestamp']!r}")
    whole = document.metrics and document.artifacts and not metadata["left_out"]
    if metadata["complete"] != whole or (metadata["digest"]["value"] is None) == whole:
        wrong.append("metadata.complete or the digest does not fit")
    return wrong


def main():
    p = argparse.ArgumentParser()
    p.add_argument("db")
    p.add_argument("experiment", type=int)
    p.add_argument("document")
    p.add_argument("--no-metrics", action="store_true")
    p.add_argument("--no-artifacts", action="store_true")
    p.add_argument("--indent", type=int, default=0)
    a = p.parse_args()
    document = Document(Database(a.db), a.experiment, not a.no_metrics, not a.no_artifacts)
    expected = document.text()
    with open(a.document, "rb") as f:
        actual = f.read().decode()
    if not actual.endswith("}\n") or (not a.indent and actual.count("\n") != 1 + expected.count("\n")):
        sys.exit("the document does not end with one newline, or has others")
    json.loads(actual)
    if a.indent:
        levels = [len(line) - len(line.lstrip(" ")) for line in actual.split("\n")]
        if levels[1] != a.indent or any(level % a.indent for level in levels if level):
            sys.exit("the document is not indented evenly")
        expected, actual = compact(expected), compact(actual)
    start = actual.rindex('"metadata":') + len('"metadata":')
    wrong = difference(expected, actual[:start])
    if wrong:
        sys.exit(f"byte {wrong[0]}, after {actual[max(0, wrong[0] - 60):wrong[0]]!r}: {wrong[1]}")
    metadata, end = json.JSONDecoder().raw_decode(actual[start:])
    problems = check_metadata(metadata, document, a.db)
    if actual[start + end:].strip() != "}":
        problems.append(f"after the metadata comes {actual[start + end:]!r}")
    if problems:
        sys.exit("\n".join(problems))
    print("OK")


if __name__ == "__main__":
    main()
