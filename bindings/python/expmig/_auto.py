"""isolation="auto": databases and managers of _native, and of a child process (_remote) as soon as this process has the file open through
another copy of SQLite, at opening or later.

What was open in this process by then stays open, because closing it would drop the locks of that other copy.
"""
from __future__ import annotations

import threading
import weakref
from typing import Any, Callable

from . import _native, _remote
from ._call import Job
from .errors import DataMigrationError

SHARED = "SHARED_PROCESS"
# Databases that must not be closed as long as this process lives.
left_open: list[_native.Database] = []


class Database:
    """A database, wherever it is open."""

    def __init__(self, asked: dict[str, Any], here: Callable[[], _native.Database], job: Job) -> None:
        self._asked = asked
        self._lock = threading.RLock()
        self._managers: weakref.WeakSet[Manager] = weakref.WeakSet()
        self.inner: Any
        try:
            self.inner = here()
            self.apart = False
        except DataMigrationError as error:
            if error.status != SHARED:
                raise
            self.inner = _remote.Child().open(asked, job)
            self.apart = True

    def run(self, call: Callable[[], Any], others: tuple[Database, ...] = ()) -> Any:
        """Makes a call. If the guard refuses it, nothing was changed, and the call is made again in a child process."""
        before = [one.apart for one in (self, *others)]
        try:
            return call()
        except DataMigrationError as error:
            if error.status != SHARED or all(before):
                raise
        for one in (self, *others):
            one.move()
        return call()

    def move(self) -> None:
        """Moves the database to a child process."""
        with self._lock:
            if self.apart:
                return
            apart = _remote.Child().open(self._asked, Job())
            try:
                moved = [(manager, manager.made_in(apart)) for manager in self._managers]
            except BaseException:
                apart.close()
                raise
            left_open.append(self.inner)
            self.inner, self.apart = apart, True
            for manager, inner in moved:
                before, manager.inner = manager.inner, inner
                before.close()

    def info(self) -> Any:
        return self.run(lambda: self.inner.info())

    def query(self, sql: str, parameters: Any) -> Any:
        return self.run(lambda: self.inner.query(sql, parameters))

    def query_columns(self, sql: str, parameters: Any) -> Any:
        return self.run(lambda: self.inner.query_columns(sql, parameters))

    def widen(self, apply: bool) -> Any:
        return self.run(lambda: self.inner.widen(apply))

    def manager(self, snapshot_dir: str, log: Callable[[int, str], None] | None) -> Manager:
        with self._lock:
            manager = Manager(self, snapshot_dir, log)
            self._managers.add(manager)
            return manager

    def _is_shared(self) -> bool:
        """Whether something else in this process has the file open. Only looks: the guard refuses before anything is opened."""
        try:
            _native.Database(**{**self._asked, "readonly": True, "create": False, "create_beside": False}).close()
        except DataMigrationError as error:
            return error.status == SHARED
        return False

    def close(self) -> None:
        with self._lock:
            if not self.apart and not self.inner.handle.closed and self._is_shared():
                left_open.append(self.inner)
                return
            self.inner.close()


class Manager:
    """A manager, wherever its database is open. Methods that are not here are those of _native.Manager."""

    def __init__(self, database: Database, snapshot_dir: str, log: Callable[[int, str], None] | None) -> None:
        self._database = database
        self._arguments = (snapshot_dir, log)
        # What it has to know in another process, too: by the method and the name.
        self._registered: dict[tuple[str, str], Any] = {}
        self._recipe: Any = None
        self.inner = database.inner.manager(*self._arguments)

    @property
    def recipe(self) -> Any:
        return self._recipe

    @recipe.setter
    def recipe(self, recipe: Any) -> None:
        self._recipe = self.inner.recipe = recipe

    def made_in(self, database: Any) -> Any:
        """Makes an equal manager of this database, which is in another process."""
        made = database.manager(*self._arguments)
        made.recipe = self._recipe
        for (method, name), value in self._registered.items():
            getattr(made, method)(name, value)
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any, **named: Any) -> Any:
            others = tuple(one._database for one in arguments if isinstance(one, Manager))
            # What is here cannot use what is in a child.
            if any(isinstance(one, _remote.Manager) for one in arguments) or any(other.apart for other in others):
                self._database.move()
            return self._database.run(
                lambda: getattr(self.inner, name)(*(one.inner if isinstance(one, Manager) else one for one in arguments), **named), others,
            )

        return call

    def _register(self, method: str, name: str, value: Any) -> None:
        self.__getattr__(method)(name, value)
        self._registered[method, name] = value

    def _unregister(self, method: str, name: str) -> None:
        self.__getattr__(method)(name)
        what = method.removeprefix("un")
        for known in [known for known in self._registered if known[0] in (what, what + "_sql") and known[1] == name]:
            del self._registered[known]

    def register_check(self, name: str, check: Callable[[Any], Any]) -> None:
        self._register("register_check", name, check)

    def register_check_sql(self, name: str, sql: str) -> None:
        self._register("register_check_sql", name, sql)

    def unregister_check(self, name: str) -> None:
        self._unregister("unregister_check", name)

    def register_transformation(self, name: str, function: Callable[[Any], Any]) -> None:
        self._register("register_transformation", name, function)

    def unregister_transformation(self, name: str) -> None:
        self._unregister("unregister_transformation", name)

    def close(self) -> None:
        self.inner.close()
