"""The exceptions. All derive from DataMigrationError."""
from __future__ import annotations

import re
from typing import Any, Iterable

# What the library's hints call by the names of C, and what it is called here.
PYTHON_NAMES = {
    "EXPMIG_OPEN_CREATE": "create=True",
    "EXPMIG_OPEN_CREATE_BESIDE": "create_beside=True",
    "EXPMIG_OPEN_READONLY": "readonly=True",
    "EXPMIG_OPEN_ALLOW_SHARED_PROCESS": "allow_shared_process=True",
    "EXPMIG_RESTORE_NO_SAFETY_SNAPSHOT": "safety_snapshot=False",
    "EXPMIG_RESTORE_FORCE": "force=True",
    "EXPMIG_CLEANUP_CLAIM": "claim=True",
    "EXPMIG_EXPORT_SKIP_UNSOUND": "skip_unsound=True",
    "EXPMIG_IMPORT_ADD_COLUMNS": "add_columns=True",
    "EXPMIG_IMPORT_ALLOW_LOSSY": "allow_lossy=True",
    "EXPMIG_IMPORT_ALLOW_UNLINKED": "allow_unlinked=True",
    "EXPMIG_IMPORT_SKIP_VALIDATION": "validate_before_import=False",
    "EXPMIG_MIGRATE_ALLOW_LOSSY": "allow_lossy=True",
    "EXPMIG_MIGRATE_ADD_COLUMNS": "add_columns=True",
    "EXPMIG_UNDO_SKIP_CHANGED": "skip_changed=True",
    "EXPMIG_VALIDATE_FOREIGN_KEYS": '"foreign_keys"',
    "EXPMIG_VALIDATE_ALL": "no scope",
}
AFTER_FORK_HINT = (
    'open databases only after the fork, or start the process with multiprocessing\'s "spawn" or "forkserver", or open the DatabaseManager with '
    'isolation="process"'
)
SHARED_PROCESS_HINT = (
    "close the sqlite3 connection, or what else has the file open, first, or open the DatabaseManager with isolation=\"process\" or \"auto\", or build expmig with "
    "EXPMIG_SYSTEM_SQLITE=1 so that both use one SQLite; allow_shared_process=True overrides, at the risk of losing locks and rows"
)


class DataMigrationError(Exception):
    """A call failed. Nothing was changed, unless the error says otherwise. The base of all errors here.

    ``status`` says what went wrong ("NOT_FOUND", "BUSY", ...: docs/error-handling.md), ``domain`` which part of the library raised the
    error. ``message`` is one line for a person, ``hint`` says what to do ("" if there is none). ``details`` is a list of (key, value) pairs
    of text, in which a key can occur more than once; ``validation_errors`` has what they say about rows of the data, a dict for each, with
    at least "code", "table", "key" and "message". ``retryable`` is whether the same call can succeed later.
    ``vendor_code`` is the database's own code (SQLite's extended result code), 0 if there is none, ``sqlstate`` the SQLSTATE.
    """

    def __init__(
        self,
        message: object = "",
        *,
        status: str = "",
        domain: str = "",
        hint: str = "",
        details: Iterable[tuple[str, str]] = (),
        retryable: bool = False,
        vendor_code: int = 0,
        sqlstate: str = "",
    ) -> None:
        super().__init__(message)
        self.message = str(message)
        self.status = status
        self.domain = domain
        self.hint = hint
        self.details = list(details)
        self.retryable = retryable
        self.vendor_code = vendor_code
        self.sqlstate = sqlstate

    def detail(self, key: str) -> str | None:
        """The first detail of this name, None if there is none."""
        return next((value for name, value in self.details if name == key), None)

    @property
    def validation_errors(self) -> list[dict[str, Any]]:
        """What the details say about rows, in their order: "code", "table", "key", "message", and where known "column" and more."""
        found: list[dict[str, Any]] = []
        group: dict[str, str] = {}
        for key, value in [*self.details, ("table", "")]:
            # The details about a row follow each other; a table begins the next one.
            if key == "table" or key in group:
                if "problem" in group:
                    found.append(self._validation_error(group))
                group = {}
            group[key] = value
        return found

    def as_a(self, kind: type[DataMigrationError]) -> DataMigrationError:
        """The same as an error of another class."""
        made = kind(self.message)
        made.__dict__.update(self.__dict__)
        return made

    def _validation_error(self, group: dict[str, str]) -> dict[str, Any]:
        rest = {key: value for key, value in group.items() if key not in ("kind", "table", "row", "problem")}
        return {
            "code": group.get("kind", self.status.lower()),
            "table": group.get("table", ""),
            "key": group.get("row", ""),
            "message": group["problem"],
            **rest,
        }

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class DatabaseError(DataMigrationError):
    """The database could not be opened, read or written."""


class ConnectionError(DatabaseError):  # noqa: A001: the name that Experiment Manager has for it
    """The database could not be opened."""


class QueryError(DatabaseError):
    """A query of the caller failed."""


class ValidationError(DataMigrationError):
    """The data broke a rule that the call insists on."""


class SnapshotError(DataMigrationError):
    """A snapshot could not be made, found, verified or restored."""


class TransformationError(DataMigrationError):
    """Metrics could not be transformed. Raised by a custom transformation, it fails the one metric."""


class ImportExportError(DataMigrationError):
    """An experiment could not be exported, or a document not imported."""


BY_DOMAIN = {
    "DATABASE": DatabaseError,
    "VALIDATION": ValidationError,
    "SNAPSHOT": SnapshotError,
    "TRANSFORMATION": TransformationError,
    "IMPORT_EXPORT": ImportExportError,
}


def error_of(report: dict[str, Any]) -> DataMigrationError:
    """The exception for an error as the library describes it (schema "expmig.error/1")."""
    domain, status = report["domain"], report["status"]
    # A migration that the data's defects stop is a failed validation to whoever asked for it.
    kind = ValidationError if (domain, status) == ("MIGRATION", "VALIDATION") else BY_DOMAIN.get(domain, DataMigrationError)
    hint = SHARED_PROCESS_HINT if status == "SHARED_PROCESS" else report["hint"] or ""
    error = kind(
        in_python(report["message"]),
        status=status,
        domain=domain,
        hint=in_python(hint),
        details=[(detail["key"], detail["value"]) for detail in report["details"]],
        retryable=report["retryable"],
        vendor_code=report["vendor_code"] or 0,
        sqlstate=report["sqlstate"] or "",
    )
    if report["cause"]:
        error.__cause__ = error_of(report["cause"])
    return error


def in_python(text: str) -> str:
    """Puts Python's names for C's into a text."""
    return re.sub(r"\bEXPMIG_\w+", lambda found: PYTHON_NAMES.get(found[0], found[0]), text)
