"""Writes what is made of include/expmig.h and kept in the repository, as the header itself is: nobody needs Python to use it.

    python3 bindings/generate.py            writes what differs
    python3 bindings/generate.py --check    only says what differs, and fails then
"""
from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
import declare_koffi  # noqa: E402
import manual  # noqa: E402

HEADER = ROOT / "include" / "expmig.h"
PRODUCTS = {
    ROOT / "examples" / "node" / "declarations.js": declare_koffi.declarations,
    ROOT / "man" / "expmig.3": manual.page,
}


def stale(write: bool) -> list[Path]:
    """The files that are not what the header makes of them; written, if that is asked for."""
    header = HEADER.read_text(encoding="utf-8")
    found = []
    for path, made in PRODUCTS.items():
        text = made(header)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            found.append(path.relative_to(ROOT))
            if write:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return found


if __name__ == "__main__":
    checks = sys.argv[1:] == ["--check"]
    old = stale(write=not checks)
    for name in old:
        print(f"{name} {'does not fit the header: make generated' if checks else 'is new'}")
    sys.exit(1 if checks and old else 0)
