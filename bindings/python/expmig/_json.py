"""JSON that keeps every digit. Python's json module would turn 0.12345678901234567890 into the nearest float, and write that."""
from __future__ import annotations

import json
import re
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from typing import Any, Iterator

SHORT = re.compile(r"-?[1-9]?[0-9]*\.?[0-9]*$")


class ExactNumber(float):
    """A number of a document that no float equals. It behaves as the nearest float. ``text`` has all its digits, and is written back."""

    text: str

    def __new__(cls, text: str) -> ExactNumber:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)


def number(text: str) -> float:
    """The number that a token stands for. Up to 15 digits a float has them all, and repr brings them back."""
    value = float(text)
    if len(text) <= 16 and SHORT.match(text):
        return value
    return value if Decimal(text) == Decimal(repr(value)) else ExactNumber(text)


def loads(document: str | bytes) -> Any:
    return json.loads(document, parse_float=number)


def dumps(value: Any) -> str:
    """The JSON for a value, in ASCII. NaN and infinities are refused (ValueError), as JSON has none, and so is what JSON cannot
    say (TypeError)."""
    if any(isinstance(part, (ExactNumber, Decimal)) for part in parts(value)):
        return "".join(written(value))
    return json.dumps(value, allow_nan=False)


def parts(value: Any) -> Iterator[Any]:
    """A value, and everything inside it."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            waiting.extend(part)
        else:
            yield part


def written(value: Any) -> Iterator[str]:
    if isinstance(value, ExactNumber):
        yield value.text
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not JSON")
        yield str(value)
    elif isinstance(value, dict):
        separator = "{"
        for key, part in value.items():
            # Other keys become what json makes of them.
            name = encode_basestring_ascii(key) if isinstance(key, str) else json.dumps({key: 0})[1:-4]
            yield f"{separator}{name}: "
            yield from written(part)
            separator = ", "
        yield "{}" if separator == "{" else "}"
    elif isinstance(value, (list, tuple)):
        separator = "["
        for part in value:
            yield separator
            yield from written(part)
            separator = ", "
        yield "[]" if separator == "[" else "]"
    else:
        yield json.dumps(value, allow_nan=False)
