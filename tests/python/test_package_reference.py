"""Every code block of the functional specification runs as it is written. Only hosts, credentials and the ids of example snapshots are
replaced: there is no such server, and a snapshot's id is the time when it was made."""
import contextlib
import io
import logging
import os
import re
import struct
import sys
import typing
import unittest
import warnings
from datetime import datetime, timedelta

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
import mariadb
from binding import expmig

TEXT = (binding.ROOT / "tests" / "data" / "api_reference.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
EXAMPLE_SNAPSHOT = "20231201_143022"


def block(beginning):
    """The number of the one block that has this text."""
    found = [number for number, text in enumerate(BLOCKS) if beginning in text]
    assert len(found) == 1, (beginning, found)
    return found[0]


class Reference(binding.Case):
    """Runs blocks in the order of the document, in one namespace, as a reader of it would."""

    @classmethod
    def setUpClass(cls):
        expmig.install_as_experiment_manager()

    def setUp(self):
        super().setUp()
        self.path.rename(self.folder / "experiment.db")
        self.copy("production.db")
        self.names = {
            # What the document takes for granted.
            "experiment_id": 1, "datetime": datetime, "timedelta": timedelta, "List": typing.List, "logging": logging,
        }
        exec("from experiment_manager.db.data_migration import *\nfrom experiment_manager.db.manager import *", self.names)

    def run_block(self, beginning, *replaced):
        """Runs a block, and answers what it printed."""
        number = block(beginning)
        source = BLOCKS[number]
        for what, by in replaced:
            self.assertIn(what, source)
            source = source.replace(what, by)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, f"block {number} of api_reference.md", "exec"), self.names)
        return printed.getvalue()

    def initialize(self):
        self.run_block("# Initialize")
        self.addCleanup(self.names["db_manager"].close)
        return self.names["migration_manager"]

    def snapshot_id(self):
        return (EXAMPLE_SNAPSHOT, self.names["migration_manager"].snapshot_manager.create_snapshot("an example"))

    def example_1(self):
        # logging.basicConfig is a matter of the whole process.
        handlers, level = list(logging.root.handlers), logging.root.level
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                printed = self.run_block('print("Validating database...")')
        finally:
            logging.root.handlers[:], logging.root.level = handlers, level
        self.addCleanup(self.names["db"].close)
        return printed

    def test_constructor(self):
        manager = self.initialize()
        self.assertIsInstance(self.names["db_manager"], expmig.DatabaseManager)
        self.assertIsInstance(manager, expmig.DataMigrationManager)
        self.assertFalse(os.path.exists("snapshots"), "the folder is created by the first snapshot")

    def test_validation_methods(self):
        self.initialize()
        self.run_block("# Check hierarchy integrity for specific experiment")
        self.assertEqual(self.names["validation_results"]["summary"]["overall_status"], "PASS")
        self.assertEqual((self.names["is_valid"], self.names["issues"], self.names["json_issues"]), (True, [], []))

    def test_snapshot_methods(self):
        manager = self.initialize()
        made = self.snapshot_id()
        self.run_block("# List all snapshots", made)
        self.assertIsInstance(self.names["snapshot_id"], str)
        self.assertEqual([one["id"] for one in self.names["snapshots"]], [self.names["snapshot_id"], made[1]])
        self.assertIs(manager.snapshot_manager.restore_snapshot(made[1]), True)
        # Three were made here, and a safety snapshot by each restore.
        self.assertEqual(manager.snapshot_manager.cleanup_old_snapshots(keep_count=0), 4)

    def test_migration_methods(self):
        manager = self.initialize()
        before = binding.sql("experiment.db", "SELECT count(*) FROM METRIC WHERE type = 'accuracy'")[0][0]
        printed = self.run_block("# Migrate entire experiment")
        self.assertTrue(printed.startswith("Progress: 0.0%\n"), printed)
        self.assertTrue(printed.endswith("Progress: 100.0%\n"), printed)
        result = self.names["result"]
        self.assertIsInstance(result, expmig.TransformationResult)
        self.assertEqual((result.metrics_matched, result.success_rate), (before, 100.0))
        self.assertEqual([one["id"] for one in manager.list_experiments()], [1, 2, 3, 4])

    def test_export_and_import_methods(self):
        manager = self.initialize()
        self.run_block("# Export experiment data")
        self.assertIsInstance(self.names["experiment_data"], dict)
        self.assertEqual(self.names["new_experiment_id"], 4)
        self.assertTrue(manager.compare(1, 4)["equal"])

    def test_migration_progress(self):
        reports = []
        self.initialize().migrate_experiment(1, progress_callback=reports.append)
        self.run_block("class MigrationProgress:")
        # The block declares a class: what it declares, ours has.
        declared = self.names["MigrationProgress"]
        kinds = {"datetime": datetime, "List[str]": list, "int": int, "float": float, "str": str}
        self.assertEqual(len(declared.__annotations__), 8)
        for name, kind in declared.__annotations__.items():
            kind = kinds.get(str(kind).replace("typing.", ""), kind)
            self.assertIsInstance(getattr(reports[-1], name), kind, name)
        self.assertIsInstance(reports[-1].get_elapsed_time(), timedelta)
        self.assertEqual(reports[-1].get_remaining_time(), timedelta(0))
        reports[0].add_error("one of mine")
        self.assertEqual(reports[0].errors, ["one of mine"])
        methods = {name for name in vars(declared) if not name.startswith("_")}
        self.assertEqual(methods, {"get_elapsed_time", "get_remaining_time", "add_error"})

    def test_migration_strategy(self):
        self.run_block("# Available strategies")
        self.assertEqual([one.name for one in self.names["MigrationStrategy"]], ["CONSERVATIVE", "BALANCED", "AGGRESSIVE"])

    def test_data_validator(self):
        manager = self.initialize()
        self.run_block("# Custom validation")
        self.assertEqual((self.names["fk_violations"], self.names["json_issues"], self.names["hierarchy_issues"]), ({}, [], []))
        manager.validator = self.names["CustomValidator"](self.names["db_manager"])
        self.assertEqual(manager.validator.validate_data_consistency()["summary"]["overall_status"], "PASS")

    def test_snapshot_manager(self):
        manager = self.initialize()
        made = self.snapshot_id()
        manager.snapshot_manager.create_snapshot("migration_of_metrics")
        self.run_block("# Create snapshot with metadata", made)
        self.assertEqual([one["description"] for one in self.names["snapshots"]], ["migration_of_metrics"])
        self.assertEqual(self.names["details"]["id"], made[1])
        self.assertEqual(self.names["details"]["statistics"]["tables"]["EXPERIMENT"], 3)
        kept = manager.snapshot_manager.get_snapshot_details(self.names["snapshot_id"])
        self.assertEqual(kept["metadata"], {"experiment_count": 10, "migration_type": "metric_transform"})

    def test_metric_transformer(self):
        self.initialize()
        self.run_block("transformer = MetricTransformer(db_manager)")
        self.assertIsInstance(self.names["result"], expmig.TransformationResult)
        self.assertEqual(self.names["result"].rules[0]["transformation"], "normalize_json_keys")
        self.assertGreater(self.names["result"].metrics_matched, 0)

    def test_transformation_rules(self):
        manager = self.initialize()
        self.run_block('"global_settings": {')
        # The real data calls its losses otherwise, and has per-label values already.
        binding.sql("experiment.db", "UPDATE METRIC SET type = 'loss' WHERE type = 'val_loss'")
        binding.sql("experiment.db", "UPDATE METRIC SET per_label_val = '{\"macro\": 0.5, \"micro\": 0.25}' WHERE type = 'f1_score'")
        binding.sql("experiment.db", "UPDATE METRIC SET per_label_val = '[0.5, 0.25, 1.0]' WHERE type = 'accuracy'")
        result = manager.transform_metrics([1, 2, 3], self.names["transformation_rules"])
        self.assertEqual([rule["transformation"] for rule in result.rules], ["legacy_to_per_label", "normalize_json_keys", "add_metadata"])
        self.assertEqual((result.metrics_failed, result.success_rate), (0, 100.0))
        self.assertEqual(dict(binding.sql("experiment.db", "SELECT type, per_label_val FROM METRIC WHERE per_label_val IS NOT NULL GROUP BY type")), {
            **dict(binding.sql(binding.DIGITS, "SELECT type, per_label_val FROM METRIC WHERE type IN ('precision', 'recall') GROUP BY type")),
            "accuracy": '{"class_0": 0.5, "class_1": 0.25, "class_2": 1.0}',
            "f1_score": '{"macro_avg": 0.5, "micro_avg": 0.25}',
            "loss": '{"_metadata": {"aggregation_method": "mean", "computed_at": "epoch_end"}}',
        })
        self.assertEqual(manager.undo(result)["metrics_restored"], result.metrics_updated)

    def test_export_format(self):
        manager = self.initialize()
        self.run_block("exported_data = {")
        real = manager.export_experiment(1)
        run = next(run for trial in real["trials"] for run in trial["trial_runs"] if run["results"])

        def covers(sample, ours, where):
            for key, value in sample.items():
                self.assertIn(key, ours, where)
                if value == [...]:
                    self.assertIsInstance(ours[key], list, key)
                elif value == {...}:
                    self.assertIsInstance(ours[key], dict, key)
                elif key not in ("trials", "trial_runs", "metadata", "experiment"):
                    self.assertIsInstance(ours[key], type(value), key)

        sample = self.names["exported_data"]
        covers(sample, real, "document")
        covers(sample["experiment"], real["experiment"], "experiment")
        covers(sample["metadata"], real["metadata"], "metadata")
        covers(sample["trials"][0], real["trials"][0], "trial")
        covers(sample["trials"][0]["trial_runs"][0], run, "run")

    def test_exception_classes(self):
        manager = self.initialize()
        self.assertEqual(self.run_block("DataMigrationError,      # Base migration error"), "")
        self.assertEqual([one["id"] for one in manager.list_experiments()], [1, 2, 3, 4])
        # Each handler gets what it is for.
        expected = "Validation failed: [{'code': 'dangling_reference', 'table': 'EPOCH_METRIC', 'key': "
        binding.sql("experiment.db", "UPDATE EPOCH_METRIC SET metric_id = 99999 WHERE rowid = (SELECT min(rowid) FROM EPOCH_METRIC)")
        printed = self.run_block("DataMigrationError,      # Base migration error")
        self.assertTrue(printed.startswith(expected), printed)
        binding.sql("experiment.db", "UPDATE EXPERIMENT SET id = 77 WHERE id = 1")
        printed = self.run_block("DataMigrationError,      # Base migration error")
        self.assertEqual(printed, "Migration failed: experiment 1 does not exist (the nearest experiments are 2, 3, 4)\n")

    def test_error_recovery(self):
        manager = self.initialize()
        self.run_block("def safe_migration_with_recovery")
        recover = self.names["safe_migration_with_recovery"]
        self.assertEqual(recover(manager, 1).new_experiment_id, 4)
        with self.assertLogs(level="ERROR") as logged, self.assertRaises(expmig.DataMigrationError) as caught:
            recover(manager, 99)
        self.assertTrue(any("Migration failed: experiment 99" in line for line in logged.output), logged.output)
        self.assertIn("Migration failed and restored to snapshot 2", str(caught.exception))
        self.assertEqual(caught.exception.__cause__.status, "NOT_FOUND")
        self.assertEqual([one["id"] for one in manager.list_experiments()], [1, 2, 3, 4])

    def test_example_1(self):
        printed = self.example_1()
        self.assertIn("100.0%\n✅ Migration completed successfully!\n   New experiment ID: 4\n   Processed items: 4854\n", printed)
        self.assertNotIn("issues found", printed)
        self.assertTrue(self.names["migrator"].compare(1, 4)["equal"])

    def test_example_1_when_it_fails(self):
        binding.sql("production.db", "UPDATE EPOCH_METRIC SET metric_id = 99999 WHERE rowid = (SELECT min(rowid) FROM EPOCH_METRIC)")
        printed = self.example_1()
        self.assertIn("⚠️  Validation issues found", printed)
        self.assertIn("❌ Migration failed: ", printed)
        self.assertTrue(printed.endswith("Database restored to pre-migration state\n"), printed)

    def test_example_2(self):
        self.example_1()
        self.assertEqual(self.run_block("# Apply transformations"), "Transformed 0 metrics\nSuccess rate: 100.0%\n")
        # The real data has per-label values already; as they were before, they are changed.
        binding.sql("production.db", "UPDATE METRIC SET per_label_val = NULL WHERE type = 'accuracy'")
        printed = self.run_block("# Apply transformations")
        self.assertRegex(printed, r"^Transformed [1-9][0-9]* metrics\nSuccess rate: 100.0%\n$")

    def research(self):
        """The experiment 42 of example 3."""
        self.copy("research.db")
        for statement in ("UPDATE EXPERIMENT SET id = 42 WHERE id = 3", "UPDATE TRIAL SET experiment_id = 42 WHERE experiment_id = 3",
                          "UPDATE EXPERIMENT_ARTIFACT SET experiment_id = 42 WHERE experiment_id = 3"):
            binding.sql("research.db", statement)

    def example_3(self, server, *replaced):
        """Imports it once more: its id there."""
        try:
            printed = self.run_block(
                "# Source database (SQLite)", ('"prod-db.company.com"', f'"127.0.0.1", port={server.port}'), ("secure_password", "p@ss/word:1"), *replaced)
            self.assertEqual(printed, f"Migrated experiment 42 to production as experiment {self.names['new_id']}\n")
            return self.names["new_id"], self.names["source_migrator"].compare(42, self.names["new_id"], self.names["target_migrator"])["equal"]
        finally:
            self.names["source_db"].close()
            self.names["target_db"].close()

    @contextlib.contextmanager
    def production(self, kind):
        """A server with an empty schema, and the example's account."""
        with mariadb.server(kind=kind) as server:
            server.sql("CREATE DATABASE production; CREATE USER migrator@'%' IDENTIFIED BY 'p@ss/word:1'; GRANT ALL ON production.* TO migrator@'%';"
                       "CREATE USER migrator@localhost IDENTIFIED BY 'p@ss/word:1'; GRANT ALL ON production.* TO migrator@localhost;")
            yield server

    def test_example_3(self):
        """Against private servers."""
        self.research()
        for kind in mariadb.kinds():
            with self.subTest(kind), self.production(kind) as server:
                expmig.DatabaseManager("production", host="127.0.0.1", user="migrator", password="p@ss/word:1", port=server.port, create=True).close()
                self.assertEqual(self.example_3(server), (1, True))

    def test_example_3_into_the_tables_of_the_tracker_itself(self):
        """They have INT ids, DATETIME without a fraction and FLOAT: what does not fit is said first, with the two ways out."""
        self.research()
        tables = (binding.ROOT / "tests" / "data" / "tracker_mysql.sql").read_text(encoding="utf-8")
        of_metrics = ("WITH RECURSIVE x AS (SELECT r.id FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {0}) "
                      "SELECT m.id, m.type, {1} FROM METRIC m WHERE m.id IN (SELECT metric_id FROM EPOCH_METRIC WHERE epoch_trial_run_id IN (SELECT id FROM x) "
                      "UNION SELECT metric_id FROM BATCH_METRIC WHERE trial_run_id IN (SELECT id FROM x) "
                      "UNION SELECT metric_id FROM RESULTS_METRIC WHERE results_id IN (SELECT id FROM x)) ORDER BY 1")

        def single(number):
            return struct.unpack("f", struct.pack("f", number))[0]

        wanted = sorted((kind, single(value)) for _, kind, value in binding.sql("research.db", of_metrics.format(42, "m.total_val")))
        for kind in mariadb.kinds():
            with self.subTest(kind), self.production(kind) as server:
                server.sql(f"USE production; {tables}")
                with self.assertRaises(expmig.DataMigrationError) as caught:
                    self.example_3(server)
                self.assertEqual(caught.exception.status, "LOSSY")
                for way in ("schema_widen", "allow_lossy=True"):
                    self.assertIn(way, caught.exception.hint)
                self.assertEqual(server.sql("SELECT count(*) FROM production.EXPERIMENT").strip(), "0")
                # As much of it as fits.
                exactly = "validate_before_import=True"
                new_id, equal = self.example_3(server, (exactly, f"{exactly}, allow_lossy=True"))
                self.assertIs(equal, False)
                lines = server.sql("USE production; " + of_metrics.format(new_id, "CAST(m.total_val AS DOUBLE)")).splitlines()
                found = sorted((kind, float(value)) for _, kind, value in (line.split("\t") for line in lines))
                self.assertEqual(found, wanted)
                # All of it, in wider columns, as the example is written.
                db = expmig.DatabaseManager("production", host="127.0.0.1", user="migrator", password="p@ss/word:1", port=server.port)
                db.schema_widen(apply=True)
                db.close()
                self.assertIs(self.example_3(server)[1], True)

    def test_progress_callbacks(self):
        manager = self.initialize()
        self.run_block("def detailed_progress_callback")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            manager.migrate_experiment(1, progress_callback=self.names["detailed_progress_callback"])
        self.assertRegex(printed.getvalue(), r"Progress: 0\.0% \(0/\d+\)\nSuccess Rate: 100\.0%\nElapsed: 0:00:00.*? \| Remaining: None\n")
        self.assertRegex(printed.getvalue(), r"Progress: 100\.0% \(4854/4854\)\nSuccess Rate: 100\.0%\nElapsed: 0:00:.*? \| Remaining: 0:00:00\n$")

    def test_robust_error_handling(self):
        manager = self.initialize()
        self.run_block("def robust_migration")
        self.assertEqual(self.names["robust_migration"](manager, 1).new_experiment_id, 4)
        with contextlib.redirect_stdout(io.StringIO()) as printed, self.assertRaises(expmig.DataMigrationError):
            self.names["robust_migration"](manager, 99)
        self.assertEqual(printed.getvalue(), "Attempt 1 failed, retrying...\nAttempt 2 failed, retrying...\n")
        self.assertEqual([one["id"] for one in manager.list_experiments()], [1, 2, 3, 4])

    def test_validation_before_and_after(self):
        manager = self.initialize()
        self.run_block("def validated_operation")
        result = self.names["validated_operation"](manager, lambda: manager.migrate_experiment(2))
        self.assertEqual(result.new_experiment_id, 4)

    def test_every_block_is_run_here(self):
        with open(__file__, encoding="utf-8") as file:
            ran = {block(beginning) for beginning in re.findall(r"""run_block\(\s*(?:'|")(.+?)(?:'|")[,)]""", file.read().replace("\\n", "\n"))}
        self.assertEqual(ran, set(range(len(BLOCKS))))
        self.assertEqual(len(BLOCKS), 20)


if __name__ == "__main__":
    warnings.simplefilter("error")
    unittest.main()
