"""DataMigrationManager: a database, with all operations on it."""
from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

from . import _json
from ._show import fields
from .database import DatabaseManager, Engine, adopted, engine_of
from .documents import Brought, Comparison, Imported, Plan, Undone
from .errors import DataMigrationError, ImportExportError
from .metric import Metric
from .progress import MigrationProgress, MigrationStrategy, ProgressCallback, job_of
from .results import MigrationResult, TransformationResult
from .snapshots import SnapshotManager
from .transformation import MetricTransformer, Rules, json_of
from .validation import DataValidator, HierarchyPreserver

Path = Union[str, "os.PathLike[str]"]
Document = Union[Dict[str, Any], str, bytes]

if TYPE_CHECKING:
    from .columns import Columns


class DataMigrationManager:
    """Validates, snapshots, migrates, transforms, exports and imports the experiments of a database. A call that writes does the whole job,
    or changes nothing.

    ``db_manager``: a DatabaseManager, or Experiment Manager's own, whose database is opened a second time: a file in a child process, as
    ``isolation="process"`` does it. ``snapshot_dir``: the folder for snapshots, which the first one creates; a relative path is that of the
    working directory now. ``enable_logging``: hand log records to the logger "expmig". ``migration_dir`` exists only for old callers:
    nothing is read or written there.

    ``progress_callback`` of the methods is called with a MigrationProgress on the thread that made the call; an exception in it cancels
    the call and is raised when everything has been rolled back. Its return value does not matter. ``cancel`` is a CancelToken.
    ``progress=True`` shows a bar: that of tqdm, also in notebooks, where tqdm is installed.

    It has the parts ``validator``, ``hierarchy_preserver``, ``snapshot_manager`` and ``metric_transformer``. It may be used from any thread. It is
    closed with its DatabaseManager, by ``close``, or at the end of a ``with`` statement.
    """

    def __init__(
        self, db_manager: Any, snapshot_dir: Path = "snapshots", enable_logging: bool = True, *, migration_dir: Optional[Path] = None,
    ) -> None:
        own = isinstance(db_manager, DatabaseManager)
        database = db_manager if own else adopted(db_manager)
        self.db_manager = db_manager
        self._adopted: Optional[DatabaseManager] = None if own else database
        self._engine = Engine(database, snapshot_dir, enable_logging)
        self._listeners: List[ProgressCallback] = []
        self._progress: Optional[MigrationProgress] = None
        self._validator = DataValidator(self)
        self.hierarchy_preserver = HierarchyPreserver(self)
        self.snapshot_manager = SnapshotManager(self)
        self.metric_transformer = MetricTransformer(self)

    @property
    def validator(self) -> DataValidator:
        """The DataValidator. Assign one of a class of your own, and its checks belong to this manager from then on."""
        return self._validator

    @validator.setter
    def validator(self, validator: DataValidator) -> None:
        if not isinstance(validator, DataValidator):
            raise TypeError(f"a DataValidator is needed, not {type(validator).__name__}")
        validator._belong_to(self._engine)
        self._validator = validator

    def close(self) -> None:
        """Closes this manager; its database stays open. Calls of other threads that have begun end first."""
        self._engine.close()
        if self._adopted is not None:
            self._adopted.close()

    def __enter__(self) -> DataMigrationManager:
        return self

    def __exit__(self, *_failure: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<DataMigrationManager of {self._engine.database._described()}>"

    def _repr_html_(self) -> str:
        return self._engine.database._repr_html_() + fields("", [("snapshots", self._engine.snapshot_dir)])

    def metrics(
        self,
        experiment_ids: Optional[List[int]] = None,
        metric_types: Optional[List[str]] = None,
        *,
        levels: Optional[List[str]] = None,
        misfit: str = "error",
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Columns:
        """Metrics as columns, one row for each link to one (docs/arrow.md): ``manager.metrics().to_pandas()``.

        ``experiment_ids``, ``metric_types``: only these; None is all. ``levels``: some of "results", "epochs" and "batches"; None is all. ``misfit``:
        "error", or "column" for NULL and the text of the value in a second column. In a child process (``isolation``) this
        needs pyarrow."""
        job = self._job(progress_callback, cancel, progress)
        made: Columns = self._engine.manager.metrics(
            job, experiment_ids=None if experiment_ids is None else list(experiment_ids),
            metric_types=None if metric_types is None else list(metric_types), levels=None if levels is None else list(levels), misfit=misfit,
        )
        return made

    def list_experiments(self) -> List[Dict[str, Any]]:
        """The experiments, by id: "id", "title", "description", "start_time", "update_time", "trials", "runs".

        Warns of experiments whose id is no integer: no call can name them.
        """
        listed = self._engine.manager.experiments()
        unlisted = listed["unlisted"]
        if unlisted["count"]:
            first = unlisted["rows"][0]["message"]
            warnings.warn(f"{unlisted['count']} experiments cannot be listed, the first: {first}", stacklevel=2)
        return list(listed["experiments"])

    # Migration

    def migrate_experiment(
        self,
        source_experiment_id: Optional[int] = None,
        target_experiment_id: Optional[int] = None,
        strategy: Union[MigrationStrategy, str] = MigrationStrategy.BALANCED,
        progress_callback: Optional[ProgressCallback] = None,
        transformation_rules: Optional[Rules] = None,
        *,
        source_id: Optional[int] = None,
        target: Union[DataMigrationManager, DatabaseManager, None] = None,
        batch_size: int = 1000,
        on_duplicate: str = "copy",
        title_prefix: Optional[str] = None,
        create_snapshot: bool = False,
        allow_lossy: bool = False,
        add_columns: bool = False,
        on_conflict: str = "error",
        on_name: str = "suffix",
        workspace: Optional[str] = None,
        artifacts: Optional[Tuple[str, str]] = None,
        staged: bool = False,
        stage_rows: Optional[int] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> MigrationResult:
        """Copies an experiment and everything below it in one transaction, with every value unchanged.

        ``source_experiment_id``, or ``source_id``: what to copy. ``target_experiment_id``: an experiment of the target to append its trials to; None
        makes a new one. ``strategy``: how careful. ``transformation_rules``: change the metrics of the copy. ``target``: the manager of another
        database; None is this one. ``batch_size``: rows per chunk, which the result does not depend on. ``on_duplicate``: if the target has the
        same experiment already, "copy" it again, with a warning, "skip" it, which makes it safe to repeat, or raise an "error".
        ``title_prefix``: put before the copy's title. ``create_snapshot``: take a snapshot of the target first; CONSERVATIVE always does.
        ``allow_lossy``: let values change, or be left out, where the target cannot hold them; the result lists them. ``add_columns``: add
        the extra columns that the target lacks.

        Of MLflow's stores (docs/mlflow.md): ``on_conflict``: a run, model, trace, ... whose id the target has is an "error", left as it is there
        ("skip", if the content is equal), or gets a "new" id in the copy. ``on_name``: if the target has an experiment of the name, the copy gets a
        "suffix", the call raises an "error", or the rows "append" to it. ``workspace``: that of the copy. ``artifacts``: locations of artifacts
        that begin with the first text begin with the second in the copy.

        On servers: ``staged``: write in several transactions, none larger than a cluster takes (docs/clusters.md), of ``stage_rows`` rows at the
        most. What stops on the way is a job: the error's details have ``job_id``, for resume_job and abandon_job.

        Raises ValidationError if defects of the data stop the migration, and DataMigrationError for other failures. Then nothing was
        changed.
        """
        source, into, asked = self._migration(
            source_experiment_id, source_id, target, target_experiment_id, strategy, transformation_rules, batch_size, on_duplicate,
            title_prefix, create_snapshot, allow_lossy, add_columns, on_conflict, on_name, workspace, artifacts,
        )
        asked.update(staged=staged, stage_rows=stage_rows)
        return MigrationResult.of(self._engine.manager.migrate(source, into, self._job(progress_callback, cancel, progress), **asked))

    def jobs(self) -> List[Dict[str, Any]]:
        """The migrations into this database that write in several transactions, in the order in which they began: "job_id", "state" ("copying",
        "removing", "published"), "source", "experiment_id", "tables" and more (docs/json-documents.md, "expmig.jobs/1")."""
        return list(self._engine.manager.jobs()["jobs"])

    def resume_job(
        self, job_id: int, target: Union[DataMigrationManager, DatabaseManager, None] = None, *,
        progress_callback: Optional[ProgressCallback] = None, cancel: Any = None, progress: bool = False,
    ) -> MigrationResult:
        """Goes on with a job of ``target`` (None is this database) that stopped. This database is what it copies from, and must be as it was. A job
        that was published before is ``skipped`` in the result."""
        job = self._job(progress_callback, cancel, progress)
        return MigrationResult.of(self._engine.manager.resume_job(job_id, self._together(target), job))

    def abandon_job(
        self, job_id: int, *, progress_callback: Optional[ProgressCallback] = None, cancel: Any = None, progress: bool = False,
    ) -> None:
        """Removes a job of this database that was not published, and the rows that it copied; nothing else."""
        self._engine.manager.abandon_job(job_id, self._job(progress_callback, cancel, progress))

    def plan(
        self,
        source_experiment_id: Optional[int] = None,
        target_experiment_id: Optional[int] = None,
        strategy: Union[MigrationStrategy, str] = MigrationStrategy.BALANCED,
        progress_callback: Optional[ProgressCallback] = None,
        *,
        source_id: Optional[int] = None,
        target: Union[DataMigrationManager, DatabaseManager, None] = None,
        on_duplicate: str = "copy",
        title_prefix: Optional[str] = None,
        create_snapshot: bool = False,
        allow_lossy: bool = False,
        add_columns: bool = False,
        on_conflict: str = "error",
        on_name: str = "suffix",
        workspace: Optional[str] = None,
        artifacts: Optional[Tuple[str, str]] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """Reports what migrate_experiment would do with the same arguments, and writes nothing: rows per table, unsound rows, odd values,
        values that do not fit, duplicates, digests, space (docs/json-documents.md, "expmig.plan/1")."""
        source, into, asked = self._migration(
            source_experiment_id, source_id, target, target_experiment_id, strategy, None, 1000, on_duplicate, title_prefix,
            create_snapshot, allow_lossy, add_columns, on_conflict, on_name, workspace, artifacts,
        )
        return Plan(self._engine.manager.plan(source, into, self._job(progress_callback, cancel, progress), **asked))

    def digest(
        self, experiment_id: int, *, progress_callback: Optional[ProgressCallback] = None, cancel: Any = None, progress: bool = False,
    ) -> str:
        """The content digest of an experiment, 64 hexadecimal digits: equal for equal experiments, whatever their ids and the order of their
        rows (docs/digest.md)."""
        return str(self._engine.manager.digest(experiment_id, self._job(progress_callback, cancel, progress)))

    def compare(
        self,
        experiment_id: int,
        other_experiment_id: int,
        other: Union[DataMigrationManager, DatabaseManager, None] = None,
        *,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """Compares two experiments by content. ``other``: the manager that has the second; None is this one. Returns "equal", both digests
        and row counts, and "first_difference" (docs/json-documents.md, "expmig.comparison/1")."""
        second = self._together(other) or self._engine.manager
        return Comparison(self._engine.manager.compare(experiment_id, second, other_experiment_id, self._job(progress_callback, cancel, progress)))

    def verify(self, snapshot_id: str, *, progress_callback: Optional[ProgressCallback] = None, cancel: Any = None, progress: bool = False) -> bool:
        """Returns True if a snapshot is unchanged; like ``snapshot_manager.verify_snapshot``."""
        return self.snapshot_manager.verify_snapshot(snapshot_id, progress_callback=progress_callback, cancel=cancel, progress=progress)

    # Transformations

    def transform_metrics(
        self,
        experiment_ids: Optional[Iterable[int]] = None,
        transformation_rules: Optional[Rules] = None,
        batch_size: int = 1000,
        progress_callback: Optional[ProgressCallback] = None,
        *,
        metric_ids: Optional[Iterable[int]] = None,
        dry_run: bool = False,
        cancel: Any = None,
        progress: bool = False,
    ) -> TransformationResult:
        """Changes metrics by the rules of a document (docs/transformations.md), all or nothing.

        ``experiment_ids``: metrics linked from these experiments; None is all metrics, an empty list none. ``metric_ids``: of them only these.
        ``transformation_rules``: a dict with "metric_transformations" and perhaps "global_settings", the list alone, or their JSON.
        ``dry_run``: show examples, write nothing. Raises TransformationError.
        """
        if transformation_rules is None:
            raise TypeError("transform_metrics needs transformation_rules")
        return self.metric_transformer.transform_by_rules(
            transformation_rules, experiment_ids, metric_ids, batch_size=batch_size, dry_run=dry_run, progress_callback=progress_callback,
            cancel=cancel, progress=progress,
        )

    def register_transformation(self, name: str, function: Callable[[Metric], Any]) -> None:
        """Adds a transformation of your own; as ``metric_transformer.register_transformation``."""
        self.metric_transformer.register_transformation(name, function)

    def undo(
        self,
        transform: Union[int, TransformationResult],
        *,
        skip_changed: bool = False,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """Restores the old values of the metrics of a transformation, byte for byte. ``transform``: its transform_id or its result.
        ``skip_changed``: skip metrics that were changed since, instead of failing. Returns "metrics_restored" and more
        (docs/json-documents.md, "expmig.undo/1")."""
        transform_id = transform.transform_id if isinstance(transform, TransformationResult) else transform
        if transform_id is None:
            raise ValueError("there is nothing to undo: this transformation changed nothing, or kept nothing")
        return Undone(self._engine.manager.undo(transform_id, skip_changed, self._job(progress_callback, cancel, progress)))

    def list_transformations(self) -> List[Dict[str, Any]]:
        """The transformations that can be undone, the newest first: "id", "created_at", "rules", "metrics", "copied"."""
        return list(self._engine.manager.transforms()["transforms"])

    def forget_transformations(
        self, keep_count: int, *, progress_callback: Optional[ProgressCallback] = None, cancel: Any = None, progress: bool = False,
    ) -> int:
        """Keeps the undo log of the newest transformations and removes that of the older ones; metrics stay as they are. Returns how many
        transformations can no longer be undone."""
        return int(self._engine.manager.forget(keep_count, self._job(progress_callback, cancel, progress)))

    # Export and import

    def export_experiment(
        self,
        experiment_id: int,
        include_metrics: bool = True,
        include_artifacts: bool = True,
        format: str = "json",
        *,
        skip_unsound: bool = False,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """The complete experiment as a dict (docs/export-format.md). Numbers with more digits than a float has become floats that remember
        their digits, so that importing the dict brings back every digit. ``skip_unsound``: leave out unsound rows (docs/validation.md), and
        count them, instead of failing. Raises ImportExportError."""
        document = self._engine.manager.export_text(
            experiment_id, self._job(progress_callback, cancel, progress), include_metrics=include_metrics, include_artifacts=include_artifacts,
            skip_unsound=skip_unsound, format=format,
        )
        return dict(_json.loads(document))

    def export_experiment_to_file(
        self,
        experiment_id: int,
        path: Path,
        include_metrics: bool = True,
        include_artifacts: bool = True,
        format: str = "json",
        *,
        indent: int = 0,
        replace: bool = False,
        file_mode: int = 0o600,
        skip_unsound: bool = False,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> str:
        """Writes the experiment to a file, in constant memory. The file gets its name only when it is complete and on the device.
        ``indent``: spaces per level, 0 for one line. ``replace``: replace an existing file of that name. ``file_mode``: the permissions of
        the file. Returns the absolute path."""
        where = os.path.abspath(os.fsdecode(path))
        self._engine.manager.export_file(
            experiment_id, where, self._job(progress_callback, cancel, progress), include_metrics=include_metrics,
            include_artifacts=include_artifacts, skip_unsound=skip_unsound, format=format, indent=indent, replace=replace,
            file_mode=file_mode,
        )
        return where

    def report_to_file(
        self,
        path: Path,
        experiment_ids: Union[int, Iterable[int]],
        others: Iterable[Tuple[Union[DataMigrationManager, DatabaseManager], int]] = (),
        *,
        title: Optional[str] = None,
        issue_limit: int = 500,
        replace: bool = False,
        file_mode: int = 0o600,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> str:
        """Writes a page to look at (docs/report.md): one HTML file that needs nothing else, with curves, values, the tree and what validation
        found; of two experiments also where they first differ. ``experiment_ids``: of this database. ``others``: managers of further
        databases, each with an id. ``title``: what stands above it. ``issue_limit``: how many issues it lists. ``replace``, ``file_mode``: as
        in export_experiment_to_file. Answers the absolute path."""
        where = os.path.abspath(os.fsdecode(path))
        more = [(self._together(other), number) for other, number in others]
        ids = [experiment_ids] if isinstance(experiment_ids, int) else list(experiment_ids)
        self._engine.manager.report_file(
            [*ids, *(number for _, number in more)], where, self._job(progress_callback, cancel, progress), *(manager for manager, _ in more), title=title,
            issue_limit=issue_limit, replace=replace, file_mode=file_mode,
        )
        return where

    def import_experiment_data(
        self,
        experiment_data: Document,
        preserve_ids: bool = False,
        validate_before_import: bool = True,
        *,
        on_duplicate: str = "copy",
        add_columns: bool = False,
        allow_lossy: bool = False,
        allow_unlinked: bool = False,
        max_value_bytes: Optional[int] = None,
        target_experiment_id: Optional[int] = None,
        on_conflict: str = "error",
        on_name: str = "suffix",
        workspace: Optional[str] = None,
        artifacts: Optional[Tuple[str, str]] = None,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> int:
        """Imports an experiment, a dict from export_experiment or its JSON as text or bytes, in one transaction, and returns its id.

        ``preserve_ids``: keep the ids of the document; one that is taken is an error. ``validate_before_import``: refuse values that are not
        what their columns are for; the structure is always checked, and so is the digest of what was written. ``on_duplicate``: as in
        migrate_experiment. ``add_columns``: add extra columns that the database lacks. ``allow_lossy``: let values
        change, or be left out, where the database cannot hold them; the result of ``import_document`` lists them. ``allow_unlinked``:
        accept documents of the older command-line tool; their metrics are linked to nothing. ``max_value_bytes``: the maximum number of
        bytes of a single value. Raises ImportExportError, ValidationError; then nothing was changed. ``import_document`` returns more
        details.

        Of MLflow's stores: ``on_conflict``, ``on_name``, ``workspace`` and ``artifacts`` as in migrate_experiment; ``target_experiment_id``: the
        experiment of the store whose the rows become.
        """
        return int(self.import_document(
            experiment_data, preserve_ids, validate_before_import, on_duplicate=on_duplicate, add_columns=add_columns,
            allow_lossy=allow_lossy, allow_unlinked=allow_unlinked, max_value_bytes=max_value_bytes, target_experiment_id=target_experiment_id,
            on_conflict=on_conflict, on_name=on_name, workspace=workspace, artifacts=artifacts, progress_callback=progress_callback, cancel=cancel,
            progress=progress,
        )["experiment_id"])

    def import_experiment_from_file(
        self,
        path: Path,
        preserve_ids: bool = False,
        validate_before_import: bool = True,
        *,
        on_duplicate: str = "copy",
        add_columns: bool = False,
        allow_lossy: bool = False,
        allow_unlinked: bool = False,
        max_value_bytes: Optional[int] = None,
        target_experiment_id: Optional[int] = None,
        on_conflict: str = "error",
        on_name: str = "suffix",
        workspace: Optional[str] = None,
        artifacts: Optional[Tuple[str, str]] = None,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> int:
        """Like import_experiment_data, but from a file, in constant memory."""
        done = self._engine.manager.import_file(
            os.path.abspath(os.fsdecode(path)), self._job(progress_callback, cancel, progress), preserve_ids=preserve_ids,
            validate_before_import=validate_before_import, on_duplicate=on_duplicate, add_columns=add_columns,
            allow_lossy=allow_lossy, allow_unlinked=allow_unlinked, max_value_bytes=max_value_bytes, target_experiment_id=target_experiment_id,
            on_conflict=on_conflict, on_name=on_name, workspace=workspace, **prefixes(artifacts),
        )
        return int(done["experiment_id"])

    def import_document(
        self,
        experiment_data: Document,
        preserve_ids: bool = False,
        validate_before_import: bool = True,
        *,
        on_duplicate: str = "copy",
        add_columns: bool = False,
        allow_lossy: bool = False,
        allow_unlinked: bool = False,
        max_value_bytes: Optional[int] = None,
        target_experiment_id: Optional[int] = None,
        on_conflict: str = "error",
        on_name: str = "suffix",
        workspace: Optional[str] = None,
        artifacts: Optional[Tuple[str, str]] = None,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """Like import_experiment_data, but returns what was done: "experiment_id", "skipped", "tables", "id_map", "digest", "warnings" and
        more (docs/json-documents.md, "expmig.import/1")."""
        return Imported(self._engine.manager.import_text(
            document_bytes(experiment_data), self._job(progress_callback, cancel, progress), preserve_ids=preserve_ids,
            validate_before_import=validate_before_import, on_duplicate=on_duplicate, add_columns=add_columns,
            allow_lossy=allow_lossy, allow_unlinked=allow_unlinked, max_value_bytes=max_value_bytes, target_experiment_id=target_experiment_id,
            on_conflict=on_conflict, on_name=on_name, workspace=workspace, **prefixes(artifacts),
        ))

    def bring_in(
        self,
        path: Path,
        kind: Optional[str] = None,
        *,
        experiment: Optional[str] = None,
        on_conflict: str = "error",
        on_name: str = "suffix",
        user: Optional[str] = None,
        sidecar: Optional[Path] = None,
        leave_out: bool = False,
        with_machine: bool = False,
        view: str = "all",
        ended: bool = False,
        zone: Optional[str] = None,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """Brings the runs of a file or folder that another tracker wrote into this database, a store of MLflow on any engine, in one
        transaction (docs/bring-in.md), and returns the account: "experiments", "tables", "account", "warnings" and more. Can be repeated: only what is
        new is written.

        ``path``: of the file or folder; of Optuna's tables on a server the URL. ``kind``: the reader, "mlflow-files", "tensorboard", "wandb",
        "neptune" or "optuna"; by default the files tell. ``experiment``: the name of the experiment.
        ``on_conflict``: a run whose id another run of the store has is an "error", or left out ("skip"). ``on_name``: if the store has another
        experiment of the name, " (2)" is put behind it ("suffix"), or the call raises an "error", or the runs go into that one ("append").
        ``user``: of runs that do not say one. ``sidecar``: a new file of JSON lines for what has no place in the store. ``leave_out``: leave that
        out instead; with neither it is an error. ``with_machine``: bring along names of hosts and users, and console lines. ``view="server"``: of a
        TensorBoard log only what its server would show after a restart. ``ended``: take runs for ended of which the source does not say it. ``zone``: where
        the writer's clock was, for times that do not say it, "+09:00" or "UTC". Raises ImportExportError; then nothing was changed."""
        return self._bring_in(False, path, progress_callback, cancel, progress, kind=kind, experiment=experiment, on_conflict=on_conflict, on_name=on_name,
                              user=user, sidecar=sidecar, leave_out=leave_out, with_machine=with_machine, view=view, ended=ended,
                              zone=zone)

    def bring_in_plan(
        self,
        path: Path,
        kind: Optional[str] = None,
        *,
        experiment: Optional[str] = None,
        on_conflict: str = "error",
        on_name: str = "suffix",
        user: Optional[str] = None,
        with_machine: bool = False,
        view: str = "all",
        ended: bool = False,
        zone: Optional[str] = None,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """What bring_in would do. Writes nothing; what has no place is counted."""
        return self._bring_in(True, path, progress_callback, cancel, progress, kind=kind, experiment=experiment, on_conflict=on_conflict, on_name=on_name,
                              user=user, sidecar=None, leave_out=True, with_machine=with_machine, view=view, ended=ended,
                              zone=zone)

    # What several of them need

    def _bring_in(self, plan: bool, path: Path, progress_callback: Optional[ProgressCallback], cancel: Any, progress: bool, **asked: Any) -> Dict[str, Any]:
        sidecar = asked.pop("sidecar")
        beside = None if sidecar is None else os.path.abspath(os.fsdecode(sidecar))
        where = os.fsdecode(path)
        if "://" not in where:
            where = os.path.abspath(where)
        return Brought(self._engine.manager.bring_in(where, plan, self._job(progress_callback, cancel, progress), sidecar=beside, **asked))

    def _migration(
        self, source_experiment_id: Any, source_id: Any, target: Any, target_experiment_id: Any, strategy: Any, rules: Any, batch_size: int,
        on_duplicate: str, title_prefix: Optional[str], create_snapshot: bool, allow_lossy: bool, add_columns: bool, on_conflict: str,
        on_name: str, workspace: Optional[str], artifacts: Optional[Tuple[str, str]],
    ) -> tuple[int, Any, Dict[str, Any]]:
        if (source_experiment_id is None) == (source_id is None):
            raise TypeError("give either source_experiment_id or source_id, which mean the same")
        return source_id if source_experiment_id is None else source_experiment_id, self._together(target), {
            "target_experiment_id": target_experiment_id,
            "strategy": strategy.value if isinstance(strategy, MigrationStrategy) else strategy,
            "on_duplicate": on_duplicate,
            "batch_size": batch_size,
            "title_prefix": title_prefix,
            "transformation_rules": None if rules is None else json_of(rules, "transformation_rules"),
            "allow_lossy": allow_lossy,
            "add_columns": add_columns,
            "create_snapshot": create_snapshot,
            "on_conflict": on_conflict,
            "on_name": on_name,
            "workspace": workspace,
            **prefixes(artifacts),
        }

    def _together(self, other: Any) -> Any:
        """The manager of another database, for a call of this one."""
        if other is None:
            return None
        engine = engine_of(other)
        if engine.database.isolation == "process" and self._engine.database.isolation is None:
            raise DataMigrationError(
                "the other database is open in a process of its own, this one is not", status="INVALID_ARGUMENT", domain="MIGRATION",
                hint='open both with isolation="process", or none',
            )
        return engine.manager

    def _job(self, progress_callback: Optional[ProgressCallback], cancel: Any, progress: bool) -> Any:
        def heard(state: MigrationProgress) -> None:
            self._progress = state

        listeners = [heard, *self._listeners] if self._listeners or progress_callback is not None or progress else []
        return job_of(progress_callback, cancel, progress, listeners)

    # What programs for Experiment Manager's own migration module call

    def add_progress_callback(self, callback: ProgressCallback) -> None:
        """Adds a callback, which every later call of this manager calls like its own ``progress_callback``."""
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        self._listeners.append(callback)

    def get_migration_status(self) -> Optional[MigrationProgress]:
        """The last progress that a callback was called with; None before the first."""
        return self._progress

    def batch_transform_metrics(
        self,
        experiment_ids: Optional[Iterable[int]] = None,
        transformation_rules: Optional[Rules] = None,
        batch_size: int = 1000,
        create_snapshot: bool = True,
        progress_callback: Optional[ProgressCallback] = None,
        *,
        progress: bool = False,
    ) -> TransformationResult:
        """Like transform_metrics, but takes a snapshot of the whole database first, unless ``create_snapshot`` is false. Rules are those of
        transform_metrics. Functions by label, which the older module accepted, raise TypeError: use register_transformation for a
        function."""
        if isinstance(transformation_rules, dict) and any(callable(rule) for rule in transformation_rules.values()):
            raise TypeError(
                "transformation_rules has functions in it; register_transformation gives a function a name, and a rules document names it "
                "as a transformation"
            )
        if transformation_rules is None:
            raise TypeError("batch_transform_metrics needs transformation_rules")
        rules = json_of(transformation_rules, "transformation_rules")
        # Whatever is wrong with the rules is said before a snapshot is made for them.
        self.transform_metrics([], rules, batch_size, dry_run=True)
        if create_snapshot:
            self.snapshot_manager.create_snapshot("before a transformation of metrics", progress=progress)
        return self.transform_metrics(experiment_ids, rules, batch_size, progress_callback, progress=progress)


def document_bytes(document: Any) -> bytes:
    """The JSON of a document."""
    if isinstance(document, (bytes, bytearray)):
        return bytes(document)
    if not isinstance(document, (dict, str)):
        raise TypeError(f"experiment_data must be a dict, text or bytes, not {type(document).__name__}")
    try:
        return (document if isinstance(document, str) else _json.dumps(document)).encode()
    except (TypeError, ValueError) as problem:
        raise ImportExportError(
            f"experiment_data cannot be written as JSON: {problem}", status="INVALID_ARGUMENT", domain="IMPORT_EXPORT",
            hint='numbers that are not finite are the texts "NaN", "Infinity" and "-Infinity" in a document',
        ) from None


def prefixes(artifacts: Optional[Tuple[str, str]]) -> Dict[str, Optional[str]]:
    """The two beginnings of locations of artifacts, as options."""
    before, after = (None, None) if artifacts is None else artifacts
    return {"artifacts_from": before, "artifacts_to": after}
