"""What the command `expmig` says of itself: docs/cli.md, its manual page, and what completes its words in shells."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

HEAD = """# The command `expmig`

Everything that the library does, at a terminal and in scripts. `make install` installs it, with a manual page (`man expmig`) and completions for bash, fish and zsh; it is in the Python wheel, too.

```sh
expmig list experiments.db                                        # what is there
expmig migrate experiments.db -e 3 --to team.db                   # copy experiment 3 into another file, proven
expmig migrate laptops/*.db --all --to team.db --on-duplicate skip   # merge many files; what is there already is not copied again
expmig compare experiments.db#3 team.db#1                         # are they equal, and if not, where do they differ?
expmig validate team.db && expmig snapshot create team.db         # sound? then keep a copy
expmig bring-in team.db mlruns --dry-run                           # what is in the files of another tracker, and what would become of it (bring-in.md)
expmig report experiments.db#3 team.db#1 -o page.html             # look at both in a browser: curves, values, where they differ (report.md)
```

An experiment is copied wholly or not at all. An exit status other than 0 says that the target is as before; only 3 says that nobody can tell, because the connection was lost
at the very moment of the commit. A command with several experiments does them one after the other: those that it has reported stay. The same command again with `--on-duplicate skip` does the rest.
A target file that does not exist is made when all sources are open and have the experiments; after a failure later on it may be there, without experiments.

Ctrl-C asks the job to stop, which rolls it back (status 130). A second one ends the process at once. Once the commit has begun, both come too late: the change is made, and the result printed.

With `--json` every command prints the library's documents ([json-documents.md](json-documents.md)), and the document of an error too, of which standard error gets one line. Some are the command's own: `expmig.digests/1` (`database`, `experiments`: `experiment_id`, `digest`),
`expmig.plans/1` and `expmig.migrations/1` (several plans or results), `expmig.snapshot_deletion/1` (`deleted`: ids), `expmig.snapshot_cleanup/1` (`deleted` and `left`: how many). `query --json` prints an object per row;
a number that JSON lacks is `{"real": "NaN"}` there, and bytes are `{"hex": "00ff"}`.

What follows is what `expmig COMMAND --help` says.
"""
COMMANDS = ["", "list", "info", "query", "validate", "digest", "compare", "plan", "migrate", "snapshot", "snapshot create", "snapshot list", "snapshot verify",
            "snapshot restore", "snapshot delete", "snapshot cleanup", "transform", "undo", "export", "import", "bring-in", "report", "widen"]


def page(command: Path) -> str:
    """The whole page, as this executable makes it."""
    environment = dict(os.environ, COLUMNS="120", NO_COLOR="1")
    parts = [HEAD]
    for name in COMMANDS:
        said = subprocess.run([command, *name.split(), "--help"], capture_output=True, text=True, check=True, env=environment).stdout
        # The options that every command has stand once.
        said = said.split("\nCommon options:")[0] if name else said
        text = "\n".join(line.rstrip() for line in said.strip().splitlines())
        parts.append(f"\n## `{' '.join(['expmig', *name.split()])}`\n\n```text\n{text}\n```\n")
    return "".join(parts)


def products(command: Path) -> dict[str, str]:
    """What is kept in the repository, by its path."""
    def said(*words: str) -> str:
        return subprocess.run([command, *words], capture_output=True, text=True, check=True).stdout

    return {
        "docs/cli.md": page(command),
        "man/expmig.1": said("manual"),
        "packaging/completions/expmig.bash": said("completions", "bash"),
        "packaging/completions/_expmig": said("completions", "zsh"),
        "packaging/completions/expmig.fish": said("completions", "fish"),
    }
