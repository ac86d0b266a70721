"""What MLflow's own API reads of an mlruns folder: expected_mlruns.py FOLDER > OUTPUT.json, with MLflow 3.17.2."""

import json
import os
import sys

os.environ.update(MLFLOW_ALLOW_FILE_STORE="true", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")

from mlflow.entities import ViewType
from mlflow.store.tracking.file_store import FileStore

store = FileStore(os.path.abspath(sys.argv[1]))
experiments = []
for experiment in store.search_experiments(ViewType.ALL):
    runs = []
    for run in store.search_runs([experiment.experiment_id], None, ViewType.ALL):
        info = run.info
        histories = {}
        for key in run.data.metrics:
            histories[key] = [[point.timestamp, repr(point.value), point.step] for point in store.get_metric_history(info.run_id, key)]
        inputs = [
            [given.dataset.name, given.dataset.digest, given.dataset.source, given.dataset.schema, given.dataset.profile]
            + sorted([tag.key, tag.value] for tag in given.tags)
            for given in (run.inputs.dataset_inputs if run.inputs else [])
        ]
        latest = {key: repr(value) for key, value in run.data.metrics.items()}
        fields = [info.run_id, info.run_name, info.status, info.start_time, info.end_time, info.user_id, info.lifecycle_stage, info.artifact_uri]
        runs.append(
            {"info": fields, "params": run.data.params, "tags": run.data.tags, "points": histories, "latest": latest, "datasets": sorted(inputs)}
        )
    found = store.search_logged_models([experiment.experiment_id])
    models = [
        [model.model_id, model.name, model.source_run_id, model.status.to_int(), model.model_type, model.params, model.tags]
        for model in found
    ]
    fields = [experiment.name, experiment.lifecycle_stage, experiment.artifact_location, experiment.creation_time, experiment.last_update_time]
    runs.sort(key=lambda run: run["info"][0])
    experiments.append({"info": fields, "tags": experiment.tags, "runs": runs, "models": sorted(models, key=lambda model: model[0])})
experiments.sort(key=lambda experiment: experiment["info"][0])
json.dump(experiments, sys.stdout, indent=1, sort_keys=True)
print()
