"""How documents, results and managers look in a notebook: HTML in which everything that comes from a database is escaped."""
from __future__ import annotations

from html import escape
from typing import Any, Iterable, Sequence

# More rows than these are counted.
MOST_ROWS = 50
MOST_CHARACTERS = 200


def shortened(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else str(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def cell(value: Any) -> str:
    # A lone surrogate, of text that is not UTF-8, cannot be sent to a browser.
    return escape(shortened(value).encode("utf-8", "replace").decode())


def fields(title: str, pairs: Iterable[tuple[str, Any]]) -> str:
    """A heading, and a table of names and values. What is None is left out."""
    rows = "".join(f"<tr><th>{cell(name)}</th><td>{cell(value)}</td></tr>" for name, value in pairs if value is not None)
    return f"<p><strong>{cell(title)}</strong></p><table><tbody>{rows}</tbody></table>"


def table(title: str, names: Sequence[str], rows: Sequence[Sequence[Any]], count: int | None = None) -> str:
    """A table; nothing if there are no rows. ``count``: how many there are, if not all of them are here."""
    if not rows and not count:
        return ""
    head = "".join(f"<th>{cell(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows[:MOST_ROWS])
    shown, count = min(len(rows), MOST_ROWS), len(rows) if count is None else count
    more = f"<p>{shown} of {count}</p>" if shown < count else ""
    above = f"<p>{cell(title)}</p>" if title else ""
    return f"{above}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def counted(count: int, what: str, several: str | None = None) -> str:
    """"1 row", "2 rows"."""
    return f"{count} {what if count == 1 else several or what + 's'}"
