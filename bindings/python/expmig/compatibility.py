"""The names of Experiment Manager's own migration modules, for programs that were written for them."""
from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

MANAGER = ("DatabaseManager",)
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

    If another package of the name experiment_manager can be imported, that is an ImportError, as its own DatabaseManager would disappear;
    with ``replace`` those two modules are replaced, and the rest of that package stays. Calling it again does nothing.
    """
    if getattr(sys.modules.get("experiment_manager.db.data_migration"), "__expmig__", False):
        return
    other = "experiment_manager" in sys.modules or importlib.util.find_spec("experiment_manager") is not None
    if other and not replace:
        raise ImportError(
            "there is another package named experiment_manager; replace=True puts expmig in the place of its db.data_migration and db.manager"
        )
    package = parent("experiment_manager", other)
    db = parent("experiment_manager.db", other)
    package.db = db  # type: ignore[attr-defined]
    import expmig
    for name, exported in (("manager", MANAGER), ("data_migration", DATA_MIGRATION)):
        module = ModuleType(f"experiment_manager.db.{name}", f"expmig under the name of experiment_manager.db.{name}.")
        for one in exported:
            setattr(module, one, getattr(expmig, one))
        module.__all__ = list(exported)  # type: ignore[attr-defined]
        module.__expmig__ = True  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module
        setattr(db, name, module)


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
