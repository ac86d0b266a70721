"""MLflow's own view of what expmig did: with_mlflow.py COMMAND, run by an interpreter that has mlflow==3.17.2 (`make test-mlflow`).

Makes a store with the package, has an experiment of it copied into another store that the package made, and asks MLflow's own client about both: it
has to read the same. Then MLflow logs on into the copy, upgrades the store and purges in it, which would fail on a store that it does not understand.
And a snapshot that was made before an upgrade has to bring the store back.
"""

import math
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

command = os.path.abspath(sys.argv[1])
here = os.path.dirname(os.path.abspath(__file__))
folder = tempfile.mkdtemp()
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
os.chdir(folder)


def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode:
        sys.exit("%s failed:\n%s" % (" ".join(words), done.stdout))
    return done.stdout


def expmig(*words):
    return run(command, *words)


def check(same, what):
    if not same:
        sys.exit("not so: " + what)


def mlflow(*words):
    return run(sys.executable, "-m", "mlflow", *words)


run(sys.executable, os.path.join(here, "../data/mlflow/make.py"), "laptop.db")
mlflow("db", "upgrade", "sqlite:///team.db")
before = open("laptop.db", "rb").read()
print(expmig("migrate", "laptop.db", "--experiment", "1", "--to", "team.db"))
check(open("laptop.db", "rb").read() == before, "the source stays byte for byte what it was")

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

here_client, there_client = MlflowClient("sqlite:///laptop.db"), MlflowClient("sqlite:///team.db")
source = here_client.get_experiment_by_name("vision")
copy = there_client.get_experiment_by_name("vision")
for field in ["name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time", "tags"]:
    check(getattr(source, field) == getattr(copy, field), "the experiment's " + field)


def number(value):
    return "nan" if math.isnan(value) else value


def runs(client, experiment):
    found = {}
    for one in client.search_runs([experiment], run_view_type=ViewType.ALL, max_results=1000):
        info = {key: getattr(one.info, key) for key in ["run_name", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri", "user_id"]}
        metrics = {key: number(value) for key, value in one.data.metrics.items()}
        history = {
            key: [(point.step, point.timestamp, number(point.value)) for point in client.get_metric_history(one.info.run_id, key)]
            for key in one.data.metrics
        }
        inputs = sorted((i.dataset.name, i.dataset.digest, sorted((t.key, t.value) for t in i.tags)) for i in one.inputs.dataset_inputs)
        models = sorted(i.model_id for i in one.inputs.model_inputs), sorted((o.model_id, o.step) for o in one.outputs.model_outputs)
        found[one.info.run_id] = (info, metrics, history, one.data.params, one.data.tags, inputs, models)
    return found


ours, theirs = runs(here_client, source.experiment_id), runs(there_client, copy.experiment_id)
check(len(ours) == 9 and ours.keys() == theirs.keys(), "the same runs: %d and %d" % (len(ours), len(theirs)))
for run_id in ours:
    for what, mine, other in zip(["info", "metrics", "histories", "params", "tags", "datasets", "models"], ours[run_id], theirs[run_id]):
        check(mine == other, "%s of %s: %r and %r" % (what, run_id, mine, other))


def models(client, experiment):
    return {
        m.model_id: (m.name, m.status, m.params, m.tags, m.source_run_id, sorted((x.key, x.value, x.step, x.run_id) for x in m.metrics or []))
        for m in client.search_logged_models([experiment])
    }


check(models(here_client, source.experiment_id) == models(there_client, copy.experiment_id), "the same logged models")


def traces(client, experiment):
    found = {}
    for trace in client.search_traces(locations=[experiment], include_spans=True):
        spans = [(s.span_id, s.parent_id, s.name, s.start_time_ns, s.end_time_ns, s.inputs, s.outputs, s.trace_id) for s in trace.data.spans]
        given = sorted((a.assessment_id, a.name, str(a.value), a.valid) for a in trace.info.assessments)
        found[trace.info.trace_id] = (trace.info.trace_metadata, trace.info.tags, trace.info.state, spans, given)
    return found


ours, theirs = traces(here_client, source.experiment_id), traces(there_client, copy.experiment_id)
check(len(ours) == 3 and ours == theirs, "the same traces: %r and %r" % (ours, theirs))

# MLflow goes on in the copy: the latest point is the latest, and a lower step does not take its place.
going = [one for one in there_client.search_runs([copy.experiment_id]) if one.info.status == "RUNNING"][0].info.run_id
latest = there_client.get_run(going).data.metrics["loss"]
there_client.log_metric(going, "loss", 9.0, step=0)
check(there_client.get_run(going).data.metrics["loss"] == latest, "a lower step is not the latest")
there_client.log_metric(going, "loss", 8.0, step=50)
check(there_client.get_run(going).data.metrics["loss"] == 8.0, "a higher step is the latest")
there_client.set_terminated(going)
new = there_client.create_experiment("afterwards")
check(int(new) == int(copy.experiment_id) + 1, "the next experiment gets the next id")
there_client.create_run(new)
mlflow("db", "upgrade", "sqlite:///team.db")
# Where artifacts are behind a server, gc has to ask it.
team = sqlite3.connect("team.db")
with team:
    team.execute("UPDATE runs SET artifact_uri = ? WHERE lifecycle_stage = 'deleted'", (os.path.join(folder, "nothing"),))
team.close()
mlflow("gc", "--backend-store-uri", "sqlite:///team.db", "--tracking-uri", "sqlite:///team.db", "--artifacts-destination", folder)
left = [one.info.run_id for one in there_client.search_runs([copy.experiment_id], run_view_type=ViewType.ALL)]
check(len(left) == 8, "gc purges the deleted run of the copy, and no other: %d" % len(left))
expmig("validate", "team.db")

# A store of an earlier version, kept before an upgrade.
for name in ["1.30.1", "2.22.5", "3.5.1"]:
    # MLflow remembers a store by its name.
    old = "old-%s.db" % name
    shutil.copy(os.path.join(here, "../data/mlflow/%s.db" % name), old)
    was = list(sqlite3.connect(old).iterdump())
    digests = expmig("digest", old, "--all")
    expmig("snapshot", "create", old, "--description", name)
    snapshot = sorted(one[:-5] for one in os.listdir("snapshots") if one.endswith(".json"))[-1]
    # It is merely searched.
    MlflowClient("sqlite:///" + old).search_experiments()
    check(list(sqlite3.connect(old).iterdump()) != was, "MLflow upgrades a store that it searches: " + name)
    check(expmig("digest", old, "--all") == digests, "an upgrade changes no digest: " + name)
    expmig("--yes", "snapshot", "restore", old, snapshot)
    check(list(sqlite3.connect(old).iterdump()) == was, "the store is back: " + name)
    os.remove(old)
    shutil.rmtree("snapshots")
shutil.rmtree(folder)
print("MLflow reads what was copied")
