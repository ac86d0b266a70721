#!/usr/bin/env python3
"""Prints one experiment of a SQLite database as an export document that the library did not write.

    write_document.py DB EXPERIMENT [--order written|sorted|reversed|SEED] [--indent] [--digest HEX] [--bare]

The content is what expected_document.py makes of docs/export-format.md. `--order` is that of all keys and lists: as on the page,
sorted, reversed, or shuffled with a seed. `--bare` leaves out what a document that is made by hand need not have: format, metadata,
empty lists, NULLs, and the ids of what a row stands below.
"""
import argparse
import json
import random
import struct
import sys

import expected_document as page

RAW = "\ue000 as it is: "


class Token(str):
    """A number, or a value of a JSON column, as it is spelled."""


def value(cell, kind, plain=page.value):
    """As the page says, with JSON that stands in the document as it is in a string that tells it from the rest."""
    text = plain(cell, kind)
    return page.string(RAW + text) if kind == "json" and isinstance(cell, page.Text) and text.encode() == cell else text


def metadata(document, digest):
    return {
        "export_timestamp": "2023-12-01T16:00:00.000000Z", "source_database": "written by hand", "include_metrics": True,
        "include_artifacts": True, "format": "json", "format_version": 1, "generation": 2 if "BATCH" in document.db.names else 1,
        "complete": True, "left_out": {}, "counts": document.counts, "digest": {"algorithm": "expmig.digest/1", "value": digest},
        "expmig_version": "0.1.0",
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
        return order([ordered(item, order) for item in node], None)
    if not isinstance(node, dict):
        return node
    return dict(order([(key, ordered(value, order)) for key, value in node.items()], lambda member: member[0]))


def orders(name):
    if name == "written":
        return lambda items, key: items
    if name == "sorted":
        return lambda items, key: sorted(items, key=key) if key else items
    if name == "reversed":
        return lambda items, key: items[::-1]
    generator = random.Random(int(name))
    return lambda items, key: generator.sample(items, len(items))


def dump(node, indent, level=0):
    space, end = ("\n" + "  " * (level + 1), "\n" + "  " * level) if indent else ("", "")
    if isinstance(node, Token):
        return str(node)
    if isinstance(node, str) and node.startswith(RAW):
        return node[len(RAW):]
    if isinstance(node, dict):
        members = [f"{space}{json.dumps(key)}: {dump(value, indent, level + 1)}" for key, value in node.items()]
        return "{" + ",".join(members) + (end if members else "") + "}"
    if isinstance(node, list):
        return "[" + ",".join(space + dump(item, indent, level + 1) for item in node) + (end if node else "") + "]"
    return json.dumps(node, ensure_ascii=indent)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database")
    parser.add_argument("experiment", type=int)
    parser.add_argument("--order", default="written")
    parser.add_argument("--indent", action="store_true")
    parser.add_argument("--digest")
    parser.add_argument("--bare", action="store_true")
    arguments = parser.parse_args()
    page.value = value
    document = page.Document(page.Database(arguments.database), arguments.experiment, True, True)
    parts = document.text().split(page.MARK)
    parts[1::2] = [repr(struct.unpack(">d", bytes.fromhex(part))[0]) for part in parts[1::2]]
    text = "".join(parts) + json.dumps(metadata(document, arguments.digest)) + "}"
    tree = json.loads(text, parse_int=Token, parse_float=Token)
    tree = ordered(bare(tree) if arguments.bare else tree, orders(arguments.order))
    sys.stdout.buffer.write(dump(tree, arguments.indent).encode() + b"\n")


if __name__ == "__main__":
    main()
