#!/usr/bin/env python3
"""Import an export document the way a careful script would: parse it, flatten it to rows, and insert them with executemany in one
transaction of a new database, ids kept, nothing checked."""
import gc
import json
import sqlite3
import sys

import orjson


def flatten(document):
    rows = {table: [] for table in (
        "EXPERIMENT", "TRIAL", "TRIAL_RUN", "RESULTS", "EPOCH", "BATCH", "METRIC", "ARTIFACT", "EXPERIMENT_ARTIFACT", "TRIAL_ARTIFACT",
        "TRIAL_RUN_ARTIFACT", "RESULTS_METRIC", "RESULTS_ARTIFACT", "EPOCH_METRIC", "EPOCH_ARTIFACT", "BATCH_METRIC", "BATCH_ARTIFACT")}
    dumps, metrics_seen, artifacts_seen = json.dumps, set(), set()

    def leaves(owner, key, node):
        links, table = rows[owner + "_METRIC"] if owner + "_METRIC" in rows else None, rows["METRIC"]
        for metric in node.get("metrics", ()):
            if metric["id"] not in metrics_seen:
                metrics_seen.add(metric["id"])
                labels = metric["per_label_val"]
                table.append((metric["id"], metric["type"], metric["total_val"], None if labels is None else dumps(labels)))
            links.append((*key, metric["id"]))
        links, table = rows[owner + "_ARTIFACT"], rows["ARTIFACT"]
        for artifact in node["artifacts"]:
            if artifact["id"] not in artifacts_seen:
                artifacts_seen.add(artifact["id"])
                table.append((artifact["id"], artifact["type"], artifact["loc"]))
            links.append((*key, artifact["id"]))

    own = document["experiment"]
    rows["EXPERIMENT"].append((own["id"], own["title"], own["description"], own["start_time"], own["update_time"]))
    leaves("EXPERIMENT", (own["id"],), document)
    for trial in document["trials"]:
        rows["TRIAL"].append((trial["id"], trial["name"], trial["experiment_id"], trial["start_time"], trial["update_time"]))
        leaves("TRIAL", (trial["id"],), trial)
        for run in trial["trial_runs"]:
            i = run["id"]
            rows["TRIAL_RUN"].append((i, run["trial_id"], run["status"], run["start_time"], run["update_time"]))
            for epoch in run["epochs"]:
                rows["EPOCH"].append((epoch["idx"], i, epoch["time"]))
                leaves("EPOCH", (epoch["idx"], i), epoch)
                for batch in epoch["batches"]:
                    rows["BATCH"].append((batch["idx"], epoch["idx"], i, batch["time"]))
                    leaves("BATCH", (batch["idx"], epoch["idx"], i), batch)
            if run["results"] is not None:
                rows["RESULTS"].append((i, run["results"]["time"]))
                leaves("RESULTS", (i,), run["results"])
            leaves("TRIAL_RUN", (i,), run)
    return rows


def main(document, database, schema_of):
    gc.disable()  # millions of live containers: collections would only cost time
    with open(document, "rb") as f:
        parsed = orjson.loads(f.read())
    rows = flatten(parsed)
    del parsed
    with sqlite3.connect(f"file:{schema_of}?mode=ro", uri=True) as source:
        ddl = [sql for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA cache_size = -262144")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in ddl:
        connection.execute(statement)
    for table, values in rows.items():
        if values:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
    connection.execute("COMMIT")
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:4])
