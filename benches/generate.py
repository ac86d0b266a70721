#!/usr/bin/env python3
"""Write a generation-2 experiment-tracking database with an exact number of METRIC rows.

  generate.py --metrics N [--seed S] OUT.db

The same N and seed give the same rows. Three experiments hold a half, a quarter and a quarter of
the metrics. An experiment is a row of sweeps; a sweep is 5 trials of 3 runs; a run is 12 epochs of
6 batches and 125 metrics (72 of batches, 48 of epochs, 5 of the result). One run in each sweep
failed half way and one was left started; the last run of an experiment ends where its share of N
ends. Rows get their ids in the order in which a tracking application writes them.
"""
import argparse
import datetime
import os
import random
import sqlite3

LINKS = {  # the owner of each junction: columns, table, key
    "EXPERIMENT": ("experiment_id", "EXPERIMENT", "id"),
    "TRIAL": ("trial_id", "TRIAL", "id"),
    "RESULTS": ("results_id", "RESULTS", "trial_run_id"),
    "EPOCH": ("epoch_idx, epoch_trial_run_id", "EPOCH", "idx, trial_run_id"),
    "TRIAL_RUN": ("trial_run_id", "TRIAL_RUN", "id"),
    "BATCH": ("batch_idx, epoch_idx, trial_run_id", "BATCH", "idx, epoch_idx, trial_run_id"),
}


def junction(owner, child):
    cols, table, key = LINKS[owner]
    item = f"{child.lower()}_id"
    declared = "".join(f"  {c} INT,\n" for c in [*cols.split(", "), item])
    return (f"CREATE TABLE {owner}_{child} (\n{declared}  PRIMARY KEY ({cols}, {item}),\n"
            f"  FOREIGN KEY ({cols}) REFERENCES {table}({key}),\n  FOREIGN KEY ({item}) REFERENCES {child}(id)\n)")


DDL = """\
CREATE TABLE SCHEMA_VERSION (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version VARCHAR(20) NOT NULL UNIQUE,
  migration_name VARCHAR(255) NOT NULL,
  description TEXT,
  applied_at TEXT NOT NULL,
  rollback_script TEXT
);
CREATE TABLE EXPERIMENT (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  title VARCHAR(255) NOT NULL,
  "desc" TEXT,
  start_time TEXT NOT NULL,
  update_time TEXT NOT NULL
);
CREATE TABLE TRIAL (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name VARCHAR(255) NOT NULL,
  experiment_id INT NOT NULL,
  start_time TEXT NOT NULL,
  update_time TEXT NOT NULL,
  FOREIGN KEY (experiment_id) REFERENCES EXPERIMENT(id)
);
CREATE TABLE TRIAL_RUN (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  trial_id INT NOT NULL,
  status VARCHAR(50) NOT NULL,
  start_time TEXT NOT NULL,
  update_time TEXT NOT NULL,
  FOREIGN KEY (trial_id) REFERENCES TRIAL(id)
);
CREATE TABLE RESULTS (
  trial_run_id INT PRIMARY KEY,
  time TEXT NOT NULL,
  FOREIGN KEY (trial_run_id) REFERENCES TRIAL_RUN(id)
);
CREATE TABLE EPOCH (
  idx INT,
  trial_run_id INT,
  time TEXT NOT NULL,
  PRIMARY KEY (idx, trial_run_id),
  FOREIGN KEY (trial_run_id) REFERENCES TRIAL_RUN(id)
);
CREATE TABLE BATCH (
  idx INT,
  epoch_idx INT,
  trial_run_id INT,
  time TEXT NOT NULL,
  PRIMARY KEY (idx, epoch_idx, trial_run_id),
  FOREIGN KEY (epoch_idx, trial_run_id) REFERENCES EPOCH(idx, trial_run_id)
);
CREATE TABLE METRIC (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type VARCHAR(50) NOT NULL,
  total_val FLOAT NOT NULL,
  per_label_val TEXT
);
CREATE TABLE ARTIFACT (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type VARCHAR(50) NOT NULL,
  loc VARCHAR(255) NOT NULL
);
""" + "".join(junction(owner, child) + ";\n" for owner, child in [
    ("EXPERIMENT", "ARTIFACT"), ("TRIAL", "ARTIFACT"), ("RESULTS", "METRIC"), ("RESULTS", "ARTIFACT"), ("EPOCH", "METRIC"),
    ("EPOCH", "ARTIFACT"), ("TRIAL_RUN", "ARTIFACT"), ("BATCH", "METRIC"), ("BATCH", "ARTIFACT")])

