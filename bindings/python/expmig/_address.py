"""Parses the first argument of a DatabaseManager: a file, the name of a schema, or a URL of either."""
from __future__ import annotations

import os
import re
from typing import Any, Union

from ._server import Secret, mysql_url

# A scheme. What is one and what a file name with a colon in it is the library's to tell.
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
SERVER = re.compile(r"(mysql|mariadb|postgresql|postgres)(\+[A-Za-z0-9_]+)?:", re.IGNORECASE)
# What Experiment Manager's own DatabaseManager takes along, and leaves unread, for a file.
FOR_BOTH = ("host", "user", "password")


class Address:
    """Where a database is: ``url`` as the library takes it, secret if there can be a password in it, and whether it is a file.
    ``written`` is what the caller wrote, None for a URL, which may say it in many ways."""

    def __init__(self, url: Union[str, Secret], use_sqlite: bool, written: str | None) -> None:
        self.url = url
        self.use_sqlite = use_sqlite
        self.written = written


def address_of(path: str, use_sqlite: bool | None, password: Any, server: dict[str, Any]) -> Address:
    """``server``: the arguments for servers. No message repeats any of a URL, as there can be a password in it."""
    given = [name for name, value in {**server, "password": password}.items() if value is not None]
    on_a_server = SERVER.match(path) is not None
    if on_a_server or "://" in path or (not given and use_sqlite is not False and SCHEME.match(path)):
        if on_a_server and use_sqlite:
            raise ValueError("database_path is the URL of a server; use_sqlite says that this is a SQLite file")
        twice = [name for name in given if name != "password"]
        if twice:
            raise ValueError(f"database_path is a URL, and {twice[0]} is given too; pass the name of the schema alone, or the URL alone")
        return Address(Secret(path) if on_a_server else path, not on_a_server, None)
    if use_sqlite is None:
        use_sqlite = not given
    if use_sqlite:
        alone = [name for name in given if name not in FOR_BOTH]
        if alone:
            raise ValueError(f"{alone[0]} is for MySQL servers; use_sqlite says that this is a SQLite file")
        # Two slashes in front, which POSIX allows, would begin a URL.
        return Address("sqlite:" + re.sub("^//+", "/", os.path.abspath(path)) if path else "sqlite:", True, path)
    return Address(mysql_url(path, **server), False, path)
