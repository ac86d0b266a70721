"""Writes a small offline run of W&B: make_wandb.py FOLDER.

The committed files were made so, in an environment of its own, with pinned packages:
    pip install wandb==0.31.0
    python make_wandb.py FOLDER
and have no name of a machine, a user or a path inside: what W&B finds out of these is turned off, or replaced by texts of the same length.
"""

import glob
import json
import os
import shutil
import struct
import sys
import tempfile
import zlib

out = os.path.abspath(sys.argv[1])
if os.path.exists(out):
    sys.exit(out + " exists")
work = tempfile.mkdtemp()
os.environ.update(WANDB_MODE="offline", WANDB_DIR=work, WANDB_SILENT="true", WANDB_DISABLE_GIT="true", WANDB_USERNAME="someone", USER="someone", LOGNAME="someone", TZ="UTC")
os.environ.update(WANDB_CACHE_DIR=work, WANDB_CONFIG_DIR=work, WANDB_DATA_DIR=work, HOME=work)
os.chdir(work)

import wandb

settings = wandb.Settings(console="off", x_disable_meta=True, x_disable_stats=True, x_disable_machine_info=True, host="host", program="train.py", save_code=False)
run = wandb.init(project="vision", name="first try", id="abcd1234", group="sweep", job_type="train", tags=["blue", "small"], notes="A note.", config={"lr": 0.1, "opt": {"name": "sgd", "nesterov": True}, "layers": [64, 32], "none": None}, settings=settings)
run.define_metric("val/*", step_metric="epoch")
for step in range(6):
    row = {"loss": 1.0 / (step + 1), "nested": {"a": step, "b.c": -0.0}, "text": "row %d" % step, "flag": step % 2 == 0}
    if step % 2:
        row.update({"val/acc": 0.1 * step, "epoch": step // 2})
    if step == 3:
        row.update(odd=float("nan"), wide=float("inf"), nothing=None, big=2**60 + 1, list=[1, float("nan")])
    run.log(row)
run.log({"at@ten": 1.5}, step=10)
run.summary["best"] = 0.75
run.config.update({"late": 5})
run.name = "renamed"
run.finish()
run = wandb.init(project="vision", id="efgh5678", config={"lr": 0.2}, settings=settings)
run.log({"loss": 1.0})
run.finish(exit_code=3)


def records(data):
    """The chunks of a file: where each begins, its type and its data."""
    at = 7
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        crc, length, kind = struct.unpack_from("<IHB", data, at)
        assert crc == zlib.crc32(data[at + 6 : at + 7 + length]), at
        yield at, kind, data[at + 7 : at + 7 + length]
        at += 7 + length


# No path of this machine stays: each is replaced by as many letters, and the checksums are made anew.
places = sorted({work, os.path.dirname(os.path.abspath(sys.argv[0])), sys.prefix, sys.executable}, key=len, reverse=True)
for path in glob.glob(work + "/wandb/offline-run-*/run-*.wandb"):
    data = bytearray(open(path, "rb").read())
    for at, kind, content in list(records(data)):
        new = bytes(content)
        for place in places:
            new = new.replace(place.encode(), (b"/x" * len(place))[: len(place)])
        data[at + 7 : at + 7 + len(new)] = new
        struct.pack_into("<I", data, at, zlib.crc32(bytes(data[at + 6 : at + 7 + len(new)])))
    folder = os.path.join(out, "offline-run-20231114_221320-" + os.path.basename(path)[4:-6])
    os.makedirs(folder)
    open(os.path.join(folder, os.path.basename(path)), "wb").write(data)
shutil.rmtree(work)
