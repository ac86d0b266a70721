#!/usr/bin/env python3
"""Times making and restoring a snapshot against the sqlite3 shell's .backup and .restore. README.md says how to read it."""
import json
import os

from harness import Failed, Line, arguments, print_lines, remove
from run import Child, fresh_copy, generated, idle_memory

TARGET = 1.3


class Bench:
    """The measurements on one generated database."""

    SCRATCH = ("scratch.db", "scratch-copy.db", "scratch-snapshots")

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.pristine = generated(metrics, work)
        self.db, self.copy, self.folder = (os.path.join(work, name) for name in self.SCRATCH)
        fresh_copy(self.pristine, self.db)
        self.idle = idle_memory(job, self.db)

    def create(self):
        remove(self.folder)
        child = Child([self.job, "snapshot", self.db, self.folder])
        snapshot = os.path.join(self.folder, child.stdout.strip())
        with open(snapshot + ".json") as f:
            manifest = json.load(f)
        if manifest["size"] != os.path.getsize(snapshot + ".db") or manifest["statistics"]["tables"]["METRIC"] != self.metrics:
            raise Failed(f"a wrong snapshot: {manifest}")
        return child

    def backup(self):
        remove(self.copy)
        child = Child(["sh", "-c", 'sqlite3 "$0" ".backup \'$1\'" && sync "$1" "$(dirname "$1")"', self.db, self.copy])
        if os.path.getsize(self.copy) != os.path.getsize(self.db):
            raise Failed("a wrong backup")
        return child

    def spoil(self):
        """The database as it is before a restore: the same size, another content, on disk and in the page cache."""
        fresh_copy(self.pristine, self.db)
        Child(["sqlite3", self.db, "UPDATE EXPERIMENT SET title = 'spoilt'"])

    def check_restored(self):
        title = Child(["sqlite3", self.db, "SELECT count(*) FROM EXPERIMENT WHERE title = 'spoilt'"]).stdout.strip()
        if title != "0":
            raise Failed("a wrong restore")

    def restore(self):
        self.spoil()
        child = Child([self.job, "restore", self.db, self.folder, self.id])
        self.check_restored()
        return child

    def shell_restore(self):
        self.spoil()
        child = Child(["sqlite3", self.db, f".restore '{os.path.join(self.folder, self.id)}.db'"])
        self.check_restored()
        return child

    def line(self, ours, shell, rounds):
        pairs = [(ours(), shell()) for _ in range(rounds)]
        return Line([a for a, _ in pairs], [b for _, b in pairs])

    def lines(self, rounds):
        yield "snapshot, .backup and sync", self.line(self.create, self.backup, rounds), TARGET
        self.id = Child([self.job, "snapshot", self.db, self.folder]).stdout.strip()
        yield "restore, .restore", self.line(self.restore, self.shell_restore, rounds), TARGET


def main():
    a = arguments(__doc__, sizes="1000000", full="some 8 GB of free disk")
    print_lines(a, "Snapshots", Bench, width=26)


if __name__ == "__main__":
    main()
