"""Reads a database row by row with clients that are not expmig: Python's sqlite3, and PyMySQL for servers.

Both sides give `Row`s that are equal only if the values are: doubles by their bits, times by their microseconds, text and blobs by
their bytes. A server's DATETIME and the text of a SQLite file are the same time then.
"""
from contextlib import closing
from datetime import datetime, timedelta

import pymysql
from experiment_tree import FOREIGN_KEYS, KEYS, Row, connect, exact

TIMES = {"start_time", "update_time", "time", "applied_at"}
TABLES = ["SCHEMA_VERSION", *FOREIGN_KEYS]
EPOCH = datetime(1970, 1, 1)


def microseconds(text):
    """Microseconds since 1970 of `YYYY-MM-DD hh:mm:ss[.ffffff]`, with a T or a space."""
    seconds, _, fraction = text.partition(".")
    moment = datetime.fromisoformat(seconds) + timedelta(microseconds=int(fraction.ljust(6, "0") or 0))
    return (moment - EPOCH) // timedelta(microseconds=1)


def cell(column, value):
    """(storage class, value) with nothing rounded."""
    if isinstance(value, datetime):
        return ("time", (value - EPOCH) // timedelta(microseconds=1))
    if column in TIMES and isinstance(value, str):
        return ("time", microseconds(value))
    if isinstance(value, str):
        return ("text", value.encode())
    kinds = {type(None): "null", int: "integer", float: "real", bytes: "blob"}
    return (kinds[type(value)], exact(value))


def row_of(table, names, cells):
    content = [(name, *cell(name, value)) for name, value in zip(names, cells) if value is not None and name not in KEYS.get(table, ())]
    return Row(table, dict(zip(names, cells)), (table, tuple(sorted(content))))


def of_file(path):
    """{table: rows} of a SQLite file."""
    found = {}
    with closing(connect(path)) as database:
        database.text_factory = str
        for table in TABLES:
            rows = database.execute(f'SELECT * FROM "{table}"')
            names = [column[0].lower() for column in rows.description]
            found[table] = [row_of(table, names, cells) for cells in rows]
    return found


def of_server(connection):
    """{table: rows} of a schema, on a PyMySQL connection to it."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM `{table}`")
            names = [column[0].lower() for column in cursor.description]
            found[table] = [row_of(table, names, cells) for cells in cursor.fetchall()]
    return found


def whole(tables):
    """{table: its rows with every column, keys too, in one order}."""
    return {
        table: sorted(repr([(name, *cell(name, value)) for name, value in sorted(row.values.items())]) for row in rows)
        for table, rows in tables.items()
    }


def client(port, schema, user, password):
    """A connection that reads what the server has, byte for byte."""
    return pymysql.connect(
        host="127.0.0.1", port=port, user=user, password=password, database=schema, charset="utf8mb4",
        init_command="SET time_zone = '+00:00'",
    )
