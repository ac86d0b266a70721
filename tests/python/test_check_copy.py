"""Proves that check_copy.py finds damage: a correct copy passes, and each of many small damages to it is reported."""
import contextlib
import io
import os
import shutil
import sqlite3
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check_copy

DIGITS = os.environ.get("EXPMIG_DIGITS_DB", os.path.join(HERE, "..", "data", "digits.db"))
NEW_IDS = {"EXPERIMENT": 1000, "TRIAL": 2000, "TRIAL_RUN": 3000, "METRIC": 40000, "ARTIFACT": 50000}
POINTS_TO = {"experiment_id": "EXPERIMENT", "trial_id": "TRIAL", "trial_run_id": "TRIAL_RUN", "results_id": "TRIAL_RUN",
             "epoch_trial_run_id": "TRIAL_RUN", "metric_id": "METRIC", "artifact_id": "ARTIFACT"}
RUNS = "SELECT r.id FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = ?"
BELOW = {  # how to find the rows below an experiment
    "EXPERIMENT": "id = ?", "TRIAL": "experiment_id = ?", "TRIAL_RUN": f"id IN ({RUNS})",
    "EXPERIMENT_ARTIFACT": "experiment_id = ?", "TRIAL_ARTIFACT": "trial_id IN (SELECT id FROM TRIAL WHERE experiment_id = ?)",
    "TRIAL_RUN_ARTIFACT": f"trial_run_id IN ({RUNS})", "RESULTS": f"trial_run_id IN ({RUNS})", "EPOCH": f"trial_run_id IN ({RUNS})",
    "BATCH": f"trial_run_id IN ({RUNS})", "RESULTS_METRIC": f"results_id IN ({RUNS})", "RESULTS_ARTIFACT": f"results_id IN ({RUNS})",
    "EPOCH_METRIC": f"epoch_trial_run_id IN ({RUNS})", "EPOCH_ARTIFACT": f"epoch_trial_run_id IN ({RUNS})",
    "BATCH_METRIC": f"trial_run_id IN ({RUNS})", "BATCH_ARTIFACT": f"trial_run_id IN ({RUNS})",
}


def copy_experiment(source, experiment, target, into=None, batches=True, first_id=0):
    """Copy with new ids, row by row: the simplest thing that is right. Returns the id of the copy."""
    new = {}

    def new_id(table, old):
        return new.setdefault((table, old), NEW_IDS[table] + first_id + len(new))

    if into is not None:
        new["EXPERIMENT", experiment] = into
    linked = {"METRIC": set(), "ARTIFACT": set()}
    with contextlib.closing(sqlite3.connect(source)) as read, contextlib.closing(sqlite3.connect(target)) as write, write:
        def copy(table, condition, *parameters):
            for row in read.execute(f"SELECT * FROM {table} WHERE {condition}", parameters).fetchall():
                names = [column[0] for column in read.execute(f"SELECT * FROM {table} LIMIT 0").description]
                row = dict(zip(names, row))
                for name in names:
                    points_to = table if name == "id" else POINTS_TO.get(name)
                    if points_to in linked:
                        linked[points_to].add(row[name])
                    if points_to:
                        row[name] = new_id(points_to, row[name])
                columns = ", ".join(f'"{name}"' for name in names)
                write.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})", list(row.values()))

        for table, condition in BELOW.items():
            if not (table.startswith("BATCH") and not batches) and not (table == "EXPERIMENT" and into is not None):
                copy(table, condition, experiment)
        for table, ids in linked.items():
            for row_id in sorted(ids):
                copy(table, "id = ?", row_id)
    return new["EXPERIMENT", experiment]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists(DIGITS):
            raise FileNotFoundError(f"no database at {DIGITS}; EXPMIG_DIGITS_DB can name another place")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.pristine = cls.file("pristine.db", DIGITS)

    @classmethod
    def file(cls, name, original):
        path = os.path.join(cls.folder, name)
        shutil.copyfile(original, path)
        return path

    @classmethod
    def empty(cls, name, batches=True):
        """A database with the schema of digits.db and no rows."""
        path = os.path.join(cls.folder, name)
        with contextlib.closing(sqlite3.connect(DIGITS)) as read, contextlib.closing(sqlite3.connect(path)) as write, write:
            tables = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            for table, sql in read.execute(tables).fetchall():
                if batches or not table.startswith("BATCH"):
                    write.execute(sql)
        return path

    @classmethod
    def small(cls, name, trials=2):
        """Only some trials of experiment 1: enough to be damaged often and checked fast."""
        path = cls.file(name, DIGITS)
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("DELETE FROM TRIAL WHERE id NOT IN (SELECT id FROM TRIAL WHERE experiment_id = 1 ORDER BY id LIMIT ?)", (trials,))
            for table, condition in BELOW.items():
                db.execute(f"DELETE FROM {table} WHERE NOT ({condition})", (1,))
            for kind in "METRIC", "ARTIFACT":
                links = " UNION ".join(f"SELECT {kind}_id FROM {link}" for link in BELOW if link.endswith("_" + kind))
                db.execute(f"DELETE FROM {kind} WHERE id NOT IN ({links})")
        return path

    @staticmethod
    def run_sql(path, sql):
        """Run statements, each of which must change something."""
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("PRAGMA foreign_keys = OFF")
            for statement in sql.split(";"):
                if db.execute(statement).rowcount == 0:
                    raise AssertionError(f"no damage done by {statement}")

    def reported(self, lines, table, *words):
        self.assertTrue(any(line.startswith(table) and all(word in line for word in words) for line in lines),
                        f"not reported: {table} {words}; but: {lines[:5]}")


