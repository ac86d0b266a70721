"""The child process of isolation="process": makes the calls that _remote.py asks for."""
from __future__ import annotations

import os
import sys
from typing import Any

from . import _native
from ._call import CancelToken, Job
from ._remote import GREETING, Stop, chain
from .errors import TransformationError

# What answers columns.
COLUMNS = ("query_columns", "metrics")


def shared(columns: Any) -> Any:
    from ._apart import shared
    return shared(columns)


class Stopped(Exception):
    """The parent wants the call to end; it knows why."""


class Worker:
    """The objects of the child, by number, and the conversation with the parent."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._objects: dict[int, Any] = {}
        self._last = 0

    def serve(self) -> None:
        """Answers requests until the parent is gone."""
        while True:
            try:
                number, method, arguments, named, ended = self._connection.recv()
            except EOFError:
                return
            for one in ended:
                self._objects.pop(one).close()
            answer: tuple[str, Any]
            try:
                made = self._do(number, method, list(arguments), named)
                answer = ("columns", shared(made)) if method in COLUMNS else ("answer", made)
            except EOFError:
                return
            except BaseException as error:  # noqa: B902: the parent raises it
                answer = ("error", chain(error))
            self._connection.send(answer)
            if answer[0] == "columns":
                self._send_descriptor(answer[1].descriptor)

    def _send_descriptor(self, descriptor: int) -> None:
        from multiprocessing.reduction import send_handle
        try:
            send_handle(self._connection, descriptor, None)
        finally:
            os.close(descriptor)

    def _do(self, number: int, method: str, arguments: list[Any], named: dict[str, Any]) -> Any:
        if method == "open":
            return self._keep(_native.Database(**arguments[0], job=self._job()))
        if method == "close":
            # What is closed came with the request.
            return None
        subject = self._objects[number]
        if method == "manager":
            snapshot_dir, log = arguments
            return self._keep(subject.manager(snapshot_dir, None if log is None else self._logging_to(log)))
        if method == "register_check":
            return subject.register_check(arguments[0], self._check(arguments[1]))
        if method == "register_transformation":
            return subject.register_transformation(arguments[0], self._transformation(arguments[1]))
        opened = []
        try:
            for at, argument in enumerate(arguments):
                if isinstance(argument, Stop):
                    arguments[at] = self._job()
                elif isinstance(argument, tuple) and argument and argument[0] == "number":
                    arguments[at] = self._objects[argument[1]]
                elif isinstance(argument, tuple) and argument and argument[0] == "recipe":
                    database = _native.Database(**argument[1]["database"])
                    opened.append(database)
                    arguments[at] = database.manager(argument[1]["snapshot_dir"], None)
                    opened.append(arguments[at])
            return getattr(subject, method)(*arguments, **named)
        finally:
            for one in opened:
                one.close()

    def _keep(self, made: Any) -> int:
        self._last += 1
        self._objects[self._last] = made
        return self._last

    def _ask(self, *question: Any) -> Any:
        self._connection.send(question)
        reply = self._connection.recv()
        if reply[0] == "stop":
            raise Stopped
        return reply

    def _job(self) -> Job:
        token = CancelToken()

        def progress(state: dict[str, Any]) -> None:
            if self._ask("progress", state)[0] == "cancel":
                token.cancel()

        return Job(progress, token)

    def _logging_to(self, function: int) -> Any:
        return lambda level, message: self._connection.send(("log", function, level, message))

    def _check(self, function: int) -> Any:
        def check(context: Any) -> None:
            reply = self._ask("check", function, context.experiment_id)
            while reply[0] != "checked":
                kind, *arguments = reply
                try:
                    answer = ("done", getattr(context, kind)(*arguments))
                except Exception as error:
                    answer = ("error", chain(error))
                reply = self._ask(*answer)
        return check

    def _transformation(self, function: int) -> Any:
        def transform(metric: Any) -> None:
            row = (metric.id, metric.type, metric.total_val, metric.per_label_val, metric._params_json)
            for what, value in self._ask("metric", function, row)[1]:
                if what == "total":
                    metric.total_val = value
                elif what == "per_label":
                    metric.per_label_val = value
                elif what == "skip":
                    metric.skip(value)
                else:
                    raise TransformationError(value)
        return transform


def unraisable(unraised: Any) -> None:
    """Shows an exception that nobody can handle, but not Stopped: the parent itself shows the exception of its last progress callback."""
    if unraised.exc_type is not Stopped:
        sys.__unraisablehook__(unraised)


def main(number: int) -> None:
    from multiprocessing.connection import Connection
    sys.unraisablehook = unraisable
    connection = Connection(number)
    worker = Worker(connection)
    try:
        connection.send_bytes(GREETING)
        worker.serve()
    except (BrokenPipeError, ConnectionResetError):
        # The parent ended in the middle of a call, which has been rolled back.
        pass
