"""Writes small TensorBoard logs and what their own reader makes of them: make_tensorboard.py FOLDER.

The committed files were made so, in an environment of its own, with pinned packages:
    pip install tensorboard==2.21.0 tensorboardX==2.6.5 numpy
    python make_tensorboard.py FOLDER
and have no name of a machine, a user or a path inside: the host is called "host".
"""

import json
import os
import socket
import struct
import sys
import time

root = os.path.abspath(sys.argv[1])
if os.path.exists(root):
    sys.exit(root + " exists")
socket.gethostname = lambda: "host"
now = [1700000000.0]


def clock():
    now[0] += 0.25
    return now[0]


time.time = clock

import numpy
import tensorboardX
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event, SessionLog, SourceMetadata
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import summary_v2 as hp
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def events(folder, list_of_events, number=0):
    writer = EventFileWriter(os.path.join(root, folder), filename_suffix=".%d" % number)
    for event in list_of_events:
        writer.add_event(event)
    writer.close()


def scalar(tag, value, step, **metadata):
    value = Summary.Value(tag=tag, simple_value=value)
    if metadata:
        value.metadata.CopyFrom(SummaryMetadata(**metadata))
    return Event(wall_time=clock(), step=step, summary=Summary(value=[value]))


def tensor(tag, kind, step, shape=True, plugin="scalars", **fields):
    proto = TensorProto(dtype=kind, **fields)
    if shape:
        proto.tensor_shape.CopyFrom(TensorShapeProto())
    value = Summary.Value(tag=tag, tensor=proto)
    if plugin:
        value.metadata.plugin_data.plugin_name = plugin
    return Event(wall_time=clock(), step=step, summary=Summary(value=[value]))


# As torch's writer and tensorboardX write it.
with tensorboardX.SummaryWriter(os.path.join(root, "plain")) as writer:
    for step in range(6):
        writer.add_scalar("loss", 1.0 / (step + 1), step, walltime=clock())
        writer.add_scalar("a b/$x", 0.1 * step, step, display_name="shown", summary_description="of it", walltime=clock())
    writer.add_scalar("odd", float("nan"), 0, walltime=clock())
    writer.add_scalar("odd", float("inf"), 1, walltime=clock())
    writer.add_scalar("odd", 16777217, 2, walltime=clock())
    writer.add_scalar("odd", -0.0, -3, walltime=clock())
    writer.add_text("note", "some text", 1, walltime=clock())
    writer.add_histogram("weights", numpy.arange(20.0), 1, walltime=clock())
    writer.add_scalars("both", {"train": 0.5, "test": 0.25}, 3, walltime=clock())
    writer.add_hparams({"lr": 0.001, "layers": 3, "bias": True, "name": "net"}, {"hparam/acc": 0.5}, name="trial")

# As TensorFlow writes it: tensors, in every type of number.
little = lambda form, value: struct.pack("<" + form, value)
events("tensors", [
    tensor("float", 1, 0, tensor_content=little("f", 0.1)),
    tensor("float", 1, 1, shape=False, float_val=[0.5]),
    tensor("double", 2, 0, shape=False, double_val=[0.1]),
    tensor("double", 2, 1, tensor_content=little("d", 1e300)),
    tensor("int32", 3, 0, int_val=[-7]),
    tensor("int64", 9, 0, plugin=None, tensor_content=little("q", 2**53 + 1)),
    tensor("int64", 9, 2**40, plugin=None, int64_val=[5]),
    tensor("half", 19, 0, half_val=[0x3C00]),
    tensor("bfloat16", 14, 0, tensor_content=little("H", 0x3FC0)),
    tensor("bool", 10, 0, bool_val=[True]),
    Event(wall_time=clock(), step=4, summary=hp.hparams_pb({"units": 16, "rate": 1e-05}, start_time_secs=1700000000.0)),
])

# Begun anew: the second file repeats steps.
events("again", [scalar("loss", value, step) for step, value in [(0, 1.0), (1, 0.5), (2, 0.25), (2, 0.25), (3, 0.125)]], 0)
now[0] += 10
events("again", [Event(wall_time=clock(), step=2, session_log=SessionLog(status=1))] + [scalar("loss", value, step) for step, value in [(2, 0.3), (3, 0.2), (4, 0.1)]], 1)

# What its own reader makes of each file.
found = {}
for folder, _, files in sorted(os.walk(root)):
    for name in sorted(files):
        points = found.setdefault(os.path.relpath(folder, root), [])
        for event in EventFileLoader(os.path.join(folder, name)).Load():
            for value in event.summary.value:
                if value.HasField("tensor") and value.metadata.plugin_data.plugin_name in ("scalars", ""):
                    from tensorboard.util import tensor_util

                    array = tensor_util.make_ndarray(value.tensor) if value.tensor.dtype != 14 else numpy.array(1.5)
                    if array.size == 1:
                        points.append([value.tag, event.step, event.wall_time, repr(float(array.reshape(())))])
with open(root + ".json", "w") as out:
    json.dump(found, out, indent=1, sort_keys=True)
    out.write("\n")
