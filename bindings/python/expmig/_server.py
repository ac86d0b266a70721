"""The address of a schema of a server, and the password for it."""
from __future__ import annotations

import math
import os
from typing import Any, Callable, Union
from urllib.parse import quote

from ._library import integer

PasswordSource = Union[str, Callable[[], str], None]
PORT = 65535
# What the URL can say, in milliseconds.
MOST_SECONDS = (2 ** 32 - 1) / 1000


class Secret:
    """A password, which is never shown."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "…"

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        # For a child process.
        return (Secret, (self._text,))

    def encoded(self) -> bytes:
        """As the library takes it. No message repeats any of it."""
        if not isinstance(self._text, str):
            raise TypeError(f"the password must be text, or a function that returns it, not {type(self._text).__name__}")
        if any("\ud800" <= character <= "\udfff" for character in self._text):
            raise ValueError("the password cannot be written as UTF-8")
        if "\0" in self._text:
            raise ValueError("the password has a NUL character inside")
        return self._text.encode()


def secret(password: PasswordSource) -> Secret | None:
    """The password. If it is a function, calls it now."""
    if password is None:
        return None
    made = Secret(password() if callable(password) else password)
    # What cannot be a password is found before anything is opened, in this process.
    made.encoded()
    return made


def mysql_url(
    schema: str,
    host: str | None = None,
    user: str | None = None,
    port: int | None = None,
    unix_socket: str | os.PathLike[str] | None = None,
    ssl_mode: str | None = None,
    ssl_ca: str | os.PathLike[str] | None = None,
    connect_timeout: float | None = None,
    read_timeout: float | None = None,
    fragment_bytes: int | None = None,
) -> str:
    """The URL of a schema (docs/servers.md), without a password."""
    place = host or "localhost"
    place = f"[{quote(place, safe=':')}]" if ":" in place else quote(place, safe="")
    if port is not None:
        if not 0 < integer(port, "port") <= PORT:
            raise ValueError(f"port must be from 1 to {PORT}, not {port}")
        place += f":{integer(port, 'port')}"
    parameters = {
        "socket": None if unix_socket is None else os.path.abspath(os.fsdecode(unix_socket)),
        "ssl-mode": ssl_mode,
        "ssl-ca": None if ssl_ca is None else os.path.abspath(os.fsdecode(ssl_ca)),
        "connect-timeout-ms": milliseconds(connect_timeout, "connect_timeout"),
        "read-timeout-ms": milliseconds(read_timeout, "read_timeout"),
        "fragment-bytes": None if fragment_bytes is None else str(integer(fragment_bytes, "fragment_bytes")),
    }
    given = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items() if value is not None)
    return f"mysql://{quote(user or 'root', safe='')}@{place}/{quote(schema, safe='')}{'?' + given if given else ''}"


def milliseconds(seconds: Any, name: str) -> str | None:
    """A time for the URL. A time shorter than a millisecond becomes one millisecond, because 0 would mean something else."""
    if seconds is None:
        return None
    if not 0 < seconds <= MOST_SECONDS:
        raise ValueError(f"{name} must be a number of seconds above 0, or None, not {seconds!r}")
    return str(math.ceil(seconds * 1000))
