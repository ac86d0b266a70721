"""Handles of the library, closed exactly once and never while a call uses them."""
from __future__ import annotations

import os
import threading
from typing import Any, Callable

from .errors import AFTER_FORK_HINT, DataMigrationError


def refuse_after_fork(what: str, process: int) -> None:
    """Fails in a child of the process that opened something."""
    if process != os.getpid():
        raise DataMigrationError(
            f"the {what} was opened by the parent of this process, before the fork", status="MISUSE", domain="DATABASE", hint=AFTER_FORK_HINT,
        )


class Handle:
    """A pointer to a database or a manager.

    ``with handle as pointer`` uses it. Closing it while another thread does so takes effect at the end of that use. It is closed
    when it is garbage, too; the library allows every order. In a child after a fork it is left alone.
    """

    def __init__(self, what: str, pointer: Any, free: Callable[[Any], None], keeps: Any = None) -> None:
        self._what = what
        self._pointer = pointer
        self._free = free
        self._users = 0
        self._closed = False
        self._lock = threading.RLock()
        self._process = os.getpid()
        # What the library may call until the handle is freed.
        self._keeps = keeps

    def __enter__(self) -> Any:
        # Before the lock, which a thread of the parent can have had at the fork.
        refuse_after_fork(self._what, self._process)
        with self._lock:
            if self._closed:
                raise DataMigrationError(f"the {self._what} is closed", status="MISUSE", domain="DATABASE", hint="make a new one")
            self._users += 1
            return self._pointer

    def __exit__(self, *_failure: Any) -> None:
        with self._lock:
            self._users -= 1
            self._free_if_unused()

    def close(self) -> None:
        if self._process != os.getpid():
            self._closed = True
            return
        with self._lock:
            self._closed = True
            self._free_if_unused()

    @property
    def closed(self) -> bool:
        return self._closed

    def _free_if_unused(self) -> None:
        if self._closed and self._users == 0 and self._pointer is not None:
            pointer, self._pointer = self._pointer, None
            self._free(pointer)
            self._keeps = None

    def __del__(self) -> None:
        # Nobody can be using it.
        if hasattr(self, "_process"):
            self.close()
