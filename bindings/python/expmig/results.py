"""The results of migrations and transformations."""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Dict, List, Optional

from ._show import counted, fields, table


def duration(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds / 1000)


@dataclass(frozen=True, repr=False)
class TransformationResult:
    """What a transformation did (docs/json-documents.md, "expmig.transformation/1").

    ``metrics_examined`` counts the metrics of the selection, ``metrics_matched`` those that some rule matched; each of these was updated,
    unchanged, skipped or failed. ``transform_id`` is the id for ``undo``; None if there is nothing to undo. ``skipped`` and ``failed`` list
    the first hundred: "metric_id", "metric_type", "transformation", "reason". For a dry run, ``samples`` has examples, and ``locks`` says
    how the database would be locked; otherwise ``locks`` is None.
    """

    transform_id: Optional[int]
    dry_run: bool
    metrics_examined: int
    metrics_matched: int
    metrics_updated: int
    metrics_unchanged: int
    metrics_skipped: int
    metrics_failed: int
    metrics_copied: int
    success_rate: float
    rules: List[Dict[str, Any]]
    skipped: List[Dict[str, Any]]
    failed: List[Dict[str, Any]]
    samples: List[Dict[str, Any]]
    warnings: List[str]
    locks: Optional[Dict[str, Any]]
    duration: timedelta
    _document: Dict[str, Any] = field(repr=False, compare=False)

    @property
    def errors(self) -> List[str]:
        """The listed failures, one line each."""
        return [f"metric {one['metric_id']} ({one['metric_type']}): {one['transformation']}: {one['reason']}" for one in self.failed]

    def to_dict(self) -> Dict[str, Any]:
        """The library's own document, "expmig.transformation/1"."""
        return dict(self._document)

    def __repr__(self) -> str:
        parts = [f"{counted(self.metrics_updated, 'metric')} of {self.metrics_matched} {'would be ' if self.dry_run else ''}changed"]
        parts += [f"{count} {what}" for count, what in ((self.metrics_skipped, "skipped"), (self.metrics_failed, "failed")) if count]
        parts += [] if self.transform_id is None else [f"transform_id {self.transform_id}"]
        return f"<TransformationResult: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        names = ("metric_id", "metric_type", "transformation", "reason")
        return fields("Transformation" + (", not written (dry run)" if self.dry_run else ""), [
            ("transform_id", self.transform_id), ("metrics matched", self.metrics_matched), ("changed", self.metrics_updated),
            ("unchanged", self.metrics_unchanged), ("skipped", self.metrics_skipped), ("failed", self.metrics_failed), ("took", self.duration),
        ]) + table(
            "Rules", ("metric_type", "transformation", "matched", "changed"),
            [[rule.get(name) for name in ("metric_type", "transformation", "matched", "changed")] for rule in self.rules],
        ) + table("Skipped", names, [[one.get(name) for name in names] for one in self.skipped], self.metrics_skipped) + table(
            "Failed", names, [[one.get(name) for name in names] for one in self.failed], self.metrics_failed,
        ) + table("", ("Warnings",), [(one,) for one in self.warnings])

    @classmethod
    def of(cls, document: Dict[str, Any]) -> TransformationResult:
        same = ("transform_id", "dry_run", "success_rate", "rules", "warnings")
        counts = ("examined", "matched", "updated", "unchanged", "skipped", "failed", "copied")
        return cls(
            **{name: document[name] for name in same},
            **{f"metrics_{name}": document[f"metrics_{name}"] for name in counts},
            skipped=document["skipped"]["metrics"],
            failed=document["failed"]["metrics"],
            samples=document.get("samples") or [],
            locks=document.get("locks"),
            duration=duration(document["duration_ns"]),
            _document=document,
        )


@dataclass(frozen=True, repr=False)
class MigrationResult:
    """What a migration did (docs/json-documents.md, "expmig.migration/1").

    Items are rows of any table. A row that is left out counts as processed and as failed. ``skipped``: the target had the same experiment
    already, and nothing was written. ``tables``: per table "source", "copied" and "failed" rows. ``id_map``: for "experiment", "trial" and
    "trial_run" a dict of old and new ids; for "metric" and "artifact" a dict with "first" and "count": the n-th of the copied rows, by old
    id from 0, has the id first + n. ``source_digest`` and ``target_digest`` prove the copy; ``expected_digest`` is the digest that the
    target had to have. All three are None with AGGRESSIVE. ``lossy`` and ``left_out``: exact "count", and the first of them.
    ``transformation``: what the rules did to the copy, or None.
    """

    source_experiment_id: int
    new_experiment_id: int
    strategy: str
    skipped: bool
    items_processed: int
    items_failed: int
    items_total: int
    success_rate: float
    tables: Dict[str, Dict[str, int]]
    id_map: Dict[str, Dict[Any, int]]
    source_digest: Optional[str]
    target_digest: Optional[str]
    expected_digest: Optional[str]
    lossy: Dict[str, Any]
    left_out: Dict[str, Any]
    warnings: List[str]
    snapshot_id: Optional[str]
    transformation: Optional[TransformationResult]
    duration: timedelta
    _document: Dict[str, Any] = field(repr=False, compare=False)

    @property
    def errors(self) -> List[str]:
        """The listed rows that were left out, one line each."""
        return [row["message"] for row in self.left_out.get("rows", [])]

    def to_dict(self) -> Dict[str, Any]:
        """The library's own document, "expmig.migration/1"."""
        return dict(self._document)

    def __repr__(self) -> str:
        if self.skipped:
            return f"<MigrationResult: experiment {self.source_experiment_id} was there already, as {self.new_experiment_id}>"
        parts = [f"experiment {self.source_experiment_id} copied as {self.new_experiment_id}", counted(self.items_processed - self.items_failed, "row")]
        parts += [f"{self.items_failed} left out"] if self.items_failed else []
        parts += [f"digest {self.target_digest[:12]}…"] if self.target_digest is not None else []
        return f"<MigrationResult: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        done = "was there already as" if self.skipped else "copied as"
        return fields(f"Experiment {self.source_experiment_id} {done} {self.new_experiment_id}", [
            ("strategy", self.strategy), ("rows", self.items_processed - self.items_failed), ("left out", self.items_failed or None),
            ("digest of the source", self.source_digest), ("digest of the copy", self.target_digest), ("snapshot", self.snapshot_id), ("took", self.duration),
        ]) + table("", ("table", "source", "copied", "failed"), [
            (name, rows["source"], rows["copied"], rows["failed"]) for name, rows in self.tables.items()
        ]) + table("Left out", ("row",), [(one,) for one in self.errors], self.left_out.get("count", 0)) + table("", ("Warnings",), [(one,) for one in self.warnings])

    @classmethod
    def of(cls, document: Dict[str, Any]) -> MigrationResult:
        same = (
            "source_experiment_id", "new_experiment_id", "strategy", "skipped", "items_processed", "items_failed", "items_total",
            "success_rate", "warnings", "snapshot_id",
        )
        digest, transformation = document["digest"], document["transformation"]
        return cls(
            **{name: document[name] for name in same},
            tables={row["table"]: {name: row[name] for name in ("source", "copied", "failed")} for row in document["tables"]},
            id_map={name: dict(ids) if isinstance(ids, list) else ids or {} for name, ids in (document["id_map"] or {}).items()},
            source_digest=digest["source"],
            target_digest=digest["target"],
            expected_digest=digest["as_stored"],
            lossy=document["lossy"],
            left_out=document["left_out"],
            transformation=None if transformation is None else TransformationResult.of(transformation),
            duration=duration(document["duration_ns"]),
            _document=document,
        )
