"""The console command ``expmig``: the program that is in the package, in the place of this process (docs/cli.md)."""
from __future__ import annotations

import os
import signal
import sys

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "expmig")


def main() -> None:
    """Becomes the command, with the arguments of this process."""
    if not os.access(PROGRAM, os.X_OK):
        sys.exit("expmig: this build of the package has no command; `make wheel` and pip build it, unless EXPMIG_COMMAND is no")
    # What Python ignores would stay ignored.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execv(PROGRAM, ["expmig", *sys.argv[1:]])
