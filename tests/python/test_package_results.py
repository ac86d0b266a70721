"""What the methods answer: results, and documents that keep every digit."""
import json
import math
import os
import pickle
import shutil
import sys
import unittest
import warnings
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig


class Results(binding.Case):
    def setUp(self):
        super().setUp()
        self.migrator = self.manager()

    def test_a_migration_result(self):
        target = self.manager(self.copy("target.db"))
        rules = [{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}]
        result = self.migrator.migrate_experiment(2, target=target, create_snapshot=True, transformation_rules=rules, title_prefix="copy of ")
        self.assertEqual((result.source_experiment_id, result.new_experiment_id, result.skipped, result.success_rate), (2, 4, False, 100.0))
        self.assertEqual((result.items_failed, result.items_processed), (0, result.items_total))
        self.assertEqual(result.tables["EXPERIMENT"], {"source": 1, "copied": 1, "failed": 0})
        self.assertEqual(sum(table["copied"] for table in result.tables.values()), result.items_total)
        trials = [row[0] for row in self.sql("SELECT id FROM TRIAL WHERE experiment_id = 2")]
        self.assertEqual(sorted(result.id_map["trial"]), trials)
        self.assertEqual(result.id_map["experiment"], {2: 4})
        self.assertEqual(result.id_map["metric"]["count"], result.tables["METRIC"]["copied"])
        self.assertIsInstance(result.duration, timedelta)
        self.assertIsInstance(result.transformation, expmig.TransformationResult)
        self.assertEqual(len(result.source_digest), 64)
        self.assertTrue((self.folder / "snapshots" / f"{result.snapshot_id}.db").exists())
        self.assertEqual((result.errors, result.left_out["count"], result.lossy["count"]), ([], 0, 0))
        self.assertEqual(result.to_dict()["schema"], "expmig.migration/1")
        skipped = self.migrator.migrate_experiment(1, on_duplicate="skip", target=target)
        self.assertTrue(skipped.skipped)
        with self.assertRaises(AttributeError):
            result.new_experiment_id = 5

    def test_what_was_left_out_is_listed(self):
        self.sql("UPDATE EPOCH_METRIC SET metric_id = 99999 WHERE rowid = (SELECT min(rowid) FROM EPOCH_METRIC)")
        result = self.migrator.migrate_experiment(1, strategy=expmig.MigrationStrategy.AGGRESSIVE)
        self.assertEqual((result.items_failed, len(result.errors), result.target_digest), (1, 1, None))
        self.assertIn("metric_id=99999", result.errors[0])
        error = self.fails("VALIDATION", self.migrator.migrate_experiment, 1, kind=expmig.ValidationError)
        self.assertEqual(error.validation_errors[0]["code"], "dangling_reference")

    def test_rows_that_no_call_can_name_are_never_missing_without_a_word(self):
        for table, rest in (("EXPERIMENT", "title, desc, start_time, update_time"), ("METRIC", "type, total_val, per_label_val")):
            self.sql(f"CREATE TABLE untyped (id PRIMARY KEY, {rest})")
            self.sql(f"INSERT INTO untyped SELECT id, {rest} FROM {table}")
            self.sql(f"DROP TABLE {table}")
            self.sql(f"ALTER TABLE untyped RENAME TO {table}")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(len(self.manager().list_experiments()), 3)
        for key in ("abc", 2.5):
            self.sql("INSERT INTO EXPERIMENT SELECT ?, title, desc, start_time, update_time FROM EXPERIMENT WHERE id = 1", key)
        self.sql("UPDATE METRIC SET id = 'x' WHERE id = 1")
        self.sql("UPDATE EPOCH_METRIC SET metric_id = 'x' WHERE metric_id = 1")
        for isolation in (None, "process"):
            migrator = self.manager(isolation=isolation)
            with self.assertWarnsRegex(UserWarning, "2 experiments cannot be listed, the first: EXPERIMENT .*id is no integer") as caught:
                self.assertEqual([one["id"] for one in migrator.list_experiments()], [1, 2, 3])
            self.assertEqual(caught.filename, __file__, "it names the line that asked")
            error = self.fails("VALIDATION", migrator.migrate_experiment, 2, strategy="conservative", kind=expmig.ValidationError)
            self.assertIn("abc", str(error.validation_errors))
            error = self.fails("VALIDATION", migrator.metric_transformer.transform_metrics, None, "scale", {"factor": 2}, kind=expmig.TransformationError)
            self.assertIn("x", str(error.details))

    def test_appending_to_an_experiment(self):
        result = self.migrator.migrate_experiment(1, 2)
        self.assertEqual((result.new_experiment_id, len(self.migrator.list_experiments())), (2, 3))
        self.fails("INVALID_ARGUMENT", self.migrator.migrate_experiment, 1, 1)

    def test_undo_and_what_can_be_undone(self):
        rules = [{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}]
        result = self.migrator.transform_metrics([1], rules)
        self.assertEqual([one["id"] for one in self.migrator.list_transformations()], [result.transform_id])
        self.assertEqual(self.migrator.undo(result.transform_id)["metrics_restored"], result.metrics_updated)
        preview = self.migrator.transform_metrics([1], rules, dry_run=True)
        self.assertTrue(preview.dry_run and preview.samples and preview.transform_id is None)
        with self.assertRaises(ValueError):
            self.migrator.undo(preview)
        self.migrator.transform_metrics([1], rules)
        self.assertEqual(self.migrator.forget_transformations(0), 1)

    def test_comparison_finds_the_difference(self):
        other = self.manager(self.copy("other.db"))
        self.assertTrue(self.migrator.compare(1, 1, other)["equal"])
        self.assertTrue(self.migrator.compare(1, 1, other.db_manager)["equal"])
        self.assertFalse(self.migrator.compare(1, 2)["equal"])


