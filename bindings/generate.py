"""Writes what is made of include/expmig.h, of the command and of the page's assets, and kept in the repository, as the header itself is: nobody needs Python to
use it.

    python3 bindings/generate.py            writes what differs
    python3 bindings/generate.py --check    only says what differs, and fails then
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
import command_page  # noqa: E402
import declare_koffi  # noqa: E402
import manual  # noqa: E402
import page_policy  # noqa: E402

COMMAND = Path(os.environ.get("EXPMIG_COMMAND", ROOT / "target" / "debug" / "expmig"))
HEADER = ROOT / "include" / "expmig.h"
ASSETS = ROOT / "src" / "report" / "assets"
PRODUCTS = {
    ROOT / "bindings" / "node" / "declarations.js": declare_koffi.declarations,
    ROOT / "bindings" / "node" / "declarations.d.ts": declare_koffi.types,
    ROOT / "man" / "expmig.3": manual.page,
}


def stale(write: bool) -> list[Path]:
    """The files that are not what the header and the assets make of them; written, if that is asked for."""
    header = HEADER.read_text(encoding="utf-8")
    texts = {path: made(header) for path, made in PRODUCTS.items()}
    return differing({**texts, ASSETS / "policy.txt": page_policy.policy(ASSETS)}, write)


def stale_of_command(write: bool) -> list[Path]:
    """The same of what the command says of itself."""
    return differing({ROOT / name: text for name, text in command_page.products(COMMAND).items()}, write)


def differing(texts: dict[Path, str], write: bool) -> list[Path]:
    """The files that have another text than this; they get it, if that is asked for."""
    found = []
    for path, text in texts.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            found.append(path.relative_to(ROOT))
            if write:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return found


if __name__ == "__main__":
    checks = sys.argv[1:] == ["--check"]
    old = stale(write=not checks) + stale_of_command(write=not checks)
    for name in old:
        print(f"{name} {'is not what it is made of: make generated' if checks else 'is new'}")
    sys.exit(1 if checks and old else 0)
