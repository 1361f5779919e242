"""Profiles a training step of each network: which work its time goes to.

    python benchmarks/where_time_goes.py --data-dir DIR

TensorFlow's profiler is asked, in a process for each network, without XLA, which makes one
operation of a step. Table and plot go to benchmarks/results. It takes two minutes on two idle
cores.
"""

import collections
import json
import os
import tempfile
import time
from pathlib import Path

import click

from machine import RESULTS, page, rows, started
from vae_keras.figures.base import PALETTE, panels, save
from vae_keras.files import write_text
from vae_keras.progress import progress

STEPS = 30
NETWORKS = {  # options of train.py
    "dense": dict(dataset="mnist"),
    "conv": dict(dataset="mnist", network="conv"),
    "resnet": dict(dataset="faces:2000", network="resnet"),
    "lstm": dict(dataset="melodies", model="sequence"),
}
KINDS = {  # a kind of work, and what the types of its operations have in them
    "matrix products": ("matmul", "einsum"),
    "convolutions": ("conv2d",),
    "recurrent loop": ("tensorlist", "tensorarray", "slice", "concat", "split", "pack"),
    "assignments": ("assign",),
    "random numbers": ("random",),
    "data": ("iterator", "dataset", "pyfunc", "gather"),
}
REST = "element by element (Adam, too), and the rest"
CONTAINERS = ("PartitionedCall", "While", "If", "Case", "SymbolicGradient")  # others' time is in it


def kind_of(operation: str) -> str:
    """The kind of work of a type of operation."""
    lower = operation.lower()
    return next((kind for kind, words in KINDS.items() if any(w in lower for w in words)), REST)


def own_seconds(line, names) -> collections.Counter:
    """Seconds of each operation on a thread's line, without those of what ran inside it."""
    spent: collections.Counter = collections.Counter()
    around: list[tuple[int, str]] = []  # the ends and names of the events that are open
    for event in sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps)):
        while around and around[-1][0] <= event.offset_ps:
            around.pop()
        name = names[event.metadata_id].name
        spent[name] += event.duration_ps * 1e-12
        if around:
            spent[around[-1][1]] -= event.duration_ps * 1e-12
        around.append((event.offset_ps + event.duration_ps, name))
    return spent


def profile(data_dir, **options):
    """Print the seconds of a step by the clock, and those of each kind of its work."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from vae_keras import TrainConfig, data
    from vae_keras.training.fitting import build

    config = TrainConfig(data_dir=data_dir, epochs=1, jit="off", **options)
    dataset = data.load(config)
    config = config.resolved(dataset)
    model = build(config, dataset)
    step = tf.function(model.train_step, autograph=False)
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
            for name, own in own_seconds(line, plane.event_metadata).items():
                operation = name.rpartition(":")[2]  # it is "name:type"; others are of the runtime
                if ":" in name and "::" not in name and not operation.endswith(CONTAINERS):
                    spent[kind_of(operation)] += own / STEPS
    print(json.dumps(dict(step=seconds, batch=config.batch_size, spent=spent)), flush=True)


@click.group(invoke_without_command=True)
@click.option("--data-dir", type=click.Path(exists=True, resolve_path=True))
@click.pass_context
def main(context, data_dir):
    """Profile each network; write a table and a picture of the shares."""
    if context.invoked_subcommand is not None:
        return
    found = {
        name: rows(started(__file__, "profile", data_dir=data_dir, **options))[-1]
        for name, options in progress(NETWORKS.items(), "networks")
    }
    kinds = [*KINDS, REST]
    lines = [
        f"| network | batch | ms a step | of them in operations, a core | {' | '.join(kinds)} |",
        f"|---|---|---|---|{'---|' * len(kinds)}",
    ]
    for name, row in found.items():
        whole = sum(row["spent"].values())
        shares = [f"{row['spent'].get(kind, 0) / whole:.0%}" for kind in kinds]
        lines.append(
            f"| {name} | {row['batch']} | {1e3 * row['step']:.1f} | "
            f"{1e3 * whole / os.cpu_count():.1f} | {' | '.join(shares)} |"
        )
    draw(found, kinds)
    write_text(RESULTS / "where_time_goes.md", page("Where the time of a step goes", TEXT, lines))
    print("\n".join(lines))


@main.command(hidden=True)
@click.argument("what")
@click.argument("arguments")
def measure(what, arguments):
    """Profile one network in this process."""
    profile(**json.loads(arguments))


def draw(found: dict[str, dict], kinds: list[str]):
    """Draw a bar for each network, of the shares of its work."""
    figure, axes = panels(1, 1, 8, 3.4)
    left = dict.fromkeys(found, 0.0)
    for kind, colour in zip(kinds, PALETTE):
        shares = {
            n: 100 * r["spent"].get(kind, 0) / sum(r["spent"].values()) for n, r in found.items()
        }
        axes.barh([*shares], [*shares.values()], left=[*left.values()], color=colour, label=kind)
        left = {name: left[name] + shares[name] for name in found}
    axes.invert_yaxis()
    axes.set(xlabel="share of the time of all operations of a step (%)", xlim=(0, 100))
    figure.legend(loc="outside right upper")
    save(figure, RESULTS / "where_time_goes.png")


TEXT = f"""`python benchmarks/where_time_goes.py --data-dir DIR`: TensorFlow's profiler over {STEPS}
steps of training without XLA, after the first ones. The shares are of the time of all operations,
each without what ran inside it; those of the two cores count both, and a product that is shared by
them counts on one.

![Shares of the work of a step, for each network](where_time_goes.png)"""


if __name__ == "__main__":
    main()
