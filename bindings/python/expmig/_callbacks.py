"""The callbacks that the library calls: rows of queries, registered checks, custom transformations."""
from __future__ import annotations

import weakref
from ctypes import Array, byref, c_char_p, c_void_p, cast, string_at
from typing import Any, Callable, Sequence

from . import _declarations as c
from ._call import Call, running
from ._library import lib, options_of, text
from .errors import DataMigrationError, TransformationError
from .metric import Metric

SEVERITIES = {"error": c.EXPMIG_SEVERITY_ERROR, "warning": c.EXPMIG_SEVERITY_WARNING, "info": c.EXPMIG_SEVERITY_INFO}


def value_of(value: Any) -> Any:
    """The Python value of a cell. Bytes of text that are not UTF-8 become surrogates, as in os.fsdecode, so that nothing is lost."""
    if value.type == c.EXPMIG_VALUE_INTEGER:
        return value.integer
    if value.type == c.EXPMIG_VALUE_REAL:
        return value.real
    if value.type == c.EXPMIG_VALUE_TEXT:
        return string_at(value.bytes, value.length).decode("utf-8", "surrogateescape")
    if value.type == c.EXPMIG_VALUE_BLOB:
        return string_at(value.bytes, value.length)
    return None


def values_of(parameters: Sequence[Any]) -> Array[Any]:
    """Parameters of a query for the library."""
    values = (c.expmig_value * len(parameters))()
    kept = []
    for at, parameter in enumerate(parameters):
        value = values[at]
        if parameter is None:
            value.type = c.EXPMIG_VALUE_NULL
        elif isinstance(parameter, int):
            if not -(2 ** 63) <= parameter < 2 ** 63:
                raise ValueError(f"parameter {at} is beyond 64 bits: {parameter}")
            value.type, value.integer = c.EXPMIG_VALUE_INTEGER, parameter
        elif isinstance(parameter, float):
            value.type, value.real = c.EXPMIG_VALUE_REAL, parameter
        elif isinstance(parameter, (str, bytes, bytearray, memoryview)):
            is_text = isinstance(parameter, str)
            content = parameter.encode("utf-8", "surrogateescape") if isinstance(parameter, str) else bytes(parameter)
            kept.append(content)
            value.type = c.EXPMIG_VALUE_TEXT if is_text else c.EXPMIG_VALUE_BLOB
            value.bytes, value.length = cast(c_char_p(content), c_void_p), len(content)
        else:
            raise TypeError(f"parameter {at} must be None, int, float, str or bytes, not {type(parameter).__name__}")
    # The bytes have to live as long as what points to them.
    values.kept = kept  # type: ignore[attr-defined]
    return values


class Rows:
    """The rows of a query."""

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.rows: list[tuple[Any, ...]] = []

    def take(self, row: Any, _user_data: Any) -> None:
        row = row.contents
        count = row.column_count
        if not self.columns:
            self.columns = [row.names[at].decode("utf-8", "surrogateescape") for at in range(count)]
        self.rows.append(tuple(value_of(row.values[at]) for at in range(count)))


class CheckContext:
    """What a running check uses: the validated state, and the report. Valid only while the check runs."""

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer
        experiment = lib.expmig_check_experiment_id(pointer)
        self.experiment_id = experiment[0] if experiment else None

    def end(self) -> None:
        self._pointer = None

    def _live(self) -> Any:
        if self._pointer is None:
            raise check_is_over()
        return self._pointer

    def query(self, sql: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        rows, values = Rows(), values_of(parameters)
        with Call() as call:
            row_fn = c.expmig_row_fn(call.guarded(rows.take))
            call.run(lib.expmig_check_query, self._live(), text(sql, "sql"), values, len(values), row_fn, None)
        return rows.columns, rows.rows

    def report(self, severity: str, message: str, table: str, row: str, column: str | None, value: str | None) -> None:
        if severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(map(repr, SEVERITIES))}, not {severity!r}")
        texts = {"message": message, "table": table, "row_key": row, "column": column, "value": value}
        given = {name: text(part, name) for name, part in texts.items() if part is not None}
        issue = options_of(c.expmig_issue, severity=SEVERITIES[severity], **given)
        with Call() as call:
            call.run(lib.expmig_check_report, self._live(), byref(issue))


def check_is_over() -> DataMigrationError:
    return DataMigrationError("the check is over", status="MISUSE", domain="VALIDATION", hint="query and report while it runs")


class Check:
    """A registered check: a function of a CheckContext."""

    def __init__(self, function: Callable[[CheckContext], None]) -> None:
        self._function = function

    def run(self, context: Any, user_data: Any) -> int:
        return running.calls[-1].guarded(self._run)(context, user_data)

    def _run(self, pointer: Any, _user_data: Any) -> None:
        context = CheckContext(pointer)
        try:
            self._function(context)
        finally:
            context.end()


class Transformation:
    """A registered transformation: a function of a Metric, which it changes."""

    def __init__(self, function: Callable[[Metric], None]) -> None:
        self._function = function

    def run(self, context: Any, metric: Any, user_data: Any) -> int:
        return running.calls[-1].guarded(self._run)(context, metric, user_data)

    def _run(self, context: Any, pointer: Any, _user_data: Any) -> None:
        row = pointer.contents
        metric = Metric(row.id, row.metric_type.decode(), value_of(row.total_val), value_of(row.per_label_val), row.params_json.decode())
        try:
            self._function(metric)
        except TransformationError as error:
            metric.outcome = ("fail", error.message)
        for what, value in metric.decided():
            with Call() as call:
                if what == "total":
                    call.run(lib.expmig_transform_set_total, context, value)
                elif what == "per_label":
                    call.run(lib.expmig_transform_set_per_label, context, value if value is None else text(value, "per_label_val"))
                else:
                    function = lib.expmig_transform_skip if what == "skip" else lib.expmig_transform_fail
                    call.run(function, context, text(one_line(value), "reason"))


def one_line(reason: str) -> str:
    return " ".join(str(reason).replace("\0", " ").split()) or "no reason was given"


class Registered:
    """Keeps registered callbacks until the library says that it no longer calls them."""

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}
        self._next = 0
        this = weakref.ref(self)

        def destroyed(token: int) -> None:
            registered = this()
            if registered is not None:
                registered._kept.pop(token, None)

        self.destroy = c.expmig_destroy_fn(destroyed)

    def keep(self, callback: Any) -> int:
        """The user data for a callback, not 0."""
        self._next += 1
        self._kept[self._next] = callback
        return self._next
