#!/usr/bin/env python3
"""Is this copy of an experiment complete and exact? Looked at row by row, with plain SQL and without the digest.

    python check_copy.py SOURCE_DB SOURCE_ID TARGET_DB TARGET_ID [options]

Prints `OK` and the number of copied rows per table, or one line per difference and exits with 1. Rows are matched by what they
say and where they hang, never by id: a row counts with every column but its ids and foreign keys (storage classes and extra
columns included; NULL in an extra column is the same as no such column), a link with the row that it links, runs and trials
with everything below. Needs experiment_tree.py beside it.
"""
import argparse
import os
import sqlite3
import sys
from collections import Counter

from experiment_tree import FOREIGN_KEYS, LINK_COLUMN, LINKED, OWNER_COLUMN, WITH_ID, Tree, known_tables, raw_tables

MOST_LINES = 20  # of one kind; the last line says how many more there are


def shown(content):
    """A row's content for people."""
    if isinstance(content, str):
        return content
    table, cells, *linked = content
    texts = []
    for name, storage, value in cells:
        value = repr(value.decode("utf-8", "backslashreplace")) if isinstance(value, bytes) else str(value)
        texts.append(f"{name}={value if len(value) <= 80 else value[:77] + '...'} ({storage})")
    return f"{table}({', '.join(texts)})" + "".join(f" -> {shown(part)}" for part in linked)


def capped(lines, what):
    if len(lines) <= MOST_LINES:
        return lines
    return lines[:MOST_LINES] + [f"{what}: {len(lines) - MOST_LINES} more differences of this kind"]


def both_ways(what, source, target, describe):
    """Lines for what one of two multisets has more often than the other."""
    lines = []
    for here, more, less in ("source", source, target), ("copy", target, source):
        lines += [f"{what}: {count} more in the {here}: {describe(here, item)}" for item, count in (more - less).items()]
    return capped(lines, what)


def compare_rows(source, target, tables):
    """The rows of each table as a multiset, wherever they hang."""
    lines = []
    for table in tables:
        examples, sides = {}, []
        for here, tree in ("source", source), ("copy", target):
            contents = [tree.content(row) for row in tree.rows[table]]
            examples.update(((here, content), row) for content, row in zip(contents, tree.rows[table]))
            sides.append(Counter(contents))

        def describe(here, content):
            keys = {name: value for name, value in examples[here, content].values.items() if name.endswith("id")}
            return f"{shown(content)}, for example {', '.join(f'{name} {value}' for name, value in keys.items())}"

        lines += both_ways(table, *sides, describe)
    return lines


def compare_places(source, target):
    """The same rows, but do they hang at the same places and share in the same way? From the runs upwards."""
    for table in ("TRIAL_RUN", "TRIAL"):
        sides, rows = [], {}
        for here, tree in ("source", source), ("copy", target):
            sides.append(Counter(tree.shapes[table, row.values["id"]] for row in tree.rows[table]))
            rows.update(((here, tree.shapes[table, row.values["id"]]), row) for row in tree.rows[table])

        def describe(here, number):
            row = rows[here, number]
            return f"what hangs below {shown(row.content)}, for example id {row.values['id']}"

        lines = both_ways(table, *sides, describe)
        if lines:
            return lines
    if set(source.shapes[key] for key in source.shapes if key[0] == "EXPERIMENT") != \
            set(target.shapes[key] for key in target.shapes if key[0] == "EXPERIMENT"):
        return ["EXPERIMENT: the same trials, but METRIC or ARTIFACT rows are shared between other places than in the source"]
    return []


def check_keys(tables, copy):
    """Each key of a copied row has its parent; NULL in a key is no violation, as in SQL."""
    lines = []
    for table, keys in FOREIGN_KEYS.items():
        for columns, parent, parent_columns in keys:
            parents = {tuple(row.values.get(column) for column in parent_columns) for row in tables[parent]}
            wrong = []
            for row in copy.rows[table]:
                key = tuple(row.values.get(column) for column in columns)
                if None not in key and key not in parents:
                    wrong.append(f"{table}: ({', '.join(columns)}) = {key} has no parent in {parent}")
            lines += capped(wrong, table)
    return lines


def check_own_rows(tables, copy):
    """No row outside the copy links a METRIC or ARTIFACT row of the copy."""
    lines = []
    own = {kind: {row.values["id"] for row in copy.rows[kind]} for kind in ("METRIC", "ARTIFACT")}
    for link, kind in LINKED.items():
        inside = {id(row) for row in copy.rows[link]}
        wrong = [f"{kind}: id {row.values[LINK_COLUMN[link]]} of the copy is shared with a row outside: {link} {row.values}"
                 for row in tables[link] if row.values.get(LINK_COLUMN[link]) in own[kind] and id(row) not in inside]
        lines += capped(wrong, link)
    return lines


def check_ids(source, copy):
    """In one file, source and copy have no id in common."""
    lines = []
    for table in WITH_ID:
        common = sorted(source.ids(table) & copy.ids(table))
        lines += capped([f"{table}: id {row_id} belongs to the source and to the copy" for row_id in common], table)
    return lines