class OtherFile(Case):
    """A copy in a database of its own, and damages that only what is below the copy can show."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pristine, cls.good = cls.small("small.db"), cls.empty("good.db")
        cls.copied = copy_experiment(cls.pristine, 1, cls.good)

    def damaged(self, sql):
        target = self.file("damaged.db", self.good)
        self.run_sql(target, sql)
        return check_copy.check(self.pristine, 1, target, self.copied)

    def test_good(self):
        for source, target in (self.pristine, self.good), (DIGITS, self.empty("whole.db")):
            copied = self.copied if target == self.good else copy_experiment(source, 1, target)
            empty = self.empty(f"before {os.path.basename(target)}")
            self.assertEqual(check_copy.check(source, 1, target, copied, pristine=source, target_before=empty), [])

    def test_command_line(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(check_copy.main([self.pristine, "1", self.good, str(self.copied)]), 0)
            self.assertEqual(check_copy.main([self.pristine, "2", self.good, str(self.copied)]), 1)
            self.assertEqual(check_copy.main([self.pristine, "77", self.good, str(self.copied)]), 1)
            self.assertEqual(check_copy.main([self.pristine, "1", self.good + "x", "1"]), 1)
        self.assertRegex(out.getvalue(), r"^OK EXPERIMENT=1 TRIAL=2 TRIAL_RUN=6 .*BATCH_ARTIFACT=\d+\n")

    def test_dropped_rows(self):
        for table in BELOW:
            with self.subTest(table=table):
                self.reported(self.damaged(f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})"), table)
        for kind in "METRIC", "ARTIFACT":
            with self.subTest(table=kind):
                lines = self.damaged(f"DELETE FROM {kind} WHERE id = (SELECT max(id) FROM {kind})")
                self.reported(lines, kind, "more in the source")
                self.assertTrue(any("has no parent" in line for line in lines))

    def test_changed_values(self):
        for table, changes in {
                "EXPERIMENT": ['title = title || " "', '"desc" = NULL', "update_time = '2024-01-01T00:00:00'"],
                "TRIAL": ["name = upper(name)", "start_time = substr(start_time, 1, 25) || '9'"],
                "TRIAL_RUN": ["status = 'Completed'", "update_time = replace(update_time, 'T', ' ')"],
                "RESULTS": ["time = substr(time, 1, 19)"],
                "EPOCH": ["time = replace(time, 'T10:', 'T11:')", "time = CAST(time AS BLOB)"],
                "BATCH": ["time = time || 'Z'"],
                "METRIC": ["total_val = total_val + 1e-15", "total_val = total_val || 'x'", "total_val = CAST('1' AS BLOB)",
                           "per_label_val = per_label_val || ' '", "per_label_val = CAST(per_label_val AS BLOB)",
                           "per_label_val = NULL", "per_label_val = ''", "type = CAST(type AS BLOB)"],
                "ARTIFACT": ["loc = loc || char(0)", "type = 'Model'"]}.items():
            for change in changes:
                self.changed(table, change)

    def changed(self, table, change):
        column = change.split(" =")[0]
        with self.subTest(table=table, change=change):
            one = f"(SELECT min(rowid) FROM {table} WHERE {column} IS NOT NULL)"
            lines = self.damaged(f"UPDATE {table} SET {change} WHERE rowid = {one}")
            self.reported(lines, table, "more in the source")
            self.reported(lines, table, "more in the copy")

    def test_moved_rows(self):
        """The same rows in each table, but at other places."""
        trial, other_trial = "(SELECT min(id) FROM TRIAL)", "(SELECT max(id) FROM TRIAL)"
        run, other_run = "(SELECT min(id) FROM TRIAL_RUN)", "(SELECT min(id) + 1 FROM TRIAL_RUN)"
        accuracy = "metric_id IN (SELECT id FROM METRIC WHERE type = 'accuracy')"
        for table, sql in [
                # two metrics of a run change epochs
                ("EPOCH_METRIC", "UPDATE EPOCH_METRIC SET epoch_idx = 1 - epoch_idx "
                                 f"WHERE epoch_idx < 2 AND epoch_trial_run_id = {run} AND {accuracy}"),
                # two runs of a trial change their third epochs
                ("TRIAL_RUN", f"UPDATE EPOCH SET trial_run_id = -1 WHERE idx = 3 AND trial_run_id = {run};"
                              f"UPDATE EPOCH SET trial_run_id = {run} WHERE idx = 3 AND trial_run_id = {other_run};"
                              f"UPDATE EPOCH SET trial_run_id = {other_run} WHERE trial_run_id = -1"),
                # a run, and an artifact, go to another trial
                ("TRIAL", f"UPDATE TRIAL_RUN SET trial_id = {other_trial} WHERE id = {run}"),
                ("TRIAL", f"UPDATE TRIAL_ARTIFACT SET trial_id = {other_trial} WHERE trial_id = {trial}"),
                # a batch goes to an epoch that does not exist
                ("BATCH", "UPDATE BATCH SET epoch_idx = 99 WHERE rowid = (SELECT max(rowid) FROM BATCH)"),
                # a result gets another metric
                ("RESULTS_METRIC", "UPDATE RESULTS_METRIC SET metric_id = (SELECT min(metric_id) FROM EPOCH_METRIC) WHERE rowid = 1")]:
            with self.subTest(sql=sql):
                self.reported(self.damaged(sql), table)

    def test_extra_column(self):
        lines = self.damaged("ALTER TABLE METRIC ADD COLUMN unit TEXT;"
                             "UPDATE METRIC SET unit = '%' WHERE id = (SELECT max(id) FROM METRIC)")
        self.reported(lines, "METRIC", "unit='%' (text)")
        self.assertEqual(self.damaged("ALTER TABLE METRIC ADD COLUMN unit TEXT"), [])

    def test_wrong_experiment(self):
        self.reported(check_copy.check(self.pristine, 1, self.good, 5), "EXPERIMENT", "target has 0 rows")


class Sharing(Case):
    """The same values at the same places, but rows that are shared otherwise than in the source."""

    def setUp(self):
        self.source, self.target = self.small("source.db", trials=4), self.empty("target.db")
        self.addCleanup(os.remove, self.target)

    def twins(self, path, experiment, names):
        """Hang artifacts of equal content on the trials of an experiment: the n-th trial gets those that the n-th text names."""
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            trials = [row[0] for row in db.execute("SELECT id FROM TRIAL WHERE experiment_id = ? ORDER BY start_time", (experiment,))]
            for name in sorted(set("".join(names))):
                db.execute("INSERT INTO ARTIFACT (id, type, loc) VALUES (?, 'twin', 'x')", (90000 + ord(name),))
            links = [(trial, 90000 + ord(name)) for trial, its in zip(trials, names) for name in its]
            db.executemany("INSERT INTO TRIAL_ARTIFACT VALUES (?, ?)", links)

    def test_unshared(self):
        self.twins(self.source, 1, ["a", "a", "a"])
        copied = copy_experiment(self.source, 1, self.target)
        self.assertEqual(check_copy.check(self.source, 1, self.target, copied), [])
        self.run_sql(self.target, "INSERT INTO ARTIFACT VALUES (99, 'twin', 'x'); UPDATE TRIAL_ARTIFACT SET artifact_id = 99 "
                                  "WHERE rowid = (SELECT max(rowid) FROM TRIAL_ARTIFACT)")
        self.reported(check_copy.check(self.source, 1, self.target, copied), "ARTIFACT", "1 more in the copy", "twin")

    def test_merged(self):
        self.twins(self.source, 1, ["a", "b"])
        copied = copy_experiment(self.source, 1, self.target)
        self.run_sql(self.target, "UPDATE TRIAL_ARTIFACT SET artifact_id = (SELECT max(id) FROM ARTIFACT WHERE type = 'twin') "
                                  "WHERE artifact_id IN (SELECT id FROM ARTIFACT WHERE type = 'twin')")
        self.reported(check_copy.check(self.source, 1, self.target, copied), "ARTIFACT", "1 more in the source", "twin")

    def test_shared_between_other_places(self):
        copied = copy_experiment(self.source, 1, self.target)
        self.twins(self.source, 1, ["a", "a", "b", "b"])
        self.twins(self.target, copied, ["a", "b", "a", "b"])
        self.reported(check_copy.check(self.source, 1, self.target, copied), "EXPERIMENT", "shared between other places")

    def test_twins_are_alike(self):
        copied = copy_experiment(self.source, 1, self.target)
        self.twins(self.source, 1, ["a", "a", "b", "b"])
        self.twins(self.target, copied, ["b", "b", "a", "a"])
        self.assertEqual(check_copy.check(self.source, 1, self.target, copied), [])


if __name__ == "__main__":
    unittest.main()
