"""Results as columns: streams of Apache Arrow, for pandas, Polars, DuckDB and pyarrow."""
from __future__ import annotations

import sys
from ctypes import CFUNCTYPE, POINTER, PYFUNCTYPE, Structure, addressof, byref, c_char_p, c_int64, c_void_p, py_object, pythonapi
from typing import Any, Callable

from . import _declarations as c
from .errors import DataMigrationError

# The struct that every library has.
c.ArrowArrayStream._fields_ = [
    ("get_schema", c_void_p), ("get_next", c_void_p), ("get_last_error", c_void_p), ("release", c_void_p), ("private_data", c_void_p),
]


class ArrowSchema(Structure):
    """A schema of the interface, as far as it is read here."""


ArrowSchema._fields_ = [
    ("format", c_char_p), ("name", c_char_p), ("metadata", c_char_p), ("flags", c_int64), ("n_children", c_int64),
    ("children", POINTER(POINTER(ArrowSchema))), ("dictionary", c_void_p), ("release", c_void_p), ("private_data", c_void_p),
]

CAPSULE_NAME = b"arrow_array_stream"
_new_capsule = PYFUNCTYPE(py_object, c_void_p, c_char_p, c_void_p)(("PyCapsule_New", pythonapi))
# The capsules that were given away, each with its stream. A capsule's own destructor would have to be written in C: it can run while an exception
# is on its way, which code in Python would lose.
_lent: list[tuple[Any, Any]] = []


def release(stream: Any) -> None:
    """Releases a stream, unless whoever took it over has done so."""
    if stream.release:
        CFUNCTYPE(None, c_void_p)(stream.release)(addressof(stream))


def sweep() -> None:
    """Releases the streams of capsules that nobody has any more."""
    kept = []
    while _lent:
        capsule, stream = _lent.pop()
        # This variable, and the parameter.
        if sys.getrefcount(capsule) > 2:
            kept.append((capsule, stream))
        else:
            release(stream)
    _lent.extend(kept)


class Stream:
    """A stream of the library in this process."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        schema = ArrowSchema()
        failed = CFUNCTYPE(c_int64, c_void_p, c_void_p)(stream.get_schema)(addressof(stream), addressof(schema)) & 0xFFFFFFFF
        if failed:
            raise MemoryError("the columns of a result could not be read")
        fields = [schema.children[at].contents for at in range(schema.n_children)]
        self.names = [field.name.decode() for field in fields]
        self.types = [TYPES[field.format.decode()] for field in fields]
        CFUNCTYPE(None, c_void_p)(schema.release)(addressof(schema))

    def capsule(self) -> Any:
        """Gives the stream away."""
        capsule = _new_capsule(addressof(self.stream), CAPSULE_NAME, None)
        _lent.append((capsule, self.stream))
        return capsule

    def close(self) -> None:
        release(self.stream)


class Columns:
    """A whole result as columns, which is taken once: by ``to_pandas()`` or ``to_polars()``, or by a library that knows ``__arrow_c_stream__``,
    such as ``pyarrow.table(columns)`` and DuckDB. Taking it a second time raises an error, and never gives an empty result.

    ``names`` and ``types`` say what the columns are (docs/arrow.md). Closing the database it came from closes it, too; who has taken it keeps it.
    """

    def __init__(self, source: Any, is_closed: Callable[[], bool]) -> None:
        sweep()
        self._source = source
        self._is_closed = is_closed
        self.names: list[str] = source.names
        self.types: list[str] = source.types

    def _take(self) -> Any:
        """What the columns come from, for who takes them."""
        source, self._source = self._source, None
        if source is None:
            raise DataMigrationError(
                "these columns were taken already, or closed", status="MISUSE", domain="DATABASE",
                hint="a result is taken once: keep what took it, or ask for a new one",
            )
        if self._is_closed():
            source.close()
            raise DataMigrationError("the database is closed", status="MISUSE", domain="DATABASE", hint="take the columns before you close it")
        return source

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The stream, as the Arrow PyCapsule interface has it. The types are what they are, whatever is requested."""
        return self._take().capsule()

    def to_pandas(self) -> Any:
        """A pandas DataFrame whose columns are Arrow's, not copied. Needs pandas 2.2 and pyarrow."""
        pandas, pyarrow = needed("pandas"), needed("pyarrow")
        return pyarrow.RecordBatchReader.from_stream(self).read_all().to_pandas(types_mapper=pandas.ArrowDtype, split_blocks=True)

    def to_polars(self) -> Any:
        """A Polars DataFrame. Needs polars 1.3."""
        return needed("polars").DataFrame(self)

    def close(self) -> None:
        """Lets go of a result that nobody took. Closing it again does nothing."""
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def __enter__(self) -> Columns:
        return self

    def __exit__(self, *_failure: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_source", None) is not None and not sys.is_finalizing():
            self.close()

    def __repr__(self) -> str:
        state = "" if self._source is not None else ", taken"
        return f"<Columns {', '.join(f'{name}: {kind}' for name, kind in zip(self.names, self.types))}{state}>"

    def _repr_html_(self) -> str:
        from html import escape
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(kind)}</td></tr>" for name, kind in zip(self.names, self.types))
        return f"<table><thead><tr><th>column</th><th>type</th></tr></thead><tbody>{rows}</tbody></table>"


TYPES = {
    "n": "null", "l": "int64", "g": "float64", "u": "utf8", "z": "binary", "tsu:": "timestamp[us]", "+m": "map<utf8, float64>",
}


def needed(name: str) -> Any:
    """A package that a frame needs, and that is none of the library's own."""
    from importlib import import_module
    try:
        return import_module(name)
    except ImportError as problem:
        raise ImportError(f"{name} is needed for this: pip install {name}") from problem


def stream_of(run: Callable[[Any], None]) -> Stream:
    """The stream that a call makes."""
    stream = c.ArrowArrayStream()
    run(byref(stream))
    return Stream(stream)