DATASETS = ["digits", "wine", "breast_cancer"]
MODELS = ["sgd_log_alpha_0.0001", "sgd_log_alpha_0.01", "perceptron_l2", "mlp_32_lr_0.001", "mlp_64_32_lr_0.0005"]
CLASSES = [3, 10, 6, 7, 4, 9, 5, 8]  # trial by trial, in an order that keeps the average alike at every N
EPOCHS, BATCHES = 12, 6
EPOCH_METRICS = ["train_loss", "val_loss", "accuracy", "f1_score"]
RESULT_METRICS = ["test_loss", "accuracy", "f1_score", "precision", "recall"]
EPOCH_SIZE = BATCHES + len(EPOCH_METRICS)
RUN_SIZE = EPOCHS * EPOCH_SIZE + len(RESULT_METRICS)
FAILED_RUN, STARTED_RUN = 5, 14  # their places among the 15 runs of a sweep


class Generator:
    def __init__(self, conn, seed):
        self.conn = conn
        self.random = random.Random(seed).random
        self.now = datetime.datetime(2023, 12, 1, 10)
        self.tables = [r[0] for r in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        self.rows = {t: [] for t in self.tables}
        self.last_id = dict.fromkeys(("TRIAL", "TRIAL_RUN", "METRIC", "ARTIFACT"), 0)

    def flush(self):
        """Write the rows collected so far: one sweep at a time, so memory does not grow."""
        for table, rows in self.rows.items():
            if rows:
                self.conn.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
                rows.clear()

    def new_id(self, table):
        self.last_id[table] += 1
        return self.last_id[table]

    def tick(self, microseconds):
        """Let some time pass and return the moment as text."""
        self.now += datetime.timedelta(microseconds=int(microseconds * (0.8 + 0.4 * self.random())))
        return self.now.isoformat(timespec="microseconds")

    def metric(self, owner, key, kind, value, per_label=None):
        i = self.new_id("METRIC")
        self.rows["METRIC"].append((i, kind, value, per_label))
        self.rows[owner + "_METRIC"].append((*key, i))

    def class_metric(self, owner, key, kind, classes):
        values = [0.5 + 0.5 * self.random() for _ in range(classes)]
        text = ", ".join([f'"class_{i}": {v!r}' for i, v in enumerate(values)])
        self.metric(owner, key, kind, sum(values) / classes, "{" + text + "}")

    def artifact(self, kind, loc):
        i = self.new_id("ARTIFACT")
        self.rows["ARTIFACT"].append((i, kind, loc))
        return i

    def link(self, owner, key, artifact):
        self.rows[owner + "_ARTIFACT"].append((*key, artifact))

    def epoch(self, run, epoch, folder, classes, size):
        """The first `size` metrics of an epoch; returns its last checkpoint, if any."""
        rows, checkpoint, loss = self.rows, None, 2.5 / (1 + epoch)
        for batch in range(min(BATCHES, size)):
            rows["BATCH"].append((batch, epoch, run, self.tick(45_000)))
            self.metric("BATCH", (batch, epoch, run), "train_loss", loss * (0.5 + self.random()))
            if epoch == 0 and batch == 0:
                self.link("BATCH", (batch, epoch, run), self.artifact("gradients", f"{folder}/gradients/epoch_0_batch_0.npz"))
        rows["EPOCH"].append((epoch, run, self.tick(110_000)))
        for kind in EPOCH_METRICS[:max(0, size - BATCHES)]:
            # f1_score is per class in 5 epochs of 12: a sixth of all metrics is per class
            if kind == "accuracy" or (kind == "f1_score" and epoch * 5 % 12 < 5):
                self.class_metric("EPOCH", (epoch, run), kind, classes)
            else:
                self.metric("EPOCH", (epoch, run), kind, loss * (0.5 + self.random()))
        if epoch % 4 == 3:
            checkpoint = self.artifact("checkpoint", f"{folder}/checkpoints/epoch_{epoch}.pkl")
            self.link("EPOCH", (epoch, run), checkpoint)
        return checkpoint

    def run(self, trial, folder, classes, size, status, best):
        run, checkpoint, left = self.new_id("TRIAL_RUN"), None, size
        folder = f"{folder}/run_{run}"
        start = self.tick(500_000)
        for epoch in range(EPOCHS):
            if left > 0:
                checkpoint = self.epoch(run, epoch, folder, classes, min(left, EPOCH_SIZE))
                left -= EPOCH_SIZE
        self.link("TRIAL_RUN", (run,), self.artifact("log", f"{folder}/train.log"))
        if left > 0:
            self.rows["RESULTS"].append((run, self.tick(100_000)))
            for kind in RESULT_METRICS[:left]:
                if kind == "test_loss":
                    self.metric("RESULTS", (run,), kind, self.random())
                else:
                    self.class_metric("RESULTS", (run,), kind, classes)
            self.link("RESULTS", (run,), self.artifact("confusion_matrix", f"{folder}/confusion_matrix.csv"))
            if best:  # the last checkpoint belongs to the result as well
                self.link("RESULTS", (run,), checkpoint)
            self.link("TRIAL_RUN", (run,), self.artifact("model", f"{folder}/model.pkl"))
        self.rows["TRIAL_RUN"].append((run, trial, status, start, self.tick(100_000)))

    def experiment(self, i, dataset, metrics, shared):
        title, start, left, sweep = f"{dataset.replace('_', ' ').capitalize()} sweeps", self.tick(1_000_000), metrics, 0
        self.link("EXPERIMENT", (i,), shared)
        while left > 0:
            folder = f"outputs/{dataset}/sweep_{sweep}"
            self.link("EXPERIMENT", (i,), self.artifact("config", f"{folder}/experiment.yaml"))
            environment = self.artifact("environment", f"{folder}/env.yaml")
            self.link("EXPERIMENT", (i,), environment)
            for n in range(15):
                if left <= 0:
                    break
                if n % 3 == 0:
                    trial, name, trial_start = self.new_id("TRIAL"), MODELS[n // 3], self.tick(1_000_000)
                    classes = CLASSES[(sweep * 5 + n // 3) % len(CLASSES)]
                    self.link("TRIAL", (trial,), self.artifact("params", f"{folder}/{name}/params.json"))
                    self.link("TRIAL", (trial,), environment)  # shared by the sweep's trials
                size, status = {FAILED_RUN: (6 * EPOCH_SIZE, "failed"), STARTED_RUN: (4 * EPOCH_SIZE, "started")}.get(n, (RUN_SIZE, "completed"))
                if size > left:
                    size, status = left, "started"
                self.run(trial, f"{folder}/{name}", classes, size, status, best=n % 3 == 0)
                left -= size
                if n % 3 == 2 or left <= 0:
                    self.rows["TRIAL"].append((trial, f"{name}_{sweep}", i, trial_start, self.tick(100_000)))
            self.flush()
            sweep += 1
        self.rows["EXPERIMENT"].append((i, title, f"{dataset}: {sweep} sweeps of 5 models x 3 runs", start, self.tick(100_000)))
        self.flush()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--metrics", type=int, required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("out")
    a = p.parse_args()
    part = a.out + ".part"
    if os.path.exists(part):
        os.unlink(part)
    conn = sqlite3.connect(part, isolation_level=None)
    # a new file that is thrown away on failure: no journal, no sync (both settings end with the connection)
    conn.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -131072; BEGIN;" + DDL)
    g = Generator(conn, a.seed)
    g.rows["SCHEMA_VERSION"].append((1, "1.0.0", "initial_schema", "Initial database schema creation", g.tick(0), None))
    half, quarter = a.metrics // 2, a.metrics // 4
    shared = g.artifact("environment", "outputs/requirements.txt")  # one artifact of all experiments
    for i, (dataset, n) in enumerate(zip(DATASETS, (half, quarter, a.metrics - half - quarter)), 1):
        g.experiment(i, dataset, n, shared)
    conn.execute("COMMIT")
    conn.close()
    os.replace(part, a.out)


if __name__ == "__main__":
    main()
