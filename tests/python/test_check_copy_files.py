"""Proves that check_copy.py finds damage around a copy: in the same file, in an existing experiment, in the source, in the target."""
import contextlib
import io
import os
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_copy
import test_check_copy as base


class Twins(base.Case):
    """Two trials of experiment 1, and a second experiment that is an earlier copy of the first: equal rows to be mistaken for others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pristine = cls.small("twins.db")
        cls.other = base.copy_experiment(cls.pristine, 1, cls.pristine)


class SameFile(Twins):
    """Source and copy in one database."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = cls.file("good.db", cls.pristine)
        cls.copied = base.copy_experiment(cls.good, 1, cls.good, first_id=100000)
        cls.ids = {"copy": cls.copied, "other": cls.other, "runs": base.RUNS.replace("?", str(cls.copied))}

    def damaged(self, sql):
        path = self.file("damaged.db", self.good)
        self.run_sql(path, sql.format(**self.ids))
        return check_copy.check(path, 1, path, self.copied, same_file=True, pristine=self.pristine)

    def test_good(self):
        self.assertEqual(check_copy.check(self.good, 1, self.good, self.copied, same_file=True, pristine=self.pristine), [])
        arguments = [self.good, "1", self.good, str(self.copied), "--same-file", "--pristine", self.pristine]
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(check_copy.main(arguments), 0)
        self.assertTrue(out.getvalue().startswith("OK EXPERIMENT=1 TRIAL=2 "))

    def test_shared_with_the_source(self):
        lines = self.damaged("UPDATE RESULTS_METRIC SET metric_id = (SELECT min(metric_id) FROM RESULTS_METRIC WHERE results_id = 1) "
                             "WHERE rowid = (SELECT min(rowid) FROM RESULTS_METRIC WHERE results_id IN ({runs}))")
        self.reported(lines, "METRIC", "belongs to the source and to the copy")
        self.reported(lines, "METRIC", "is shared with a row outside", "RESULTS_METRIC")
        lines = self.damaged("UPDATE EXPERIMENT_ARTIFACT SET artifact_id = "
                             "(SELECT min(artifact_id) FROM EXPERIMENT_ARTIFACT WHERE experiment_id = 1) "
                             "WHERE rowid = (SELECT min(rowid) FROM EXPERIMENT_ARTIFACT WHERE experiment_id = {copy})")
        self.reported(lines, "ARTIFACT", "belongs to the source and to the copy")

    def test_shared_with_another_experiment(self):
        lines = self.damaged("INSERT INTO EXPERIMENT_ARTIFACT "
                             "SELECT {other}, max(artifact_id) FROM EXPERIMENT_ARTIFACT WHERE experiment_id = {copy}")
        self.reported(lines, "ARTIFACT", "is shared with a row outside", "EXPERIMENT_ARTIFACT")

    def test_the_same_experiment(self):
        lines = check_copy.check(self.pristine, 1, self.pristine, 1)
        self.assertEqual({line.split(":")[0] for line in lines}, set(base.NEW_IDS))

    def test_source_changed_with_the_copy(self):
        """Equal, but not what it was."""
        lines = self.damaged("UPDATE TRIAL SET name = 'x' WHERE experiment_id IN (1, {copy})")
        self.reported(lines, "source TRIAL", "gone or changed")

    def test_source_taken_apart(self):
        for sql, table in [("DELETE FROM EXPERIMENT WHERE id = {other}", "EXPERIMENT"),
                           ("UPDATE METRIC SET id = 987654 WHERE id = 1", "METRIC"),
                           ("UPDATE EPOCH SET rowid = 987654 WHERE rowid = 1", "EPOCH"),
                           ("UPDATE SCHEMA_VERSION SET version = version || 'x'", "SCHEMA_VERSION"),
                           ("UPDATE ARTIFACT SET loc = CAST(loc AS BLOB) WHERE id = 5", "ARTIFACT"),
                           ("DELETE FROM EPOCH_METRIC WHERE rowid = 1", "EPOCH_METRIC")]:
            with self.subTest(sql=sql):
                self.reported(self.damaged(sql), f"source {table}", "gone or changed")
        path = self.file("damaged.db", self.good)
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("DROP TABLE SCHEMA_VERSION")
        lines = check_copy.check(path, 1, path, self.copied, pristine=self.pristine)
        self.reported(lines, "source SCHEMA_VERSION", "gone or changed")
        self.reported(lines, "source sqlite_master", "SCHEMA_VERSION")

    def test_rows_too_many(self):
        for sql, table in [("INSERT INTO METRIC (type, total_val) VALUES ('left over', 1)", "METRIC"),
                           ("INSERT INTO EXPERIMENT (title, start_time, update_time) VALUES ('x', 'y', 'z')", "EXPERIMENT"),
                           ("INSERT INTO EPOCH VALUES (1, NULL, 'now')", "EPOCH"),
                           ("INSERT INTO SCHEMA_VERSION (version, migration_name, applied_at) VALUES ('9', 'x', 'now')", "SCHEMA_VERSION")]:
            with self.subTest(sql=sql):
                self.reported(self.damaged(sql), table, "rows more than before")

    def test_dropped_link(self):
        lines = self.damaged("DELETE FROM BATCH_ARTIFACT WHERE rowid = "
                             "(SELECT max(rowid) FROM BATCH_ARTIFACT WHERE trial_run_id IN ({runs}))")
        self.reported(lines, "BATCH_ARTIFACT", "1 more in the source")


