"""What MLflow's own client reads of experiments: client_view.py URI EXPERIMENT ... prints a list of it as JSON. With any version from 1.30 on; what
a version has no call for is left out. The spans of traces are only looked at by with_mlflow.py: before MLflow 3.5 they are files, which a copy has none of."""

import json
import math
import sys

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient


def number(value):
    return "nan" if math.isnan(value) else value


def datasets(run):
    inputs = getattr(run, "inputs", None)
    return sorted((i.dataset.name, i.dataset.digest, sorted((t.key, t.value) for t in i.tags)) for i in (inputs.dataset_inputs if inputs else []))


def models_of(run):
    given, made = getattr(getattr(run, "inputs", None), "model_inputs", None), getattr(getattr(run, "outputs", None), "model_outputs", None)
    return sorted(i.model_id for i in given or []), sorted((o.model_id, o.step) for o in made or [])


def runs(client, experiment):
    found = {}
    for one in client.search_runs([experiment], run_view_type=ViewType.ALL, max_results=1000):
        info = {key: getattr(one.info, key) for key in ["run_name", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri", "user_id"]}
        metrics = {key: number(value) for key, value in one.data.metrics.items()}
        history = {
            key: [(point.step, point.timestamp, number(point.value)) for point in client.get_metric_history(one.info.run_id, key)]
            for key in one.data.metrics
        }
        found[one.info.run_id] = (info, metrics, history, one.data.params, one.data.tags, datasets(one), models_of(one))
    return found


def models(client, experiment):
    return {
        m.model_id: (m.name, str(m.status), m.params, m.tags, m.source_run_id, sorted((x.key, x.value, x.step, x.run_id) for x in m.metrics or []))
        for m in client.search_logged_models([experiment])
    }


def trace_infos(client, experiment):
    """From 3.0 on."""
    found = {}
    for trace in client.search_traces(experiment_ids=[experiment], include_spans=False):
        given = sorted((a.assessment_id, a.name, str(a.value), getattr(a, "valid", None)) for a in trace.info.assessments or [])
        found[trace.info.trace_id] = (trace.info.trace_metadata, trace.info.tags, str(trace.info.state), given)
    return found


def everything(uri, experiment):
    client = MlflowClient(uri)
    of = client.get_experiment(experiment)
    found = {
        "experiment": {key: getattr(of, key) for key in ["name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time", "tags"]},
        "runs": runs(client, experiment),
    }
    if hasattr(client, "search_logged_models"):
        found.update(models=models(client, experiment), traces=trace_infos(client, experiment))
    return found


if __name__ == "__main__":
    print(json.dumps([everything(*pair) for pair in zip(sys.argv[1::2], sys.argv[2::2])], sort_keys=True))
