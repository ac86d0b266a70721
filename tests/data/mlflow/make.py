"""Writes a store with the MLflow that runs it: make.py OUTPUT.db. What a version cannot do is left out.

The committed stores were made so, each in an environment of its own, with pinned packages:
    pip install mlflow==3.17.2
    pip install mlflow==3.5.1 "sqlalchemy<2.1"
    pip install mlflow==3.0.1 "sqlalchemy<2.1" "opentelemetry-api<1.34" "opentelemetry-sdk<1.34"
    pip install mlflow==2.22.5 "sqlalchemy<2.1"
    pip install mlflow==1.30.1 "sqlalchemy<2.1" "setuptools<70"
    MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true python make.py OUTPUT.db
Those that are called upgraded are copies of them after `mlflow db upgrade sqlite:///OUTPUT.db` of 3.17.2, and VACUUM.
"""

import os
import sqlite3
import sys
import tempfile
import time

path = os.path.abspath(sys.argv[1])
if os.path.exists(path):
    sys.exit(path + " exists")
os.environ.update(LOGNAME="someone", USER="someone", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
os.chdir(tempfile.mkdtemp())

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient

version = tuple(int(part) for part in mlflow.__version__.split(".")[:2])
uri = "sqlite:///" + path
# What is not local is not created.
root = "mlflow-artifacts:/"
SqlAlchemyStore(uri, root)
mlflow.set_tracking_uri(uri)
client = MlflowClient(uri)
nan, inf = float("nan"), float("inf")


def tags(**more):
    return {"mlflow.user": "someone", "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL", **more}


def points(run, key, values, start=1700000000000):
    metrics = [Metric(key, value, start + at, step) for at, (step, value) in enumerate(values)]
    client.log_batch(run, metrics=metrics)


def run_of(experiment, name, parent=None, status="FINISHED"):
    given = tags(**({"mlflow.parentRunId": parent} if parent else {}))
    run = client.create_run(experiment, tags={**given, "mlflow.runName": name}).info.run_id
    points(run, "loss", [(step, 1.0 / (step + 1)) for step in range(8)])
    points(run, "val/acc", [(-3, 0.1), (-1, 0.25), (0, 5e-324), (0, 0.5), (7, 0.1 + 0.2)])
    client.log_batch(run, params=[Param("lr", "0.1"), Param("empty", ""), Param("größe", "ü" * 40)])
    client.set_terminated(run, status)
    return run


vision = client.create_experiment("vision", artifact_location=root + "vision", tags={"team": "blue"})
client.set_experiment_tag(vision, "mlflow.note.content", "An experiment with everything.\n" * 20)
parent = run_of(vision, "sweep")
children = [run_of(vision, "sweep-%d" % at, parent, status) for at, status in enumerate(["FINISHED", "FAILED", "KILLED"])]
grandchild = run_of(vision, "deepest", children[0])
odd = run_of(vision, "odd numbers")
points(odd, "nan", [(0, nan), (1, 1.0), (1, nan)])
points(odd, "infinite", [(0, inf), (1, -inf), (2, 1.7976931348623157e308)])
points(odd, "negative zero", [(0, -0.0), (1, 0.0)])
points(odd, "far", [(9223372036854775807, 1.0), (-9223372036854775808, 2.0)])
# What the client lets through, and SQLite keeps as it is.
client.log_metric(odd, "fraction", 1.0, timestamp=1700000000000, step=1.5)
client.log_metric(odd, "fraction", 2.0, timestamp=1700000000000.25, step=2)
long = run_of(vision, "long texts")
longest = 5000 if version < (2, 8) else 8000
client.set_tag(long, "notes", ("0123456789" * 2000)[:longest])
client.log_param(long, "prompt", ("p" * 6000) if version >= (2, 8) else "p" * 500)
deleted = run_of(vision, "deleted", parent)
client.delete_run(deleted)
running = client.create_run(vision, tags=tags()).info.run_id
client.log_metric(running, "loss", 3.5, step=2)
client.log_metric(running, "loss", 2.5, step=1)

other = client.create_experiment("text", artifact_location=root + "text")
for at in range(3):
    run_of(other, "baseline %d" % at)
gone = client.create_experiment("abandoned", artifact_location=root + "abandoned")
run_of(gone, "last try")
client.delete_experiment(gone)
run_of("0", "by default")

if version >= (2, 4):
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.entities import Dataset, DatasetInput, InputTag

    schema = '{"mlflow_colspec": [{"type": "double", "name": "x", "required": true}]}'
    for run, name, context in [(parent, "train", "training"), (children[0], "train", "training"), (children[0], "held-out", "eval")]:
        dataset = Dataset(name, name[:4] + "0001", "code", '{"tags": {"mlflow.user": "someone"}}', schema, '{"num_rows": 100}')
        client.log_inputs(run, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

if version >= (3, 0):
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    model = client.create_logged_model(
        vision, name="net", source_run_id=children[0], tags={"kind": "cnn"}, params={"depth": "3"}, model_type="pytorch"
    )
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(children[0], [LoggedModelOutput(model.model_id, step=7)])
    client.log_inputs(odd, models=[LoggedModelInput(model.model_id)])
    client.log_metric(children[0], "acc", 0.75, step=7, model_id=model.model_id)
    client.log_metric(odd, "acc", 0.5, step=1, model_id=model.model_id, dataset_name="train", dataset_digest="trai0001")
    client.create_logged_model(vision, name="orphan")

if version >= (2, 14):
    mlflow.set_experiment(experiment_id=vision)

    def traced(name, **info):
        with mlflow.start_span(name=name) as outer:
            outer.set_inputs({"question": "What is %s?" % name})
            with mlflow.start_span(name="inner") as inner:
                inner.set_attribute("model", "small")
                time.sleep(0.002)
            outer.set_outputs({"answer": name})
            if version >= (3, 5):
                mlflow.update_current_trace(metadata={"mlflow.trace.session": "session-1", "mlflow.trace.user": "someone"}, tags={"kind": name})
        return outer.request_id if version < (3, 0) else outer.trace_id

    traces = [traced("first"), traced("second")]
    if version >= (3, 0):
        with mlflow.start_run(run_id=parent):
            traces.append(traced("in a run"))
    if version >= (3, 5):
        from mlflow.entities import AssessmentSource

        human = AssessmentSource(source_type="HUMAN", source_id="someone")
        mlflow.log_feedback(trace_id=traces[0], name="quality", value=0.5, source=human, rationale="fair")
        given = mlflow.log_feedback(trace_id=traces[0], name="right", value=True, source=human)
        mlflow.override_feedback(trace_id=traces[0], assessment_id=given.assessment_id, value=False, source=human)
        mlflow.log_expectation(trace_id=traces[1], name="wanted", value={"a": [1, 2]}, source=human)
        client.link_traces_to_run(traces[:2], children[0])

# The names of this machine are nobody's business.
database = sqlite3.connect(path)
database.isolation_level = None
import socket

# A short one stands in random text.
private = [name for name in [socket.gethostname(), os.path.expanduser("~")] if len(name) > 4]
for table, column in [("tags", "value"), ("runs", "source_name"), ("trace_request_metadata", "value"), ("trace_tags", "value"), ("spans", "content")]:
    try:
        found = [row[0] for row in database.execute("SELECT %s FROM %s" % (column, table)) if row[0]]
    except sqlite3.OperationalError:
        continue
    if any(name in text for text in found for name in private):
        sys.exit("%s.%s names this machine" % (table, column))
for key in ["mlflow.source.git.commit", "mlflow.source.git.repoURL", "mlflow.source.git.branch"]:
    database.execute("DELETE FROM tags WHERE key = ?", (key,))
for table in ["trace_request_metadata"]:
    try:
        database.execute("UPDATE %s SET value = 'train.py' WHERE key = 'mlflow.source.name'" % table)
        database.execute("DELETE FROM %s WHERE key LIKE 'mlflow.source.git.%%'" % table)
    except sqlite3.OperationalError:
        pass
database.execute("PRAGMA journal_mode = delete")
database.execute("PRAGMA page_size = 512")
database.execute("VACUUM")
print(mlflow.__version__, database.execute("SELECT version_num FROM alembic_version").fetchone()[0], os.path.getsize(path))
