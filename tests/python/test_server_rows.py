"""What goes from a SQLite file to a MariaDB server and back is the same row by row, read on one side by Python's sqlite3 and on the
other by PyMySQL, neither of which knows of expmig."""
import os
import sqlite3
import sys
import unittest
import warnings
from contextlib import closing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
import check_copy
import digest
import mariadb
import server_rows
from binding import expmig
from experiment_tree import FOREIGN_KEYS, Tree

USER, PASSWORD = "rows", "ro'ws:/@%"
TEXTS = [
    "", " ", "q'uo\"te`", "back\\slash \\n \\0 \\N", "nul \0 inside", "tab\tline\nreturn\r", "😀👩‍👩‍👧‍👦", "e\u0301 combining \u0644\u0627\u0651", "é\u00a0ß",
    "\U0010ffff \ufeff \u202e", "NULL", "%s %% {} ?1 :name", "\x1a\x7f\x01", "trailing  ",
]
REALS = [
    0.1, 1 / 3, 0.30000000000000004, 123456789.12345678, 9007199254740993.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e-300,
    1.0000000000000002, 0.0, -123.45600000000000307, 9.999999999999999e22, 4.35, 0.49999999999999994,
]
TIMES = [
    "2023-12-01T10:00:00.000001", "2023-12-01T10:00:00", "2023-12-01T10:00:00.1", "2023-12-01 23:59:59.999999", "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999", "2024-02-29T12:34:56.654321",
]
LARGE = 9223372036854775000


def extreme(path):
    """A file with one experiment, of id 0, whose values are hard to carry."""
    times = (TIMES * 3).__iter__()
    with closing(sqlite3.connect(binding.DIGITS)) as real:
        schema = [sql for sql, in real.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in schema:
            database.execute(statement)
        database.execute("ALTER TABLE METRIC ADD COLUMN raw BLOB")
        database.execute("BEGIN")

        def insert(table, *values):
            database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)

        insert("SCHEMA_VERSION", 1, "1.0.0", "initial", None, TIMES[0], "")
        insert("EXPERIMENT", 0, "".join(TEXTS)[:255], "".join(TEXTS) * 50, next(times), next(times))
        for trial, title in enumerate(TEXTS):
            insert("TRIAL", LARGE + trial, title, 0, TIMES[trial % len(TIMES)], TIMES[-1 - trial % len(TIMES)])
        for run in (0, 7, LARGE, LARGE + 1):
            insert("TRIAL_RUN", run, LARGE + run % 3, TEXTS[run % len(TEXTS)], TIMES[run % len(TIMES)], TIMES[0])
            insert("RESULTS", run, TIMES[(run + 1) % len(TIMES)])
            for index in (0, 1, 9007199254740993, 9223372036854775807):
                insert("EPOCH", index, run, TIMES[index % len(TIMES)])
                insert("BATCH", 9223372036854775807 - index, index, run, TIMES[(index + 3) % len(TIMES)])
        labels = [None, "", "{}", '{"b": 1.0, "a": 0.30000000000000004, "é": 1e-7}', " [1, 2] ", "{'a': NaN}", "not JSON \\ \0 '\"", '{"a": 1, "a": 2}']
        blobs = [None, b"", b"\0\xff\x80\n\\", bytes(range(256)), b"\xc3\xa4"]
        for metric in range(0, 120):
            insert("METRIC", metric, TEXTS[metric % len(TEXTS)], REALS[metric % len(REALS)], labels[metric % len(labels)], blobs[metric % len(blobs)])
            insert("EPOCH_METRIC", (0, 1, 9007199254740993, 9223372036854775807)[metric % 4], (0, 7, LARGE)[metric % 3], metric)
        for run in (0, LARGE + 1):
            insert("RESULTS_METRIC", run, 5)
            insert("BATCH_METRIC", 9223372036854775807, 0, run, 6)
        for artifact, text in enumerate(TEXTS):
            insert("ARTIFACT", artifact, text, text * 10)
            insert("EXPERIMENT_ARTIFACT", 0, artifact)
            insert("TRIAL_ARTIFACT", LARGE + artifact % 3, artifact)
            insert("TRIAL_RUN_ARTIFACT", LARGE, artifact)
            insert("RESULTS_ARTIFACT", 7, artifact)
            insert("EPOCH_ARTIFACT", 9223372036854775807, 7, artifact)
            insert("BATCH_ARTIFACT", 0, 9223372036854775807, 7, artifact)
        database.execute("COMMIT")
    return path


