"""Programs written for Experiment Manager: its own DatabaseManager, what its migration module had, and progress of a program's own."""
import os
import sqlite3
import sys
import unittest
from datetime import datetime, timedelta

import mysql.connector

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
import mariadb
from binding import expmig


class DatabaseManager:
    """The attributes of Experiment Manager's class of this name, over the real drivers that it uses."""

    def __init__(self, path=None, readonly=False, connection=None):
        self.use_sqlite = connection is None
        self.readonly = readonly
        if connection is None:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True) if readonly else sqlite3.connect(path)
            connection.row_factory = sqlite3.Row
        self.connection = connection
        self.cursor = connection.cursor()


class Adopted(binding.Case):
    def tracker(self, **named):
        db = DatabaseManager("experiments.db", **named)
        self.addCleanup(db.connection.close)
        return db

    def test_the_trackers_own_manager_is_taken_and_its_file_opened_beside_it(self):
        tracker = self.tracker()
        with expmig.DataMigrationManager(tracker, snapshot_dir="snapshots") as manager:
            self.assertIs(manager.db_manager, tracker)
            self.assertEqual(manager.validator.validate_data_consistency()["summary"]["overall_status"], "PASS")
            result = manager.migrate_experiment(1)
            self.assertEqual(result.source_digest, result.target_digest)
            new, = tracker.connection.execute("SELECT title FROM EXPERIMENT WHERE id = ?", (result.new_experiment_id,)).fetchone()
            tracker.connection.execute("UPDATE EXPERIMENT SET title = ? WHERE id = ?", (new + "!", result.new_experiment_id))
            tracker.connection.commit()
            self.assertEqual([one["title"] for one in manager.list_experiments()][-1], new + "!")
        self.assertEqual(tracker.connection.execute("SELECT count(*) FROM EXPERIMENT").fetchone()[0], 4)

    def test_every_part_takes_it(self):
        tracker = self.tracker()
        self.assertEqual(expmig.DataValidator(tracker).validate_foreign_keys(), {})
        self.assertEqual(expmig.HierarchyPreserver(tracker).validate_hierarchy_integrity(1), (True, []))
        self.assertEqual(expmig.SnapshotManager(tracker, "kept").snapshot_dir, str(self.folder / "kept"))
        done = expmig.MetricTransformer(tracker).transform_metrics([1], "round", {"digits": 1}, dry_run=True)
        self.assertEqual(done.metrics_examined, 1)
        target = self.copy("target.db")
        with expmig.DataMigrationManager(self.tracker()) as manager, expmig.DataMigrationManager(DatabaseManager(target)) as other:
            self.assertEqual(manager.migrate_experiment(1, target=other).new_experiment_id, 4)
            self.assertTrue(manager.compare(1, 4, DatabaseManager(target))["equal"])

    def test_what_it_may_not_write_is_not_written(self):
        with expmig.DataMigrationManager(self.tracker(readonly=True)) as manager:
            self.fails("MISUSE", manager.migrate_experiment, 1)

    def test_what_cannot_be_taken_is_named(self):
        memory = DatabaseManager(":memory:")
        self.addCleanup(memory.connection.close)
        self.assertIn("in memory", str(self.fails("UNSUPPORTED", expmig.DataMigrationManager, memory)))
        with self.assertRaisesRegex(TypeError, "not builtins.str"):
            expmig.DataMigrationManager("experiments.db")
        with self.assertRaisesRegex(TypeError, "mysql.connector"):
            expmig.DataMigrationManager(DatabaseManager(connection=memory.connection))


class AdoptedServer(binding.Case):
    def test_the_connection_of_a_server_is_made_again(self):
        with mariadb.server() as server:
            server.sql("CREATE USER tracker@localhost IDENTIFIED BY 'p@ss'; GRANT ALL ON *.* TO tracker@localhost;")
            for where in ({"unix_socket": str(server.socket)}, {"host": "127.0.0.1", "port": server.port}):
                expmig.DatabaseManager("runs", user="tracker", password="p@ss", create=True, **where).close()
                connection = mysql.connector.connect(
                    user="tracker", password="p@ss", database="runs", charset="utf8mb4", collation="utf8mb4_general_ci", **where)
                with expmig.DataMigrationManager(DatabaseManager(connection=connection)) as manager:
                    self.assertEqual(manager.list_experiments(), [])
                connection.close()


