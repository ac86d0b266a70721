#!/bin/sh
# MLflow 3.5.1 and 3.17.2, file store (mlruns): the step of a metric that is logged with a dataset.
#
# The store writes a point as a line "time value step", and one with a dataset as "time value step dataset digest". When it reads a line of five
# fields it takes the step for 0: only of a line with three fields it uses the third. So get_metric_history, and whatever compares steps (search_runs,
# charts, which value is the latest), see step 0 for every such point, while the file has the right one, and `mlflow migrate-filestore` takes it from
# there: the same point has another step after the migration than before.
#
# Seen:  logged at step 7 with a dataset: the file has step 7, the API answers step 0
#        logged at step 7 without:        the file has step 7, the API answers step 7
#
# Needs python3 with venv, and the package index; installs MLflow (some 850 MB) in a folder of its own. Fails if what is seen is something else.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export MLFLOW_ALLOW_FILE_STORE=true MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
python=${MLFLOW_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv venv
    venv/bin/pip install --quiet mlflow==3.17.2
    python=$work/venv/bin/python
fi

cat >program.py <<'END'
import glob
from mlflow.tracking import MlflowClient

client = MlflowClient("file:./mlruns")
run = client.create_run("0").info.run_id
client.log_metric(run, "with", 0.5, step=7, dataset_name="train", dataset_digest="abc")
client.log_metric(run, "without", 0.5, step=7)
for key in ("with", "without"):
    line = open(glob.glob("mlruns/0/*/metrics/" + key)[0]).read().split()
    answer = client.get_metric_history(run, key)[0].step
    print("%s: the file has step %s, the API answers step %d" % (key, line[2], answer))
END

cat >expected <<'END'
with: the file has step 7, the API answers step 0
without: the file has step 7, the API answers step 7
END

"$python" program.py 2>/dev/null | tee seen
diff expected seen
