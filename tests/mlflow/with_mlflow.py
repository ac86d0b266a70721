"""MLflow's own view of what expmig did: with_mlflow.py COMMAND, run by an interpreter that has mlflow==3.17.2 (`make test-mlflow`).

Makes a store with the package, has an experiment of it copied into another store that the package made, and asks MLflow's own client about both: it
has to read the same. Then MLflow logs on into the copy, upgrades the store and purges in it, which would fail on a store that it does not understand.
Two processes log into source and target meanwhile, there and back. All of it with a SQLite file as the target, and schemas of MariaDB, PostgreSQL, and MySQL
where EXPMIG_TEST_MYSQLD names its server (servers.py). And a snapshot that was made before an upgrade has to bring the store back.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import servers
import sqlalchemy
from client_view import models, runs

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


from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient


def traces(client, experiment):
    found = {}
    for trace in client.search_traces(locations=[experiment], include_spans=True):
        spans = [(s.span_id, s.parent_id, s.name, s.start_time_ns, s.end_time_ns, s.inputs, s.outputs, s.trace_id) for s in trace.data.spans]
        given = sorted((a.assessment_id, a.name, str(a.value), a.valid) for a in trace.info.assessments)
        found[trace.info.trace_id] = (trace.info.trace_metadata, trace.info.tags, trace.info.state, spans, given)
    return found


def same(one, other, where):
    check(one.keys() == other.keys(), "the same runs in %s: %d and %d" % (where, len(one), len(other)))
    for run_id in one:
        for what, mine, theirs in zip(["info", "metrics", "histories", "params", "tags", "datasets", "models"], one[run_id], other[run_id]):
            check(mine == theirs, "%s of %s in %s: %r and %r" % (what, run_id, where, mine, theirs))


def reads_the_same(here_client, source, there_client, url):
    """The copy, of which MLflow's client says what it says of the experiment."""
    copy = there_client.get_experiment_by_name("vision")
    for field in ["name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time", "tags"]:
        check(getattr(source, field) == getattr(copy, field), "the experiment's " + field)
    ours, theirs = runs(here_client, source.experiment_id), runs(there_client, copy.experiment_id)
    check(len(ours) == 9, "nine runs: %d" % len(ours))
    same(ours, theirs, url)
    check(models(here_client, source.experiment_id) == models(there_client, copy.experiment_id), "the same logged models")
    ours, theirs = traces(here_client, source.experiment_id), traces(there_client, copy.experiment_id)
    check(len(ours) == 3 and ours == theirs, "the same traces: %r and %r" % (ours, theirs))
    return copy


