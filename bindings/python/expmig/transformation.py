"""MetricTransformer: metrics changed by named rules."""
from __future__ import annotations

import json
import math
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

from . import _json
from .database import Engine, engine_of
from .errors import TransformationError
from .metric import Metric
from .progress import ProgressCallback, job_of
from .results import TransformationResult

Rules = Union[str, Dict[str, Any], List[Dict[str, Any]]]
AGGREGATES: Dict[str, Callable[[List[Any]], Any]] = {
    "mean": lambda values: math.fsum(values) / len(values), "sum": sum, "max": max, "min": min,
}


def metric_json_problem(data: Any) -> Tuple[bool, Optional[str]]:
    """Whether these are valid per-label values, and if not, why."""
    if isinstance(data, dict):
        for key in data:
            # JSON would make it a text.
            if not isinstance(key, str):
                return False, f"Metric keys must be strings, got {type(key)}"
        try:
            data = json.dumps(data)
        except (TypeError, ValueError, RecursionError) as problem:
            return False, f"Metric values must be numeric: {problem}"
    if not isinstance(data, (str, bytes)):
        return False, f"Metric JSON must be a dictionary, not {type(data).__name__}"
    from . import _native
    issues = _native.metric_json_issues(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
    return not issues, "; ".join(issue["message"] for issue in issues) or None


def json_of(value: Any, name: str) -> str:
    """The JSON text of rules or parameters. Text is returned as it is."""
    if isinstance(value, str):
        return value
    try:
        return _json.dumps(value)
    except (TypeError, ValueError) as problem:
        raise TransformationError(
            f"{name} cannot be written as JSON: {problem}", status="INVALID_ARGUMENT", domain="TRANSFORMATION",
            details=[("parameter", name)],
        ) from None


class MetricTransformer:
    """Changes metrics by named rules (docs/transformations.md), all or nothing. Raises TransformationError.

    ``db_manager``: a DatabaseManager or a DataMigrationManager.
    """

    def __init__(self, db_manager: Any) -> None:
        self._engine: Engine = engine_of(db_manager)

    def __repr__(self) -> str:
        return f"<MetricTransformer of {self._engine.database._described()}>"

    @staticmethod
    def validate_metric_json(json_data: Union[str, Dict[str, Any]]) -> Tuple[bool, Optional[str]]:
        """Whether per-label values, a dict or its JSON, are an object of numbers, and if not, why. The rules are those of DataValidator
        (docs/validation.md): true, false, null and NaN are not numbers, keys must not be repeated, and keys that begin with ``_`` are
        reserved."""
        return metric_json_problem(json_data)

    @staticmethod
    def transform_metric_format(metric_data: Dict[str, Any], transformation_rules: Dict[str, Callable[[Any], Any]]) -> Dict[str, Any]:
        """A copy of per-label values in which each function has been applied to the label under which it is given. Exceptions of a function
        are raised. Labels without a function, and functions without a label, change nothing."""
        return {
            label: transformation_rules[label](value) if label in transformation_rules else value for label, value in metric_data.items()
        }

    @staticmethod
    def aggregate_per_label_metrics(metrics: Iterable[Dict[str, Any]], aggregation_func: str = "mean") -> Dict[str, Any]:
        """One value for each label that any of these dicts has, in the order in which they come: the "mean", "sum", "max" or "min" of
        those that have it. Labels that begin with ``_`` hold no numbers, and are left out."""
        if aggregation_func not in AGGREGATES:
            raise ValueError(f"Unsupported aggregation function: {aggregation_func}; it is one of {', '.join(AGGREGATES)}")
        values: Dict[str, List[Any]] = {}
        for metric in metrics:
            for label, value in metric.items():
                if not label.startswith("_"):
                    values.setdefault(label, []).append(value)
        return {label: AGGREGATES[aggregation_func](found) for label, found in values.items()}

    def transform_metrics(
        self,
        metric_ids: Optional[Iterable[int]],
        transformation_type: str,
        transformation_params: Optional[Dict[str, Any]] = None,
        *,
        batch_size: int = 1000,
        dry_run: bool = False,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> TransformationResult:
        """Applies one transformation, with its parameters, to metrics of any type. ``metric_ids``: None for all, an empty list for none.
        ``dry_run``: only return examples, write nothing."""
        rules = (transformation_type, json_of(transformation_params if transformation_params is not None else {}, "transformation_params"))
        return self._transform(rules, None, metric_ids, batch_size, dry_run, progress_callback, cancel, progress)

    def batch_transform_experiment(
        self,
        experiment_id: int,
        transformations: Rules,
        *,
        batch_size: int = 1000,
        dry_run: bool = False,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> TransformationResult:
        """Applies rules to the metrics of one experiment: a list of dicts with "metric_type", "transformation" and "params" (or "rules"), or a
        whole rules document."""
        rules = (json_of(transformations, "transformations"),)
        return self._transform(rules, [experiment_id], None, batch_size, dry_run, progress_callback, cancel, progress)

    def transform_by_rules(
        self,
        transformation_rules: Rules,
        experiment_ids: Optional[Iterable[int]] = None,
        metric_ids: Optional[Iterable[int]] = None,
        *,
        batch_size: int = 1000,
        dry_run: bool = False,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> TransformationResult:
        """Applies a rules document to the metrics that these experiments are linked to (None: all metrics, an empty list: none), of them only
        those with these ids."""
        rules = (json_of(transformation_rules, "transformation_rules"),)
        return self._transform(rules, experiment_ids, metric_ids, batch_size, dry_run, progress_callback, cancel, progress)

    def register_transformation(self, name: str, function: Callable[[Metric], Any]) -> None:
        """Adds a transformation of your own, which the rules of this manager can name from now on: a function that is given a Metric and
        changes it."""
        if not callable(function):
            raise TypeError(f"a transformation must be a function, not {type(function).__name__}")
        self._engine.manager.register_transformation(name, function)

    def unregister_transformation(self, name: str) -> None:
        """Removes a transformation that register_transformation added."""
        self._engine.manager.unregister_transformation(name)

    def _transform(
        self, rules: tuple[str, ...], experiment_ids: Any, metric_ids: Any, batch_size: int, dry_run: bool,
        progress_callback: Optional[ProgressCallback], cancel: Any, progress: bool,
    ) -> TransformationResult:
        return TransformationResult.of(self._engine.manager.transform(
            rules, job_of(progress_callback, cancel, progress),
            experiment_ids=None if experiment_ids is None else list(experiment_ids),
            metric_ids=None if metric_ids is None else list(metric_ids),
            batch_size=batch_size, dry_run=dry_run,
        ))