def check_untouched(what, before, after, only):
    """Every row that was in a file before is still there, bit for bit; with `only`, nothing else is."""
    lines = []
    for table, rows in before.items():
        if only or not table.upper().startswith("SQLITE_SEQ"):  # SQLite's own counters go up
            lost = rows - after.get(table, Counter())
            lines += capped([f"{what} {table}: a row that was there before is gone or changed: {row}" for row in lost], table)
    for table in after if only else ():
        new = after[table] - before.get(table, Counter())
        lines += capped([f"{what} {table}: a row that was not there before: {row}" for row in new], table)
    return lines


def check_growth(before, after, copy, into_existing):
    """The file that received the copy has the copy's rows more, and no others."""
    lines = []
    for table in sorted(set(FOREIGN_KEYS) | set(before) - {"SQLITE_SEQUENCE", "sqlite_master"}):
        grown = after.get(table, Counter()).total() - before.get(table, Counter()).total()
        copied = len(copy.rows.get(table, ())) - (1 if table == "EXPERIMENT" and into_existing is not None else 0)
        if grown != copied:
            lines.append(f"{table}: {grown} rows more than before, but the copy has {copied}")
    return lines


def earlier_rows(before, tables, source, experiment, count):
    """What an existing target experiment had before: ids of trials, and of its own artifacts.

    Without the file as it was before, the trials with the lowest ids, and all but the highest artifacts, are taken for it.
    """
    def below(data, table, column):
        return sorted(row.values[column] for row in data[table] if row.values[OWNER_COLUMN[table]] == experiment)

    if before is not None:
        return below(before, "TRIAL", "id"), below(before, "EXPERIMENT_ARTIFACT", "artifact_id")
    artifacts = below(tables, "EXPERIMENT_ARTIFACT", "artifact_id")
    return below(tables, "TRIAL", "id")[:count], artifacts[:max(0, len(artifacts) - len(source.rows["EXPERIMENT_ARTIFACT"]))]


def examine(source, sid, target, tid, same_file=False, into_existing=None, pristine=None, target_before=None, generation1_target=False):
    """(differences, rows of the copy per table); see main() for the parameters."""
    same_file = same_file or os.path.samefile(source, target)
    target_before = target_before or (pristine if same_file else None)
    source_tables, target_tables = known_tables(source), known_tables(target)
    lines = []
    if generation1_target:
        with_batches = [name for name in raw_tables(target) if name.startswith("BATCH")]
        lines += [f"{name}: this table should not be in a generation-1 target" for name in with_batches]
        for table in source_tables:
            if table.startswith("BATCH"):
                source_tables[table] = []
    numbers = {}
    original = Tree(source_tables, sid, numbers)
    trials, artifacts = (), ()
    if into_existing is not None:
        before = known_tables(target_before) if target_before else None
        trials, artifacts = earlier_rows(before, target_tables, original, tid, into_existing)
        if len(trials) != into_existing:
            lines.append(f"TRIAL: {into_existing} trials were expected in the target before, found {len(trials)}")
    copy = Tree(target_tables, tid, numbers, set(trials), set(artifacts))
    for what, tree, experiment in ("source", original, sid), ("target", copy, tid):
        if len(tree.rows["EXPERIMENT"]) != 1:
            lines.append(f"EXPERIMENT: the {what} has {len(tree.rows['EXPERIMENT'])} rows with id {experiment}")
    rows = compare_rows(original, copy, [table for table in FOREIGN_KEYS if table != "EXPERIMENT" or into_existing is None])
    lines += rows or compare_places(original, copy)
    lines += check_keys(target_tables, copy) + check_own_rows(target_tables, copy)
    if same_file:
        lines += check_ids(original, copy)
    if pristine:
        lines += check_untouched("source", raw_tables(pristine), raw_tables(source), only=not same_file)
    if target_before:
        before, after = raw_tables(target_before), raw_tables(target)
        if not same_file:
            lines += check_untouched("target", before, after, only=False)
        lines += check_growth(before, after, copy, into_existing)
    return lines, {table: len(found) for table, found in copy.rows.items()}


def check(source, sid, target, tid, **options):
    """The differences, one line each; none means that the copy is good."""
    return examine(source, sid, target, tid, **options)[0]


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Check a copy of an experiment row by row.")
    parser.add_argument("source")
    parser.add_argument("sid", type=int)
    parser.add_argument("target")
    parser.add_argument("tid", type=int)
    parser.add_argument("--same-file", action="store_true", help="source and target are one file (noticed without it too): no id in common")
    parser.add_argument("--into-existing", type=int, metavar="N",
                        help="the target experiment existed and had N trials; the copy was added to it")
    parser.add_argument("--pristine", metavar="DB", help="the source as it was before: nothing of it changed")
    parser.add_argument("--target-before", metavar="DB", help="the target as it was before: nothing of it changed, only the copy was added")
    parser.add_argument("--generation1-target", action="store_true", help="the target has no BATCH tables: batches are left out")
    options = parser.parse_args(arguments)
    try:
        lines, counts = examine(**vars(options))
    except (sqlite3.Error, OSError) as problem:
        lines = [f"cannot compare: {problem}"]
    if lines:
        print("\n".join(lines))
        return 1
    print("OK", *(f"{table}={count}" for table, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
