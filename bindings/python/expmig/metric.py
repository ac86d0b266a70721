"""A metric, as a custom transformation gets it."""
from __future__ import annotations

import json
from typing import Any

from . import _json


class Metric:
    """A metric that is being transformed. A custom transformation is a function that is given one and changes it::

        def halve(metric):
            metric.total_val = metric.total_val / 2
            metric.labels = {label: value / 2 for label, value in metric.labels.items()}

    What is not assigned stays as it is. To leave a metric alone and have it counted as skipped, call ``skip``; to fail it, raise
    TransformationError. Any other exception ends the whole transformation, nothing is changed, and it is raised to the caller.
    """

    def __init__(self, metric_id: int, metric_type: str, total_val: Any, per_label_val: Any, params_json: str) -> None:
        self.id = metric_id
        self.type = metric_type
        self._total_val = total_val
        self._per_label_val = per_label_val
        self._params_json = params_json
        self._assigned: dict[str, Any] = {}
        self.outcome: tuple[str, str] | None = None

    @property
    def params(self) -> Any:
        """The parameters of the rule, a dict."""
        return json.loads(self._params_json)

    @property
    def total_val(self) -> Any:
        """METRIC.total_val: normally a float, but a database can contain None, text, and so on. Assign any number except NaN."""
        return self._total_val

    @total_val.setter
    def total_val(self, value: float) -> None:
        self._total_val = self._assigned["total"] = float(value)

    @property
    def per_label_val(self) -> Any:
        """METRIC.per_label_val as it is stored: JSON text, or None. Assign text, which is stored as it is, a dict, or None."""
        return self._per_label_val

    @per_label_val.setter
    def per_label_val(self, value: Any) -> None:
        if value is not None and not isinstance(value, str):
            value = _json.dumps(value)
        self._per_label_val = self._assigned["per_label"] = value

    @property
    def labels(self) -> dict[str, Any]:
        """METRIC.per_label_val as a dict: a new one each time, empty if there are no labels. Assign one to change it. ValueError if
        it is not JSON, TypeError if it is JSON but no object."""
        value = _json.loads(self._per_label_val) if self._per_label_val else {}
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise TypeError(f"per_label_val of metric {self.id} is no JSON object: {self._per_label_val!r}")
        return value

    @labels.setter
    def labels(self, value: dict[str, Any]) -> None:
        self.per_label_val = dict(value)

    def skip(self, reason: str) -> None:
        """Leaves the metric as it is, whatever was assigned, and counts it as skipped."""
        self.outcome = ("skip", reason)

    def decided(self) -> list[tuple[str, Any]]:
        """What is to be done with it: ("skip" or "fail", reason), or ("total" or "per_label", value) for each that was assigned."""
        return [self.outcome] if self.outcome else list(self._assigned.items())
