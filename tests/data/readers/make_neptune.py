"""Makes offline runs of neptune-scale: make_neptune.py FOLDER, run by an interpreter that has neptune-scale==0.30.0.

Two runs of one project, the first in two sessions. tests/mlflow/neptune.rs says what is logged here once more: the package has nothing that reads it.
"""

import datetime
import math
import os
import shutil
import sys

from neptune_scale import Run
from neptune_scale.types import File, Histogram

UTC = datetime.timezone.utc


def at(second, microsecond=0):
    return datetime.datetime(2024, 1, 2, 3, 4, second, microsecond, tzinfo=UTC)


def run(folder, run_id, **more):
    return Run(project="team/vision", run_id=run_id, mode="offline", log_directory=folder, enable_console_log_capture=False, source_tracking_config=None, **more)


def main(folder):
    first = run(folder, "first", experiment_name="größe")
    first.log_configs({"lr": 1e-05, "layers": 3, "name": "net", "flag": True, "when": at(5, 123456), "big": 2**62, "odd": math.inf})
    first.log_configs({"layers": 4})
    # Where the client itself puts the program and what is printed.
    first.log_configs({"source_code/entry_point": "train.py"})
    first.log_string_series({"runtime/stdout": "a line"}, step=1, timestamp=at(2))
    for step in range(20):
        first.log_metrics({"loss": 1.0 / (step + 1), "val/acc@1": float(step)}, step=step, timestamp=at(step))
    first.log_metrics({"odd": math.nan}, step=0, timestamp=at(1))
    first.log_metrics({"odd": -math.inf}, step=1, timestamp=at(1, 1500))
    first.log_metrics({"half": 2.5}, step=0.5, timestamp=at(1))
    first.log_metrics({"half": 3.5}, step=1, timestamp=at(1))
    first.log_string_series({"said": "hello"}, step=1, timestamp=at(2))
    first.log_histograms({"weights": Histogram(bin_edges=[0, 1, 2], counts=[3, 4])}, step=1, timestamp=at(2))
    first.add_tags(["a", "b", "c"])
    first.remove_tags(["a"])
    first.close()
    again = run(folder, "first")
    again.log_metrics({"loss": 0.001}, step=20, timestamp=at(30))
    again.close()
    second = run(folder, "second", fork_run_id="first", fork_step=3)
    second.log_metrics({"loss": 0.5}, step=4, timestamp=at(40))
    second.close()


if __name__ == "__main__":
    os.makedirs(sys.argv[1])
    main(sys.argv[1])
    # The folders' names have the time in them.
    for number, name in enumerate(sorted(os.listdir(sys.argv[1]), key=lambda name: name.rsplit("_", 1)[1])):
        os.rename(os.path.join(sys.argv[1], name), os.path.join(sys.argv[1], "%s_%d" % (name.rsplit("_", 1)[0], number)))
    for folder, _, files in os.walk(sys.argv[1]):
        for file in files:
            if not file.startswith("run_operations.sqlite3"):
                os.remove(os.path.join(folder, file))
