"""expmig: validates, snapshots, migrates, transforms, exports and imports experiments of Experiment Manager's databases.

    from expmig import DatabaseManager, DataMigrationManager

    with DatabaseManager("experiments.db") as db:
        manager = DataMigrationManager(db)
        result = manager.migrate_experiment(1)

A call either does the whole job, or changes nothing and says why. See docs/python.md.
"""
from __future__ import annotations

# What typing has under this name; importing it takes longer than all the rest here.
TYPE_CHECKING = False

# Where each name is: a module is loaded when one of its names is first used.
_NAMES = {
    "DatabaseManager": "database",
    "Row": "database",
    "Columns": "columns",
    "shares_sqlite": "database",
    "DataMigrationManager": "migration",
    "MigrationStrategy": "progress",
    "MigrationProgress": "progress",
    "MigrationResult": "results",
    "TransformationResult": "results",
    "DataValidator": "validation",
    "HierarchyPreserver": "validation",
    "RunningCheck": "validation",
    "SnapshotManager": "snapshots",
    "MetricTransformer": "transformation",
    "Metric": "metric",
    "ExactNumber": "_json",
    "CancelToken": "_call",
    "build_info": "_library",
    "DataMigrationError": "errors",
    "DatabaseError": "errors",
    "ConnectionError": "errors",
    "QueryError": "errors",
    "ValidationError": "errors",
    "SnapshotError": "errors",
    "TransformationError": "errors",
    "ImportExportError": "errors",
    "install_as_experiment_manager": "compatibility",
    "__version__": "_version",
}

# Star imports keep Python's own ConnectionError.
__all__ = [name for name in _NAMES if not name.startswith("_") and name != "ConnectionError"]

if TYPE_CHECKING:
    from typing import Any

    from ._call import CancelToken as CancelToken
    from ._json import ExactNumber as ExactNumber
    from ._library import build_info as build_info
    from ._version import __version__ as __version__
    from .columns import Columns as Columns
    from .compatibility import install_as_experiment_manager as install_as_experiment_manager
    from .database import DatabaseManager as DatabaseManager, Row as Row, shares_sqlite as shares_sqlite
    from .errors import (
        ConnectionError as ConnectionError,
        DatabaseError as DatabaseError,
        DataMigrationError as DataMigrationError,
        ImportExportError as ImportExportError,
        QueryError as QueryError,
        SnapshotError as SnapshotError,
        TransformationError as TransformationError,
        ValidationError as ValidationError,
    )
    from .metric import Metric as Metric
    from .migration import DataMigrationManager as DataMigrationManager
    from .progress import MigrationProgress as MigrationProgress, MigrationStrategy as MigrationStrategy
    from .results import MigrationResult as MigrationResult, TransformationResult as TransformationResult
    from .snapshots import SnapshotManager as SnapshotManager
    from .transformation import MetricTransformer as MetricTransformer
    from .validation import DataValidator as DataValidator, HierarchyPreserver as HierarchyPreserver, RunningCheck as RunningCheck


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    value = getattr(import_module(f".{_NAMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_NAMES))
