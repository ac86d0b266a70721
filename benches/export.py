#!/usr/bin/env python3
"""Time an export to a file against the sqlite3 shell's own JSON functions. README.md says how to read it."""
import json
import os
import sys

from harness import GROWTH_TO, TARGET_FROM, Line, arguments, print_lines, remove
from run import EXPERIMENT, Child, fresh_copy, generated, idle_memory

TARGET = 0.3
MOST_COMPARED = 1_000_000  # a larger document is as right as a smaller one, and takes long to parse

# The same nesting, level by level from the leaves up, each level keyed by its parent. Reals with 17 digits: SQLite's JSON functions
# of many versions write 15, which loses bits. CROSS JOIN keeps SQLite's join order as it is written.
METRIC = "json_object('id', m.id, 'type', m.type, 'total_val', json(printf('%!.17g', m.total_val)), 'per_label_val', json(m.per_label_val))"
ARTIFACT = "json_object('id', m.id, 'type', m.type, 'loc', m.loc)"
SETUP = f"""
.bail on
.mode list
.headers off
PRAGMA cache_size = -262144;
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE wanted_run (id INTEGER PRIMARY KEY);
INSERT INTO wanted_run SELECT r.id FROM TRIAL_RUN r JOIN TRIAL t ON t.id = r.trial_id WHERE t.experiment_id = {EXPERIMENT};
"""
LINKS = [  # level, junction table, its columns, what they are there
    ("batch_m", "BATCH_METRIC", ("trial_run_id", "epoch_idx", "batch_idx")),
    ("batch_a", "BATCH_ARTIFACT", ("trial_run_id", "epoch_idx", "batch_idx")),
    ("epoch_m", "EPOCH_METRIC", ("epoch_trial_run_id", "epoch_idx")),
    ("epoch_a", "EPOCH_ARTIFACT", ("epoch_trial_run_id", "epoch_idx")),
    ("results_m", "RESULTS_METRIC", ("results_id",)),
    ("results_a", "RESULTS_ARTIFACT", ("results_id",)),
    ("run_a", "TRIAL_RUN_ARTIFACT", ("trial_run_id",)),
]
NAMES = ("run", "epoch", "batch")
LEVELS = f"""
CREATE TEMP TABLE batches (run INT, epoch INT, js, PRIMARY KEY (run, epoch)) WITHOUT ROWID;
INSERT INTO batches SELECT run, epoch, json_group_array(json(js)) FROM (
  SELECT b.trial_run_id AS run, b.epoch_idx AS epoch, json_object('idx', b.idx, 'time', b.time,
      'metrics', json(coalesce(m.js, '[]')), 'artifacts', json(coalesce(a.js, '[]'))) AS js
  FROM BATCH b LEFT JOIN batch_m m ON m.run = b.trial_run_id AND m.epoch = b.epoch_idx AND m.batch = b.idx
  LEFT JOIN batch_a a ON a.run = b.trial_run_id AND a.epoch = b.epoch_idx AND a.batch = b.idx
  WHERE b.trial_run_id IN wanted_run ORDER BY b.trial_run_id, b.epoch_idx, b.idx) GROUP BY run, epoch;
CREATE TEMP TABLE epochs (run INTEGER PRIMARY KEY, js);
INSERT INTO epochs SELECT run, json_group_array(json(js)) FROM (
  SELECT e.trial_run_id AS run, json_object('idx', e.idx, 'time', e.time, 'metrics', json(coalesce(m.js, '[]')),
      'artifacts', json(coalesce(a.js, '[]')), 'batches', json(coalesce(b.js, '[]'))) AS js
  FROM EPOCH e LEFT JOIN epoch_m m ON m.run = e.trial_run_id AND m.epoch = e.idx
  LEFT JOIN epoch_a a ON a.run = e.trial_run_id AND a.epoch = e.idx LEFT JOIN batches b ON b.run = e.trial_run_id AND b.epoch = e.idx
  WHERE e.trial_run_id IN wanted_run ORDER BY e.trial_run_id, e.idx) GROUP BY run;
CREATE TEMP TABLE runs (trial INTEGER PRIMARY KEY, js);
INSERT INTO runs SELECT trial_id, json_group_array(json(js)) FROM (
  SELECT r.trial_id, json_object('id', r.id, 'trial_id', r.trial_id, 'status', r.status, 'start_time', r.start_time,
      'update_time', r.update_time, 'epochs', json(coalesce(e.js, '[]')), 'results', CASE WHEN x.trial_run_id IS NOT NULL THEN
        json_object('time', x.time, 'metrics', json(coalesce(xm.js, '[]')), 'artifacts', json(coalesce(xa.js, '[]'))) END,
      'artifacts', json(coalesce(ra.js, '[]'))) AS js
  FROM TRIAL_RUN r LEFT JOIN epochs e ON e.run = r.id LEFT JOIN RESULTS x ON x.trial_run_id = r.id
  LEFT JOIN results_m xm ON xm.run = r.id LEFT JOIN results_a xa ON xa.run = r.id LEFT JOIN run_a ra ON ra.run = r.id
  WHERE r.id IN wanted_run ORDER BY r.trial_id, r.id) GROUP BY trial_id;
CREATE TEMP TABLE trial_a (trial INTEGER PRIMARY KEY, js);
INSERT INTO trial_a SELECT trial_id, json_group_array(json(js)) FROM (SELECT l.trial_id, {ARTIFACT} AS js
  FROM TRIAL_ARTIFACT l CROSS JOIN ARTIFACT m ON m.id = l.artifact_id ORDER BY l.trial_id, m.id) GROUP BY trial_id;
SELECT json_object(
  'experiment', json_object('id', x.id, 'title', x.title, 'description', x."desc", 'start_time', x.start_time, 'update_time', x.update_time),
  'trials', (SELECT json_group_array(json(js)) FROM (
    SELECT json_object('id', t.id, 'name', t.name, 'experiment_id', t.experiment_id, 'start_time', t.start_time,
      'update_time', t.update_time, 'artifacts', json(coalesce(a.js, '[]')), 'trial_runs', json(coalesce(r.js, '[]'))) AS js
    FROM TRIAL t LEFT JOIN runs r ON r.trial = t.id LEFT JOIN trial_a a ON a.trial = t.id WHERE t.experiment_id = x.id ORDER BY t.id)),
  'artifacts', (SELECT json_group_array(json(js)) FROM (SELECT {ARTIFACT} AS js
    FROM EXPERIMENT_ARTIFACT l CROSS JOIN ARTIFACT m ON m.id = l.artifact_id WHERE l.experiment_id = x.id ORDER BY m.id)))
FROM EXPERIMENT x WHERE x.id = {EXPERIMENT};
"""


