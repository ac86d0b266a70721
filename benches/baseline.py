#!/usr/bin/env python3
"""Print hand-written SQL that copies one experiment, for the sqlite3 shell.

  baseline.py --experiment ID                  | sqlite3 DB    a copy inside DB
  baseline.py --experiment ID --target OTHER   | sqlite3 DB    a copy into OTHER (created when absent)

One INSERT ... SELECT per table, in one durable transaction. Temporary tables map the old ids to
new, dense ones, so an artifact or metric with several owners is copied once. The new experiment's
id is printed last. Nothing is checked beyond that the experiment exists.
"""
import argparse

from generate import DDL

# {dst} is the schema that is written to. CROSS JOIN keeps SQLite's join order as it is written.
COPY = """
CREATE TEMP TABLE experiment_map (old INT NOT NULL, new INT NOT NULL);
CREATE TEMP TABLE trial_map (old INTEGER PRIMARY KEY, new INT NOT NULL);
CREATE TEMP TABLE run_map (old INTEGER PRIMARY KEY, new INT NOT NULL);
CREATE TEMP TABLE metric_map (old INTEGER PRIMARY KEY, new INT NOT NULL);
CREATE TEMP TABLE artifact_map (old INTEGER PRIMARY KEY, new INT NOT NULL);
CREATE TEMP TABLE last_id AS SELECT name, seq FROM {dst}.sqlite_sequence;

-- fails (old IS NULL) when there is no such experiment
INSERT INTO experiment_map VALUES ((SELECT id FROM main.EXPERIMENT WHERE id = {experiment}),
  1 + ifnull((SELECT seq FROM last_id WHERE name = 'EXPERIMENT'), 0));
INSERT INTO {dst}.EXPERIMENT (id, title, "desc", start_time, update_time)
  SELECT m.new, x.title, x."desc", x.start_time, x.update_time
  FROM experiment_map m CROSS JOIN main.EXPERIMENT x ON x.id = m.old;

INSERT INTO trial_map
  SELECT x.id, row_number() OVER (ORDER BY x.id) + ifnull((SELECT seq FROM last_id WHERE name = 'TRIAL'), 0)
  FROM main.TRIAL x JOIN experiment_map e ON e.old = x.experiment_id;
INSERT INTO {dst}.TRIAL (id, name, experiment_id, start_time, update_time)
  SELECT m.new, x.name, e.new, x.start_time, x.update_time
  FROM trial_map m CROSS JOIN main.TRIAL x ON x.id = m.old CROSS JOIN experiment_map e;

INSERT INTO run_map
  SELECT x.id, row_number() OVER (ORDER BY x.id) + ifnull((SELECT seq FROM last_id WHERE name = 'TRIAL_RUN'), 0)
  FROM main.TRIAL_RUN x CROSS JOIN trial_map t ON t.old = x.trial_id;
INSERT INTO {dst}.TRIAL_RUN (id, trial_id, status, start_time, update_time)
  SELECT m.new, t.new, x.status, x.start_time, x.update_time
  FROM run_map m CROSS JOIN main.TRIAL_RUN x ON x.id = m.old CROSS JOIN trial_map t ON t.old = x.trial_id;

INSERT INTO {dst}.RESULTS (trial_run_id, time)
  SELECT r.new, x.time FROM main.RESULTS x CROSS JOIN run_map r ON r.old = x.trial_run_id;
INSERT INTO {dst}.EPOCH (idx, trial_run_id, time)
  SELECT x.idx, r.new, x.time FROM main.EPOCH x CROSS JOIN run_map r ON r.old = x.trial_run_id;
INSERT INTO {dst}.BATCH (idx, epoch_idx, trial_run_id, time)
  SELECT x.idx, x.epoch_idx, r.new, x.time FROM main.BATCH x CROSS JOIN run_map r ON r.old = x.trial_run_id;

INSERT INTO metric_map
  SELECT x.id, row_number() OVER (ORDER BY x.id) + ifnull((SELECT seq FROM last_id WHERE name = 'METRIC'), 0)
  FROM (SELECT metric_id FROM main.RESULTS_METRIC x CROSS JOIN run_map r ON r.old = x.results_id
        UNION SELECT metric_id FROM main.EPOCH_METRIC x CROSS JOIN run_map r ON r.old = x.epoch_trial_run_id
        UNION SELECT metric_id FROM main.BATCH_METRIC x CROSS JOIN run_map r ON r.old = x.trial_run_id) l
  CROSS JOIN main.METRIC x ON x.id = l.metric_id;
INSERT INTO {dst}.METRIC (id, type, total_val, per_label_val)
  SELECT m.new, x.type, x.total_val, x.per_label_val FROM metric_map m CROSS JOIN main.METRIC x ON x.id = m.old;
INSERT INTO {dst}.RESULTS_METRIC (results_id, metric_id)
  SELECT r.new, m.new FROM main.RESULTS_METRIC x
  CROSS JOIN run_map r ON r.old = x.results_id CROSS JOIN metric_map m ON m.old = x.metric_id;
INSERT INTO {dst}.EPOCH_METRIC (epoch_idx, epoch_trial_run_id, metric_id)
  SELECT x.epoch_idx, r.new, m.new FROM main.EPOCH_METRIC x
  CROSS JOIN run_map r ON r.old = x.epoch_trial_run_id CROSS JOIN metric_map m ON m.old = x.metric_id;
INSERT INTO {dst}.BATCH_METRIC (batch_idx, epoch_idx, trial_run_id, metric_id)
  SELECT x.batch_idx, x.epoch_idx, r.new, m.new FROM main.BATCH_METRIC x
  CROSS JOIN run_map r ON r.old = x.trial_run_id CROSS JOIN metric_map m ON m.old = x.metric_id;

INSERT INTO artifact_map
  SELECT x.id, row_number() OVER (ORDER BY x.id) + ifnull((SELECT seq FROM last_id WHERE name = 'ARTIFACT'), 0)
  FROM (SELECT artifact_id FROM main.EXPERIMENT_ARTIFACT x JOIN experiment_map e ON e.old = x.experiment_id
        UNION SELECT artifact_id FROM main.TRIAL_ARTIFACT x CROSS JOIN trial_map t ON t.old = x.trial_id
        UNION SELECT artifact_id FROM main.TRIAL_RUN_ARTIFACT x CROSS JOIN run_map r ON r.old = x.trial_run_id
        UNION SELECT artifact_id FROM main.RESULTS_ARTIFACT x CROSS JOIN run_map r ON r.old = x.results_id
        UNION SELECT artifact_id FROM main.EPOCH_ARTIFACT x CROSS JOIN run_map r ON r.old = x.epoch_trial_run_id
        UNION SELECT artifact_id FROM main.BATCH_ARTIFACT x CROSS JOIN run_map r ON r.old = x.trial_run_id) l
  CROSS JOIN main.ARTIFACT x ON x.id = l.artifact_id;
INSERT INTO {dst}.ARTIFACT (id, type, loc)
  SELECT a.new, x.type, x.loc FROM artifact_map a CROSS JOIN main.ARTIFACT x ON x.id = a.old;
INSERT INTO {dst}.EXPERIMENT_ARTIFACT (experiment_id, artifact_id)
  SELECT e.new, a.new FROM main.EXPERIMENT_ARTIFACT x
  JOIN experiment_map e ON e.old = x.experiment_id CROSS JOIN artifact_map a ON a.old = x.artifact_id;
INSERT INTO {dst}.TRIAL_ARTIFACT (trial_id, artifact_id)
  SELECT t.new, a.new FROM main.TRIAL_ARTIFACT x
  CROSS JOIN trial_map t ON t.old = x.trial_id CROSS JOIN artifact_map a ON a.old = x.artifact_id;
INSERT INTO {dst}.TRIAL_RUN_ARTIFACT (trial_run_id, artifact_id)
  SELECT r.new, a.new FROM main.TRIAL_RUN_ARTIFACT x
  CROSS JOIN run_map r ON r.old = x.trial_run_id CROSS JOIN artifact_map a ON a.old = x.artifact_id;
INSERT INTO {dst}.RESULTS_ARTIFACT (results_id, artifact_id)
  SELECT r.new, a.new FROM main.RESULTS_ARTIFACT x
  CROSS JOIN run_map r ON r.old = x.results_id CROSS JOIN artifact_map a ON a.old = x.artifact_id;
INSERT INTO {dst}.EPOCH_ARTIFACT (epoch_idx, epoch_trial_run_id, artifact_id)
  SELECT x.epoch_idx, r.new, a.new FROM main.EPOCH_ARTIFACT x
  CROSS JOIN run_map r ON r.old = x.epoch_trial_run_id CROSS JOIN artifact_map a ON a.old = x.artifact_id;
INSERT INTO {dst}.BATCH_ARTIFACT (batch_idx, epoch_idx, trial_run_id, artifact_id)
  SELECT x.batch_idx, x.epoch_idx, r.new, a.new FROM main.BATCH_ARTIFACT x
  CROSS JOIN run_map r ON r.old = x.trial_run_id CROSS JOIN artifact_map a ON a.old = x.artifact_id;
COMMIT;
SELECT new FROM experiment_map;
"""


def settings(schema):
    return f"PRAGMA {schema}.synchronous = FULL;\nPRAGMA {schema}.cache_size = -262144;\n"


def script(experiment, target=None):
    sql = ".bail on\nPRAGMA temp_store = MEMORY;\nPRAGMA foreign_keys = OFF;\n" + settings("main")
    if target is None:
        return sql + "BEGIN IMMEDIATE;" + COPY.format(dst="main", experiment=experiment)
    sql += "ATTACH '" + target.replace("'", "''") + "' AS target;\n" + settings("target")
    return (sql + "BEGIN;\n" + DDL.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS target.")
            + COPY.format(dst="target", experiment=experiment))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--experiment", type=int, required=True)
    p.add_argument("--target")
    a = p.parse_args()
    print(script(a.experiment, a.target), end="")


if __name__ == "__main__":
    main()
