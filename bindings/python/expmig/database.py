"""DatabaseManager: an open database."""
from __future__ import annotations

import os
import sys
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Sequence, Tuple

from ._address import address_of
from ._server import secret
from .errors import SHARED_PROCESS_HINT, ConnectionError, DatabaseError, DataMigrationError, QueryError
from .progress import ProgressCallback, job_of

if TYPE_CHECKING:
    from ._call import Job
    from .columns import Columns


class Row(Tuple[Any, ...]):
    """A row of a query: a tuple that also knows its columns, ``row[0]`` or ``row["title"]``."""

    columns: Sequence[str]

    def __new__(cls, columns: Sequence[str], values: Sequence[Any]) -> Row:
        row = super().__new__(cls, values)
        row.columns = columns
        return row

    def __getnewargs__(self) -> tuple[Sequence[str], tuple[Any, ...]]:
        return (self.columns, tuple(self))

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key not in self.columns:
            raise KeyError(key)
        return super().__getitem__(self.columns.index(key))

    def keys(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self.columns)


class Rows(List[Row]):
    """The rows of a query: a list, which a notebook shows as a table."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        super().__init__(Row(columns, values) for values in rows)
        self.columns = list(columns)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Rows, (self.columns, [tuple(row) for row in self]))

    def _repr_html_(self) -> str:
        from ._show import table
        return table("", self.columns, self, len(self)) or "<p>no rows</p>"


class DatabaseManager:
    """An open database of Experiment Manager. It is opened at once and never created by a mistyped path.

    ``database_path``: the path of a SQLite file; the name of a schema of a MySQL or MariaDB server if ``use_sqlite`` is False; or the URL of
    either, "sqlite:///x.db", "file:x.db?mode=ro" or "mysql://user@host/schema", as the library takes it. After a URL the attribute has the path,
    or the URL without the password.
    ``use_sqlite``: None is True unless ``host`` or another argument for servers is given. With True, ``host``, ``user`` and ``password``
    are ignored, as in Experiment Manager.
    ``readonly``: refuse everything that writes.
    ``create``: create the file or the schema if it is missing, and the tables if it is empty. If it has other tables, opening fails.
    ``create_beside``: like ``create``, but create the tables also beside other tables, which are not changed.
    ``timeout``: how many seconds to wait for other connections' locks.
    ``max_read_lock``: how many seconds reading may make the writers of a SQLite file in rollback-journal mode wait. A call that would take
    longer reads a private copy (docs/threading.md). None means no limit: the file is read in place.
    ``temp_dir``: the folder for private copies; None means the folder of SQLite's temporary files.
    ``isolation``: "process" makes every call in a child process, so that expmig can use a file that this process has open through Python's
    sqlite3 (docs/python.md). "auto" makes calls in this process until something else in it has the file open, and from then on in a child
    process. None makes calls in this process.
    ``allow_shared_process``: open the file although this process has it open through another copy of SQLite. The locks of that copy are
    lost.
    ``cancel``: a CancelToken that stops opening, and ``progress_callback`` is called with a MigrationProgress meanwhile; Ctrl-C ends opening in any
    case. ``progress``: show a bar.
    ``recreate`` exists only for old callers, and must be false: nothing here deletes a database.

    For servers (docs/servers.md):
    ``host``, ``port``: the address of the server; default localhost and 3306. ``user``: default root.
    ``password``: text, or a function without parameters that returns it. The function is called once, before anything is opened; its
    exceptions are raised. The password appears in no repr and no error.
    ``unix_socket``: the path of a Unix socket, used instead of host and port.
    ``ssl_mode``: "disabled", "preferred" (the default: TLS if the server has it, without checking who the server is), "required" (TLS,
    without checking who the server is), "verify-ca" or "verify-identity" (the default with ``ssl_ca``). Not over a socket.
    ``ssl_ca``: the path of a file with the certificates of the authorities to trust, in PEM.
    ``connect_timeout``: how many seconds connecting may take in all, login included; None means 10.
    ``read_timeout``: how many seconds the server may stay silent; None means without limit.
    ``fragment_bytes``: a node of a Galera cluster replicates a transaction in parts of so many bytes while it is written (docs/clusters.md).

    It may be used from any thread; calls on one database wait for each other. ``close`` it, or use it in a ``with`` statement; the managers
    that were made of it are closed with it. Raises ConnectionError, which is a DatabaseError, which is a DataMigrationError.
    """

    def __init__(
        self,
        database_path: str | os.PathLike[str] = "experiment_manager.db",
        use_sqlite: bool | None = None,
        host: str | None = None,
        user: str | None = None,
        password: str | Callable[[], str] | None = None,
        recreate: bool = False,
        readonly: bool = False,
        *,
        port: int | None = None,
        create: bool = False,
        create_beside: bool = False,
        timeout: float = 5.0,
        isolation: str | None = None,
        allow_shared_process: bool = False,
        unix_socket: str | os.PathLike[str] | None = None,
        ssl_mode: str | None = None,
        ssl_ca: str | os.PathLike[str] | None = None,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
        fragment_bytes: int | None = None,
        max_read_lock: float | None = 2.0,
        temp_dir: str | os.PathLike[str] | None = None,
        cancel: Any = None,
        progress_callback: ProgressCallback | None = None,
        progress: bool = False,
    ) -> None:
        if recreate:
            raise ValueError("recreate=True would delete the database; delete the file yourself, and pass create=True")
        path = os.fsdecode(database_path)
        server = {
            "host": host, "user": user, "port": port, "unix_socket": unix_socket, "ssl_mode": ssl_mode, "ssl_ca": ssl_ca,
            "connect_timeout": connect_timeout, "read_timeout": read_timeout, "fragment_bytes": fragment_bytes,
        }
        if isolation not in (None, "process", "auto"):
            raise ValueError(f'isolation must be None, "process" or "auto", not {isolation!r}')
        if max_read_lock is not None and not max_read_lock >= 0.001:
            raise ValueError(f"max_read_lock must be at least a millisecond, or None for no limit, not {max_read_lock!r}")
        address = address_of(path, use_sqlite, password, server)
        self.use_sqlite = address.use_sqlite
        self.readonly = readonly
        self.isolation = isolation
        self._asked: dict[str, Any] = {
            "url": address.url, "password": None if self.use_sqlite else secret(password), "readonly": readonly, "create": create,
            "create_beside": create_beside, "allow_shared_process": allow_shared_process, "busy_timeout_ms": round(timeout * 1000),
            "max_read_lock_ms": 0 if max_read_lock is None else round(max_read_lock * 1000),
            "temp_dir": None if temp_dir is None else os.path.abspath(os.fsdecode(temp_dir)),
        }
        self._engines: weakref.WeakSet[Engine] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False
        try:
            self._database = self._open(job_of(progress_callback, cancel, progress))
        except DatabaseError as error:
            raise error.as_a(ConnectionError) from error.__cause__
        self.database_path = address.written if address.written is not None else self._place()

    def _place(self) -> str:
        """Where a database is that was opened by a URL, without a password."""
        info = self.info()
        if self.use_sqlite:
            # The same file also for a child process that is started later, in another folder.
            self._asked["url"] = "sqlite:" + info["path"]
        return str(info["path"] if self.use_sqlite else info["url"])

    def _open(self, job: Job) -> Any:
        if self.isolation == "process":
            from ._remote import Child
            return Child().open(self._asked, job)
        if self.isolation == "auto" and self.use_sqlite:
            from ._auto import Database
            return Database(self._asked, partial(self._open_here, job), job)
        return self._open_here(job)

    def _open_here(self, job: Job) -> Any:
        from ._native import Database
        if self.use_sqlite and not self._asked["allow_shared_process"]:
            refuse_another_sqlite(str(self._asked["url"]))
        return Database(**self._asked, job=job)

    def info(self) -> dict[str, Any]:
        """Describes the database: "engine", "path", "generation", "tables", "extra_columns", "extra_tables"."""
        return dict(self._database.info())

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """The rows of one SELECT, which can only read, on a consistent state. Raises QueryError. ``parameters``: a value for each ``?``, in their order: None, int,
        float, str or bytes. Text that is not UTF-8 comes with surrogates, as from os.fsdecode."""
        try:
            columns, rows = self._database.query(sql, list(parameters))
        except DatabaseError as error:
            raise error.as_a(QueryError) from error.__cause__
        return Rows(columns, rows)

    def query_columns(self, sql: str, parameters: Sequence[Any] = ()) -> Columns:
        """The same as columns: ``pyarrow.table(db.query_columns(sql))``, ``.to_pandas()``, ``.to_polars()``, without a loop. Raises QueryError, also for
        a column with values of several types. In a child process (``isolation``) this needs pyarrow."""
        try:
            made: Columns = self._database.query_columns(sql, list(parameters))
        except DatabaseError as error:
            raise error.as_a(QueryError) from error.__cause__
        return made

    def experiments(self) -> list[dict[str, Any]]:
        """The experiments, by id: "id", "title", "description", "start_time", "update_time", "trials", "runs"."""
        with Engine(self) as engine:
            return list(engine.manager.experiments()["experiments"])

    def schema_widen(self, apply: bool = False) -> dict[str, Any]:
        """Which columns of a server's tables are too narrow to hold everything, and the statements that widen them; ``apply`` runs them: on
        PostgreSQL in one transaction, elsewhere each committed by itself: after a failure, call it again for what is left. Returns "applied", "changes", "left", "foreign_keys",
        "statements" (docs/json-documents.md, "expmig.widening/1"). For a SQLite file the lists are empty."""
        return dict(self._database.widen(apply))

    def close(self) -> None:
        """Closes the database and every manager that was made of it. No file stays open, so a sqlite3.connect can follow. Calls of other
        threads that have begun end first. Closing it again does nothing."""
        with self._lock:
            self._closed = True
            engines = list(self._engines)
        for engine in engines:
            engine.close()
        self._database.close()

    def _adopt(self, engine: Engine) -> None:
        """Has an engine closed together with the database."""
        with self._lock:
            closed = self._closed
            self._engines.add(engine)
        if closed:
            # Another thread was faster.
            engine.close()

    def __enter__(self) -> DatabaseManager:
        return self

    def __exit__(self, *_failure: Any) -> None:
        self.close()

    def _described(self) -> str:
        return f"{self.database_path}{'' if self.use_sqlite else ' (server)'}{', closed' if self._closed else ''}"

    def __repr__(self) -> str:
        return f"<DatabaseManager {self._described()}>"

    def _repr_html_(self) -> str:
        """The experiments, as far as they can be read just now."""
        from ._show import fields, table
        above = fields(self._described(), [])
        if self._closed:
            return above
        names = ("id", "title", "trials", "runs", "start_time", "update_time")
        try:
            return above + table("", names, [[one.get(name) for name in names] for one in self.experiments()])
        except DataMigrationError as error:
            return above + fields("", [("experiments", error.message)])


class Engine:
    """A manager of the library with its logging; what the parts of a DataMigrationManager share."""

    def __init__(self, database: DatabaseManager, snapshot_dir: str | os.PathLike[str] = "snapshots", enable_logging: bool = True) -> None:
        self.database = database
        self.snapshot_dir = os.path.abspath(os.fsdecode(snapshot_dir))
        self._enable_logging = enable_logging
        self.manager = database._database.manager(self.snapshot_dir, log if enable_logging else None)
        # How another process makes the like of it.
        self.manager.recipe = {"database": database._asked, "snapshot_dir": self.snapshot_dir}
        # Checks and transformations live in the manager: another process does not have them.
        self.registered: set[str] = set()
        database._adopt(self)

    def log(self, level: int, message: str) -> None:
        if self._enable_logging:
            log(level, message)

    def cut(self, listed: list[Any], total: int, what: str) -> list[Any]:
        """A list of the first issues. If there are more, that is logged."""
        if total > len(listed):
            self.log(2, f"{len(listed)} of {total} {what} are listed; issue_limit sets how many")
        return listed

    def close(self) -> None:
        self.manager.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_failure: Any) -> None:
        self.close()


def engine_of(owner: Any, snapshot_dir: str | os.PathLike[str] = "snapshots") -> Engine:
    """The engine of whatever a part is made for: a DatabaseManager, or something that has an engine already."""
    if isinstance(owner, Engine):
        return owner
    if isinstance(owner, DatabaseManager):
        return Engine(owner, snapshot_dir)
    engine = getattr(owner, "_engine", None)
    return engine if isinstance(engine, Engine) else Engine(adopted(owner), snapshot_dir)


def adopted(owner: Any) -> DatabaseManager:
    """A DatabaseManager for the database that Experiment Manager's own DatabaseManager has open.

    A file is opened in a child process, as this one has it open through Python's sqlite3; what its connection has not committed yet is not
    seen. A schema of a server is reached with what its connection was made with."""
    connection = getattr(owner, "connection", None)
    if connection is None or not hasattr(owner, "use_sqlite"):
        raise TypeError(f"a DatabaseManager is needed, expmig's or Experiment Manager's, not {type(owner).__module__}.{type(owner).__qualname__}")
    readonly = bool(getattr(owner, "readonly", False))
    if owner.use_sqlite:
        cursor = connection.cursor()
        cursor.row_factory = None
        files = [file for _, name, file in cursor.execute("PRAGMA database_list") if name == "main"]
        if not any(files):
            raise DataMigrationError(
                "the DatabaseManager has a database in memory, which another process cannot open", status="UNSUPPORTED", domain="DATABASE",
                hint="give it the path of a file",
            )
        return DatabaseManager(files[0], use_sqlite=True, readonly=readonly, isolation="process")
    socket = getattr(connection, "unix_socket", None) or None
    try:
        return DatabaseManager(
            connection.database, use_sqlite=False, readonly=readonly, host=connection.server_host, port=connection.server_port,
            user=connection.user, password=connection._password or None, unix_socket=socket,
        )
    except AttributeError as missing:
        raise TypeError(
            f"the connection of this DatabaseManager is no mysql.connector connection: it has no {missing.name or 'such attribute'}; make an "
            "expmig.DatabaseManager for the schema"
        ) from None


LEVELS = {1: 40, 2: 30, 3: 20, 4: 10}


def log(level: int, message: str) -> None:
    """Hands a record of the library to the logger "expmig"."""
    import logging
    logger = logging.getLogger("expmig")
    if not logger.handlers:
        # As every library does: without it, Python would print warnings of a program that set up no logging.
        logger.addHandler(logging.NullHandler())
    logger.log(LEVELS[level], "%s", message)


def shares_sqlite() -> bool:
    """Whether the library and Python's sqlite3 module use the same copy of SQLite. Only then may both have a file open in one process."""
    from ctypes import CDLL, c_void_p, cast

    from ._library import PATH
    import _sqlite3
    addresses = []
    for path in (PATH, getattr(_sqlite3, "__file__", None)):
        try:
            # The symbol as this library sees it: its own, or that of a library that it needs.
            addresses.append(cast(CDLL(path).sqlite3_libversion_number, c_void_p).value)
        except AttributeError:
            addresses.append(None)
    return addresses[0] is not None and addresses[0] == addresses[1]


def refuse_another_sqlite(url: str) -> None:
    """A build with the system's SQLite looks for no other copy in this process, as it is meant to share it. Where Python brings its own,
    it does not."""
    if "_sqlite3" not in sys.modules:
        return
    from ._library import build_info
    if build_info()["sqlite"]["linked"] == "system" and not shares_sqlite():
        raise DataMigrationError(
            "expmig was built for the system's SQLite, but Python's sqlite3 module uses another copy", status="SHARED_PROCESS",
            domain="DATABASE", details=[("path", url)], hint=SHARED_PROCESS_HINT,
        )
