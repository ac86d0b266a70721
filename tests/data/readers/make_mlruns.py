"""Writes a small mlruns folder with the MLflow that runs it: make_mlruns.py FOLDER. What a version cannot do is left out.

The committed folders were made so, each in an environment of its own, with pinned packages (see ../mlflow/make.py for these):
    MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true python make_mlruns.py FOLDER
and have no name of a machine, a user or a path inside.
"""

import os
import sys

root = os.path.abspath(sys.argv[1])
if os.path.exists(root):
    sys.exit(root + " exists")
os.environ.update(LOGNAME="someone", USER="someone", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")

import mlflow
from mlflow.entities import Metric, Param
from mlflow.store.tracking.file_store import FileStore
from mlflow.tracking import MlflowClient

version = tuple(int(part) for part in mlflow.__version__.split(".")[:2])
FileStore(root, "mlflow-artifacts:/")
mlflow.set_tracking_uri("file://" + root)
client = MlflowClient("file://" + root)
nan, inf = float("nan"), float("inf")


def points(run, key, values, start=1700000000000):
    client.log_batch(run, metrics=[Metric(key, value, start + at, step) for at, (step, value) in enumerate(values)])


def run_of(experiment, name, parent=None, status="FINISHED"):
    tags = {"mlflow.user": "someone", "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL", "mlflow.runName": name}
    if parent:
        tags["mlflow.parentRunId"] = parent
    run = client.create_run(experiment, tags=tags, start_time=1700000000000).info.run_id
    points(run, "loss", [(step, 1.0 / (step + 1)) for step in range(8)])
    client.log_batch(run, params=[Param("lr", "0.1"), Param("empty", ""), Param("opt/größe", "ü" * 40), Param("lines", "one\r\ntwo\n \n")])
    if status:
        client.set_terminated(run, status, end_time=1700000100000)
    return run


vision = client.create_experiment("vision", artifact_location="mlflow-artifacts:/vision", tags={"team": "blue"})
client.set_experiment_tag(vision, "mlflow.note.content", "An experiment with everything.\nAnd a colon: here, 'quoted'.\n" * 5)
parent = run_of(vision, "sweep: 'all' of \"it\" # and more, " + "which is a long name " * 4)
children = [run_of(vision, "123", parent, "FAILED"), run_of(vision, "null", parent, "KILLED"), run_of(vision, "größe ☃ 😀", parent)]
odd = run_of(vision, "odd numbers")
points(odd, "nan", [(0, nan), (1, 1.0), (1, nan)])
points(odd, "infinite", [(0, inf), (1, -inf), (2, 1.7976931348623157e308)])
points(odd, "negative zero", [(0, -0.0), (1, 0.0), (2, 5e-324), (3, 0.1 + 0.2)])
points(odd, "val/acc", [(-3, 0.1), (-1, 0.25), (0, 5e-324), (0, 0.5), (7, 0.75), (2, 0.5)])
points(odd, "far", [(9223372036854775807, 1.0), (-9223372036854775808, 2.0)])
for value in (0.5, 0.5, 0.25, 0.5):
    client.log_metric(odd, "again", value, timestamp=1700000000000, step=3)
client.set_tag(odd, "notes", "0123456789" * 900)
deleted = run_of(vision, "deleted", parent)
client.delete_run(deleted)
run_of(vision, "still running", status=None)
gone = client.create_experiment("abandoned", artifact_location="mlflow-artifacts:/abandoned")
run_of(gone, "last try")
client.delete_experiment(gone)

if version >= (2, 4):
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
    client.log_metric(children[0], "acc", 0.75, step=7, timestamp=1700000000007, model_id=model.model_id)
    client.log_metric(children[0], "acc", 0.875, step=7, timestamp=1700000000007, model_id=model.model_id)
    client.log_metric(odd, "acc", nan, step=1, timestamp=1700000000001, model_id=model.model_id)
    client.log_metric(
        odd, "acc", 0.5, step=2, timestamp=1700000000002, model_id=model.model_id, dataset_name="train", dataset_digest="trai0001"
    )
    client.create_logged_model(vision, name="orphan")
