"""SnapshotManager: snapshots of a whole database."""
from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Optional, Union

from . import _json
from .database import Engine, engine_of
from .errors import DataMigrationError, SnapshotError
from .progress import ProgressCallback, job_of


def microseconds(time: datetime) -> int:
    """Microseconds since 1970. A time without a zone is UTC."""
    if not isinstance(time, datetime):
        raise TypeError(f"since must be a datetime, not {type(time).__name__}")
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    return (time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)


class SnapshotManager:
    """Snapshots of a whole database (docs/snapshots.md). Raises SnapshotError.

    ``db_manager``: a DatabaseManager or a DataMigrationManager. ``snapshot_dir``: their folder, which the first snapshot creates; None is
    "snapshots". A DataMigrationManager has one already.
    """

    def __init__(self, db_manager: Any, snapshot_dir: Union[str, os.PathLike[str], None] = None) -> None:
        if snapshot_dir is not None and (isinstance(db_manager, Engine) or hasattr(db_manager, "_engine")):
            raise ValueError("the snapshot_dir of a DataMigrationManager is said when that is made")
        self._engine: Engine = engine_of(db_manager, "snapshots" if snapshot_dir is None else snapshot_dir)

    @property
    def snapshot_dir(self) -> str:
        """The folder of the snapshots, absolute."""
        return self._engine.snapshot_dir

    def __repr__(self) -> str:
        return f"<SnapshotManager of {self._engine.database._described()}, in {self.snapshot_dir}>"

    def _repr_html_(self) -> str:
        """The snapshots, as far as they can be read just now."""
        from ._show import fields, table
        names = ("id", "created_at", "description", "size", "database")
        above = fields(f"Snapshots in {self.snapshot_dir}", [])
        try:
            return above + table("", names, [[one.get(name) for name in names] for one in self.list_snapshots()])
        except DataMigrationError as error:
            return above + fields("", [("snapshots", error.message)])

    def create_snapshot(
        self,
        description: str = "",
        metadata: Optional[Dict[str, Any]] = None,
        *,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> str:
        """Makes a snapshot of one consistent state of the database, which others may use meanwhile. Checks the snapshot, and returns its
        id. ``metadata``: a dict that JSON can hold, which is kept with the snapshot."""
        try:
            kept = None if metadata is None else _json.dumps(metadata)
        except (TypeError, ValueError) as problem:
            raise SnapshotError(f"metadata cannot be written as JSON: {problem}", status="INVALID_ARGUMENT", domain="SNAPSHOT") from None
        return str(self._engine.manager.snapshot_create(description, kept, job_of(progress_callback, cancel, progress)))

    def list_snapshots(self, since: Optional[datetime] = None, pattern: Optional[str] = None) -> List[Dict[str, Any]]:
        """The snapshots in the folder, the newest first, also those of other databases. ``since``: only snapshots made then or later; UTC
        if it has no time zone.
        ``pattern``: a glob for the id or the description.

        Each is a dict: "id" and "snapshot_id" (the same), "created_at" (ISO 8601, UTC), "description", "metadata", "statistics", "database",
        "size", "blake3". ``list_broken_snapshots`` lists broken snapshots; if there are any, that is logged.
        """
        found = self._engine.manager.snapshot_list(None if since is None else microseconds(since), pattern)
        if found["broken"]:
            self._engine.log(2, f"{len(found['broken'])} broken snapshots in {self.snapshot_dir}; list_broken_snapshots shows them")
        return list(found["snapshots"])

    def list_broken_snapshots(self) -> List[Dict[str, Any]]:
        """The snapshots in the folder that cannot be used: dicts with "id" and "error"."""
        return list(self._engine.manager.snapshot_list(None, None)["broken"])

    def get_snapshot_details(self, snapshot_id: str) -> Dict[str, Any]:
        """A snapshot's metadata and statistics, a dict as in ``list_snapshots``."""
        return dict(self._engine.manager.snapshot_details(snapshot_id))

    def verify_snapshot(
        self, snapshot_id: str, *, progress_callback: Optional[ProgressCallback] = None, cancel: Any = None, progress: bool = False,
    ) -> bool:
        """Returns True if the snapshot is unchanged: its size, checksum, and every page, row and index. Raises SnapshotError if not."""
        self._engine.manager.snapshot_verify(snapshot_id, job_of(progress_callback, cancel, progress))
        return True

    def restore_snapshot(
        self,
        snapshot_id: str,
        *,
        force: bool = False,
        safety_snapshot: bool = True,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> bool:
        """Replaces everything in the database by a snapshot, in one step. What others have written since the snapshot is no longer in the
        database. The snapshot is verified first, and a safety snapshot of the overwritten content is taken, unless ``safety_snapshot`` is
        false; ``restore`` returns its id. ``force``: restore also a snapshot of another database. Returns True. If it raises SnapshotError,
        nothing was changed."""
        self.restore(snapshot_id, force=force, safety_snapshot=safety_snapshot, progress_callback=progress_callback, cancel=cancel, progress=progress)
        return True

    def restore(
        self,
        snapshot_id: str,
        *,
        force: bool = False,
        safety_snapshot: bool = True,
        progress_callback: Optional[ProgressCallback] = None,
        cancel: Any = None,
        progress: bool = False,
    ) -> Dict[str, Any]:
        """Like restore_snapshot, but returns what was done: "snapshot_id", "safety_snapshot_id" (or None), "statistics" and more
        (docs/json-documents.md, "expmig.restore/1")."""
        job = job_of(progress_callback, cancel, progress)
        done = dict(self._engine.manager.snapshot_restore(snapshot_id, force, safety_snapshot, job))
        if done["safety_snapshot_id"] is not None:
            self._engine.log(3, f"snapshot {done['safety_snapshot_id']} has what was overwritten by {done['snapshot_id']}")
        return done

    def delete_snapshot(self, snapshot_id: str) -> bool:
        """Deletes a snapshot, also a broken one. Returns True; raises SnapshotError if it does not exist."""
        self._engine.manager.snapshot_delete(snapshot_id)
        return True

    def cleanup_old_snapshots(self, keep_count: int = 10, claim: bool = False) -> int:
        """Keeps the newest snapshots of this database, deletes its other ones, and returns how many it deleted.

        Snapshots of a database that only resembles this one, as a copy does, are kept, and a warning is logged. With ``claim`` they are
        treated as snapshots of this database: use it for a database that was moved to another machine with its snapshots."""
        return int(self._engine.manager.snapshot_cleanup(keep_count, claim))
