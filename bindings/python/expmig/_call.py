"""One call of the library: progress, cancelling, and exceptions and signals in its callbacks."""
from __future__ import annotations

import signal
import threading
from ctypes import CFUNCTYPE, byref
from typing import Any, Callable, NoReturn

from . import _declarations as c
from ._library import failed, lib, null, options_of
from ._signals import exchange

# What a callback answers when it raised: not 0, and not EXPMIG_CALLBACK_CANCEL.
FAILED = 2


class CancelToken:
    """Asks running calls to stop: ``token = CancelToken()``, ``manager.migrate_experiment(1, cancel=token)``, and from another thread
    ``token.cancel()``. The call rolls back and raises an error with the status "CANCELLED". A token cannot be used again."""

    def __init__(self) -> None:
        self.cancelled = False
        self.pointer = lib.expmig_cancel_new()
        self._free = lib.expmig_cancel_free

    def cancel(self) -> None:
        """Asks every call that has the token to stop. From any thread."""
        self.cancelled = True
        lib.expmig_cancel_trigger(self.pointer)

    def __del__(self) -> None:
        pointer, self.pointer = getattr(self, "pointer", None), None
        if pointer:
            self._free(pointer)


class Job:
    """The progress callback, which receives a dict, the cancel token of a call that takes a while, and what is to be done when it is over,
    whichever way."""

    def __init__(
        self, progress: Callable[[dict[str, Any]], None] | None = None, cancel: CancelToken | None = None, over: Callable[[], None] | None = None,
    ) -> None:
        self.progress = progress
        self.cancel = cancel
        self.over = over


class _Running(threading.local):
    """The calls that run on this thread, the innermost last."""

    def __init__(self) -> None:
        self.calls: list[Call] = []


running = _Running()


class Call:
    """One call of the library.

    An exception in a callback ends the call and is raised when it has returned. Signals need more care: Python runs their
    handlers, on the main thread, where it next runs any Python code, which is at the very entry of a callback, where ctypes would
    lose the exception that a handler raises (KeyboardInterrupt). So while the library runs, a handler's exception is kept as if the
    callback had raised it. That takes a progress callback, which is therefore always there on the main thread.
    """

    def __init__(self, job: Job | None = None) -> None:
        self.job = job or Job()
        self.failure: BaseException | None = None
        # Whether code that is not ours runs in a callback: there, an exception can be raised at once.
        self.inside = False

    def options(self, kind: type, **fields: Any) -> Any:
        """An options struct of a call with progress and a cancel token."""
        if self.job.progress is not None or on_main_thread():
            fields["progress_fn"] = c.expmig_progress_fn(self.guarded(self._progress))
        if self.job.cancel is not None:
            fields["cancel"] = self.job.cancel.pointer
        return options_of(kind, **fields)

    def fail(self, failure: BaseException) -> None:
        if self.failure is None:
            self.failure = failure

    def guarded(self, function: Callable[..., int | None]) -> Callable[..., int]:
        """A callback that runs a function, and ends the call if that raises."""
        def callback(*arguments: Any) -> int:
            if self.failure is not None:
                return FAILED
            # A check can be interrupted by progress of the same call.
            before = self.inside
            try:
                try:
                    self.inside = True
                    answer = function(*arguments) or c.EXPMIG_CALLBACK_CONTINUE
                finally:
                    self.inside = before
            except BaseException as failure:  # noqa: B902: it is raised again by run
                self.fail(failure)
            return answer if self.failure is None else FAILED
        return callback

    def _progress(self, progress: Any, _user_data: Any) -> None:
        if self.job.progress is not None:
            self.job.progress(progress_of(progress.contents))

    def run(self, function: Callable[..., int], *arguments: Any) -> None:
        """Calls a function, whose last parameter is the error. Raises what a callback raised, or the function's error."""
        error = null(c.expmig_error)
        status = self.protected(function, *arguments, byref(error))
        del arguments
        if status == c.EXPMIG_OK:
            return
        if self.failure is not None:
            lib.expmig_error_free(error)
            self.raise_failure()
        raise failed(error)

    def raise_failure(self) -> NoReturn:
        """Raises what a callback raised, and keeps it no longer: its traceback leads here."""
        failure, self.failure = self.failure, None
        assert failure is not None
        try:
            raise failure
        finally:
            del failure

    def protected(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a function as this thread's innermost call, so that what signal handlers raise is kept."""
        running.calls.append(self)
        handlers: dict[int, Any] = {}
        try:
            if len(running.calls) == 1 and on_main_thread():
                defer_signals(handlers)
            return function(*arguments)
        finally:
            try:
                give_back_signals(handlers)
            finally:
                # Also if a signal came right after its handler was back.
                running.calls.pop()
            # The garbage collector does not see through what byref makes: kept by the traceback of an exception, as here and in run, it
            # would keep all that it leads to.
            del arguments

    def __enter__(self) -> Call:
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        """If only the last progress report raised, all is done and stays: the call did not fail. What asks the program to end is
        raised, anything else is shown as an exception that nobody can handle."""
        if self.job.over is not None:
            self.job.over()
        failure = self.failure
        if failure is None or value is not None:
            return
        if not isinstance(failure, Exception):
            del failure
            self.raise_failure()
        self.failure = None

        def last_callback_of_a_call_that_has_succeeded() -> None:
            raise failure

        # What a callback of ctypes raises goes to sys.unraisablehook, which cannot be called otherwise.
        CFUNCTYPE(None)(last_callback_of_a_call_that_has_succeeded)()


def on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


# The handlers that `deferred` stands for.
originals: dict[int, Any] = {}


def defer_signals(handlers: dict[int, Any]) -> None:
    """Puts `deferred` in the place of every signal handler that is Python code, which are put into `handlers`."""
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and handler is not deferred:
            originals[number] = handler
            handlers[number] = handler
            try:
                exchange(number, deferred)
            except ValueError:
                # Not the main interpreter: it has no signals.
                handlers.clear()
                return


def give_back_signals(handlers: dict[int, Any]) -> None:
    """Undoes `defer_signals`. A handler that is back can raise at once: the others come back nevertheless."""
    try:
        for number in list(handlers):
            # A callback may have set another one.
            if signal.getsignal(number) is deferred:
                exchange(number, handlers[number])
            del handlers[number]
    finally:
        if handlers:
            give_back_signals(handlers)


def deferred(number: int, frame: Any) -> None:
    """A signal handler: runs the original one, and keeps what it raises for the end of the library's call."""
    call = running.calls[-1] if running.calls else None
    if call is None or call.inside:
        originals[number](number, frame)
        return
    try:
        originals[number](number, frame)
    except BaseException as failure:  # noqa: B902: it is raised again by run
        call.fail(failure)


def progress_of(progress: Any) -> dict[str, Any]:
    """A progress report as a dict."""
    unknown = progress.estimated_completion_us == c.EXPMIG_TIME_UNKNOWN
    return {
        "finished": bool(progress.finished),
        "operation": progress.operation.decode(),
        "processed_items": progress.processed_items,
        "total_items": progress.total_items,
        "failed_items": progress.failed_items,
        "completion_percentage": progress.completion_percentage,
        "success_rate": progress.success_rate,
        "start_time_us": progress.start_time_us,
        "elapsed_seconds": progress.elapsed_seconds,
        "remaining_seconds": None if progress.remaining_seconds < 0 else progress.remaining_seconds,
        "estimated_completion_us": None if unknown else progress.estimated_completion_us,
        "error_count": progress.error_count,
        "errors": [progress.recent_errors[index].decode() for index in range(progress.recent_error_count)],
    }
