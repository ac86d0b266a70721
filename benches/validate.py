#!/usr/bin/env python3
"""Time the validation against what the sqlite3 shell can check. README.md says how to read it."""
import json
import os
import sqlite3

from harness import TARGET_FROM, Failed, Line, arguments, print_lines
from run import Child, fresh_copy, generated, idle_memory

TARGET = 0.8
# What SQLite can check by itself: foreign keys, and metrics whose labels are no object of numbers. NULL comes first: older
# versions call it invalid JSON.
SHELL = """
SELECT count(*) FROM pragma_foreign_key_check;
SELECT count(*) FROM METRIC m WHERE per_label_val IS NOT NULL AND
  CASE WHEN NOT json_valid(per_label_val) THEN 1
       WHEN json_type(per_label_val) <> 'object' THEN 1
       ELSE EXISTS (SELECT 1 FROM json_each(m.per_label_val) WHERE type NOT IN ('integer', 'real')) END;
"""
# Defects that both must count alike: dangling links, one of them to an epoch, and odd labels.
DAMAGE = """
DELETE FROM METRIC WHERE id % 1000 = 7;
DELETE FROM EPOCH WHERE idx = 3 AND trial_run_id % 10 = 1;
UPDATE METRIC SET per_label_val = '{"a": "x"}' WHERE id % 1000 = 8;
UPDATE METRIC SET per_label_val = '[1]' WHERE id % 1000 = 9;
UPDATE METRIC SET per_label_val = '{"a": 1' WHERE id % 1000 = 10;
"""
LABELS = ("json_malformed", "json_not_object", "json_non_numeric")


class Bench:
    """One database; both sides only read it."""

    SCRATCH = ("scratch-validate.db",)

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.db = os.path.join(work, *self.SCRATCH)
        pristine = generated(metrics, work)
        fresh_copy(pristine, self.db)
        conn = sqlite3.connect(self.db)
        conn.executescript(DAMAGE)
        conn.close()
        self.compare(lambda found: min(found) > 0)
        fresh_copy(pristine, self.db)
        self.compare(lambda found: found == (0, 0))
        self.idle = idle_memory(job, self.db)

    def ours(self):
        """A run of ours, and the dangling references and odd labels that it found."""
        argv = [self.job, "validate", self.db]
        child = Child(argv)
        try:
            counts = json.loads(child.stdout)["counts"]
        except (ValueError, KeyError) as e:
            raise Failed(f"{' '.join(argv)}: printed {child.stdout!r} ({e!r})")
        of = lambda *kinds: sum(c["count"] for c in counts if c["kind"] in kinds)
        return child, (of("dangling_reference"), of(*LABELS))

    def shell(self):
        child = Child(["sqlite3", "-batch", "-readonly", "-cmd", "PRAGMA cache_size=-262144", self.db, SHELL])
        return child, tuple(int(line) for line in child.stdout.split())

    def compare(self, plausible):
        found, theirs = self.ours()[1], self.shell()[1]
        if found != theirs or not plausible(found):
            raise Failed(f"dangling references and odd labels: we found {found}, the shell {theirs}")

    def lines(self, rounds):
        pairs = [(self.ours()[0], self.shell()[0]) for _ in range(rounds)]
        yield "", Line([a for a, _ in pairs], [b for _, b in pairs]), TARGET if self.metrics >= TARGET_FROM else None


def main():
    a = arguments(__doc__, full="some 4 GB of free disk")
    print_lines(a, "Validating the whole database", Bench)


if __name__ == "__main__":
    main()