class IntoExisting(Twins):
    """Experiment 1 added to an experiment that has trials and artifacts of its own."""

    def test_same_file(self):
        path = self.file("same.db", self.pristine)
        base.copy_experiment(path, 1, path, into=self.other, first_id=100000)
        check = lambda n=2, **options: check_copy.check(path, 1, path, self.other, into_existing=n, **options)
        self.assertEqual(check(pristine=self.pristine), [])
        self.assertEqual(check(), [])
        self.reported(check(1, pristine=self.pristine), "TRIAL", "1 trials were expected")
        self.reported(check(1), "TRIAL", "1 more in the copy")
        self.reported(check_copy.check(path, 1, path, self.other), "TRIAL", "1 more in the copy")
        self.run_sql(path, f"UPDATE EXPERIMENT SET title = 'x' WHERE id = {self.other}")
        self.reported(check(pristine=self.pristine), "source EXPERIMENT", "gone or changed")

    def test_other_file(self):
        """What was there before must not stand in for what is lost."""
        target = self.empty("target.db")
        first = base.copy_experiment(self.pristine, 1, target)
        before = self.file("before.db", target)
        base.copy_experiment(self.pristine, 1, target, into=first, first_id=100000)
        check = lambda **options: check_copy.check(self.pristine, 1, target, first, into_existing=2, **options)
        self.assertEqual(check(target_before=before, pristine=self.file("source.db", self.pristine)), [])
        self.assertEqual(check(), [])
        self.run_sql(target, "DELETE FROM EXPERIMENT_ARTIFACT WHERE rowid = (SELECT max(rowid) FROM EXPERIMENT_ARTIFACT)")
        self.reported(check(target_before=before), "EXPERIMENT_ARTIFACT", "1 more in the source")
        self.run_sql(target, "DELETE FROM EPOCH WHERE rowid = 1")
        self.reported(check(target_before=before), "target EPOCH", "gone or changed")


class OtherFiles(Twins):
    def test_source_has_more(self):
        target = self.empty("target.db")
        copied = base.copy_experiment(self.pristine, 1, target)
        source = self.file("source.db", self.pristine)
        self.assertEqual(check_copy.check(source, 1, target, copied, pristine=self.pristine), [])
        self.run_sql(source, "INSERT INTO ARTIFACT (type, loc) VALUES ('left over', 'x')")
        lines = check_copy.check(source, 1, target, copied, pristine=self.pristine)
        self.reported(lines, "source ARTIFACT", "was not there before", "left over")
        with contextlib.closing(sqlite3.connect(source)) as db, db:
            db.execute("CREATE TABLE traces (x)")
        self.reported(check_copy.check(source, 1, target, copied, pristine=self.pristine), "source sqlite_master", "traces")

    def test_generation_1(self):
        target = self.empty("generation1.db", batches=False)
        copied = base.copy_experiment(self.pristine, 1, target, batches=False)
        self.assertEqual(check_copy.check(self.pristine, 1, target, copied, generation1_target=True), [])
        self.reported(check_copy.check(self.pristine, 1, target, copied), "BATCH", "more in the source")
        self.run_sql(target, "DELETE FROM EPOCH_METRIC WHERE rowid = 1")
        self.reported(check_copy.check(self.pristine, 1, target, copied, generation1_target=True), "EPOCH_METRIC", "1 more in the source")
        whole = self.empty("generation2.db")
        copied = base.copy_experiment(self.pristine, 1, whole)
        self.reported(check_copy.check(self.pristine, 1, whole, copied, generation1_target=True), "BATCH", "should not be")

    def test_generation_1_source(self):
        source, target = self.empty("old.db", batches=False), self.empty("new.db")
        first = base.copy_experiment(self.pristine, 1, source, batches=False)
        with contextlib.closing(sqlite3.connect(source)) as db, db:
            db.execute("DROP TABLE SCHEMA_VERSION")
            db.execute("ALTER TABLE METRIC RENAME TO metric_")
            db.execute("ALTER TABLE metric_ RENAME TO metric")
            db.execute("ALTER TABLE metric RENAME COLUMN type TO Type")
        copied = base.copy_experiment(self.pristine, 1, target, batches=False)
        self.assertEqual(check_copy.check(source, first, target, copied), [])


if __name__ == "__main__":
    unittest.main()