def copied_into(store, url, laptop):
    """Copies an experiment into a store, whose URL is one to MLflow and one to expmig, and back, and lets MLflow look and go on."""
    mlflow("db", "upgrade", store)
    before = open(laptop, "rb").read()
    print(expmig("migrate", laptop, "--experiment", "1", "--to", url))
    check(open(laptop, "rb").read() == before, "the source stays byte for byte what it was")
    here_client, there_client = MlflowClient("sqlite:///" + laptop), MlflowClient(store)
    source = here_client.get_experiment_by_name("vision")
    copy = reads_the_same(here_client, source, there_client, url)
    home = "home-%d.db" % len(os.listdir(folder))
    mlflow("db", "upgrade", "sqlite:///" + home)
    expmig("migrate", url, "--experiment", copy.experiment_id, "--to", home)
    reads_the_same(here_client, source, MlflowClient("sqlite:///" + home), home)

    # A copy beside it: other ids, and all else the same.
    expmig("migrate", url, "--experiment", copy.experiment_id)
    second = there_client.get_experiment_by_name("vision (2)")
    first, other = runs(there_client, copy.experiment_id), runs(there_client, second.experiment_id)
    check(len(other) == 9 and not first.keys() & other.keys(), "nine other runs")
    check(sorted(repr(one[:4]) for one in first.values()) == sorted(repr(one[:4]) for one in other.values()), "of the same content")
    parents = [one[4]["mlflow.parentRunId"] for one in other.values() if "mlflow.parentRunId" in one[4]]
    check(len(parents) == 5 and set(parents) <= other.keys(), "nested in each other")
    spans = [span for one in traces(there_client, second.experiment_id).items() for span in one[1][3] if span[7] != one[0]]
    check(len(traces(there_client, second.experiment_id)) == 3 and not spans, "spans that know their trace")

    # MLflow goes on in the copy: the latest point is the latest, and a lower step does not take its place.
    going = [one for one in there_client.search_runs([copy.experiment_id]) if one.info.status == "RUNNING"][0].info.run_id
    latest = there_client.get_run(going).data.metrics["loss"]
    there_client.log_metric(going, "loss", 9.0, step=0)
    check(there_client.get_run(going).data.metrics["loss"] == latest, "a lower step is not the latest")
    there_client.log_metric(going, "loss", 8.0, step=50)
    check(there_client.get_run(going).data.metrics["loss"] == 8.0, "a higher step is the latest")
    there_client.set_terminated(going)
    new = there_client.create_experiment("afterwards")
    check(int(new) > int(second.experiment_id), "the next experiment gets an id of its own")
    there_client.create_run(new)
    mlflow("db", "upgrade", store)
    # Where artifacts are behind a server, gc has to ask it.
    engine = sqlalchemy.create_engine(store)
    with engine.begin() as connection:
        nothing = {"uri": os.path.join(folder, "nothing")}
        connection.execute(sqlalchemy.text("UPDATE runs SET artifact_uri = :uri WHERE lifecycle_stage = 'deleted'"), nothing)
    engine.dispose()
    mlflow("gc", "--backend-store-uri", store, "--tracking-uri", store, "--artifacts-destination", folder)
    left = [one.info.run_id for one in there_client.search_runs([copy.experiment_id], run_view_type=ViewType.ALL)]
    check(len(left) == 8, "gc purges the deleted run of the copy, and no other: %d" % len(left))
    expmig("validate", url)


def beside_what_is_aside(laptop):
    """The registry, scorers, label schemas, review queues and issues are none of a copy's: those that hang on the experiment are named, and none changes."""
    from mlflow.genai.label_schemas.label_schemas import InputPassFail, LabelSchemaType
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    shutil.copy(laptop, "aside.db")
    uri = "sqlite:///aside.db"
    client, tracking = MlflowClient(uri, uri), SqlAlchemyStore(uri, "mlflow-artifacts:/")
    trace, run_id = client.search_traces(locations=["1"])[0].info.trace_id, client.search_runs(["1"])[0].info.run_id
    client.create_registered_model("net", tags={"a": "b"})
    version = client.create_model_version("net", "mlflow-artifacts:/vision/net", run_id=run_id)
    client.set_registered_model_alias("net", "champion", version.version)
    client.set_model_version_tag("net", version.version, "c", "d")
    tracking.register_scorer("1", "exact", '{"name": "exact", "builtin_scorer_class": "Safety", "builtin_scorer_pydantic_data": {}}')
    schema = tracking.create_label_schema("1", name="right", type=LabelSchemaType.FEEDBACK, input=InputPassFail("Right", "Wrong"))
    queue = tracking.create_review_queue("1", name="to look at", queue_type="custom", users=["anna"], schema_ids=[schema.schema_id])
    tracking.add_items_to_review_queue(queue.queue_id, item_ids=[trace])
    tracking.create_issue("1", "slow", "it is slow", source_run_id=run_id)
    tracking.engine.dispose()

    def others():
        store = sqlite3.connect("aside.db")
        tables = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        info = json.loads(expmig("--json", "info", "aside.db"))
        ours = set(info["tables"])
        found = {table: store.execute('SELECT * FROM "%s"' % table).fetchall() for table in tables if table not in ours}
        store.close()
        return found

    before = others()
    filled = {table for table, rows in before.items() if rows}
    wanted = {"registered_models", "model_versions", "scorers", "label_schemas", "review_queues", "review_queue_items", "issues"}
    check(wanted <= filled, "rows of %s" % sorted(wanted - filled))
    said = expmig("migrate", "aside.db", "--experiment", "1")
    for table in ["scorers", "label_schemas", "review_queues", "issues"]:
        check("1 rows of %s hang on the experiment" % table in said, "%s is named: %s" % (table, said))
    check(others() == before, "what is aside stays as it is")


