"""The bar of ``progress=True``: tqdm's where tqdm is installed, in notebooks its notebook bar; elsewhere a line of text."""
from __future__ import annotations

import sys
import time
from typing import Any

from .progress import MigrationProgress


class Line:
    """What is there without tqdm. On a terminal the line is written again and again; elsewhere, as in logs, there is one line per step."""

    def __init__(self) -> None:
        self._again = sys.stderr is not None and sys.stderr.isatty()
        self._step = ""
        self._width = 0
        self._next = 0.0

    def show(self, progress: MigrationProgress) -> None:
        if sys.stderr is None or not (self._again or progress.finished or progress.current_operation != self._step):
            return
        if self._again and not progress.finished and progress.current_operation == self._step and time.monotonic() < self._next:
            return
        self._step, self._next = progress.current_operation, time.monotonic() + 0.1
        text = f"{progress.current_operation}: {progress.completion_percentage:.0f} %, {progress.processed_items} of {progress.total_items}"
        if self._again:
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        if self._again and self._width:
            sys.stderr.write("\n")
            sys.stderr.flush()


class Tqdm:
    """A bar of tqdm's."""

    def __init__(self, tqdm: Any) -> None:
        self._bar = tqdm(unit=" rows", unit_scale=True)

    def show(self, progress: MigrationProgress) -> None:
        bar = self._bar
        if bar.disable:
            return
        total = progress.processed_items if progress.finished else progress.total_items
        if total and bar.total != total:
            # A notebook's bar takes another total only so. The time goes on.
            began = bar.start_t
            bar.reset(total=total)
            bar.start_t = began
        bar.set_description_str(progress.current_operation, refresh=False)
        # By steps, so that it draws as often as it wants to; the last one always.
        bar.update(progress.processed_items - bar.n)
        if progress.finished:
            bar.refresh()

    def close(self) -> None:
        self._bar.close()


class Bar:
    """The bar of one call. It appears with the first report, and stays when the call is over."""

    def __init__(self) -> None:
        self._shown: Line | Tqdm | None = None

    def show(self, progress: MigrationProgress) -> None:
        if self._shown is None:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                self._shown = Line()
            else:
                self._shown = Tqdm(tqdm)
        self._shown.show(progress)

    def close(self) -> None:
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.close()
