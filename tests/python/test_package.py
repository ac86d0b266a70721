"""The package as a whole: its names, what they say, how long they take to import, the names of Experiment Manager's modules, and arguments."""
import inspect
import os
import pickle
import re
import sys
import unittest
from datetime import datetime, timedelta, timezone

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
        self.assertEqual(set(re.findall(r"(\w+) as \1", source)), set(expmig.__all__) | {"__version__", "ConnectionError"})

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
            (expmig.SnapshotManager.cleanup_old_snapshots, "self keep_count claim"),
            (expmig.MetricTransformer.transform_metrics, "self metric_ids transformation_type transformation_params"),
            (expmig.MetricTransformer.batch_transform_experiment, "self experiment_id transformations"),
            # Experiment Manager's own.
            (expmig.DatabaseManager, "database_path use_sqlite host user password recreate readonly"),
        ):
            positional = [one.name for one in inspect.signature(function).parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
            self.assertEqual(positional[:len(parameters.split())], parameters.split(), function)

    def test_it_is_imported_in_less_than_100_ms(self):
        # Time of the processor, and the least of several: how busy the machine is matters as little as can be.
        program = """
            import time
            before = time.process_time()
            from expmig import *
            print(time.process_time() - before)
        """
        self.assertLess(min(float(binding.run(program)) for _ in range(5)), 0.1)

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
            ("DATABASE", "IO", "DatabaseError"), ("VALIDATION", "NOT_FOUND", "ValidationError"), ("SNAPSHOT", "CORRUPT", "SnapshotError"),
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

    def other_package(self, *more):
        (self.folder / "experiment_manager" / "db").mkdir(parents=True)
        for name, text in (("__init__", ""), ("other", "there = True"), ("db/__init__", ""), *more):
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
import experiment_manager.other
assert "experiment_manager.db.manager" not in sys.modules
""")

    TRACKER = ("db/manager", "class DatabaseManager: pass")

    def test_a_tracker_without_the_module_gets_it_and_keeps_its_own_manager(self):
        program = self.other_package(self.TRACKER) + """
import expmig
expmig.install_as_experiment_manager()
expmig.install_as_experiment_manager()
from experiment_manager.db.manager import DatabaseManager
from experiment_manager.db.data_migration import DataMigrationManager
import experiment_manager.db.data_migration as module
import experiment_manager
assert DatabaseManager is not expmig.DatabaseManager and DataMigrationManager is expmig.DataMigrationManager
assert experiment_manager.db.data_migration is module
"""
        binding.run(program)
        # The tracker's folder without an __init__.py, as it is installed.
        (self.folder / "experiment_manager" / "db" / "__init__.py").unlink()
        binding.run(program)

    def test_a_tracker_with_a_module_of_its_own_is_asked_about(self):
        binding.run(self.other_package(self.TRACKER, ("db/data_migration", "")) + """
import expmig
try:
    expmig.install_as_experiment_manager()
except ImportError as error:
    assert "db.data_migration of its own" in str(error) and "replace=True" in str(error)
else:
    raise AssertionError
from experiment_manager.db.manager import DatabaseManager
assert DatabaseManager is not expmig.DatabaseManager
""")

    def test_the_errors_of_the_manager_module_are_there_and_are_what_is_raised(self):
        binding.run("""
import expmig
expmig.install_as_experiment_manager()
from experiment_manager.db.manager import ConnectionError, DatabaseError, DatabaseManager, QueryError
from experiment_manager.db.data_migration import DataMigrationError
assert issubclass(ConnectionError, DatabaseError) and issubclass(QueryError, DatabaseError) and issubclass(DatabaseError, DataMigrationError)
try:
    DatabaseManager("missing.db", use_sqlite=True, host="localhost", user="root", password="secret")
except ConnectionError as error:
    assert (error.status, error.__context__ is None or error.__suppress_context__) == ("NOT_FOUND", True)
    assert "/missing.db" in error.message and "secret" not in str(error.details)
with DatabaseManager("experiments.db", use_sqlite=True, host="localhost", user="root", password="") as db:
    try:
        db.query("SELECT nothing FROM EXPERIMENT")
    except QueryError as error:
        assert error.domain == "DATABASE"
    else:
        raise AssertionError
""")

    def test_with_replace_the_rest_of_that_package_stays(self):
        before = self.other_package(self.TRACKER)
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
        self.assertEqual(expmig.SnapshotManager(db, "elsewhere").snapshot_dir, str(self.folder / "elsewhere"))
        with self.assertRaises(ValueError):
            expmig.SnapshotManager(self.migrator, "elsewhere")
        for wrong in ({"port": 1, "use_sqlite": True}, {"isolation": "fork"}):
            with self.assertRaises(ValueError):
                expmig.DatabaseManager(self.path, **wrong)

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


if __name__ == "__main__":
    unittest.main()
