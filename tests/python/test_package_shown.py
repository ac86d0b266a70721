"""What results, documents and managers say of themselves, at a prompt and in a notebook, and the bar of a call that takes long."""
import contextlib
import copy
import json
import os
import pickle
import shutil
import sys
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig

HOSTILE = "<script>alert('x')</script> & \"more\""


class Shown(binding.Case):
    def test_a_plan_a_report_and_a_comparison_are_dicts_with_a_line_about_them(self):
        manager = self.manager()
        plan = manager.plan(1)
        self.assertEqual(repr(plan), "<Plan: experiment 1, balanced, 4854 rows, 1 equal experiment>" if plan["duplicates"] else "<Plan: experiment 1, balanced, 4854 rows>")
        self.assertIn("<td>METRIC</td><td>1725</td>", plan._repr_html_())
        report = manager.validator.validate_data_consistency()
        self.assertEqual(repr(report), "<Report: PASS>")
        different = manager.compare(1, 2)
        self.assertEqual(repr(different), "<Comparison: experiments 1 and 2 differ, first in EXPERIMENT: title>")
        equal = manager.compare(1, 1)
        self.assertEqual(repr(equal), "<Comparison: experiments 1 and 1 are equal>")
        for document in (plan, report, different, equal):
            self.assertIsInstance(document, dict)
            self.assertEqual(json.loads(json.dumps(document)), document)
            for again in (pickle.loads(pickle.dumps(document)), copy.deepcopy(document)):
                self.assertEqual((type(again), again), (type(document), document))
            self.assertIn("'schema'", repr(dict(document)))

    def test_an_aggressive_plan_has_a_line_too(self):
        self.assertIn("aggressive", repr(self.manager().plan(1, strategy="aggressive")))

    def test_results_say_what_was_done(self):
        manager = self.manager()
        done = manager.migrate_experiment(1)
        self.assertEqual(repr(done), f"<MigrationResult: experiment 1 copied as 4, 4854 rows, digest {done.target_digest[:12]}…>")
        self.assertIn(f"<td>{done.target_digest}</td>", done._repr_html_())
        skipped = manager.migrate_experiment(1, on_duplicate="skip")
        self.assertIn("was there already", repr(skipped))
        self.assertIn("was there already", skipped._repr_html_())
        changed = manager.transform_metrics([1], [{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}])
        self.assertEqual(repr(changed), "<TransformationResult: 13 metrics of 13 changed, transform_id 1>")
        self.assertIn("<td>recall</td><td>scale</td>", changed._repr_html_())
        self.assertEqual(repr(manager.undo(changed)), "<Undone: transformation 1, 13 metrics restored, 0 skipped>")
        document = manager.export_experiment(2)
        self.assertEqual(repr(manager.import_document(document)), "<Imported: experiment 5>")
        self.assertIn("there already", repr(manager.import_document(document, on_duplicate="skip")))

    def test_what_was_left_out_is_seen(self):
        self.sql("UPDATE EPOCH_METRIC SET metric_id = 99999 WHERE rowid = (SELECT min(rowid) FROM EPOCH_METRIC)")
        manager = self.manager()
        self.assertIn("1 unsound row", repr(manager.plan(1)))
        report = manager.validator.validate_data_consistency()
        self.assertEqual(repr(report), "<Report: FAIL, 1 error, 1 warning>")
        self.assertIn("metric_id=99999", report._repr_html_())
        done = manager.migrate_experiment(1, strategy="aggressive")
        self.assertIn("1 left out", repr(done))
        self.assertIn("metric_id=99999", done._repr_html_())

    def test_managers_show_what_is_in_the_database(self):
        db = self.open()
        manager = expmig.DataMigrationManager(db, snapshot_dir="snapshots")
        self.assertEqual(repr(manager), f"<DataMigrationManager of {self.path}>")
        self.assertEqual(repr(manager.snapshot_manager), f"<SnapshotManager of {self.path}, in {self.folder / 'snapshots'}>")
        made = manager.snapshot_manager.create_snapshot(HOSTILE)
        self.assertIn(made, manager.snapshot_manager._repr_html_())
        for shown in (db, manager):
            self.assertIn("<td>Digits classification</td>", shown._repr_html_())
        for part in (manager.validator, manager.hierarchy_preserver, manager.metric_transformer):
            self.assertIn(str(self.path), repr(part))
        db.close()
        for shown in (db, manager):
            self.assertIn("closed", repr(shown))
            self.assertNotIn("Digits", shown._repr_html_())

    def test_rows_are_a_table_with_names(self):
        rows = self.open().query("SELECT id, title FROM EXPERIMENT ORDER BY id")
        self.assertIsInstance(rows, list)
        self.assertEqual([row["title"] for row in rows][0], "Digits classification")
        self.assertIn("<th>id</th><th>title</th>", rows._repr_html_())
        self.assertEqual(pickle.loads(pickle.dumps(rows)), rows)
        many = self.open().query("SELECT id FROM METRIC")
        self.assertIn(f"<p>50 of {len(many)}</p>", many._repr_html_())

    def test_nothing_of_a_database_is_markup(self):
        self.sql("UPDATE EXPERIMENT SET title = ? WHERE id = 1", HOSTILE)
        self.sql("UPDATE METRIC SET per_label_val = ? WHERE id = (SELECT min(id) FROM METRIC)", HOSTILE)
        db = self.open()
        manager = expmig.DataMigrationManager(db)
        shown = [
            db, manager, manager.plan(1), manager.compare(1, 2), manager.validator.validate_data_consistency(), db.query("SELECT title FROM EXPERIMENT"),
            db.query(f"SELECT 1 AS \"{HOSTILE.replace(chr(34), chr(34) * 2)}\""),
        ]
        for one in shown:
            self.assertNotIn("<script", one._repr_html_())
        self.assertIn("&lt;script&gt;", shown[0]._repr_html_())
        self.assertIn("&lt;script&gt;", shown[-1]._repr_html_())
        self.sql("UPDATE EXPERIMENT SET title = CAST(x'ff41' AS TEXT) WHERE id = 1")
        db.query("SELECT title FROM EXPERIMENT")._repr_html_().encode()


