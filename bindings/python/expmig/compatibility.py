"""The names of Experiment Manager's own migration modules, for programs that were written for them."""
from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.machinery import all_suffixes
from types import ModuleType

PACKAGE = "experiment_manager"
MANAGER = ("DatabaseManager", "DatabaseError", "ConnectionError", "QueryError")
DATA_MIGRATION = (
    "DataMigrationManager", "MigrationStrategy", "MigrationProgress", "MigrationResult", "TransformationResult", "DataValidator",
    "HierarchyPreserver", "SnapshotManager", "MetricTransformer", "DataMigrationError", "ValidationError", "SnapshotError",
    "TransformationError", "ImportExportError",
)


def install_as_experiment_manager(replace: bool = False) -> None:
    """Makes ``experiment_manager.db.data_migration`` and ``experiment_manager.db.manager`` lead to this package in this process, so that
    programs for those need no change::

        import expmig
        expmig.install_as_experiment_manager()
        from experiment_manager.db.data_migration import DataMigrationManager
        from experiment_manager.db.manager import DatabaseManager

    If Experiment Manager is installed without db.data_migration, as its newer versions are, only that module is added. Its own
    DatabaseManager stays, and DataMigrationManager accepts it. If it has the module, or another package of that name is installed,
    ImportError is raised; with ``replace`` both modules are replaced, and the rest of the package stays. Calling the function again does
    nothing.
    """
    if getattr(sys.modules.get(f"{PACKAGE}.db.data_migration"), "__expmig__", False):
        return
    other = PACKAGE in sys.modules or importlib.util.find_spec(PACKAGE) is not None
    names = (("manager", MANAGER), ("data_migration", DATA_MIGRATION))
    if other and not replace:
        if has_module("db.data_migration"):
            raise ImportError(f"{PACKAGE} has a db.data_migration of its own; replace=True puts expmig in the place of it and of its db.manager")
        if not has_module("db.manager"):
            raise ImportError(
                f"there is another package named {PACKAGE}; replace=True puts expmig in the place of its db.data_migration and db.manager"
            )
        names = (("data_migration", DATA_MIGRATION),)
    package = parent(PACKAGE, other)
    db = parent(f"{PACKAGE}.db", other)
    package.db = db  # type: ignore[attr-defined]
    import expmig
    for name, exported in names:
        module = ModuleType(f"{PACKAGE}.db.{name}", f"expmig under the name of {PACKAGE}.db.{name}.")
        for one in exported:
            setattr(module, one, getattr(expmig, one))
        module.__all__ = list(exported)  # type: ignore[attr-defined]
        module.__expmig__ = True  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module
        setattr(db, name, module)


def has_module(name: str) -> bool:
    """Whether the other package has a module, without running any code of it."""
    if f"{PACKAGE}.{name}" in sys.modules:
        return True
    spec = getattr(sys.modules.get(PACKAGE), "__spec__", None) or importlib.util.find_spec(PACKAGE)
    places = [] if spec is None else spec.submodule_search_locations or []
    # Python's own finder would import the packages above it.
    files = [os.path.join(place, *name.split(".")) for place in places]
    return any(os.path.isfile(file + suffix) for file in files for suffix in all_suffixes()) or any(map(os.path.isdir, files))


def parent(name: str, other: bool) -> ModuleType:
    """A package for the modules: that of the other distribution, if it has it, otherwise an empty one."""
    if name in sys.modules:
        return sys.modules[name]
    if other:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    module = ModuleType(name, "Made by expmig.install_as_experiment_manager.")
    module.__path__ = []
    sys.modules[name] = module
    return module