class Documents(binding.Case):
    """Nothing is lost between a database and a dict and back."""

    LABELS = '{"long":0.12345678901234567890123,"short":0.10,"exponent":1.5E-7,"huge":123456789012345678901234567890,"tiny":1e-400,"int":9007199254740993}'

    def setUp(self):
        super().setUp()
        self.sql("UPDATE METRIC SET per_label_val = ? WHERE id = 1", self.LABELS)
        self.sql("UPDATE METRIC SET total_val = 9e999 WHERE id = 2")
        self.sql("UPDATE METRIC SET total_val = 0.1 + 0.2, per_label_val = '{nan}' WHERE id = 3")
        self.sql("UPDATE EXPERIMENT SET title = ?, desc = NULL WHERE id = 1", "ü \u0001 \U0001f600 \"quoted\\\"")
        self.migrator = self.manager()

    def metric(self, document, number):
        found = []

        def walk(node):
            if isinstance(node, dict):
                if node.get("id") == number and "total_val" in node:
                    found.append(node)
                for one in node.values():
                    walk(one)
            elif isinstance(node, list):
                for one in node:
                    walk(one)

        walk(document)
        return found[0]

    def test_a_dict_comes_back_digit_by_digit(self):
        document = self.migrator.export_experiment(1)
        labels = self.metric(document, 1)["per_label_val"]
        self.assertIsInstance(labels["long"], float)
        self.assertEqual(labels["long"], 0.12345678901234568)
        self.assertEqual(labels["long"].text, "0.12345678901234567890123")
        self.assertIs(type(labels["short"]), float)
        self.assertEqual((labels["int"], labels["huge"]), (9007199254740993, 123456789012345678901234567890))
        self.assertEqual(self.metric(document, 2)["total_val"], "Infinity")
        for again in (document, pickle.loads(pickle.dumps(document))):
            new = self.migrator.import_experiment_data(again, validate_before_import=False)
            self.assertTrue(self.migrator.compare(1, new)["equal"])

    def test_a_page_is_of_any_experiments_of_any_databases(self):
        path = self.migrator.report_to_file("page.html", 1, title="<mine>", file_mode=0o640)
        self.assertEqual((path, os.stat(path).st_mode & 0o777), (os.path.abspath("page.html"), 0o640))
        self.assertIn("<title>&lt;mine&gt;</title>", Path(path).read_text(encoding="utf-8"))
        self.fails("ALREADY_EXISTS", self.migrator.report_to_file, "page.html", 1, kind=expmig.ImportExportError)
        self.fails("NOT_FOUND", self.migrator.report_to_file, "other.html", [1, 99], kind=expmig.ImportExportError)
        shutil.copy(binding.DIGITS, "second.db")
        other = self.manager("second.db")
        self.migrator.report_to_file("page.html", [2], [(other, 2)], replace=True)
        self.assertIn('"equal":true', Path(path).read_text(encoding="utf-8"))
        self.assertIn('"database":"second.db"', Path(path).read_text(encoding="utf-8"))
        self.assertFalse(os.path.exists("other.html"))

    def test_text_bytes_and_files_come_back_too(self):
        path = self.migrator.export_experiment_to_file(1, "one.json", indent=2, file_mode=0o640)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        self.fails("ALREADY_EXISTS", self.migrator.export_experiment_to_file, 1, "one.json", kind=expmig.ImportExportError)
        self.migrator.export_experiment_to_file(1, self.folder / "one.json", replace=True)
        with open(path, "rb") as file:
            content = file.read()
        for new in (
            self.migrator.import_experiment_from_file(path, validate_before_import=False),
            self.migrator.import_experiment_data(content, validate_before_import=False),
            self.migrator.import_experiment_data(content.decode(), validate_before_import=False),
        ):
            self.assertTrue(self.migrator.compare(1, new)["equal"])

    def test_an_import_tells_what_it_did(self):
        document = self.migrator.export_experiment(2)
        done = self.migrator.import_document(document)
        self.assertEqual((done["experiment_id"], done["document_experiment_id"], done["skipped"]), (4, 2, False))
        self.assertEqual(self.migrator.import_document(document, on_duplicate="skip")["experiment_id"], 2)
        self.fails("ALREADY_EXISTS", self.migrator.import_experiment_data, document, preserve_ids=True, kind=expmig.ImportExportError)
        empty = self.manager("empty.db", create=True)
        self.assertEqual(empty.import_experiment_data(document, True), 2)
        self.assertTrue(empty.compare(2, 2, self.migrator)["equal"])

    def test_what_is_no_document_is_named(self):
        before = self.count()
        document = self.migrator.export_experiment(1)
        values = self.fails("VALIDATION", self.migrator.import_experiment_data, document, kind=expmig.ValidationError)
        self.assertEqual({one["code"] for one in values.validation_errors}, {"json_malformed", "total_val_not_finite"})
        self.metric(document, 2)["total_val"] = math.inf
        error = self.fails("INVALID_ARGUMENT", self.migrator.import_experiment_data, document, kind=expmig.ImportExportError)
        self.assertIn('"Infinity"', error.hint)
        self.fails("CORRUPT", self.migrator.import_experiment_data, "{", kind=expmig.ImportExportError)
        self.fails("INVALID_ARGUMENT", self.migrator.import_experiment_data, "\ud800", kind=expmig.ImportExportError)
        self.fails("NOT_FOUND", self.migrator.import_experiment_from_file, "missing.json", kind=expmig.ImportExportError)
        altered = self.migrator.export_experiment(2)
        altered["experiment"]["title"] += "?"
        self.fails("MISMATCH", self.migrator.import_experiment_data, altered, kind=expmig.ImportExportError)
        for wrong in (None, 1, ["list"], open):
            with self.assertRaises(TypeError):
                self.migrator.import_experiment_data(wrong)
        self.assertEqual(self.count(), before)

    def test_json_keeps_digits(self):
        from expmig import _json
        for text in ("0.1", "-0.0", "1e300", "0.30000000000000004", "1.7976931348623157e308", "5e-324", "0.12345678901234567890", "1e-400",
                     "1E5", "2.50", "123456789012345.6", "1234567890123456.7", "12345678901234567.8", "-1.23456789012345678e-5"):
            again = _json.dumps({"a": [_json.loads(text)], "b": {}})
            self.assertEqual(Decimal(json.loads(again, parse_float=str, parse_int=str)["a"][0]), Decimal(text), text)
        number = _json.loads("0.12345678901234567890")
        mixed = {"n": number, "list": [1, "ü\n", None, True, [], {}, (1.5,)], 1: Decimal("1.10"), None: 0, 2.5: -7}
        self.assertEqual(_json.dumps(mixed), '{"n": 0.12345678901234567890, "list": [1, "\\u00fc\\n", null, true, [], {}, [1.5]], '
                                             '"1": 1.10, "null": 0, "2.5": -7}')
        for wrong in (math.nan, math.inf, Decimal("NaN"), [number, math.inf]):
            with self.assertRaises(ValueError):
                _json.dumps(wrong)
        with self.assertRaises(TypeError):
            _json.dumps([number, {1}])


if __name__ == "__main__":
    unittest.main()