class Written:
    """Stands for a stream of text."""

    def __init__(self, terminal):
        self.text = ""
        self.terminal = terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return self.terminal


@contextlib.contextmanager
def packages(**modules):
    """These modules are what is imported; None: they are not there."""
    before = {name: sys.modules.get(name) for name in ("tqdm", "tqdm.auto")}
    sys.modules.update({"tqdm": modules["tqdm"], "tqdm.auto": modules["auto"]})
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Bars(binding.Case):
    def shown(self, terminal, function, *arguments, **named):
        """What a call writes as its bar where there is no tqdm."""
        with packages(tqdm=None, auto=None), mock.patch.object(sys, "stderr", Written(terminal)) as stderr:
            function(*arguments, progress=True, **named)
        return stderr.text

    def test_without_tqdm_there_is_a_line_at_a_terminal_and_lines_in_a_log(self):
        manager = self.manager()
        line = self.shown(True, manager.migrate_experiment, 1)
        self.assertRegex(line, r"100 %, 4854 of 4854 *\n$")
        self.assertIn("\r", line)
        logged = self.shown(False, manager.migrate_experiment, 1)
        self.assertNotIn("\r", logged)
        self.assertIn("100 %, 4854 of 4854\n", logged)
        with packages(tqdm=None, auto=None), mock.patch.object(sys, "stderr", None):
            manager.digest(1, progress=True)

    def test_every_call_that_takes_long_has_a_bar(self):
        manager = self.manager()
        other = self.manager(self.copy("other.db"))
        rules = [{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}]
        snapshot = manager.snapshot_manager.create_snapshot()
        document = manager.export_experiment(1)
        path = manager.export_experiment_to_file(1, "one.json")
        store = self.manager(shutil.copy(binding.ROOT / "tests" / "data" / "mlflow" / "3.17.2.db", self.folder / "mlflow.db"))
        runs = binding.ROOT / "tests" / "data" / "readers" / "wandb"
        calls = [
            (manager.plan, 1), (manager.digest, 1), (manager.compare, 1, 2), (manager.verify, snapshot), (manager.transform_metrics, [1], rules),
            (manager.undo, 1), (manager.forget_transformations, 0), (manager.export_experiment, 1), (manager.export_experiment_to_file, 1, "two.json"),
            (manager.report_to_file, "page.html", 1), (manager.import_experiment_data, document), (manager.import_document, document),
            (manager.import_experiment_from_file, path), (manager.metrics,), (manager.migrate_experiment, 1), (other.migrate_experiment, 1),
            (manager.batch_transform_metrics, [1], rules), (manager.validator.validate_data_consistency,),
            (manager.snapshot_manager.create_snapshot,), (manager.snapshot_manager.verify_snapshot, snapshot),
            (manager.metric_transformer.transform_metrics, [1], "scale", {"factor": 2}), (manager.metric_transformer.transform_by_rules, rules),
            (manager.metric_transformer.batch_transform_experiment, 1, rules),
            (manager.snapshot_manager.restore, snapshot), (manager.snapshot_manager.restore_snapshot, snapshot),
            (store.bring_in_plan, runs), (store.bring_in, runs),
        ]
        # What has no place in a store is left out only where that is said.
        named = {"bring_in": {"leave_out": True}}
        for function, *arguments in calls:
            with self.subTest(function.__name__):
                self.assertIn("%", self.shown(False, function, *arguments, **named.get(function.__name__, {})))
        kinds = (expmig.DataMigrationManager, expmig.DataValidator, expmig.SnapshotManager, expmig.MetricTransformer)
        long = {function.__name__ for kind in kinds for function in vars(kind).values()
                if isinstance(function, types.FunctionType) and "progress_callback" in function.__code__.co_varnames and not function.__name__.startswith("_")}
        # Jobs are of servers: see test_package_servers.
        self.assertEqual({function.__name__ for function, *_ in calls} | {"resume_job", "abandon_job"}, long)

    def test_tqdm_is_used_where_it_is_and_closed_whatever_happens(self):
        class Bar:
            made = []
            disable = False

            def __init__(self, **_named):
                self.n, self.total, self.start_t, self.closed = 0, None, 1.5, False
                self.made.append(self)

            def reset(self, total):
                self.n, self.total, self.start_t = 0, total, 99

            def update(self, count):
                self.n += count

            def set_description_str(self, text, refresh):
                self.description = text

            def refresh(self):
                pass

            def close(self):
                self.closed = True

        module = types.ModuleType("tqdm.auto")
        module.tqdm = Bar
        heard = []
        with packages(tqdm=types.ModuleType("tqdm"), auto=module):
            for isolation in (None, "process"):
                manager = self.manager(isolation=isolation)
                manager.migrate_experiment(2, progress=True, progress_callback=heard.append)
                bar = Bar.made[-1]
                self.assertEqual((bar.n, bar.total, bar.closed, bar.start_t), (heard[-1].total_items, heard[-1].total_items, True, 1.5))

                def give_up(_progress):
                    raise RuntimeError("no time")

                manager.add_progress_callback(lambda progress: None if progress.finished else give_up(progress))
                self.assertRaisesRegex(RuntimeError, "no time", manager.migrate_experiment, 3, progress=True)
                self.assertTrue(all(bar.closed for bar in Bar.made))

    def test_a_function_in_the_place_of_true_is_refused(self):
        self.assertRaises(TypeError, self.manager().digest, 1, progress=print)


if __name__ == "__main__":
    unittest.main()