def compare(ours_file, shell_file):
    with open(ours_file) as a, open(shell_file) as b:
        ours, theirs = json.load(a), json.load(b)
    for part in ("experiment", "trials", "artifacts"):
        if ours[part] != theirs[part]:
            sys.exit(f"the documents differ in {part}")
    if not ours["metadata"]["complete"]:
        sys.exit("the document is not complete")


def script():
    sql = [SETUP]
    for level, table, columns in LINKS:
        keys, kind = NAMES[:len(columns)], table.rsplit("_", 1)[1]
        item = METRIC if kind == "METRIC" else ARTIFACT
        sql.append(f"CREATE TEMP TABLE {level} ({', '.join(k + ' INT' for k in keys)}, js, PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID;")
        sql.append(f"INSERT INTO {level} SELECT {', '.join(keys)}, json_group_array({item}) FROM ("
                   f"SELECT {', '.join(f'l.{c} AS {k}' for c, k in zip(columns, keys))}, m.* FROM {table} l "
                   f"CROSS JOIN {kind} m ON m.id = l.{kind.lower()}_id WHERE l.{columns[0]} IN wanted_run "
                   f"ORDER BY {', '.join(f'l.{c}' for c in columns)}, m.id) m GROUP BY {', '.join(keys)};")
    return "\n".join(sql) + LEVELS


class Bench:
    """One database, that both sides only read."""

    SCRATCH = ("scratch-export.db", "scratch-export.sql", "scratch-export.json", "scratch-export-shell.json")

    def __init__(self, metrics, job, work):
        self.metrics, self.job = metrics, job
        self.db, self.sql, self.ours_file, self.shell_file = (os.path.join(work, name) for name in self.SCRATCH)
        fresh_copy(generated(metrics, work), self.db)
        with open(self.sql, "w") as f:
            f.write(script())
        if metrics <= MOST_COMPARED:
            self.ours(), self.shell()
            # In a process of its own: what this one once needed would count as the peak of those it starts.
            Child([sys.executable, os.path.abspath(__file__), "--compare", self.ours_file, self.shell_file])
        self.idle = idle_memory(job, self.db)

    def ours(self):
        remove(self.ours_file)
        return Child([self.job, "export", self.db, str(EXPERIMENT), self.ours_file])

    def shell(self):
        """The shell writes its file without flushing it; ours does."""
        remove(self.shell_file)
        return Child(["sqlite3", "-batch", "-readonly", "-cmd", f".output {self.shell_file}", self.db], stdin=self.sql)

    def lines(self, rounds):
        # At this size the document is too large for the shell.
        both = self.metrics < GROWTH_TO
        pairs = [(self.ours(), self.shell() if both else None) for _ in range(rounds)]
        line = Line([a for a, _ in pairs], [b for _, b in pairs] if both else None)
        yield "", line, TARGET if self.metrics >= TARGET_FROM else None


def main():
    if sys.argv[1:2] == ["--compare"]:
        return compare(*sys.argv[2:])
    a = arguments(__doc__, full="the shell's document is too large for it there, so ours runs alone")
    print_lines(a, f"Exporting experiment {EXPERIMENT}, which holds half of the metrics, to a file", Bench)


if __name__ == "__main__":
    main()
