#!/usr/bin/env python3
"""Time an import of a document against a Python script that does the same, and against our own migration. README.md says how to read it."""
import importlib.util
import os
import sys

from harness import HERE, TARGET_FROM, Failed, Line, arguments, print_lines, remove
from run import EXPERIMENT, Child, content, fresh_copy, generated, idle_memory

TARGET, MIGRATION_TARGET = 0.4, 2.0


class Bench:
    """One document, imported into a new database each time."""

    SCRATCH = ("scratch-import.db", "scratch-import.json", "scratch-import-ours.db", "scratch-import-script.db",
               "scratch-import-migrated.db")

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.source, self.document, self.db, self.other, self.third = (os.path.join(work, name) for name in self.SCRATCH)
        fresh_copy(generated(metrics, work), self.source)
        remove(self.document)
        Child([job, "export", self.source, str(EXPERIMENT), self.document])
        self.idle = idle_memory(job, self.source)
        self.expected = content(self.source, EXPERIMENT)
        for mine, total in (("metrics", "all_metrics"), ("artifacts", "all_artifacts")):
            self.expected[total] = self.expected[mine]

    def run(self, database, argv):
        """A timed run into a new database, whose content is compared afterwards."""
        remove(database)
        child = Child(argv)
        found = content(database, EXPERIMENT)
        wrong = [f"{k}: {found[k]} instead of {v}" for k, v in self.expected.items() if found[k] != v]
        if wrong:
            raise Failed(f"{' '.join(argv)}: a wrong copy:\n  " + "\n  ".join(wrong))
        return child

    def ours(self):
        return self.run(self.db, [self.job, "import", self.db, self.document])

    def script(self):
        return self.run(self.other, [sys.executable, os.path.join(HERE, "import_baseline.py"), self.document, self.other, self.source])

    def migration(self):
        return self.run(self.third, [self.job, "migrate", self.source, str(EXPERIMENT), "--target", self.third])

    def lines(self, rounds):
        rows = [(self.ours(), self.script(), self.migration()) for _ in range(rounds)]
        ours, script, migration = ([row[at] for row in rows] for at in range(3))
        for what, other, target in (("Python script", script, TARGET), ("our migration", migration, MIGRATION_TARGET)):
            yield what, Line(ours, other), target if self.metrics >= TARGET_FROM else None


def main():
    a = arguments(__doc__)
    if not importlib.util.find_spec("orjson"):
        sys.exit(f"the Python package orjson is needed: {sys.executable} -m pip install -r benches/requirements.txt")
    print_lines(a, f"Importing the document of experiment {EXPERIMENT} into a new database", Bench, width=13, other="other")


if __name__ == "__main__":
    main()
