"""isolation="process": the databases and managers of _native, in a child process.

The two processes take turns: a request, messages of the child meanwhile (progress, log records, checks and transformations that run in this
process), and the answer. _worker.py is the other side.
"""
from __future__ import annotations

import contextlib
import operator
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from typing import Any, Callable

from ._call import Call, Job
from ._callbacks import check_is_over
from ._handle import refuse_after_fork
from ._server import Secret
from .errors import DatabaseError, DataMigrationError
from .metric import Metric

# What the child runs. It needs nothing but the standard library and this package.
PROGRAM = (
    "import posix, sys; posix.write({number}, {greeting!r}); sys.path.append({root!r}); from expmig._worker import main; main({number})"
)
# What the child says, first of all, and when it is ready for requests; how a multiprocessing.connection.Connection sends that; and how long a
# program may take until the first.
GREETING = b"expmig"
MESSAGE = len(GREETING).to_bytes(4, "big") + GREETING
START_SECONDS = 10
GONE_HINT = (
    "whatever it did not finish was rolled back; make a new DatabaseManager, and repeat the call, a migration or an import with "
    'on_duplicate="skip"'
)


def above_stdio(one: socket.socket) -> socket.socket:
    """The socket with a number above those where programs print, which can be closed, as in daemons."""
    if one.fileno() > 2:
        return one
    import fcntl
    with one:
        return socket.socket(fileno=fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


def started() -> tuple[subprocess.Popen[bytes], Any]:
    """Starts a child process, and waits until it has proven to be one of ours. Returns it and the connection to it."""
    from multiprocessing.connection import Connection
    if not sys.executable:
        raise not_started("it is empty")
    ours, theirs = map(above_stdio, socket.socketpair())
    connection = Connection(ours.detach())
    try:
        with theirs:
            program = PROGRAM.format(
                number=theirs.fileno(), greeting=MESSAGE,
                root=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
            )
            try:
                # A session of its own: Ctrl-C in a terminal is for this process, which passes it on when it can.
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", program], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, start_new_session=True,
                )
            except (OSError, TypeError, ValueError) as problem:
                raise not_started(str(problem)) from problem
        try:
            greeted(process, connection)
        except BaseException:
            if process.poll() is None:
                # With what it may have started itself.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            raise
    except BaseException:
        connection.close()
        raise
    return process, connection


def greeted(process: subprocess.Popen[bytes], connection: Any) -> None:
    """Waits until the child has identified itself. ``sys.executable`` may not be an interpreter, and a program that embeds Python may do
    anything with our arguments, and never end."""
    end = time.monotonic() + START_SECONDS
    # The interpreter speaks as soon as it runs, and the worker when it has loaded this package, which can take long from a slow disk.
    for speaker in ("interpreter", "worker"):
        said = b""
        while said != MESSAGE:
            if not connection.poll(0.05):
                if process.poll() is not None and not connection.poll():
                    # What it has started may hold the connection still.
                    raise not_started(f"it {ending(process.returncode)}, and is no Python that can load expmig")
                if speaker == "interpreter" and time.monotonic() > end:
                    raise not_started(f"it runs and is no Python: it has not said what a Python would for {START_SECONDS} seconds")
                continue
            try:
                # Not a whole message at once: nobody knows whether the rest of one comes.
                more = os.read(connection.fileno(), len(MESSAGE) - len(said))
            except OSError:
                more = b""
            if not more:
                # A Python that fails ends by itself, and has said why on stderr.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)
                how = "has closed the connection" if process.returncode is None else ending(process.returncode)
                raise not_started(f"it {how}, and is no Python that can load expmig")
            said += more
            if not MESSAGE.startswith(said):
                raise not_started("it says what no Python would")


def ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with {code}"


def not_started(why: str) -> DatabaseError:
    return DatabaseError(
        f"no child process could be started with sys.executable, which is {sys.executable!r}: {why}", status="UNSUPPORTED", domain="DATABASE",
        hint="set sys.executable to the path of a Python interpreter, of 3.9 or newer: a program that embeds Python often names itself there, or nothing",
        details=[("executable", str(sys.executable))],
    )


class Stop:
    """Stands for a job in a request. The child reports the progress of the job, and asks whether to go on."""


