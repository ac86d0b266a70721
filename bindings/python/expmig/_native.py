"""Databases and managers of the library, with plain data as arguments and results. The public classes use them."""
from __future__ import annotations

import json
from contextlib import ExitStack
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_uint8, c_uint64, c_void_p, pointer
from typing import TYPE_CHECKING, Any, Callable

from . import _declarations as c
from ._call import Call, Job, running
from ._callbacks import Check, Registered, Rows, Transformation, values_of
from ._handle import Handle
from ._library import integer, lib, null, optional_text, options_of, path_text, taken, text
from ._server import Secret

if TYPE_CHECKING:
    from .columns import Columns

STRATEGIES = {
    "conservative": c.EXPMIG_STRATEGY_CONSERVATIVE, "balanced": c.EXPMIG_STRATEGY_BALANCED, "aggressive": c.EXPMIG_STRATEGY_AGGRESSIVE,
}
DUPLICATES = {"copy": c.EXPMIG_DUPLICATE_COPY, "skip": c.EXPMIG_DUPLICATE_SKIP, "error": c.EXPMIG_DUPLICATE_ERROR}
CONFLICTS = {"error": c.EXPMIG_CONFLICT_ERROR, "skip": c.EXPMIG_CONFLICT_SKIP, "new": c.EXPMIG_CONFLICT_NEW}
NAMES = {"suffix": c.EXPMIG_NAME_SUFFIX, "error": c.EXPMIG_NAME_ERROR, "append": c.EXPMIG_NAME_APPEND}
VIEWS = {"all": 0, "server": 1}
MISFITS = {"error": c.EXPMIG_MISFIT_ERROR, "column": c.EXPMIG_MISFIT_COLUMN}
LEVELS = {"results": c.EXPMIG_LEVEL_RESULTS, "epochs": c.EXPMIG_LEVEL_EPOCHS, "batches": c.EXPMIG_LEVEL_BATCHES}
SECTIONS = {
    "foreign_keys": c.EXPMIG_VALIDATE_FOREIGN_KEYS, "metric_json": c.EXPMIG_VALIDATE_METRIC_JSON,
    "hierarchy": c.EXPMIG_VALIDATE_HIERARCHY, "registered_checks": c.EXPMIG_VALIDATE_REGISTERED_CHECKS,
}


def chosen(table: dict[str, int], value: Any, name: str) -> int:
    """The number of a named choice."""
    if value not in table:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, table))}, not {value!r}")
    return table[value]


def flags(*given: tuple[Any, int]) -> int:
    """The flags whose conditions are true."""
    return sum(bit for wanted, bit in given if wanted)


def ids(values: Any, name: str) -> Any:
    numbers = [integer(value, f"{name}[{at}]") for at, value in enumerate(values)]
    # A selection of nothing is a pointer that is not NULL.
    return (c_int64 * max(1, len(numbers)))(*numbers), len(numbers)


