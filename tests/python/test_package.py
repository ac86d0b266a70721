"""The package as a whole: its names, what they say, how long they take to import, the names of Experiment Manager's modules, arguments, and
documents that keep every digit."""
import inspect
import json
import math
import os
import pickle
import re
import sys
import unittest
from datetime import datetime, timedelta, timezone
from decimal import Decimal

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig

SPECIFIED = {
    "DatabaseManager", "DataMigrationManager", "MigrationStrategy", "MigrationProgress", "MigrationResult", "TransformationResult", "DataValidator",
    "HierarchyPreserver", "SnapshotManager", "MetricTransformer", "DataMigrationError", "ValidationError", "SnapshotError",
    "TransformationError", "ImportExportError",
}


class Names(binding.Case):
    def test_everything_specified_is_there(self):
        self.assertTrue(SPECIFIED <= set(expmig.__all__))
        for name in expmig.__all__:
            self.assertIn(name, dir(expmig))
            self.assertIsNotNone(getattr(expmig, name))
        with self.assertRaises(AttributeError):
            expmig.nothing_of_this_name

    def test_type_checkers_and_the_program_see_the_same_names(self):
        source = (binding.BINDING / "expmig" / "__init__.py").read_text()
        self.assertEqual(set(re.findall(r"(\w+) as \1", source)), set(expmig.__all__) | {"__version__"})

    def test_everything_public_says_what_it_does_and_is_annotated(self):
        looked_at = 0
        for name in expmig.__all__:
            item = getattr(expmig, name)
            self.assertTrue(inspect.getdoc(item), name)
            members = inspect.getmembers_static(item) if hasattr(inspect, "getmembers_static") else inspect.getmembers(item)
            for member, value in members if inspect.isclass(item) else []:
                if member.startswith("_") or not inspect.isfunction(value) or not value.__module__.startswith("expmig"):
                    continue
                looked_at += 1
                self.assertTrue(inspect.getdoc(value), f"{name}.{member}")
                signature = inspect.signature(value)
                self.assertIsNot(signature.return_annotation, signature.empty, f"{name}.{member}")
                for parameter in list(signature.parameters.values())[1:]:
                    self.assertIsNot(parameter.annotation, parameter.empty, f"{name}.{member}({parameter.name})")
        self.assertGreater(looked_at, 50)

    def test_the_parameters_of_the_specification_come_first_and_in_its_order(self):
        for function, parameters in (
            (expmig.DataMigrationManager, "db_manager snapshot_dir enable_logging"),
            (expmig.DataMigrationManager.migrate_experiment,
             "self source_experiment_id target_experiment_id strategy progress_callback transformation_rules"),
            (expmig.DataMigrationManager.transform_metrics, "self experiment_ids transformation_rules batch_size"),
            (expmig.DataMigrationManager.export_experiment, "self experiment_id include_metrics include_artifacts format"),
            (expmig.DataMigrationManager.import_experiment_data, "self experiment_data preserve_ids validate_before_import"),
            (expmig.SnapshotManager.create_snapshot, "self description metadata"),
            (expmig.SnapshotManager.list_snapshots, "self since pattern"),
            (expmig.SnapshotManager.cleanup_old_snapshots, "self keep_count"),
            (expmig.MetricTransformer.transform_metrics, "self metric_ids transformation_type transformation_params"),
            (expmig.MetricTransformer.batch_transform_experiment, "self experiment_id transformations"),
            # Experiment Manager's own.
            (expmig.DatabaseManager, "database_path use_sqlite host user password recreate readonly"),
        ):
            positional = [one.name for one in inspect.signature(function).parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
            self.assertEqual(positional[:len(parameters.split())], parameters.split(), function)

    def test_it_is_imported_in_less_than_100_ms(self):
        # Time of the processor: how busy the machine is does not matter.
        program = """
            import time
            before = time.process_time()
            from expmig import *
            print(time.process_time() - before)
        """
        took = sorted(float(binding.run(program)) for _ in range(5))
        self.assertLess(took[2], 0.1)

    def test_importing_it_loads_no_library_and_no_module_that_is_not_needed(self):
        program = """
            import sys
            import expmig
            assert not [name for name in sys.modules if name.startswith("expmig.")]
            expmig.DataMigrationError, expmig.MigrationStrategy
            assert "libexpmig" not in open("/proc/self/maps").read()
            from expmig import DataMigrationManager
            assert "libexpmig" not in open("/proc/self/maps").read()
            for name in ("sqlite3", "_sqlite3", "multiprocessing", "subprocess"):
                assert name not in sys.modules, name
        """
        binding.run(program)

    def test_exceptions_are_of_one_family_and_can_be_made_and_pickled(self):
        for name in ("ValidationError", "SnapshotError", "TransformationError", "ImportExportError"):
            self.assertTrue(issubclass(getattr(expmig, name), expmig.DataMigrationError))
        plain = expmig.DataMigrationError("mine")
        self.assertEqual((str(plain), plain.status, plain.hint, plain.details, plain.validation_errors, plain.retryable), ("mine", "", "", [], [], False))
        error = self.fails("NOT_FOUND", self.manager().migrate_experiment, 99)
        again = pickle.loads(pickle.dumps(error))
        self.assertIs(type(again), type(error))
        self.assertEqual((str(again), vars(again)), (str(error), vars(error)))
        self.assertEqual(error.details, [("experiment_id", "99")])

    def test_statuses_are_mapped_to_classes_by_domain(self):
        from expmig.errors import error_of
        report = {"message": "m", "hint": None, "details": [], "retryable": False, "vendor_code": 0, "sqlstate": None, "cause": None}
        for domain, status, kind in (
            ("DATABASE", "IO", "DataMigrationError"), ("VALIDATION", "NOT_FOUND", "ValidationError"), ("SNAPSHOT", "CORRUPT", "SnapshotError"),
            ("TRANSFORMATION", "VALIDATION", "TransformationError"), ("IMPORT_EXPORT", "VALIDATION", "ImportExportError"),
            ("MIGRATION", "VALIDATION", "ValidationError"), ("MIGRATION", "LOSSY", "DataMigrationError"), ("NEWER", "NEWER", "DataMigrationError"),
        ):
            error = error_of({**report, "domain": domain, "status": status})
            self.assertIs(type(error), getattr(expmig, kind), (domain, status))
        caused = error_of({**report, "domain": "SNAPSHOT", "status": "IO", "cause": {**report, "domain": "DATABASE", "status": "BUSY"}})
        self.assertEqual((caused.__cause__.status, caused.retryable), ("BUSY", False))

    def test_a_description_of_rows_is_taken_apart(self):
        details = [("count", "2"), ("table", "A"), ("row", "id=1"), ("column", "b"), ("kind", "orphan"), ("problem", "p"),
                   ("table", "B"), ("row", "id=2"), ("problem", "q"), ("other", "x")]
        error = expmig.ValidationError("m", status="LOSSY", details=details)
        self.assertEqual(error.validation_errors, [
            {"code": "orphan", "table": "A", "key": "id=1", "message": "p", "column": "b"},
            {"code": "lossy", "table": "B", "key": "id=2", "message": "q", "other": "x"},
        ])


class Compatibility(binding.Case):
    PROGRAM = """
        import sys
        import expmig
        expmig.install_as_experiment_manager({})
        expmig.install_as_experiment_manager()
        import experiment_manager.db.data_migration
        from experiment_manager.db import manager
        from experiment_manager.db.data_migration import *
        assert manager.DatabaseManager is expmig.DatabaseManager
        assert DataMigrationManager is expmig.DataMigrationManager
        print(sorted(experiment_manager.db.data_migration.__all__))
    """

    def test_the_modules_lead_to_the_package(self):
        printed = binding.run(self.PROGRAM.format(""))
        self.assertEqual(eval(printed), sorted(SPECIFIED - {"DatabaseManager"}))

    def other_package(self):
        (self.folder / "experiment_manager" / "db").mkdir(parents=True)
        for name, text in (("__init__", ""), ("other", "there = True"), ("db/__init__", ""), ("db/manager", "class DatabaseManager: pass")):
            (self.folder / "experiment_manager" / f"{name}.py").write_text(text)
        return f"import sys; sys.path.insert(0, {str(self.folder)!r})\n"

    def test_another_package_of_that_name_is_not_replaced_unasked(self):
        before = self.other_package()
        binding.run(before + """
import expmig
try:
    expmig.install_as_experiment_manager()
except ImportError as error:
    assert "replace=True" in str(error)
else:
    raise AssertionError
import experiment_manager.db.manager
assert experiment_manager.db.manager.DatabaseManager is not expmig.DatabaseManager
""")

    def test_with_replace_the_rest_of_that_package_stays(self):
        before = self.other_package()
        program = "\n".join(line[8:] for line in self.PROGRAM.format("replace=True").split("\n"))
        binding.run(before + program + "\nimport experiment_manager.other\nassert experiment_manager.other.there\n")


class Arguments(binding.Case):
    def setUp(self):
        super().setUp()
        self.migrator = self.manager()

    def test_what_the_library_would_cut_off_is_refused(self):
        for wrong in (2 ** 63, -2 ** 63 - 1):
            with self.assertRaises(ValueError):
                self.migrator.digest(wrong)
        for wrong in ("1", 1.0, None, True):
            with self.assertRaises(TypeError):
                self.migrator.digest(wrong)
        for wrong in ("a\0b", "\ud800"):
            with self.assertRaises(ValueError):
                self.migrator.snapshot_manager.create_snapshot(wrong)
            with self.assertRaises(ValueError):
                self.migrator.migrate_experiment(1, title_prefix=wrong)
        with self.assertRaises(ValueError):
            self.migrator.transform_metrics([2 ** 63], [])

    def test_anything_that_is_an_integer_is_one(self):
        class Number:
            def __index__(self):
                return 1

        self.assertEqual(self.migrator.digest(Number()), self.migrator.digest(1))
        child = self.manager(isolation="process")
        self.assertEqual(child.digest(Number()), self.migrator.digest(1))
        with self.assertRaises(TypeError):
            child.digest(object())

    def test_the_source_has_one_of_two_names(self):
        self.assertEqual(self.migrator.migrate_experiment(source_id=1).source_experiment_id, 1)
        for wrong in ({}, {"source_id": 1, "source_experiment_id": 1}):
            with self.assertRaises(TypeError):
                self.migrator.migrate_experiment(**wrong)

    def test_choices_are_named(self):
        for wrong in ({"strategy": "careless"}, {"on_duplicate": "replace"}):
            with self.assertRaises(ValueError) as caught:
                self.migrator.migrate_experiment(1, **wrong)
            self.assertIn("must be one of", str(caught.exception))
        self.assertEqual(self.migrator.plan(1, strategy="aggressive")["strategy"].lower(), "aggressive")
        self.fails("INVALID_ARGUMENT", self.migrator.migrate_experiment, 1, batch_size=0)
        self.fails("UNSUPPORTED", self.migrator.export_experiment, 1, format="csv", kind=expmig.ImportExportError)

    def test_parts_are_made_for_databases_and_managers(self):
        db = self.migrator.db_manager
        for kind in (expmig.DataValidator, expmig.HierarchyPreserver, expmig.SnapshotManager, expmig.MetricTransformer):
            kind(db), kind(self.migrator)
            with self.assertRaises(TypeError):
                kind("experiments.db")
        with self.assertRaises(TypeError):
            expmig.DataMigrationManager("experiments.db")
        for wrong in ({"host": "h", "use_sqlite": True}, {"isolation": "fork"}):
            with self.assertRaises(ValueError):
                expmig.DatabaseManager(self.path, **wrong)

    def test_addresses_of_servers_are_written_so_that_nothing_leaks_into_them(self):
        from expmig.database import mysql_url
        self.assertEqual(mysql_url("production", "db.example", "me", "p@ss/w:rd?#", 3307), "mysql://me:p%40ss%2Fw%3Ard%3F%23@db.example:3307/production")
        self.assertEqual(mysql_url("a/b", None, None, None, None), "mysql://root@localhost/a%2Fb")
        self.assertEqual(mysql_url("x", "::1", None, "", None), "mysql://root:@[::1]/x")

    def test_times_of_snapshots(self):
        snapshots = self.migrator.snapshot_manager
        made = snapshots.create_snapshot("one", {"x": 0.1})
        created = datetime.strptime(snapshots.get_snapshot_details(made)["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ")
        later = created + timedelta(microseconds=1)
        for since, found in ((created, 1), (later, 0), (later.replace(tzinfo=timezone.utc), 0),
                             (created.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=5))), 1)):
            self.assertEqual(len(snapshots.list_snapshots(since=since)), found)
        with self.assertRaises(TypeError):
            snapshots.list_snapshots(since="2023-12-01")
        self.fails("INVALID_ARGUMENT", snapshots.create_snapshot, "x", {"a": {1}}, kind=expmig.SnapshotError)

    def test_broken_snapshots_are_logged_and_listed_apart(self):
        snapshots = self.migrator.snapshot_manager
        made = snapshots.create_snapshot()
        (self.folder / "snapshots" / f"{made}.json").write_text("{}")
        with self.assertLogs("expmig", "WARNING"):
            self.assertEqual(snapshots.list_snapshots(), [])
        self.assertEqual([one["id"] for one in snapshots.list_broken_snapshots()], [made])
        self.assertIs(snapshots.delete_snapshot(made), True)
        self.fails("NOT_FOUND", snapshots.restore_snapshot, made, kind=expmig.SnapshotError)


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