class Child:
    """A child process and the conversation with it."""

    def __init__(self) -> None:
        self._process, self.connection = started()
        self._lock = threading.RLock()
        self._busy = False
        self._closing = False
        self._owner = os.getpid()
        # Objects that are to be closed, and those that nobody can use any more, closed or not.
        self._ended: set[int] = set()
        self._gone: set[int] = set()
        self._functions: dict[int, Callable[..., Any]] = {}
        self._next = 0

    def open(self, asked: dict[str, Any], job: Job) -> Database:
        try:
            return Database(self, self.call(0, "open", asked, job))
        except BaseException:
            self.close()
            raise

    def end(self, number: int) -> None:
        """Closes one of the child's objects. While the child makes a call of this thread, the object is closed with the next call."""
        if self._owner != os.getpid():
            return
        with self._lock:
            if number in self._gone:
                return
            self._gone.add(number)
            self._ended.add(number)
            if not self._busy and not self._closing and not self.connection.closed:
                try:
                    self.call(0, "close")
                except DataMigrationError as error:
                    # A child that is gone has closed everything.
                    if error.status != "CONNECTION":
                        raise

    def keep(self, function: Callable[..., Any]) -> int:
        """A number by which the child asks for a function."""
        self._next += 1
        self._functions[self._next] = function
        return self._next

    def drop(self, function: int | None) -> None:
        if function is not None:
            self._functions.pop(function, None)

    def call(self, number: int, method: str, *arguments: Any, **named: Any) -> Any:
        """Calls a method of one of the child's objects."""
        job = next((one for one in arguments if isinstance(one, Job)), None)
        given = tuple(Stop() if one is job and job else portable(one) for one in arguments)
        request: tuple[Any, ...] = (number, method, given, portable(named))
        # Before the lock, which a thread of the parent can have had at the fork.
        refuse_after_fork("database", self._owner)
        with self._lock:
            if self._busy:
                raise DataMigrationError(
                    "a call was made from inside a callback of the same database", status="MISUSE", domain="DATABASE",
                    hint="let the callback return first",
                )
            if number in self._gone or self._closing or self.connection.closed:
                raise DataMigrationError("the database is closed", status="MISUSE", domain="DATABASE", hint="make a new one")
            self._busy = True
            try:
                request = (*request, sorted(self._ended))
                self._ended.clear()
                with Call(job) as call:
                    succeeded, answer = call.protected(self._converse, call, request)
                    if succeeded:
                        return answer
                    if call.failure is not None:
                        call.raise_failure()
                    raise relinked(answer)
            finally:
                self._busy = False
                self._close_if_idle()

    def columns(self, number: int, method: str, *arguments: Any, **named: Any) -> Any:
        """Calls a method that answers columns."""
        from ._apart import Batches
        from .columns import Columns, needed
        # Before the child does what nobody can use.
        needed("pyarrow")
        batches = Batches(self.call(number, method, *arguments, **named))
        return Columns(batches, lambda: self.connection.closed or self._closing or number in self._gone)

    def _converse(self, call: Call, request: Any) -> tuple[bool, Any]:
        try:
            self.connection.send(request)
            while True:
                kind, *rest = self.connection.recv()
                if kind == "columns":
                    rest[0].descriptor = received(self.connection)
                    return True, rest[0]
                if kind in ("answer", "error"):
                    return kind == "answer", rest[0]
                self.meanwhile(call, kind, rest)
        except (EOFError, OSError) as problem:
            self.connection.close()
            code = self._process.wait()
            return False, [DataMigrationError(
                f"the process that does the calls {ending(code)}", status="CONNECTION", domain="DATABASE", hint=GONE_HINT,
                details=[("exit_code", str(code)), ("problem", str(problem))],
            )]

    def meanwhile(self, call: Call, kind: str, rest: list[Any]) -> None:
        """Does what the child asks for during a call. After a failure no callback of the caller runs any more, and the child is told to
        stop."""
        reply: Any = ("stop",)

        def answer() -> None:
            nonlocal reply
            reply = getattr(self, f"_on_{kind}")(call, *rest)

        call.guarded(answer)()
        if kind != "log":
            self.connection.send(reply)

    def _on_progress(self, call: Call, state: dict[str, Any]) -> tuple[str, ...]:
        if call.job.progress is not None:
            call.job.progress(state)
        return ("cancel",) if call.job.cancel is not None and call.job.cancel.cancelled else ("go",)

    def _on_log(self, _call: Call, function: int, level: int, message: str) -> None:
        self._functions[function](level, message)

    def _on_check(self, call: Call, function: int, experiment_id: int | None) -> tuple[str, ...]:
        context = RemoteContext(self, call, experiment_id)
        try:
            self._functions[function](context)
        finally:
            context.over = True
        return ("checked",)

    def _on_metric(self, _call: Call, function: int, row: tuple[Any, ...]) -> tuple[Any, ...]:
        from .errors import TransformationError
        metric = Metric(*row)
        try:
            self._functions[function](metric)
        except TransformationError as error:
            metric.outcome = ("fail", error.message)
        return ("decided", portable(metric.decided()))

    def close(self) -> None:
        """Ends the child, after the call that it is making."""
        if self._owner != os.getpid():
            return
        self._closing = True
        with self._lock:
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._closing and not self._busy:
            self.connection.close()
            self._process.wait()

    def __del__(self) -> None:
        if getattr(self, "_owner", None) == os.getpid():
            self.connection.close()
            self._process.wait()


def received(connection: Any) -> int:
    """The descriptor that the child sends after an answer."""
    from multiprocessing.reduction import recv_handle
    return int(recv_handle(connection))


