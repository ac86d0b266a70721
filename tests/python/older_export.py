#!/usr/bin/env python3
"""Prints an experiment in the shape of the Python application's command-line tool, as its `export-experiment` wrote it.

    older_export.py DB EXPERIMENT [--no-metrics] [--no-artifacts] [--sorted]

The shape alone: written anew from what the tool's files look like. `--sorted` sorts all keys, as other programs do.
"""
import argparse
import json
import sqlite3
import sys


def main():
    p = argparse.ArgumentParser()
    p.add_argument("database")
    p.add_argument("experiment", type=int)
    p.add_argument("--no-metrics", action="store_true")
    p.add_argument("--no-artifacts", action="store_true")
    p.add_argument("--sorted", action="store_true")
    a = p.parse_args()
    db = sqlite3.connect(a.database)
    db.row_factory = sqlite3.Row
    rows = lambda sql, *values: [dict(row) for row in db.execute(sql, values)]

    def run(row):
        results = rows("SELECT * FROM RESULTS WHERE trial_run_id = ?", row["id"])
        return {"run": row, "epochs": rows("SELECT * FROM EPOCH WHERE trial_run_id = ? ORDER BY idx", row["id"]),
                "results": results[0] if results else None}

    trials = [{"trial": trial, "runs": [run(row) for row in rows("SELECT * FROM TRIAL_RUN WHERE trial_id = ?", trial["id"])]}
              for trial in rows("SELECT * FROM TRIAL WHERE experiment_id = ?", a.experiment)]
    document = {"experiment": rows("SELECT * FROM EXPERIMENT WHERE id = ?", a.experiment)[0], "trials": trials}
    if not a.no_metrics:
        metrics = rows("""SELECT DISTINCT m.* FROM METRIC m LEFT JOIN EPOCH_METRIC e ON e.metric_id = m.id
            LEFT JOIN RESULTS_METRIC r ON r.metric_id = m.id JOIN TRIAL_RUN t ON t.id IN (e.epoch_trial_run_id, r.results_id)
            JOIN TRIAL ON TRIAL.id = t.trial_id WHERE experiment_id = ?""", a.experiment)
        document["metrics"] = [
            {"id": m["id"], "type": m["type"], "total_val": m["total_val"],
             "per_label_val": json.loads(m["per_label_val"]) if m["per_label_val"] else None} for m in metrics]
    if not a.no_artifacts:
        document["artifacts"] = rows("""SELECT DISTINCT a.* FROM ARTIFACT a JOIN EXPERIMENT_ARTIFACT e ON e.artifact_id = a.id
            WHERE e.experiment_id = ?""", a.experiment)
    document["export_metadata"] = {
        "exported_at": "2024-01-01T00:00:00.000001", "experiment_id": a.experiment, "include_metrics": not a.no_metrics,
        "include_artifacts": not a.no_artifacts, "database_type": "SQLite"}
    json.dump(document, sys.stdout, indent=2, default=str, sort_keys=a.sorted)


main()
