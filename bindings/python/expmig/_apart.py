"""Columns of a child process: the child puts the buffers of a stream into memory that both processes have, and pyarrow makes arrays of them here,
without copying them."""
from __future__ import annotations

import mmap
import os
from ctypes import CFUNCTYPE, POINTER, Structure, addressof, c_char_p, c_int32, c_int64, c_void_p, cast, string_at
from typing import Any, List, Tuple

from .columns import Columns, needed
from .errors import DataMigrationError

# Where buffers begin, as Arrow recommends.
ALIGNMENT = 64


class ArrowArray(Structure):
    """An array of the interface."""


ArrowArray._fields_ = [
    ("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64), ("n_children", c_int64), ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(ArrowArray))), ("dictionary", c_void_p), ("release", c_void_p), ("private_data", c_void_p),
]

# An array as the other process gets to know it: its length, how many values are NULL, where in the memory each buffer is and how long (None: there is
# none), and the arrays below it.
Part = Tuple[int, int, List[Any], List[Any]]


class Shared:
    """What the child answers: the columns, and batches in a memory, whose descriptor is sent after it."""

    def __init__(self, names: list[str], types: list[str]) -> None:
        self.names = names
        self.types = types
        self.batches: list[tuple[int, list[Part]]] = []
        self.size = 0
        self.descriptor = -1


def shared(columns: Columns) -> Shared:
    """Puts all that is in columns into a memory to share. Whoever gets it closes its descriptor."""
    source = columns._take()
    made = Shared(columns.names, columns.types)
    try:
        made.descriptor = os.memfd_create("expmig columns")
        try:
            with os.fdopen(made.descriptor, "wb", closefd=False) as memory:
                while put_batch(source.stream, made, memory):
                    pass
                made.size = memory.tell()
        except BaseException:
            os.close(made.descriptor)
            raise
    finally:
        source.close()
    return made


def put_batch(stream: Any, made: Shared, memory: Any) -> bool:
    """Writes one more batch, if there is one."""
    array = ArrowArray()
    if CFUNCTYPE(c_int64, c_void_p, c_void_p)(stream.get_next)(addressof(stream), addressof(array)) & 0xFFFFFFFF:
        said = CFUNCTYPE(c_char_p, c_void_p)(stream.get_last_error)(addressof(stream)) or b"INTERNAL: the columns could not be read"
        status, _, message = said.decode("utf-8", "replace").partition(": ")
        raise DataMigrationError(message, status=status, domain="DATABASE")
    if not array.release:
        return False
    try:
        made.batches.append((array.length, [
            part_of(array.children[at].contents, kind, memory) for at, kind in enumerate(made.types)
        ]))
    finally:
        CFUNCTYPE(None, c_void_p)(array.release)(addressof(array))
    return True


def part_of(array: Any, kind: str, memory: Any) -> Part:
    """Writes the buffers of an array. One of the library begins at 0."""
    def put(at: int, size: int) -> Any:
        if not array.buffers[at]:
            return None
        memory.write(b"\0" * (-memory.tell() % ALIGNMENT))
        begin = memory.tell()
        memory.write(string_at(array.buffers[at], size))
        return begin, size

    length, below = array.length, []
    buffers = [] if kind == "null" else [put(0, (length + 7) // 8)]
    if kind in ("int64", "float64", "timestamp[us]"):
        buffers.append(put(1, 8 * length))
    elif kind != "null":
        buffers.append(put(1, 4 * (length + 1)))
        if kind.startswith("map"):
            entries = array.children[0].contents
            parts = [part_of(entries.children[at].contents, one, memory) for at, one in enumerate(("utf8", "float64"))]
            below = [(entries.length, 0, [None], parts)]
        else:
            buffers.append(put(2, cast(array.buffers[1], POINTER(c_int32))[length]))
    return length, array.null_count, buffers, below


class Batches:
    """The columns of a child, here."""

    def __init__(self, shared: Shared) -> None:
        self.names = shared.names
        self.types = shared.types
        self._batches = shared.batches
        try:
            # A memory of nothing cannot be mapped.
            self._memory = mmap.mmap(shared.descriptor, shared.size, prot=mmap.PROT_READ) if shared.size else None
        finally:
            os.close(shared.descriptor)

    def capsule(self) -> Any:
        pyarrow = needed("pyarrow")
        memory = None if self._memory is None else pyarrow.py_buffer(self._memory)
        types = {
            "null": pyarrow.null(), "int64": pyarrow.int64(), "float64": pyarrow.float64(), "utf8": pyarrow.utf8(), "binary": pyarrow.binary(),
            "timestamp[us]": pyarrow.timestamp("us"), "map<utf8, float64>": pyarrow.map_(pyarrow.utf8(), pyarrow.float64()),
        }

        def array(kind: Any, part: Part) -> Any:
            length, nulls, places, below = part
            buffers = [None if place is None else memory.slice(*place) for place in places]
            if pyarrow.types.is_null(kind):
                return pyarrow.nulls(length)
            inner = [kind.field(at).type for at in range(kind.num_fields)] if below else []
            if pyarrow.types.is_map(kind):
                inner = [pyarrow.struct([kind.key_field, kind.item_field])]
            children = [array(one, made) for one, made in zip(inner, below)]
            return pyarrow.Array.from_buffers(kind, length, buffers, null_count=nulls, children=children)

        schema = pyarrow.schema([(name, types[kind]) for name, kind in zip(self.names, self.types)])
        made = (
            pyarrow.RecordBatch.from_arrays([array(types[kind], part) for kind, part in zip(self.types, parts)], schema=schema)
            if parts else pyarrow.RecordBatch.from_arrays([], names=[])
            for _, parts in self._batches
        )
        return pyarrow.RecordBatchReader.from_batches(schema, made).__arrow_c_stream__()

    def close(self) -> None:
        # What was taken keeps the memory.
        self._memory = None
