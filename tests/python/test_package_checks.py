"""Validation: results, checks of a subclass, registered checks, queries; and custom transformations."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig

UNTITLED = "UPDATE EXPERIMENT SET title = ' ' WHERE id = 2"


class Titles(expmig.DataValidator):
    """A validator of somebody's own."""

    limit = 1

    def validate_titles(self):
        for row in self.query("SELECT id, title FROM EXPERIMENT WHERE trim(title) = ''"):
            if self.experiment_id not in (None, row["id"]):
                continue
            yield {
                "table": "EXPERIMENT", "row": f"id={row['id']}", "column": "title", "value": row[1], "severity": "warning",
                "message": f"experiment {row['id']} has no title",
            }

    def validate_business_rules(self):
        """As in the specification: nothing is wrong."""

    def validate_at_most(self, limit):
        """Needs an argument, so it is no check."""
        raise AssertionError

    def validate_number(self, limit=None):
        (count,), = self.query("SELECT count(*) FROM EXPERIMENT WHERE id = ? OR ? IS NULL", [self.experiment_id, self.experiment_id])
        return count >= (limit or self.limit), []


class Checks(binding.Case):
    OPTIONS = {}

    def setUp(self):
        super().setUp()
        binding.sql(self.path, UNTITLED)
        self.migrator = self.manager(**self.OPTIONS)
        self.validator = self.migrator.validator

    def found(self, **options):
        return self.migrator.validator.validate_data_consistency(scope=["registered_checks"], **options)["registered_check_issues"]

    def test_the_methods_of_a_subclass_join_validation_and_its_verdict(self):
        self.assertEqual(self.found(), [])
        self.migrator.validator = Titles(self.migrator.db_manager)
        self.assertEqual(self.found(), [{
            "kind": "registered_check", "severity": "warning", "table": "EXPERIMENT", "row": "id=2", "column": "title", "value": " ",
            "message": "experiment 2 has no title", "check": "validate_titles",
        }])
        self.assertEqual(self.migrator.validator.validate_data_consistency()["summary"]["overall_status"], "PASS")
        self.migrator.validator.limit = 4
        report = self.migrator.validator.validate_data_consistency()
        self.assertEqual((report["summary"]["overall_status"], report["summary"]["total_registered_check_issues"]), ("FAIL", 2))
        self.assertIn("validate_number failed", [issue["message"] for issue in report["issues"]])

    def test_a_subclass_made_for_the_manager_joins_it_at_once_and_once(self):
        for _ in range(2):
            own = Titles(self.migrator)
        self.assertEqual([issue["row"] for issue in self.found()], ["id=2"])
        own.limit = 4
        self.assertEqual(len(self.found()), 2, "the latest object counts")

    def test_a_subclass_by_itself(self):
        own = Titles(self.migrator.db_manager)
        report = own.validate_data_consistency(scope=["registered_checks"])
        self.assertEqual(report["summary"]["total_registered_check_issues"], 1)
        self.assertEqual(self.found(), [], "it did not join the manager")
        self.assertEqual(own.validate_titles.__self__.query("SELECT 1")[0][0], 1, "outside of a check it queries the database")

    def test_the_checks_of_a_subclass_stop_conservative_migrations(self):
        self.migrator.validator = Titles(self.migrator.db_manager)
        self.migrator.validator.limit = 4
        error = self.fails("VALIDATION", self.migrator.migrate_experiment, 1, strategy="conservative", kind=expmig.ValidationError)
        self.assertIn({"code": "registered_check", "table": "", "key": "", "message": "validate_number failed"},
                      [{key: one[key] for key in ("code", "table", "key", "message")} for one in error.validation_errors])
        self.migrator.validator.limit = 1
        self.assertEqual(self.migrator.migrate_experiment(1, strategy="conservative").new_experiment_id, 4)

    def test_a_check_knows_the_experiment_that_is_validated(self):
        seen = []

        class Sees(expmig.DataValidator):
            def validate_it(self):
                seen.append(self.experiment_id)

        self.migrator.validator = Sees(self.migrator.db_manager)
        self.found()
        self.found(experiment_id=2)
        self.assertEqual(seen, [None, 2])
        self.assertIsNone(self.migrator.validator.experiment_id)

    def test_an_exception_in_a_check_ends_the_validation(self):
        class Broken(expmig.DataValidator):
            def validate_it(self):
                return self.nothing_of_this_name

        self.migrator.validator = Broken(self.migrator.db_manager)
        with self.assertRaises(AttributeError):
            self.found()
        self.assertEqual(len(self.migrator.list_experiments()), 3)

    def test_wrong_answers_of_checks_are_named(self):
        for answer, words in ((7, "int"), ([7], "int"), ({"text": "?"}, "'text'"), ({"row": "id=1"}, 'lacks "message"'),
                              ({"message": "m", "severity": "fatal"}, "'fatal'")):
            self.validator.register_check("one", lambda _check, answer=answer: answer)
            with self.assertRaises((TypeError, ValueError)) as caught:
                self.found()
            self.assertIn(words, str(caught.exception))
            self.validator.unregister_check("one")
        for answer, count in ((None, 0), (True, 0), (False, 1), ("text", 1), (["a", "b"], 2), ((True, []), 0), ((False, []), 1), ((False, ["a", "b"]), 2)):
            self.validator.register_check("one", lambda _check, answer=answer: answer)
            self.assertEqual(len(self.found()), count, answer)
            self.validator.unregister_check("one")

    def test_checks_in_sql(self):
        self.validator.register_check("titles", "SELECT id FROM EXPERIMENT WHERE trim(title) = ''")
        self.assertEqual(self.found()[0]["message"], "titles: id=2")
        self.fails("ALREADY_EXISTS", self.validator.register_check, "titles", "SELECT 1 WHERE 0")
        self.validator.unregister_check("titles")
        self.fails("NOT_FOUND", self.validator.unregister_check, "titles")
        self.fails("MISUSE", self.validator.register_check, "writes", "DELETE FROM EXPERIMENT")
        self.fails("INVALID_ARGUMENT", self.validator.register_check, "wrong", "SELECT nothing")
        with self.assertRaises(TypeError):
            self.validator.register_check("neither", 5)

    def test_a_function_reports_what_it_sees(self):
        kept = []

        def check(running):
            kept.append(running)
            for row in running.query("SELECT id, title AS name FROM EXPERIMENT ORDER BY id"):
                running.report(f"saw {row['name'] or '-'}", severity="info", row=f"id={row['id']}", value=row.keys())
            self.assertRaises(expmig.DataMigrationError, running.query, "SELECT nothing")

        self.validator.register_check("sees", check)
        report = self.validator.validate_data_consistency(scope=["registered_checks"])
        self.assertEqual([issue["row"] for issue in report["issues"]], ["id=1", "id=2", "id=3"])
        self.assertEqual(report["issues"][0]["value"], "['id', 'name']")
        self.fails("MISUSE", kept[0].query, "SELECT 1")

    def test_a_check_cannot_call_its_own_manager(self):
        self.validator.register_check("calls", lambda _check: self.migrator.digest(1))
        self.fails("MISUSE", self.found)

    def test_lists_that_are_cut_are_logged(self):
        binding.sql(self.path, "UPDATE METRIC SET per_label_val = '[1]' WHERE id <= 5")
        binding.sql(self.path, "UPDATE TRIAL SET experiment_id = 77")
        self.assertEqual(len(self.validator.validate_json_metrics()), 5)
        with self.assertLogs("expmig", "WARNING") as logged:
            self.assertEqual(len(self.validator.validate_json_metrics(issue_limit=2)), 2)
            violations = self.validator.validate_foreign_keys(issue_limit=2)
        self.assertEqual((list(violations), len(violations["TRIAL"])), (["TRIAL"], 2))
        self.assertIn("WARNING:expmig:2 of 5 metric issues are listed; issue_limit sets how many", logged.output)
        self.assertIn("WARNING:expmig:2 of 15 foreign key violations are listed; issue_limit sets how many", logged.output)

    def test_hierarchy_of_what_is_not_there(self):
        expected = ["experiment 99 does not exist"]
        self.assertEqual(self.migrator.hierarchy_preserver.validate_hierarchy_integrity(99), (False, expected))
        self.assertEqual(self.validator.validate_experiment_hierarchy(99), expected)
        self.fails("NOT_FOUND", self.validator.validate_data_consistency, 99, kind=expmig.ValidationError)
        with self.assertRaises(ValueError):
            self.validator.validate_data_consistency(scope=["everything"])

    # Queries

    def test_queries_give_every_kind_of_value(self):
        db = self.migrator.db_manager
        row, = db.query("SELECT ?, ?, ?, ?, ?, ? AS name, CAST(x'61ff' AS TEXT)", [None, -2 ** 63, 0.1, "a\0ü", b"\0\xff", memoryview(b"m")])
        self.assertEqual(tuple(row), (None, -2 ** 63, 0.1, "a\0ü", b"\0\xff", b"m", "a\udcff"))
        self.assertEqual((row["name"], row[5], row[-1], row[:2]), (b"m", b"m", "a\udcff", (None, -2 ** 63)))
        self.assertEqual(db.query("SELECT hex(?)", ["a\udcff"])[0][0], "61FF")
        with self.assertRaises(KeyError):
            row["other"]
        for wrong, error in (([2 ** 63], ValueError), ([object()], TypeError)):
            with self.assertRaises(error):
                db.query("SELECT ?", wrong)
        self.fails("INVALID_ARGUMENT", db.query, "SELECT ?", [1, 2])
        self.fails("MISUSE", db.query, "DELETE FROM EXPERIMENT")

    # Custom transformations

    def transformed(self, function, **options):
        self.migrator.register_transformation("own", function)
        try:
            return self.migrator.transform_metrics([1], [{"metric_type": "recall", "transformation": "own", "params": {"by": 2}}], **options)
        finally:
            self.migrator.metric_transformer.unregister_transformation("own")

    def recalls(self):
        return binding.sql(self.path, "SELECT m.id, total_val, per_label_val FROM METRIC m JOIN RESULTS_METRIC ON metric_id = m.id JOIN TRIAL_RUN r ON r.id = "
                           "results_id JOIN TRIAL t ON t.id = trial_id WHERE experiment_id = 1 AND type = 'recall' ORDER BY m.id")

    def test_a_function_transforms_metrics(self):
        before = self.recalls()

        def double(metric):
            metric.total_val *= metric.params["by"]
            metric.labels = {label: value * 2 for label, value in metric.labels.items()}

        result = self.transformed(double)
        self.assertEqual((result.metrics_updated, result.metrics_matched), (len(before), len(before)))
        for (_, total, labels), (_, new_total, new_labels) in zip(before, self.recalls()):
            self.assertEqual(new_total, total * 2)
            self.assertEqual(json.loads(new_labels), {label: value * 2 for label, value in json.loads(labels).items()})
        self.migrator.undo(result)
        self.assertEqual(self.recalls(), before)

    def test_a_function_leaves_skips_and_fails_metrics(self):
        before = self.recalls()
        first, second = before[0][0], before[1][0]

        def choose(metric):
            if metric.id == first:
                metric.total_val = 5
                metric.skip("not\nthis one")
            elif metric.id == second:
                raise expmig.TransformationError("cannot be")

        error = self.fails("VALIDATION", self.transformed, choose, kind=expmig.TransformationError)
        self.assertEqual(error.validation_errors, [
            {"code": "validation", "table": "METRIC", "key": f"id={second}", "message": "cannot be", "transformation": "own"}])
        rules = {"metric_transformations": [{"metric_type": "recall", "transformation": "own"}], "global_settings": {"rollback_on_error": False}}
        self.migrator.register_transformation("own", choose)
        result = self.migrator.transform_metrics([1], rules)
        self.assertEqual((result.metrics_updated, result.metrics_skipped, result.metrics_failed), (0, 1, 1))
        self.assertEqual(result.metrics_unchanged, len(before) - 2)
        self.assertEqual(result.skipped[0]["reason"], "not this one")
        self.assertEqual(result.errors, [f"metric {second} (recall): own: cannot be"])
        self.assertEqual(self.recalls(), before)

    def test_another_exception_ends_the_transformation_and_changes_nothing(self):
        before = self.recalls()

        def broken(metric):
            metric.total_val = 0.5
            if metric.id == before[-1][0]:
                raise ZeroDivisionError("own")

        with self.assertRaises(ZeroDivisionError):
            self.transformed(broken)
        self.assertEqual(self.recalls(), before)

    def test_wrong_values_are_named(self):
        with self.assertRaises(expmig.DataMigrationError) as caught:
            self.transformed(lambda metric: setattr(metric, "total_val", float("nan")))
        self.assertEqual(caught.exception.status, "INVALID_ARGUMENT")
        for wrong in ({"a": float("nan")}, {"a": {1, 2}}, "a\0b"):
            with self.assertRaises((ValueError, TypeError)):
                self.transformed(lambda metric, wrong=wrong: setattr(metric, "per_label_val", wrong))

    def test_text_is_stored_as_it_is_and_digits_survive(self):
        first = self.recalls()[0][0]
        binding.sql(self.path, "UPDATE METRIC SET per_label_val = ? WHERE id = ?", '{"a": 0.12345678901234567890, "b": 1}', first)

        def rename(metric):
            if metric.id == first:
                self.assertIsInstance(metric.labels["a"], float)
                metric.labels = {"x": metric.labels["a"], "b": 2}
            else:
                metric.per_label_val = '{"ü":1.50}'

        self.transformed(rename)
        after = {row[0]: row[2] for row in self.recalls()}
        self.assertEqual(after.pop(first), '{"x": 0.12345678901234567890, "b": 2}')
        self.assertEqual(set(after.values()), {'{"ü":1.50}'})
        self.transformed(lambda metric: setattr(metric, "per_label_val", None))
        self.assertEqual({row[2] for row in self.recalls()}, {None})

    def test_rules_that_are_no_json_are_named(self):
        error = self.fails("INVALID_ARGUMENT", self.migrator.transform_metrics, [1], [{"metric_type": {1}}], kind=expmig.TransformationError)
        self.assertIn("set is not JSON serializable", str(error))
        error = self.fails("INVALID_ARGUMENT", self.migrator.transform_metrics, [1], [{"metric_type": "a", "transformation": "rund"}],
                           kind=expmig.TransformationError)
        self.assertEqual(error.detail("path"), "$[0].transformation")
        with self.assertRaises(TypeError):
            self.migrator.transform_metrics([1])

    def test_none_is_all_and_an_empty_list_is_none(self):
        rules = [{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}]
        self.assertEqual(self.migrator.transform_metrics([], rules, dry_run=True).metrics_examined, 0)
        self.assertEqual(self.migrator.transform_metrics(None, rules, dry_run=True).metrics_matched, 39)
        by_id = self.migrator.metric_transformer.transform_metrics
        self.assertEqual(by_id([], "scale", {"factor": 2}, dry_run=True).metrics_examined, 0)
        self.assertEqual(by_id([1, 1, 2], "scale", {"factor": 2}, dry_run=True).metrics_examined, 2)


if __name__ == "__main__":
    unittest.main()
