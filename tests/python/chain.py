#!/usr/bin/env python3
"""SQLite -> PostgreSQL -> MariaDB -> SQLite, by the command, and every row at every station looked at by psycopg, PyMySQL and sqlite3.

    python chain.py EXPMIG

For digits.db, and for extreme values that every one of the three engines holds. The digests are equal at every station, and the rows too, without
the digest, with where they hang (check_copy.py). mlflow_chain.py does so for MLflow's stores. Needs psycopg and PyMySQL, private servers of both
kinds, and the sqlite3 module.
"""
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import binding  # noqa: F401

import check_copy
from expmig import DatabaseManager
from experiment_tree import FOREIGN_KEYS, Tree
from stations import DATA, Places, along, expmig, file

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


def same_tracker(first, experiment, there, copy):
    numbers = {}
    copied = there.tracker()
    trees = Tree(first.tracker(), experiment, numbers), Tree(copied, copy, numbers)
    lines = check_copy.compare_rows(*trees, list(FOREIGN_KEYS)) or check_copy.compare_places(*trees) or check_copy.check_keys(copied, trees[1])
    if lines:
        raise SystemExit("\n".join([f"at {there.kind}:", *lines]))
    return sum(map(len, trees[1].rows.values()))


def main():
    with tempfile.TemporaryDirectory(prefix="expmig-chain-") as folder, Places(folder) as places:
        folder = Path(folder)
        for name in ("digits", "extreme"):
            source = folder / f"{name}.db"
            shutil.copy(DATA / "digits.db", source)
            if name == "extreme":
                with closing(sqlite3.connect(source)) as database:
                    database.executescript(EXTREME)
            stations = [file(source), places.schema("PostgreSQL", name), places.schema("MariaDB", name), file(folder / f"{name}-end.db")]
            for station in stations[1:]:
                DatabaseManager(station.url, create=True).close()
            along(name, stations, 1, same_tracker)
        print("the chain lost nothing")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    expmig.command = os.path.abspath(sys.argv[1])
    main()
