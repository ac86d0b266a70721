"""DataValidator and HierarchyPreserver, which check the data."""
from __future__ import annotations

import inspect
import threading
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from .database import Engine, Rows, engine_of
from .documents import Report
from .errors import DataMigrationError
from .progress import ProgressCallback, job_of

Finding = Union[str, Dict[str, Any]]
FIELDS = ("message", "severity", "table", "row", "column", "value")


class RunningCheck:
    """The argument of a check: the state that is being validated, and the report. Valid only while the check runs."""

    def __init__(self, context: Any, name: str) -> None:
        self._context = context
        self._name = name
        self.experiment_id: Optional[int] = context.experiment_id
        """The experiment that is validated; None for the whole database."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """The rows of one SELECT on exactly the state that is validated; otherwise like DatabaseManager.query."""
        columns, rows = self._context.query(sql, list(parameters))
        return Rows(columns, rows)

    def report(
        self, message: str, severity: str = "error", table: str = "", row: str = "", column: Optional[str] = None, value: Any = None,
    ) -> None:
        """Adds an issue. ``severity``: "error" (fails the validation), "warning" or "info". ``row`` is its key, "id=5"; ``value`` what is
        wrong."""
        self._context.report(severity, message, table, row, column, None if value is None else str(value))

    def report_all(self, findings: Any) -> None:
        """Reports the result of a check: None or True for nothing; False; a text, a dict, or many of these; or a pair of bool and list."""
        if isinstance(findings, tuple) and len(findings) == 2 and isinstance(findings[0], bool):
            valid, findings = findings
            findings = list(findings or ())
            if not valid and not findings:
                findings = False
        if findings is None or findings is True:
            return
        if findings is False:
            findings = [f"{self._name} failed"]
        if isinstance(findings, (str, dict)):
            findings = [findings]
        if not isinstance(findings, Iterable):
            raise TypeError(f"{self._name} must answer None, texts or dicts, not {type(findings).__name__}")
        for finding in findings:
            if isinstance(finding, str):
                finding = {"message": finding}
            if not isinstance(finding, dict):
                raise TypeError(f"{self._name} must answer None, texts or dicts, not {type(finding).__name__}")
            unknown = [key for key in finding if key not in FIELDS]
            if unknown or "message" not in finding:
                wrong = f"has {unknown[0]!r}" if unknown else 'lacks "message"'
                raise TypeError(f"an issue of {self._name} {wrong}; it has {', '.join(FIELDS)}")
            self.report(**finding)


class DataValidator:
    """Checks the data (docs/validation.md). Reads only. The methods return the defects of the data, and raise DataMigrationError if the
    database cannot be read.

    Derive a class to add rules of your own. Every new method whose name begins with ``validate_``, and that needs no arguments, becomes
    part of ``validate_data_consistency`` and its verdict, and of CONSERVATIVE migrations of the manager that the validator belongs to::

        class Rules(DataValidator):
            def validate_titles(self):
                for row in self.query("SELECT id FROM EXPERIMENT WHERE trim(title) = ''"):
                    yield {"table": "EXPERIMENT", "row": f"id={row['id']}", "message": f"experiment {row['id']} has no title"}

        manager.validator = Rules(db_manager)

    Such a method returns or yields what is wrong: nothing or None, texts (errors), dicts with "message" and perhaps "severity" ("error",
    "warning", "info"), "table", "row", "column" and "value", or a pair of bool and list. An exception in it ends the validation and is
    raised there.

    ``db_manager``: a DatabaseManager or a DataMigrationManager.
    """

    def __init__(self, db_manager: Any) -> None:
        self._engine: Engine = engine_of(db_manager)
        self._running = threading.local()
        self._register_own_checks()

    def _register_own_checks(self) -> None:
        for name in own_checks(type(self)):
            if name in self._engine.registered:
                self.unregister_check(name)
            self.register_check(name, self._own_check(name))

    def _own_check(self, name: str) -> Callable[[RunningCheck], None]:
        def run(check: RunningCheck) -> None:
            self._running.check = check
            try:
                check.report_all(getattr(self, name)())
            finally:
                self._running.check = None
        return run

    def _belong_to(self, engine: Engine) -> None:
        """Moves to another engine, with the checks of the class."""
        if engine is self._engine:
            return
        before, self._engine = self._engine, engine
        self._register_own_checks()
        for name in own_checks(type(self)):
            if name in before.registered:
                before.manager.unregister_check(name)
                before.registered.discard(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._engine.database._described()}>"

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """The rows of one SELECT. Inside a check it reads exactly the state that is validated; otherwise it is like
        DatabaseManager.query."""
        check = getattr(self._running, "check", None)
        return (check or self._engine.database).query(sql, parameters)

    @property
    def experiment_id(self) -> Optional[int]:
        """Inside of a check, the experiment that is validated; None for the whole database."""
        check = getattr(self._running, "check", None)
        return None if check is None else check.experiment_id

    def validate_data_consistency(
        self,
        experiment_id: Optional[int] = None,
        *,
        issue_limit: int = 1000,
        scope: Optional[Sequence[str]] = None,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """Checks everything: foreign keys, metric JSON, hierarchy and registered checks.

        ``experiment_id``: one experiment only. ``issue_limit``: how many issues are listed; all are counted. ``scope``: only some of
        "foreign_keys", "metric_json", "hierarchy", "registered_checks".

        Returns a dict (docs/json-documents.md, "expmig.validation/1"): "timestamp", "foreign_key_violations" (per table),
        "json_metric_issues", "hierarchy_issues", "registered_check_issues", "issues", "counts", "warnings" and "summary" with
        "overall_status" ("PASS" or "FAIL") and the exact totals. As in Experiment Manager, "total_json_issues" is also there as
        "total_json_metric_issues", and the "message" of an issue of metric JSON as "error".
        """
        job = job_of(progress_callback, cancel, progress)
        wanted = None if scope is None else list(scope)
        report = Report(self._engine.manager.validate(wanted, experiment_id, issue_limit, job))
        # The names that these have in Experiment Manager.
        report["summary"]["total_json_metric_issues"] = report["summary"]["total_json_issues"]
        for issue in report["json_metric_issues"]:
            issue["error"] = issue["message"]
        return report

    def validate_foreign_keys(self, *, issue_limit: int = 1000) -> Dict[str, List[str]]:
        """The dangling foreign keys: for each table that has any, a list of texts. If more were found than are listed, that is logged."""
        report = self.validate_data_consistency(scope=["foreign_keys"], issue_limit=issue_limit)
        violations = report["foreign_key_violations"]
        listed = [one for table in violations.values() for one in table]
        self._engine.cut(listed, report["summary"]["total_foreign_key_violations"], "foreign key violations")
        return dict(violations)

    def validate_json_metrics(self, *, issue_limit: int = 1000) -> List[Dict[str, Any]]:
        """Metrics whose values are not as they should be: dicts with "kind", "severity", "table", "row", "column", "message" (also as "error") and "value".
        If more were found than are listed, that is logged."""
        report = self.validate_data_consistency(scope=["metric_json"], issue_limit=issue_limit)
        return self._engine.cut(report["json_metric_issues"], report["summary"]["total_json_issues"], "metric issues")

    def validate_experiment_hierarchy(self, experiment_id: int) -> List[str]:
        """The errors and warnings about the hierarchy of an experiment, one line each. If the experiment does not exist, the only line says
        so."""
        return list(self._engine.manager.hierarchy(experiment_id)["issues"])

    def register_check(self, name: str, check: Union[str, Callable[[RunningCheck], Any]]) -> None:
        """Adds a check: a SELECT, each row of which is an issue (docs/registered-checks.md), or a function, which gets a RunningCheck and
        returns what is wrong, as the methods of a subclass do. Every validation of this manager runs it."""
        if isinstance(check, str):
            self._engine.manager.register_check_sql(name, check)
        elif callable(check):
            function = check

            def run(context: Any) -> None:
                running = RunningCheck(context, name)
                running.report_all(function(running))

            self._engine.manager.register_check(name, run)
        else:
            raise TypeError(f"check must be SQL or a function, not {type(check).__name__}")
        self._engine.registered.add(name)

    def unregister_check(self, name: str) -> None:
        """Removes a check that register_check added."""
        self._engine.manager.unregister_check(name)
        self._engine.registered.discard(name)


def own_checks(kind: type) -> List[str]:
    """The checks that a subclass of DataValidator adds: methods whose names begin with validate_ and that can be called without
    arguments."""
    found = []
    for name in dir(kind):
        function = getattr(kind, name)
        if not name.startswith("validate_") or hasattr(DataValidator, name) or not callable(function):
            continue
        parameters = list(inspect.signature(function).parameters.values())
        if isinstance(inspect.getattr_static(kind, name), (staticmethod, classmethod)):
            needed = parameters
        else:
            needed = parameters[1:]
        if all(one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in needed):
            found.append(name)
    return found


class HierarchyPreserver:
    """Checks whether experiments are whole. ``db_manager``: a DatabaseManager or a DataMigrationManager."""

    def __init__(self, db_manager: Any) -> None:
        self._engine: Engine = engine_of(db_manager)

    def __repr__(self) -> str:
        return f"<HierarchyPreserver of {self._engine.database._described()}>"

    def validate_hierarchy_integrity(self, experiment_id: int) -> Tuple[bool, List[str]]:
        """Whether the hierarchy of an experiment has no error, and its errors and warnings, one line each. An experiment that does not exist
        is not valid."""
        found = self._engine.manager.hierarchy(experiment_id)
        return bool(found["valid"]), list(found["issues"])

    def get_experiment_hierarchy(self, experiment_id: int) -> Dict[str, Any]:
        """The rows of an experiment, as Experiment Manager's own module returned them: "experiment", and "trials" with "trial" and "runs",
        each with "run", "epochs" and "results" (None where there are none). Raises DataMigrationError if there is no such experiment. Use
        it only for small experiments: all rows are in memory, and they are one consistent state only if nobody writes meanwhile."""
        query = self._engine.database.query

        def rows(sql: str) -> List[Dict[str, Any]]:
            return [dict(zip(row.keys(), row)) for row in query(sql, [experiment_id])]

        experiments = rows("SELECT * FROM EXPERIMENT WHERE id = ?")
        if not experiments:
            raise DataMigrationError(
                f"Experiment {experiment_id} not found", status="NOT_FOUND", domain="DATABASE", details=[("experiment_id", str(experiment_id))],
                hint="list the experiments",
            )
        of_trials = "trial_id IN (SELECT id FROM TRIAL WHERE experiment_id = ?)"
        of_runs = f"trial_run_id IN (SELECT id FROM TRIAL_RUN WHERE {of_trials})"
        results = {row["trial_run_id"]: row for row in rows(f"SELECT * FROM RESULTS WHERE {of_runs}")}
        epochs: Dict[Any, List[Dict[str, Any]]] = {}
        for row in rows(f"SELECT * FROM EPOCH WHERE {of_runs} ORDER BY trial_run_id, idx"):
            epochs.setdefault(row["trial_run_id"], []).append(row)
        runs: Dict[Any, List[Dict[str, Any]]] = {}
        for row in rows(f"SELECT * FROM TRIAL_RUN WHERE {of_trials} ORDER BY id"):
            made = {"run": row, "epochs": epochs.get(row["id"], []), "results": results.get(row["id"])}
            runs.setdefault(row["trial_id"], []).append(made)
        trials = rows("SELECT * FROM TRIAL WHERE experiment_id = ? ORDER BY id")
        return {
            "experiment": experiments[0],
            "trials": [{"trial": trial, "runs": runs.get(trial["id"], [])} for trial in trials],
        }


