"""Documents of the library that say of themselves what is in them: dicts with a short repr, and with tables in a notebook."""
from __future__ import annotations

from typing import Any, Dict

from ._show import counted, fields, table


class Document(Dict[str, Any]):
    """A document (docs/json-documents.md): a dict. ``repr`` is one line about it, ``dict(document)`` shows all of it."""

    def _line(self) -> str:
        return f"{len(self)} fields"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._line()}>"

    def _repr_html_(self) -> str:
        return fields(type(self).__name__, self.items())


class Plan(Document):
    """What a migration would do: "expmig.plan/1"."""

    def _stops(self) -> list[str]:
        """What to look at before the migration."""
        found = (
            counted(self["unsound"]["count"], "unsound row"),
            counted((self["odd_values"] or {"count": 0})["count"], "odd value"),
            counted(self["lossy"]["count"], "value that does not fit", "values that do not fit"),
            counted(len(self["duplicates"]), "equal experiment"),
        )
        return [one for one in found if not one.startswith("0 ")]

    def _line(self) -> str:
        return ", ".join([f"experiment {self['source_experiment_id']}, {self['strategy']}", counted(self["items_total"], "row"), *self._stops()])

    def _repr_html_(self) -> str:
        space, digest = self.get("space") or {}, self.get("digest") or {}
        return fields(f"Plan of a migration of experiment {self['source_experiment_id']}", [
            ("strategy", self["strategy"]), ("into experiment", self["target_experiment_id"]), ("rows", self["items_total"]),
            ("to look at", ", ".join(self._stops()) or None), ("digest", digest.get("source")), ("bytes needed", space.get("needed_bytes")),
            ("enough space", {True: "yes", False: "no"}.get(space.get("enough"))),
        ]) + table("", ("table", "rows", "unsound"), [(row["table"], row["rows"], row["unsound"]) for row in self["tables"]]) + lines("Warnings", self["warnings"])


class Report(Document):
    """What a validation found: "expmig.validation/1"."""

    def _line(self) -> str:
        found = self["summary"]
        counts = [counted(found[f"total_{what}s"], what) for what in ("error", "warning", "info") if found[f"total_{what}s"]]
        return ", ".join([found["overall_status"], *counts])

    def _repr_html_(self) -> str:
        found, names = self["summary"], ("severity", "table", "row", "column", "message")
        about = "the whole database" if self["experiment_id"] is None else f"experiment {self['experiment_id']}"
        issues = [[one.get(name) for name in names] for one in self["issues"]]
        return fields(f"Validation of {about}: {found['overall_status']}", [
            ("errors", found["total_errors"]), ("warnings", found["total_warnings"]), ("infos", found["total_infos"]),
        ]) + table("", names, issues, found["total_issues"]) + lines("Warnings", self["warnings"])


class Comparison(Document):
    """A comparison of two experiments: "expmig.comparison/1"."""

    def _difference(self) -> tuple[Any, Any, Any, Any]:
        first = self.get("first_difference") or {}
        at = first.get("difference") or {}
        return first.get("node"), at.get("column") or first.get("how"), at.get("a"), at.get("b")

    def _line(self) -> str:
        pair = f"experiments {self['a']['experiment_id']} and {self['b']['experiment_id']}"
        if self["equal"]:
            return f"{pair} are equal"
        node, where, _, _ = self._difference()
        return f"{pair} differ" + (f", first in {node}: {where}" if node is not None else "")

    def _repr_html_(self) -> str:
        a, b = self["a"], self["b"]
        differing = "" if self["equal"] else table("First difference", ("where", "what", "a", "b"), [self._difference()])
        names = list(dict.fromkeys([*a["tables"], *b["tables"]]))
        return fields(f"Comparison: {'equal' if self['equal'] else 'different'}", [("digest of a", a["digest"]), ("digest of b", b["digest"])]) + differing + table(
            "Rows", ("table", "a", "b"), [(name, a["tables"].get(name, 0), b["tables"].get(name, 0)) for name in names]) + lines("Warnings", self["warnings"])


class Undone(Document):
    """What undoing a transformation did: "expmig.undo/1"."""

    def _line(self) -> str:
        return f"transformation {self['transform_id']}, {counted(self['metrics_restored'], 'metric')} restored, {self['metrics_skipped']} skipped"


class Imported(Document):
    """What an import did: "expmig.import/1"."""

    def _line(self) -> str:
        return f"experiment {self['experiment_id']}" + (", which was there already" if self["skipped"] else "")


class Brought(Document):
    """What bringing runs in did, or would do: "expmig.bring_in/1"."""

    def _line(self) -> str:
        runs = [table for table in self["tables"] if table["table"] == "runs"]
        read, new = (runs[0]["read"], runs[0]["new"]) if runs else (0, 0)
        return f"{counted(read, 'run')} of {self['title']}, {new} {'would be ' if self['planned'] else ''}new"


def lines(title: str, texts: Any) -> str:
    return table("", (title,), [(text,) for text in texts])