class RemoteContext:
    """The context of a check that runs in the child."""

    def __init__(self, child: Child, call: Call, experiment_id: int | None) -> None:
        self._child = child
        self._call = call
        self.experiment_id = experiment_id
        self.over = False

    def query(self, sql: str, parameters: Any) -> Any:
        return self._ask("query", sql, parameters)

    def report(self, *issue: Any) -> None:
        self._ask("report", *issue)

    def _ask(self, *request: Any) -> Any:
        if self.over:
            raise check_is_over()
        with Call() as call:
            kind, answer = call.protected(self._converse, portable(request))
            if call.failure is not None:
                call.raise_failure()
        if kind == "error":
            raise relinked(answer)
        return answer

    def _converse(self, request: Any) -> tuple[str, Any]:
        self._child.connection.send(request)
        while True:
            kind, *rest = self._child.connection.recv()
            if kind in ("done", "error"):
                return kind, rest[0]
            self._child.meanwhile(self._call, kind, rest)


def portable(value: Any) -> Any:
    """Converts a value for the child, which knows only the standard library: numbers of NumPy become Python's."""
    if value is None or type(value) in (bool, int, float, str, bytes, Secret):
        return value
    if isinstance(value, dict):
        return {portable(key): portable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(portable, value)) if type(value) in (list, tuple) else [portable(one) for one in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "__index__"):
        return operator.index(value)
    raise TypeError(f"{type(value).__name__} cannot be given to a child process")


def chain(error: BaseException | None) -> list[BaseException]:
    """An error and its causes, which pickle drops."""
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__
    return found


def relinked(errors: list[BaseException]) -> BaseException:
    for error, cause in zip(errors, errors[1:]):
        error.__cause__ = cause
    return errors[0]


class Database:
    """A database of the child."""

    def __init__(self, child: Child, number: int) -> None:
        self._child = child
        self.info = partial(child.call, number, "info")
        self.query = partial(child.call, number, "query")
        self.widen = partial(child.call, number, "widen")
        self._number = number

    def query_columns(self, sql: str, parameters: Any) -> Any:
        return self._child.columns(self._number, "query_columns", sql, parameters)

    def manager(self, snapshot_dir: str, log: Callable[[int, str], None] | None) -> Manager:
        number = self._child.call(self._number, "manager", snapshot_dir, None if log is None else self._child.keep(log))
        return Manager(self._child, number)

    def close(self) -> None:
        self._child.close()


class Manager:
    """A manager of the child. Methods that are not here are those of _native.Manager."""

    recipe: dict[str, Any]

    def __init__(self, child: Child, number: int) -> None:
        self._child = child
        self._number = number
        # Checks and transformations, by kind and name: what the child asks for them by.
        self._registered: dict[tuple[str, str], int] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._child.call, self._number, name)

    def metrics(self, job: Job, **asked: Any) -> Any:
        return self._child.columns(self._number, "metrics", job, **asked)

    def register_check(self, name: str, check: Callable[[Any], Any]) -> None:
        self._register("check", name, check)

    def unregister_check(self, name: str) -> None:
        self._unregister("check", name)

    def register_transformation(self, name: str, function: Callable[[Any], Any]) -> None:
        self._register("transformation", name, function)

    def unregister_transformation(self, name: str) -> None:
        self._unregister("transformation", name)

    def _register(self, what: str, name: str, function: Callable[[Any], Any]) -> None:
        kept = self._child.keep(function)
        try:
            self._child.call(self._number, f"register_{what}", name, kept)
        except BaseException:
            self._child.drop(kept)
            raise
        self._registered[what, name] = kept

    def _unregister(self, what: str, name: str) -> None:
        self._child.call(self._number, f"unregister_{what}", name)
        self._child.drop(self._registered.pop((what, name), None))

    def plan(self, experiment_id: int, target: Any, job: Job, **asked: Any) -> Any:
        return self._child.call(self._number, "plan", experiment_id, self._known(target), job, **asked)

    def migrate(self, experiment_id: int, target: Any, job: Job, **asked: Any) -> Any:
        return self._child.call(self._number, "migrate", experiment_id, self._known(target), job, **asked)

    def resume_job(self, job_id: int, target: Any, job: Job) -> Any:
        return self._child.call(self._number, "resume_job", job_id, self._known(target), job)

    def compare(self, experiment_id: int, other: Any, other_id: int, job: Job) -> Any:
        return self._child.call(self._number, "compare", experiment_id, self._known(other), other_id, job)

    def report_file(self, experiment_ids: list[int], path: str, job: Job, *others: Any, **asked: Any) -> Any:
        return self._child.call(self._number, "report_file", experiment_ids, path, job, *map(self._known, others), **asked)

    def _known(self, other: Any) -> Any:
        """How the child finds another manager: by its number, or by the arguments to make one."""
        if other is None:
            return None
        return ("number", other._number) if getattr(other, "_child", None) is self._child else ("recipe", other.recipe)

    def close(self) -> None:
        self._child.end(self._number)