class Database:
    """An open database."""

    def __init__(
        self, url: str | Secret, *, password: Secret | None, readonly: bool, create: bool, create_beside: bool, allow_shared_process: bool,
        busy_timeout_ms: int, max_read_lock_ms: int, temp_dir: str | None, job: Job | None = None,
    ) -> None:
        call = Call(job)
        options = call.options(
            c.expmig_open_options,
            flags=flags(
                (readonly, c.EXPMIG_OPEN_READONLY), (create, c.EXPMIG_OPEN_CREATE),
                (create_beside, c.EXPMIG_OPEN_CREATE_BESIDE),
                (allow_shared_process, c.EXPMIG_OPEN_ALLOW_SHARED_PROCESS),
            ),
            busy_timeout_ms=integer(busy_timeout_ms, "timeout"),
            password=None if password is None else password.encoded(),
            max_read_lock_ms=integer(max_read_lock_ms, "max_read_lock"),
            temp_dir=None if temp_dir is None else path_text(temp_dir, "temp_dir"),
        )
        database = null(c.expmig_database)
        with call:
            call.run(lib.expmig_database_open, url.encoded() if isinstance(url, Secret) else text(url, "database_path"), byref(options), byref(database))
            self.handle = Handle("database", database, lib.expmig_database_close)

    def info(self) -> dict[str, Any]:
        return documented(lib.expmig_database_info, self.handle)

    def widen(self, apply: bool) -> dict[str, Any]:
        return documented(lib.expmig_schema_widen, self.handle, flags((apply, c.EXPMIG_WIDEN_APPLY)))

    def query(self, sql: str, parameters: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        values = values_of(parameters)
        rows = Rows()
        with self.handle as database, Call() as call:
            row_fn = c.expmig_row_fn(call.guarded(rows.take))
            call.run(lib.expmig_database_query, database, text(sql, "sql"), values, len(values), row_fn, None)
        return rows.columns, rows.rows

    def query_columns(self, sql: str, parameters: Any) -> Columns:
        from .columns import Columns, stream_of
        values = values_of(parameters)
        with self.handle as database, Call() as call:
            stream = stream_of(lambda out: call.run(lib.expmig_query_arrow, database, text(sql, "sql"), values, len(values), out))
        return Columns(stream, lambda: self.handle.closed)

    def manager(self, snapshot_dir: str, log: Callable[[int, str], None] | None) -> Manager:
        return Manager(self, snapshot_dir, log)

    def close(self) -> None:
        self.handle.close()


def documented(function: Any, handle: Handle, *arguments: Any) -> dict[str, Any]:
    """Calls a function that returns a JSON document. Its parameters are the handle, these, and the document."""
    document = c_void_p()
    with handle as opened, Call() as call:
        call.run(function, opened, *arguments, byref(document))
        return parsed(taken(document))


def parsed(document: bytes) -> dict[str, Any]:
    return dict(json.loads(document))


def metric_json_issues(text: bytes) -> list[dict[str, Any]]:
    """The defects of per-label values that are not in a database."""
    valid, document = c_int32(), c_void_p()
    with Call() as call:
        call.run(lib.expmig_metric_json_validate, text, len(text), byref(valid), byref(document))
        return list(parsed(taken(document))["issues"])


class Manager:
    """A manager of a database."""

    def __init__(self, database: Database, snapshot_dir: str, log: Callable[[int, str], None] | None) -> None:
        log_fn = c.expmig_log_fn(logging_to(log)) if log else None
        options = options_of(
            c.expmig_manager_options, snapshot_dir=path_text(snapshot_dir, "snapshot_dir"), log_level=c.EXPMIG_LOG_DEBUG, log_fn=log_fn,
        )
        manager = null(c.expmig_manager)
        with database.handle as opened, Call() as call:
            call.run(lib.expmig_manager_new, opened, byref(options), byref(manager))
            self._registered = Registered()
            # What the library calls as long as it has the manager lives as long as the handle.
            self.handle = Handle("manager", manager, lib.expmig_manager_free, (log_fn, self._registered))

    def close(self) -> None:
        self.handle.close()

    def experiments(self) -> dict[str, Any]:
        return documented(lib.expmig_experiment_list, self.handle)

    def metrics(
        self, job: Job, *, experiment_ids: list[int] | None, metric_types: list[str] | None, levels: list[str] | None, misfit: str,
    ) -> Columns:
        from .columns import Columns, stream_of
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_metrics_options, misfit=chosen(MISFITS, misfit, "misfit"))
            if levels is not None:
                options.levels = sum({chosen(LEVELS, level, "a level") for level in levels})
            if experiment_ids is not None:
                options.experiment_ids, options.experiment_id_count = ids(experiment_ids, "experiment_ids")
            if metric_types is not None:
                encoded = [text(kind, f"metric_types[{at}]") for at, kind in enumerate(metric_types)]
                # A selection of nothing is a pointer that is not NULL.
                options.metric_types = (c_char_p * max(1, len(encoded)))(*encoded)
                options.metric_type_count = len(encoded)
            stream = stream_of(lambda out: call.run(lib.expmig_metrics_arrow, manager, byref(options), out))
        return Columns(stream, lambda: self.handle.closed)

    def digest(self, experiment_id: int, job: Job) -> str:
        digest = (c_uint8 * c.EXPMIG_DIGEST_SIZE)()
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_job_options)
            call.run(lib.expmig_experiment_digest, manager, integer(experiment_id, "experiment_id"), byref(options), digest)
        return bytes(digest).hex()

    def compare(self, experiment_id: int, other: Manager, other_id: int, job: Job) -> dict[str, Any]:
        document = c_void_p()
        with self.handle as a, other.handle as b, Call(job) as call:
            options = call.options(c.expmig_job_options)
            first, second = integer(experiment_id, "experiment_id"), integer(other_id, "other_experiment_id")
            call.run(lib.expmig_experiment_compare, a, first, b, second, byref(options), byref(document))
            return parsed(taken(document))

    # Validation

    def validate(self, scope: list[str] | None, experiment_id: int | None, issue_limit: int, job: Job) -> dict[str, Any]:
        one = None if experiment_id is None else c_int64(integer(experiment_id, "experiment_id"))
        report = null(c.expmig_report)
        with self.handle as manager, Call(job) as call:
            options = call.options(
                c.expmig_validate_options,
                scope=None if scope is None else sum({chosen(SECTIONS, section, "a section of scope") for section in scope}),
                experiment_id=None if one is None else pointer(one),
                issue_limit=integer(issue_limit, "issue_limit"),
            )
            call.run(lib.expmig_validate, manager, byref(options), byref(report))
            try:
                return parsed(lib.expmig_report_to_json(report))
            finally:
                lib.expmig_report_free(report)

    def hierarchy(self, experiment_id: int) -> dict[str, Any]:
        valid = c_int32()
        return documented(lib.expmig_hierarchy_validate, self.handle, integer(experiment_id, "experiment_id"), byref(valid))

    def register_check(self, name: str, check: Callable[[Any], Any]) -> None:
        self._register(lib.expmig_check_register, name, c.expmig_check_fn(Check(check).run))

    def register_check_sql(self, name: str, sql: str) -> None:
        with self.handle as manager, Call() as call:
            call.run(lib.expmig_check_register_sql, manager, text(name, "name"), text(sql, "sql"))

    def unregister_check(self, name: str) -> None:
        with self.handle as manager, Call() as call:
            call.run(lib.expmig_check_unregister, manager, text(name, "name"))

    # Snapshots

    def snapshot_create(self, description: str, metadata_json: str | None, job: Job) -> str:
        snapshot_id = c_void_p()
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_snapshot_options, metadata_json=optional_text(metadata_json, "metadata"))
            call.run(lib.expmig_snapshot_create, manager, text(description, "description"), byref(options), byref(snapshot_id))
            return taken(snapshot_id).decode()

    def snapshot_list(self, since_us: int | None, pattern: str | None) -> dict[str, Any]:
        since = c.EXPMIG_TIME_UNKNOWN if since_us is None else integer(since_us, "since")
        return documented(lib.expmig_snapshot_list, self.handle, since, optional_text(pattern, "pattern"))

    def snapshot_details(self, snapshot_id: str) -> dict[str, Any]:
        return documented(lib.expmig_snapshot_details, self.handle, text(snapshot_id, "snapshot_id"))

    def snapshot_verify(self, snapshot_id: str, job: Job) -> None:
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_job_options)
            call.run(lib.expmig_snapshot_verify, manager, text(snapshot_id, "snapshot_id"), byref(options))

    def snapshot_restore(self, snapshot_id: str, force: bool, safety_snapshot: bool, job: Job) -> dict[str, Any]:
        document = c_void_p()
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_restore_options, flags=flags(
                (force, c.EXPMIG_RESTORE_FORCE), (not safety_snapshot, c.EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT),
            ))
            call.run(lib.expmig_snapshot_restore, manager, text(snapshot_id, "snapshot_id"), byref(options), byref(document))
            return parsed(taken(document))

    def snapshot_delete(self, snapshot_id: str) -> None:
        with self.handle as manager, Call() as call:
            call.run(lib.expmig_snapshot_delete, manager, text(snapshot_id, "snapshot_id"))

    def snapshot_cleanup(self, keep_count: int, claim: bool) -> int:
        deleted = c_uint64()
        with self.handle as manager, Call() as call:
            asked = flags((claim, c.EXPMIG_CLEANUP_CLAIM))
            call.run(lib.expmig_snapshot_cleanup_with, manager, integer(keep_count, "keep_count"), asked, byref(deleted), None)
        return deleted.value

    # Migration

    def plan(self, experiment_id: int, target: Manager | None, job: Job, **asked: Any) -> dict[str, Any]:
        document = c_void_p()
        with self.handle as source, (target or self).handle as into, Call(job) as call:
            options = migrate_options(call, **asked)
            number = integer(experiment_id, "source_experiment_id")
            call.run(lib.expmig_migrate_plan, source, number, into if target else None, byref(options), byref(document))
            return parsed(taken(document))

    def migrate(self, experiment_id: int, target: Manager | None, job: Job, **asked: Any) -> dict[str, Any]:
        result = null(c.expmig_migration)
        with self.handle as source, (target or self).handle as into, Call(job) as call:
            options = migrate_options(call, **asked)
            number = integer(experiment_id, "source_experiment_id")
            call.run(lib.expmig_migrate_experiment, source, number, into if target else None, byref(options), byref(result))
            try:
                return parsed(lib.expmig_migration_to_json(result))
            finally:
                lib.expmig_migration_free(result)

    def jobs(self) -> dict[str, Any]:
        return documented(lib.expmig_job_list, self.handle)

    def resume_job(self, job_id: int, target: Manager | None, job: Job) -> dict[str, Any]:
        result = null(c.expmig_migration)
        with self.handle as source, (target or self).handle as into, Call(job) as call:
            options = call.options(c.expmig_job_options)
            number = integer(job_id, "job_id")
            call.run(lib.expmig_job_resume, source, number, into if target else None, byref(options), byref(result))
            try:
                return parsed(lib.expmig_migration_to_json(result))
            finally:
                lib.expmig_migration_free(result)

    def abandon_job(self, job_id: int, job: Job) -> None:
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_job_options)
            call.run(lib.expmig_job_abandon, manager, integer(job_id, "job_id"), byref(options))

    # Export and import

    def export_text(self, experiment_id: int, job: Job, **asked: Any) -> bytes:
        document = c_void_p()
        with self.handle as manager, Call(job) as call:
            options = export_options(call, **asked)
            number = integer(experiment_id, "experiment_id")
            call.run(lib.expmig_export_experiment_to_string, manager, number, byref(options), byref(document))
            return taken(document)

    def export_file(self, experiment_id: int, path: str, job: Job, **asked: Any) -> None:
        with self.handle as manager, Call(job) as call:
            options = export_options(call, **asked)
            number = integer(experiment_id, "experiment_id")
            call.run(lib.expmig_export_experiment_to_file, manager, number, path_text(path, "path"), byref(options))

    def report_file(
        self, experiment_ids: list[int], path: str, job: Job, *others: Manager, title: str | None, issue_limit: int, replace: bool, file_mode: int,
    ) -> None:
        """The last ids are those of ``others``, one of each; those before are of this one."""
        of = [*[self] * (len(experiment_ids) - len(others)), *others]
        with ExitStack() as used, Call(job) as call:
            managers = (POINTER(c.expmig_manager) * len(of))(*[used.enter_context(one.handle) for one in of])
            ids = (c_int64 * len(of))(*[integer(number, "experiment_id") for number in experiment_ids])
            options = call.options(
                c.expmig_report_html_options,
                title=optional_text(title, "title"),
                issue_limit=integer(issue_limit, "issue_limit"),
                file_mode=integer(file_mode, "file_mode"),
                flags=flags((replace, c.EXPMIG_REPORT_HTML_REPLACE)),
            )
            call.run(lib.expmig_report_html_to_file, managers, ids, len(of), path_text(path, "path"), byref(options))

    def import_text(self, document: bytes, job: Job, **asked: Any) -> dict[str, Any]:
        return self._import(lib.expmig_import_experiment_from_string, (document, len(document)), job, **asked)

    def import_file(self, path: str, job: Job, **asked: Any) -> dict[str, Any]:
        return self._import(lib.expmig_import_experiment_from_file, (path_text(path, "path"),), job, **asked)

    def _import(
        self, function: Any, document: tuple[Any, ...], job: Job, *, on_duplicate: str, max_value_bytes: int | None, preserve_ids: bool,
        validate_before_import: bool, add_columns: bool, allow_lossy: bool, allow_unlinked: bool, target_experiment_id: int | None, on_conflict: str,
        on_name: str, workspace: str | None, artifacts_from: str | None, artifacts_to: str | None,
    ) -> dict[str, Any]:
        experiment_id, result = c_int64(), c_void_p()
        with self.handle as manager, Call(job) as call:
            options = call.options(
                c.expmig_import_options,
                on_duplicate=chosen(DUPLICATES, on_duplicate, "on_duplicate"),
                max_value_bytes=None if max_value_bytes is None else integer(max_value_bytes, "max_value_bytes"),
                **text_key_options(target_experiment_id, on_conflict, on_name, workspace, artifacts_from, artifacts_to),
                flags=flags(
                    (preserve_ids, c.EXPMIG_IMPORT_PRESERVE_IDS), (not validate_before_import, c.EXPMIG_IMPORT_SKIP_VALIDATION),
                    (add_columns, c.EXPMIG_IMPORT_ADD_COLUMNS), (allow_unlinked, c.EXPMIG_IMPORT_ALLOW_UNLINKED),
                    (allow_lossy, c.EXPMIG_IMPORT_ALLOW_LOSSY),
                ),
            )
            call.run(function, manager, *document, byref(options), byref(experiment_id), byref(result))
            return parsed(taken(result))

    def bring_in(
        self, path: str, plan: bool, job: Job, *, kind: str | None, experiment: str | None, user: str | None, sidecar: str | None, on_conflict: str,
        on_name: str, leave_out: bool, with_machine: bool, view: str, ended: bool, zone: str | None,
    ) -> dict[str, Any]:
        given = {"experiment": experiment, "user": user, "zone": zone}
        texts = {name: None if value is None else text(value, name) for name, value in given.items()}
        result = null(c.expmig_brought)
        with self.handle as manager, Call(job) as call:
            options = call.options(
                c.expmig_bring_in_options, **texts, sidecar=None if sidecar is None else path_text(sidecar, "sidecar"),
                on_conflict=chosen(CONFLICTS, on_conflict, "on_conflict"), on_name=chosen(NAMES, on_name, "on_name"),
                flags=flags(
                    (leave_out, c.EXPMIG_BRING_IN_LEAVE_OUT),
                    (with_machine, c.EXPMIG_BRING_IN_MACHINE), (chosen(VIEWS, view, "view") == 1, c.EXPMIG_BRING_IN_SERVER_VIEW),
                    (ended, c.EXPMIG_BRING_IN_ENDED),
                ),
            )
            if kind is not None:
                options.kind = text(kind, "kind")
            function = lib.expmig_bring_in_plan if plan else lib.expmig_bring_in
            call.run(function, manager, path_text(path, "path"), byref(options), byref(result))
            try:
                return parsed(lib.expmig_brought_to_json(result))
            finally:
                lib.expmig_brought_free(result)

    # Transformations

    def transform(
        self, rules: tuple[str, ...], job: Job, *, experiment_ids: list[int] | None, metric_ids: list[int] | None, batch_size: int,
        dry_run: bool,
    ) -> dict[str, Any]:
        """By a document (one string), or by a name and parameters (two)."""
        result = null(c.expmig_transformation)
        selection = options_of(c.expmig_transform_selection)
        if experiment_ids is not None:
            selection.experiment_ids, selection.experiment_id_count = ids(experiment_ids, "experiment_ids")
        if metric_ids is not None:
            selection.metric_ids, selection.metric_id_count = ids(metric_ids, "metric_ids")
        function = lib.expmig_transform_metrics if len(rules) == 1 else lib.expmig_transform_metrics_by
        given = [text(rule, "transformation_rules" if len(rules) == 1 else "transformation_type") for rule in rules]
        with self.handle as manager, Call(job) as call:
            options = call.options(
                c.expmig_transform_options, batch_size=integer(batch_size, "batch_size"),
                flags=flags((dry_run, c.EXPMIG_TRANSFORM_DRY_RUN)),
            )
            call.run(function, manager, byref(selection), *given, byref(options), byref(result))
            try:
                return parsed(lib.expmig_transformation_to_json(result))
            finally:
                lib.expmig_transformation_free(result)

    def undo(self, transform_id: int, skip_changed: bool, job: Job) -> dict[str, Any]:
        document = c_void_p()
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_undo_options, flags=flags((skip_changed, c.EXPMIG_UNDO_SKIP_CHANGED)))
            call.run(lib.expmig_transform_undo, manager, integer(transform_id, "transform_id"), byref(options), byref(document))
            return parsed(taken(document))

    def transforms(self) -> dict[str, Any]:
        return documented(lib.expmig_transform_list, self.handle)

    def forget(self, keep_count: int, job: Job) -> int:
        forgotten = c_uint64()
        with self.handle as manager, Call(job) as call:
            options = call.options(c.expmig_job_options)
            call.run(lib.expmig_transform_forget, manager, integer(keep_count, "keep_count"), byref(options), byref(forgotten))
        return forgotten.value

    def register_transformation(self, name: str, function: Callable[[Any], Any]) -> None:
        self._register(lib.expmig_transformation_register, name, c.expmig_transform_fn(Transformation(function).run))

    def unregister_transformation(self, name: str) -> None:
        with self.handle as manager, Call() as call:
            call.run(lib.expmig_transformation_unregister, manager, text(name, "name"))

    def _register(self, function: Any, name: str, callback: Any) -> None:
        with self.handle as manager, Call() as call:
            encoded, user_data = text(name, "name"), self._registered.keep(callback)
            call.run(function, manager, encoded, callback, user_data, self._registered.destroy)