LOGGER = """
import os, sys, time
from mlflow.tracking import MlflowClient
client = MlflowClient(sys.argv[1])
run = client.create_run(sys.argv[2]).info.run_id
print("ready", flush=True)
step, until = 0, None
while until is None or time.time() < until:
    client.log_metric(run, "beside", float(step), step=step)
    step += 1
    # A file has one lock, which somebody who never rests gives to nobody.
    time.sleep(0.2)
    # Whoever started it may be gone.
    if os.getppid() == 1:
        break
    if until is None and os.path.exists(sys.argv[3]):
        until = time.time() + 0.5
print(step, run, flush=True)
"""


def with_loggers(store, url):
    """Two processes of MLflow's log into the source and into the target while an experiment is copied, there and back: all lose nothing."""
    shutil.copy("whole.db", "busy.db")
    laptop = MlflowClient("sqlite:///whole.db"), "2"
    there = beside_loggers(("sqlite:///busy.db", "busy.db", "2"), (store, url), laptop)
    # MLflow remembers a store by its name.
    back = "back-%d.db" % len(os.listdir(folder))
    mlflow("db", "upgrade", "sqlite:///" + back)
    beside_loggers((store, url, there), ("sqlite:///" + back, back), laptop)


def beside_loggers(source, target, laptop):
    """The id of the copy, which has the runs that the experiment of the laptop has, and maybe what was logged meanwhile."""
    stop = os.path.join(folder, "stop")
    if os.path.exists(stop):
        os.remove(stop)
    words = [sys.executable, "-c", LOGGER]
    loggers = [
        subprocess.Popen([*words, uri, experiment, stop], stdout=subprocess.PIPE, universal_newlines=True)
        for uri, experiment in [(source[0], source[2]), (target[0], "0")]
    ]
    for logger in loggers:
        check(logger.stdout.readline() == "ready\n", "a logger begins")
    # A busy machine takes its time.
    expmig("--busy-timeout", "120", "migrate", source[1], "--experiment", source[2], "--to", target[1])
    open(stop, "w").close()
    for logger, uri in zip(loggers, [source[0], target[0]]):
        steps, run_id = logger.stdout.readline().split()
        check(logger.wait() == 0, "a logger ends well")
        history = MlflowClient(uri).get_metric_history(run_id, "beside")
        check(len(history) == int(steps), "all %s points of %s are there: %d" % (steps, uri, len(history)))
    copy = MlflowClient(target[0]).get_experiment_by_name("text")
    expmig("validate", target[1], "--experiment", copy.experiment_id)
    before = runs(*laptop)
    after = {key: one for key, one in runs(MlflowClient(target[0]), copy.experiment_id).items() if key in before}
    same(before, after, target[1])
    return copy.experiment_id


run(sys.executable, os.path.join(here, "../data/mlflow/make.py"), "laptop.db")
# Servers have no steps that are fractions.
shutil.copy("laptop.db", "whole.db")
whole = sqlite3.connect("whole.db")
with whole:
    for table in ["metrics", "latest_metrics"]:
        whole.execute("DELETE FROM %s WHERE typeof(step) = 'real' OR typeof(timestamp) = 'real'" % table)
whole.close()
copied_into("sqlite:///team.db", "team.db", "laptop.db")
beside_what_is_aside("laptop.db")
with_loggers("sqlite:///team.db", "team.db")
for name, make in servers.SERVERS:
    with make(folder) as (store, url):
        copied_into(store, url, "whole.db")
        with_loggers(store, url)
        print("so it is on " + name)

# A store of an earlier version, kept before an upgrade.
for name in ["1.30.1", "2.22.5", "3.0.1", "3.5.1"]:
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
