"""Brings 1,000,000 points in, beside what the trackers' own packages take for the same files: bring_in.py WORK_FOLDER.

Needs the packages in the environment that runs it: tensorboard 2.21; and for mlruns the command of MLflow 3.17.2 in EXPMIG_MLFLOW (bin/mlflow), and a store
that it made (mlflow db upgrade) in EXPMIG_STORE. PYTHONPATH has the package of bindings/python, EXPMIG_LIBRARY the release library. Prints times and ratios.
Targets: mlruns at least 20 times as fast as `mlflow migrate-filestore`, TensorBoard at least 5 times as fast as EventAccumulator that only reads,
and less than 64 MiB.
"""

import os
import random
import shutil
import subprocess
import sys
import time

RUNS, KEYS, STEPS = 100, 10, 1000


def mlruns(root):
    """As MLflow's file store writes it."""
    folder = os.path.join(root, "123456789012345678")
    os.makedirs(folder)
    with open(os.path.join(folder, "meta.yaml"), "w") as out:
        out.write("artifact_location: mlflow-artifacts:/bench\ncreation_time: 1700000000000\nexperiment_id: '123456789012345678'\n"
                  "last_update_time: 1700000000000\nlifecycle_stage: active\nname: bench\n")
    rand = random.Random(1)
    for number in range(RUNS):
        run = "%032x" % (number + 1)
        metrics = os.path.join(folder, run, "metrics")
        os.makedirs(metrics)
        with open(os.path.join(folder, run, "meta.yaml"), "w") as out:
            out.write("artifact_uri: mlflow-artifacts:/bench/%s\nend_time: 1700000100000\nentry_point_name: ''\nexperiment_id: '123456789012345678'\n"
                      "lifecycle_stage: active\nrun_id: %s\nrun_name: run %d\nsource_name: ''\nsource_type: 4\nsource_version: ''\n"
                      "start_time: 1700000000000\nstatus: 3\ntags: []\nuser_id: someone\n" % (run, run, number))
        for key in range(KEYS):
            with open(os.path.join(metrics, "metric_%d" % key), "w") as out:
                out.writelines("%d %r %d\n" % (1700000000000 + step * 100 + key, rand.random(), step) for step in range(STEPS))


def tensorboard(root):
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    rand = random.Random(1)
    for number in range(10):
        writer = EventFileWriter(os.path.join(root, "run%d" % number), max_queue_size=100000)
        for step in range(10 * STEPS):
            for key in range(KEYS):
                value = Summary.Value(tag="metric_%d" % key, simple_value=rand.random())
                writer.add_event(Event(wall_time=1700000000 + step * 0.1, step=step, summary=Summary(value=[value])))
        writer.close()


def measured(program):
    """Seconds, and the greatest memory in MiB, of a program in a process of its own."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", program])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit("failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def ours(source, store, target):
    shutil.copy(store, target)
    return measured(
        "from expmig import DatabaseManager, DataMigrationManager\n"
        "manager = DataMigrationManager(DatabaseManager(%r), enable_logging=False)\n"
        "done = manager.bring_in(%r)\n"
        "assert done['account']['points']['stored'] == %d, done['account']['points']" % (target, source, RUNS * KEYS * STEPS)
    )


def report(what, mine, theirs, wanted):
    (seconds, memory), other = mine, theirs
    print("%s: %.1f s and %.0f MiB; theirs %.1f s: %.1f times as fast (wanted: %d)" % (what, seconds, memory, other, other / seconds, wanted))


work = os.path.abspath(sys.argv[1])
os.makedirs(work, exist_ok=True)
store = os.environ["EXPMIG_STORE"]
log = os.path.join(work, "log")
if not os.path.exists(log):
    tensorboard(log)
mine = ours(log, store, os.path.join(work, "tensorboard.db"))
their_seconds, _ = measured(
    "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator, SCALARS\nimport os\n"
    "for run in os.listdir(%r):\n    EventAccumulator(os.path.join(%r, run), {SCALARS: 0}).Reload()" % (log, log)
)
report("TensorBoard, 1e6 points", mine, their_seconds, 5)
folder = os.path.join(work, "mlruns")
if not os.path.exists(folder):
    mlruns(folder)
mine = ours(folder, store, os.path.join(work, "mlruns.db"))
if "EXPMIG_MLFLOW" in os.environ:
    target = os.path.join(work, "theirs.db")
    if os.path.exists(target):
        os.remove(target)
    began = time.perf_counter()
    subprocess.run([os.environ["EXPMIG_MLFLOW"], "migrate-filestore", "--source", folder, "--target", "sqlite:///" + target], check=True, env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"})
    report("mlruns, 1e6 points", mine, time.perf_counter() - began, 20)
else:
    print("mlruns, 1e6 points: %.1f s and %.0f MiB" % mine)
