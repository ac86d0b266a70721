"""The shared library. The first call loads it, and declares its functions as in the header."""
from __future__ import annotations

import json
import operator
import os
from ctypes import CDLL, POINTER, byref, c_void_p, cast, c_char_p, sizeof
from typing import Any

from . import _declarations as c
from .errors import error_of

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libexpmig.so")


class Library:
    """The functions of the library, by their names."""

    def __init__(self) -> None:
        self._dll: CDLL | None = None

    def __getattr__(self, name: str) -> Any:
        if name not in c.FUNCTIONS:
            raise AttributeError(name)
        if self._dll is None:
            self._dll = load()
        function = getattr(self._dll, name)
        function.restype, function.argtypes = c.FUNCTIONS[name]
        setattr(self, name, function)
        return function


def load() -> CDLL:
    """Loads the library that the package was built with. ctypes releases the GIL while one of its functions runs."""
    library = CDLL(PATH)
    if library.expmig_abi_version() < c.EXPMIG_ABI_VERSION:
        raise ImportError(f"{PATH} is older than the package around it; build the package anew")
    return library


lib = Library()


def failed(error: Any) -> Exception:
    """Makes an exception of an error object of the library, and frees the object."""
    try:
        return error_of(json.loads(lib.expmig_error_to_json(error)))
    finally:
        lib.expmig_error_free(error)


def options_of(kind: type, **fields: Any) -> Any:
    """An options struct with its defaults, except for these fields; None keeps the default."""
    options = kind()
    if getattr(lib, f"{kind.__name__}_init")(byref(options), sizeof(options)) != c.EXPMIG_OK:
        raise ImportError(f"the library refuses {kind.__name__}; build the package anew")
    for name, value in fields.items():
        if value is not None:
            setattr(options, name, value)
    return options


def text(value: Any, name: str) -> bytes:
    """Text for the library. ctypes would cut it at a NUL."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {type(value).__name__}")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} cannot be written as UTF-8: {value!r}") from None
    if b"\0" in encoded:
        raise ValueError(f"{name} has a NUL character inside: {value!r}")
    return encoded


def optional_text(value: Any, name: str) -> bytes | None:
    return None if value is None else text(value, name)


def path_text(value: Any, name: str) -> bytes:
    """A path for the library: anything that os.fspath takes."""
    return text(os.fsdecode(value), name)


def integer(value: Any, name: str) -> int:
    """An integer for the library. ctypes would cut off what is beyond 64 bits."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not bool")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if not -(2 ** 63) <= number < 2 ** 63:
        raise ValueError(f"{name} is beyond 64 bits: {number}")
    return number


def taken(string: c_void_p) -> bytes:
    """The bytes of a string of the caller's, which is freed."""
    try:
        return cast(string, c_char_p).value or b""
    finally:
        lib.expmig_string_free(string)


def null(kind: type) -> Any:
    """A pointer to nothing, for an output."""
    return POINTER(kind)()


def build_info() -> dict[str, Any]:
    """How the library was built: version, ABI, SQLite's version and whether it is the library's own copy ("bundled") or the system's."""
    return dict(json.loads(lib.expmig_build_info()))
