"""What the browser may do with the page that `expmig report` makes: run its own scripts, which are known by their digests, and reach nothing."""
from __future__ import annotations

import base64
import hashlib
from pathlib import Path

STYLES = ("uplot.css", "report.css")
SCRIPTS = ("uplot.js", "data.js", "chart.js", "table.js", "sections.js", "main.js")


def policy(assets: Path) -> str:
    """The text of the Content-Security-Policy."""
    def sources(names: tuple[str, ...]) -> str:
        digests = (base64.b64encode(hashlib.sha256((assets / name).read_bytes()).digest()).decode() for name in names)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {sources(STYLES)}; script-src {sources(SCRIPTS)}\n"