def text_key_options(
    target_experiment_id: int | None, on_conflict: str, on_name: str, workspace: str | None, artifacts_from: str | None, artifacts_to: str | None,
) -> dict[str, Any]:
    """What migrations and imports ask alike of where the rows go."""
    return {
        "target_experiment_id": None if target_experiment_id is None else pointer(c_int64(integer(target_experiment_id, "target_experiment_id"))),
        "on_conflict": chosen(CONFLICTS, on_conflict, "on_conflict"),
        "on_name": chosen(NAMES, on_name, "on_name"),
        "workspace": optional_text(workspace, "workspace"),
        "artifacts_from": optional_text(artifacts_from, "artifacts_from"),
        "artifacts_to": optional_text(artifacts_to, "artifacts_to"),
    }


def migrate_options(
    call: Call, *, target_experiment_id: int | None, strategy: str, on_duplicate: str, batch_size: int, title_prefix: str | None,
    transformation_rules: str | None, allow_lossy: bool, add_columns: bool, create_snapshot: bool, on_conflict: str, on_name: str,
    workspace: str | None, artifacts_from: str | None, artifacts_to: str | None, staged: bool = False, stage_rows: int | None = None,
) -> Any:
    return call.options(
        c.expmig_migrate_options,
        strategy=chosen(STRATEGIES, strategy, "strategy"),
        on_duplicate=chosen(DUPLICATES, on_duplicate, "on_duplicate"),
        batch_size=integer(batch_size, "batch_size"),
        title_prefix=optional_text(title_prefix, "title_prefix"),
        transformation_rules=optional_text(transformation_rules, "transformation_rules"),
        **text_key_options(target_experiment_id, on_conflict, on_name, workspace, artifacts_from, artifacts_to),
        flags=flags(
            (allow_lossy, c.EXPMIG_MIGRATE_ALLOW_LOSSY), (add_columns, c.EXPMIG_MIGRATE_ADD_COLUMNS),
            (create_snapshot, c.EXPMIG_MIGRATE_SNAPSHOT), (staged, c.EXPMIG_MIGRATE_STAGED),
        ),
        stage_rows=None if stage_rows is None else integer(stage_rows, "stage_rows"),
    )