class Helpers(binding.Case):
    def test_metric_json_is_judged_as_the_validator_does(self):
        judge = expmig.MetricTransformer.validate_metric_json
        for valid in ('{"a": 1, "b": -0.5e3, "_metadata": {"x": []}}', "{}", {"a": 1.5, "_x": None}):
            self.assertEqual(judge(valid), (True, None))
        texts = ["[1]", "1", "", " ", "{", '{"a": true}', '{"a": null}', '{"a": "1"}', '{"a": NaN}', '{"a": 1, "a": 2}', "{'a': 1}", '{"a": {"b": 1}}', '{"_a": NaN}']
        for number, text in enumerate([*texts, '{"a": 1}', '{"_a": "x"}']):
            self.sql("UPDATE METRIC SET per_label_val = ? WHERE id = ?", text, number + 1)
        found = {issue["row"] for issue in self.manager().validator.validate_json_metrics()}
        self.assertEqual(found, {f"id={number + 1}" for number, text in enumerate(texts) if not judge(text)[0]})
        self.assertEqual(len(found), len(texts))
        for wrong in ({1: 2.0}, {"a": float("nan")}, {"a": float("inf")}, [], None):
            valid, why = judge(wrong)
            self.assertFalse(valid)
            self.assertTrue(why)

    def test_labels_are_aggregated(self):
        aggregate = expmig.MetricTransformer.aggregate_per_label_metrics
        metrics = [{"a": 0.1, "b": 1}, {"a": 0.2, "_metadata": {}}, {"a": 0.6}]
        self.assertEqual(aggregate(metrics), {"a": 0.9 / 3, "b": 1.0})
        self.assertEqual([aggregate(metrics, how)["a"] for how in ("min", "max")], [0.1, 0.6])
        self.assertEqual(list(aggregate(metrics, "sum")), ["a", "b"])
        self.assertEqual(aggregate([]), {})
        with self.assertRaisesRegex(ValueError, "Unsupported aggregation function: median"):
            aggregate([{"a": 1}], "median")
        halved = expmig.MetricTransformer.transform_metric_format({"a": 1, "b": 2}, {"a": lambda value: value / 2, "c": str})
        self.assertEqual(halved, {"a": 0.5, "b": 2})

    def test_a_hierarchy_has_every_row(self):
        hierarchy = self.manager().hierarchy_preserver.get_experiment_hierarchy(1)
        self.assertEqual(hierarchy["experiment"], dict(zip(("id", "title", "desc", "start_time", "update_time"),
                                                           self.sql("SELECT * FROM EXPERIMENT WHERE id = 1")[0])))
        runs = [run for trial in hierarchy["trials"] for run in trial["runs"]]
        below = "trial_run_id IN (SELECT TRIAL_RUN.id FROM TRIAL_RUN JOIN TRIAL ON TRIAL.id = trial_id WHERE experiment_id = 1)"
        counted = self.sql(f"SELECT (SELECT count(*) FROM EPOCH WHERE {below}), (SELECT count(*) FROM RESULTS WHERE {below})")[0]
        self.assertEqual([sum(len(run["epochs"]) for run in runs), sum(run["results"] is not None for run in runs)], counted)
        self.assertTrue(all(run["run"]["trial_id"] == trial["trial"]["id"] for trial in hierarchy["trials"] for run in trial["runs"]))
        self.assertIn("Experiment 99 not found", str(self.fails("NOT_FOUND", self.manager().hierarchy_preserver.get_experiment_hierarchy, 99)))

    def test_callbacks_that_were_added_hear_of_every_call(self):
        manager = self.manager()
        self.assertIsNone(manager.get_migration_status())
        heard, once = [], []
        manager.add_progress_callback(heard.append)
        manager.migrate_experiment(1, progress_callback=once.append)
        self.assertEqual(heard, once)
        self.assertTrue(heard[-1].finished and manager.get_migration_status() is heard[-1])
        manager.digest(1)
        self.assertGreater(len(heard), len(once))
        with self.assertRaises(TypeError):
            manager.add_progress_callback("print")

    def test_metrics_are_transformed_after_a_snapshot(self):
        manager = expmig.DataMigrationManager(self.open(), migration_dir="migrations")
        rules = {"metric_transformations": [{"metric_type": "train_loss", "transformation": "scale", "rules": {"factor": 2}}]}
        done = manager.batch_transform_metrics([1], rules)
        self.assertGreater(done.metrics_updated, 0)
        self.assertEqual(len(manager.snapshot_manager.list_snapshots()), 1)
        manager.batch_transform_metrics([1], rules, create_snapshot=False)
        with self.assertRaisesRegex(TypeError, "register_transformation"):
            manager.batch_transform_metrics([1], {"train_loss": lambda value: value})
        self.fails("INVALID_ARGUMENT", manager.batch_transform_metrics, [1], [])
        self.assertEqual(len(manager.snapshot_manager.list_snapshots()), 1)
        self.assertFalse((self.folder / "migrations").exists())

    def test_rules_without_a_rule_are_refused_everywhere(self):
        manager = self.manager()
        before = self.count()
        for rules in ([], {"metric_transformations": []}, "[]", {}):
            for call in (manager.transform_metrics, manager.migrate_experiment):
                with self.subTest(rules=rules, call=call.__name__):
                    named = {} if call == manager.migrate_experiment else {"experiment_ids": [1]}
                    arguments = [1] if call == manager.migrate_experiment else []
                    self.fails("INVALID_ARGUMENT", call, *arguments, transformation_rules=rules, **named)
        self.assertEqual(self.count(), before)

    def test_issues_have_the_names_of_the_tracker_too(self):
        self.sql("UPDATE METRIC SET per_label_val = 'x' WHERE id = 1")
        report = self.manager().validator.validate_data_consistency()
        self.assertEqual(report["summary"]["total_json_metric_issues"], 1)
        issue, = report["json_metric_issues"]
        self.assertEqual(issue["error"], issue["message"])
        self.assertEqual(self.manager().validator.validate_json_metrics()[0]["error"], issue["error"])


