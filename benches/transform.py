#!/usr/bin/env python3
"""Time renaming two labels of every metric against one UPDATE in the sqlite3 shell. README.md says how to read it."""
import json
import os
import sqlite3

from harness import Failed, Line, arguments, print_lines, remove
from run import Child, fresh_copy, generated, idle_memory

TARGETS = {"without backup": 0.5, "with backup": 0.9}
NAMES = {"class_0": "cls_0", "class_1": "cls_1"}
# What a careful user would write: the digits of the values are kept, unlike with json_each's value.
SHELL = f"""
BEGIN IMMEDIATE;
CREATE TEMP TABLE key_map (old TEXT PRIMARY KEY, new TEXT) WITHOUT ROWID;
INSERT INTO key_map VALUES {", ".join(f"('{old}', '{new}')" for old, new in NAMES.items())};
UPDATE METRIC SET per_label_val = (SELECT json_group_object(coalesce(k.new, j.key), json(METRIC.per_label_val -> j.fullkey))
  FROM json_each(METRIC.per_label_val) j LEFT JOIN key_map k ON k.old = j.key)
WHERE per_label_val IS NOT NULL;
COMMIT;
"""
# The shell writes the objects without white space.
CONTENT = """SELECT count(*), sum(length(json(per_label_val))), sum(per_label_val LIKE '%"cls_0"%'), sum(per_label_val LIKE '%"class_0"%'),
  sum(per_label_val LIKE '%"class_2"%'), count(DISTINCT json(per_label_val)) FROM METRIC WHERE per_label_val IS NOT NULL"""
DIFFERENT = """SELECT count(*) FROM main.METRIC a JOIN other.METRIC b USING (id)
  WHERE json(a.per_label_val) IS NOT json(b.per_label_val) OR a.total_val IS NOT b.total_val OR a.type IS NOT b.type"""


def query(path, sql, *others):
    conn = sqlite3.connect(path)
    for other in others:
        conn.execute("ATTACH ? AS other", (other,))
    row = conn.execute(sql).fetchone()
    conn.close()
    return row


class Bench:
    """One database, which both sides transform."""

    SCRATCH = ("scratch-transform.db", "scratch-transform-other.db", "scratch-rules.json")

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.db, self.other, self.rules = (os.path.join(work, name) for name in self.SCRATCH)
        self.pristine = generated(metrics, work)
        self.source = query(self.pristine, CONTENT)
        conn = sqlite3.connect(self.pristine)
        self.kinds = [kind for kind, in conn.execute("SELECT DISTINCT type FROM METRIC WHERE per_label_val IS NOT NULL ORDER BY 1")]
        conn.close()
        # Both do the same, value for value.
        self.ours("with backup")
        self.check()
        os.replace(self.db, self.other)
        self.shell()
        self.check()
        different, = query(self.db, DIFFERENT, self.other)
        if different:
            raise Failed(f"{different} metrics differ between ours and the shell's")
        # And back again.
        os.replace(self.other, self.db)
        self.undo()
        os.replace(self.db, self.other)
        different, = query(self.pristine, DIFFERENT.replace("json(a.per_label_val)", "a.per_label_val")
                           .replace("json(b.per_label_val)", "b.per_label_val"), self.other)
        if different:
            raise Failed(f"{different} metrics are not as they were after the undo")
        remove(self.other)
        self.idle = idle_memory(job, self.pristine)

    def ours(self, what):
        with open(self.rules, "w") as f:
            json.dump({
                "metric_transformations": [
                    {"metric_type": kind, "transformation": "normalize_json_keys", "rules": {"key_mapping": NAMES}}
                    for kind in self.kinds
                ],
                "global_settings": {"backup_original": what == "with backup", "validate_after_transform": True},
            }, f)
        fresh_copy(self.pristine, self.db)
        child = Child([self.job, "transform", self.db, self.rules])
        updated = json.loads(child.stdout)["metrics_updated"]
        if updated != self.source[0]:
            raise Failed(f"{updated} metrics were updated, not {self.source[0]}")
        return child

    def undo(self):
        return Child([self.job, "undo", self.db, "1"])

    def shell(self):
        fresh_copy(self.pristine, self.db)
        return Child(["sqlite3", "-batch", "-bail", "-cmd", "PRAGMA cache_size=-262144", self.db, SHELL])

    def check(self):
        rows, length, new, old, third, distinct = query(self.db, CONTENT)
        wanted = (self.source[0], self.source[3], 0, self.source[4], self.source[5])
        if (rows, new, old, third, distinct) != wanted or length >= self.source[1]:
            raise Failed(f"the labels are not renamed: {(rows, new, old, third, distinct)} instead of {wanted}")

    def lines(self, rounds):
        runs = {what: ([], []) for what in TARGETS}
        for _ in range(rounds):
            for what, (ours, shell) in runs.items():
                ours.append(self.ours(what))
                self.check()
                shell.append(self.shell())
                self.check()
        return [(what, Line(*pair), TARGETS[what]) for what, pair in runs.items()]


def main():
    a = arguments(__doc__, full="some 6 GB of free disk")
    print_lines(a, "Renaming two labels of every metric, with validation", Bench, width=15)


if __name__ == "__main__":
    main()