def export_options(
    call: Call, *, include_metrics: bool, include_artifacts: bool, skip_unsound: bool, format: str, indent: int = 0, replace: bool = False,
    file_mode: int | None = None,
) -> Any:
    return call.options(
        c.expmig_export_options,
        format=text(format, "format"),
        indent=integer(indent, "indent"),
        file_mode=None if file_mode is None else integer(file_mode, "file_mode"),
        flags=flags(
            (not include_metrics, c.EXPMIG_EXPORT_NO_METRICS), (not include_artifacts, c.EXPMIG_EXPORT_NO_ARTIFACTS),
            (skip_unsound, c.EXPMIG_EXPORT_SKIP_UNSOUND), (replace, c.EXPMIG_EXPORT_REPLACE),
        ),
    )


def logging_to(log: Callable[[int, str], None]) -> Callable[[int, bytes, Any], None]:
    """A log callback. An exception in it ends the running call, as in every callback."""
    def log_fn(level: int, message: bytes, _user_data: Any) -> None:
        call = running.calls[-1] if running.calls else None
        try:
            if call is not None:
                call.inside = True
            try:
                log(level, message.decode())
            finally:
                if call is not None:
                    call.inside = False
        except BaseException as failure:  # noqa: B902: it is raised again by run
            if call is not None:
                call.fail(failure)
    return log_fn
