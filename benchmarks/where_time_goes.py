"""Profiles a training step of each network: which operations its time goes to.

    python benchmarks/where_time_goes.py --data-dir DIR

TensorFlow's profiler is asked, in a process for each network. Table and plot go to
benchmarks/results. It takes about three minutes on two idle cores.
"""

import collections
import tempfile
import time
from pathlib import Path

import click

from machine import RESULTS, measure_in_this_process, page, rows, started
from vae_keras.figures.base import PALETTE, panels, save
from vae_keras.files import write_text
from vae_keras.progress import progress

STEPS = 30
NETWORKS = {  # options of train.py
    "dense": dict(dataset="mnist", jit="off"),
    "dense, XLA": dict(dataset="mnist", jit="on"),
    "conv": dict(dataset="mnist", network="conv", jit="off"),
    "resnet": dict(dataset="faces:2000", jit="off"),
    "lstm": dict(dataset="melodies", model="sequence", jit="off"),
}
KINDS = {  # a kind of work, and what the names of its operations have in them
    "matrix products": ("matmul", "dot", "einsum"),
    "convolutions": ("conv",),
    "optimizer": ("adam", "assign"),
    "random numbers": ("random",),
    "data": ("iterator", "dataset", "pyfunc", "gather", "batch"),
    "compiled by XLA": ("xla", "fusion", "cluster"),
}
REST = "element by element, and the rest"


def kind_of(name: str) -> str:
    """The kind of work of an operation."""
    lower = name.lower()
    return next((kind for kind, words in KINDS.items() if any(w in lower for w in words)), REST)


def profile(data_dir, **options):
    """Print the seconds of each kind of work in a step, and the seconds of a step by the clock."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from vae_keras import TrainConfig, data
    from vae_keras.training.fitting import build

    config = TrainConfig(data_dir=data_dir, epochs=1, **options)
    dataset = data.load(config)
    config = config.resolved(dataset)
    model = build(config, dataset)
    step = tf.function(model.train_step)
    order = config.batch_size, config.seed, 0, 1
    batches = iter(dataset.train.shuffled_batches(*order).repeat())
    for _ in range(5):
        step(next(batches))
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        start = time.perf_counter()
        for _ in range(STEPS):
            step(next(batches))
        seconds = (time.perf_counter() - start) / STEPS
        tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    spent: collections.Counter = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if ":" in name:  # of a TensorFlow operation: its name, and its type behind the colon
                    spent[name.rpartition(":")[2] or name] += event.duration_ps * 1e-12 / STEPS
    kinds: collections.Counter = collections.Counter()
    for name, value in spent.items():
        kinds[kind_of(name)] += value
    rows_of = {"step": seconds, "kinds": dict(kinds), "largest": dict(spent.most_common(6))}
    print(__import__("json").dumps(rows_of), flush=True)


if __name__ == "__main__":
    pass