def differences(source, experiment, copy, copied):
    """What two copies of an experiment do not have in common, row by row, wherever they are; the rows that were compared."""
    numbers = {}
    trees = Tree(source, experiment, numbers), Tree(copy, copied, numbers)
    assert all(len(tree.rows["EXPERIMENT"]) == 1 for tree in trees), "an experiment is not there"
    lines = check_copy.compare_rows(*trees, list(FOREIGN_KEYS)) or check_copy.compare_places(*trees)
    return lines + check_copy.check_keys(copy, trees[1]), sum(map(len, trees[1].rows.values()))


class ServerRows(binding.Case):
    @classmethod
    def setUpClass(cls):
        server = mariadb.server()
        cls.server = server.__enter__()
        cls.addClassCleanup(server.__exit__, None, None, None)
        cls.server.sql("CREATE USER 'rows'@'127.0.0.1' IDENTIFIED BY 'ro''ws:/@%'; GRANT ALL ON *.* TO 'rows'@'127.0.0.1';")

    def schema(self, name):
        """A schema with our tables, and a client of it that is not expmig."""
        self.connect(name, create=True).close()
        client = server_rows.client(self.server.port, name, USER, PASSWORD)
        self.addCleanup(self.server.sql, f"DROP DATABASE {name};")
        self.addCleanup(client.close)
        return client

    def connect(self, name, **options):
        return expmig.DatabaseManager(name, host="127.0.0.1", user=USER, password=PASSWORD, port=self.server.port, **options)

    def there_and_back(self, path, name):
        """Migrates every experiment of a file to a server and from there to another file; looks at all three."""
        client = self.schema(name)
        if name == "extreme":
            with client.cursor() as cursor:
                cursor.execute("ALTER TABLE METRIC ADD COLUMN raw LONGBLOB")
        back = self.folder / "back.db"
        ids = {}
        with expmig.DatabaseManager(path, use_sqlite=True) as file, self.connect(name) as server, \
                expmig.DatabaseManager(back, use_sqlite=True, create=True) as end:
            managers = [expmig.DataMigrationManager(one, self.folder / "snapshots") for one in (file, server, end)]
            for experiment in [one["id"] for one in managers[0].list_experiments()]:
                there = managers[0].migrate_experiment(experiment, target=managers[1]).new_experiment_id
                again = managers[1].migrate_experiment(there, target=managers[2], add_columns=True).new_experiment_id
                ids[experiment] = there, again
                digests = [manager.digest(number) for manager, number in zip(managers, (experiment, there, again))]
                self.assertEqual(len(set(digests)), 1, digests)
                ids[experiment] += (digests[0],)
        tables = server_rows.of_file(path), server_rows.of_server(client), server_rows.of_file(back)
        client.rollback()
        for experiment, (there, again, ours) in ids.items():
            to_server, rows = differences(tables[0], experiment, tables[1], there)
            to_file, rows_of_file = differences(tables[1], there, tables[2], again)
            self.assertEqual(to_server + to_file, [])
            self.assertEqual(rows, rows_of_file)
            # And the second implementation of the digest says so.
            self.assertEqual(digest.experiment_digest(path, experiment).hex(), ours)
            self.assertEqual(digest.experiment_digest(back, again).hex(), ours)
        linked = sum(differences(tables[0], experiment, tables[0], experiment)[1] for experiment in ids)
        total = sum(len(rows) for table, rows in tables[1].items() if table != "SCHEMA_VERSION")
        self.assertEqual(linked, total, "the server has the rows of the experiments and no others")
        return total, tables

    def test_real_experiments_are_the_same_row_by_row(self):
        total, _ = self.there_and_back(self.path, "digits")
        self.assertEqual(total, 14562)

    def test_extreme_values_are_the_same_row_by_row(self):
        _, (before, there, _) = self.there_and_back(extreme(self.folder / "extreme.db"), "extreme")
        # The values are what this file says, and not something that both sides make of them alike.
        for tables in before, there:
            metrics = [dict((name, (kind, value)) for name, kind, value in row.content[1]) for row in tables["METRIC"]]
            self.assertEqual({metric["total_val"][1] for metric in metrics}, {repr(real) for real in REALS})
            self.assertEqual({metric["type"][1] for metric in metrics}, {text.encode() for text in TEXTS})
            self.assertEqual({metric.get("raw", (None, None))[1] for metric in metrics}, {None, b"", b"\0\xff\x80\n\\", bytes(range(256)), b"\xc3\xa4"})
            self.assertEqual({row.values["idx"] for row in tables["EPOCH"]}, {0, 1, 9007199254740993, 9223372036854775807})
            self.assertEqual(
                {value for row in tables["TRIAL"] for name, _, value in row.content[1] if name == "start_time"},
                {server_rows.microseconds(time) for time in TIMES},
            )

    def test_a_restored_snapshot_has_every_row_with_its_ids(self):
        for path, name in (self.path, "restored"), (extreme(self.folder / "extreme.db"), "restored_extreme"):
            client = self.schema(name)
            if name == "restored_extreme":
                with client.cursor() as cursor:
                    cursor.execute("ALTER TABLE METRIC ADD COLUMN raw LONGBLOB")
            with expmig.DatabaseManager(path, use_sqlite=True) as file, self.connect(name) as server:
                made = expmig.DataMigrationManager(file, self.folder / name).snapshot_manager.create_snapshot("before")
                expmig.DataMigrationManager(server, self.folder / name).snapshot_manager.restore_snapshot(made, force=True, safety_snapshot=False)
            here, there = server_rows.whole(server_rows.of_file(path)), server_rows.whole(server_rows.of_server(client))
            client.rollback()
            for table, rows in here.items():
                self.assertEqual(rows, there[table], table)
            self.assertGreater(sum(map(len, there.values())), 200)

    def test_a_changed_value_is_seen(self):
        """The comparison finds the smallest differences; otherwise it would prove nothing."""
        path = extreme(self.folder / "extreme.db")
        client = self.schema("extreme")
        with client.cursor() as cursor:
            cursor.execute("ALTER TABLE METRIC ADD COLUMN raw LONGBLOB")
        with expmig.DatabaseManager(path, use_sqlite=True) as file, self.connect("extreme") as server:
            there = expmig.DataMigrationManager(file, self.folder / "s").migrate_experiment(0, target=server).new_experiment_id
        here = server_rows.of_file(path)
        self.assertEqual(differences(here, 0, server_rows.of_server(client), there)[0], [])
        client.rollback()
        for change in (
            "UPDATE METRIC SET total_val = 0.10000000000000002 WHERE total_val = 0.1 LIMIT 1",
            "UPDATE TRIAL_RUN SET update_time = update_time + INTERVAL 1 MICROSECOND LIMIT 1",
            "UPDATE ARTIFACT SET loc = CONCAT(loc, ' ') LIMIT 1",
            "UPDATE METRIC SET per_label_val = NULL WHERE per_label_val = '' LIMIT 1",
            "UPDATE METRIC SET raw = CONCAT(raw, X'00') WHERE raw = X'' LIMIT 1",
            "DELETE FROM BATCH_ARTIFACT LIMIT 1",
            "UPDATE TRIAL_ARTIFACT SET trial_id = trial_id + 3 LIMIT 1",
        ):
            with self.subTest(change), client.cursor() as cursor:
                self.assertEqual(cursor.execute(change), 1)
                self.assertNotEqual(differences(here, 0, server_rows.of_server(client), there)[0], [])
            client.rollback()


if __name__ == "__main__":
    warnings.simplefilter("error")
    unittest.main()