class OwnProgress(unittest.TestCase):
    def test_what_follows_from_the_items_is_computed(self):
        started = datetime.now() - timedelta(seconds=10)
        progress = expmig.MigrationProgress(total_items=100, processed_items=25, failed_items=5, start_time=started)
        self.assertEqual((progress.completion_percentage, progress.success_rate), (25.0, 80.0))
        self.assertAlmostEqual(progress.get_remaining_time().total_seconds(), 30, delta=5)
        self.assertIsNone(progress.estimated_completion)
        progress.update_eta()
        self.assertAlmostEqual((progress.estimated_completion - started).total_seconds(), 40, delta=5)
        progress.processed_items = 100
        self.assertEqual((progress.completion_percentage, progress.success_rate, progress.get_remaining_time()), (100.0, 95.0, timedelta(0)))
        progress.update_eta()

    def test_nothing_is_made_up_before_there_is_anything(self):
        progress = expmig.MigrationProgress()
        self.assertEqual((progress.completion_percentage, progress.success_rate, progress.get_remaining_time()), (0.0, 100.0, None))
        progress.update_eta()
        self.assertIsNone(progress.estimated_completion)
        self.assertEqual(expmig.MigrationProgress(completion_percentage=12.5, success_rate=50.0).completion_percentage, 12.5)
        self.assertEqual(expmig.MigrationProgress(processed_items=1, start_time=progress.start_time),
                         expmig.MigrationProgress(1, start_time=progress.start_time))


if __name__ == "__main__":
    unittest.main()
