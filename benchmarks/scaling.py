"""Measures how time and memory grow with the data, the images, the code and the workers.

    python benchmarks/scaling.py [growth|workers]

Each measurement is a process of its own, one after another; workers are processes on this machine.
Table and plot go to benchmarks/results. It takes about ten minutes on two idle cores.
"""

import itertools
import json
import math
import resource
import socket
import statistics
import tempfile
import time

import click
import numpy as np

from machine import RESULTS, page, rows, started
from vae_keras.data.dataset import Dataset, Examples
from vae_keras.figures.base import panels, save
from vae_keras.files import write_text
from vae_keras.progress import progress

STEPS, BATCH = 200, 240
BASE = dict(count=10_000, side=28, latent_dim=2, units="512-256-128", batch=BATCH)
GROWTH = {
    "images": ("count", [1_000, 10_000, 100_000, 1_000_000]),
    "side of an image, pixels": ("side", [16, 32, 64, 128]),
    "numbers in a code": ("latent_dim", [2, 8, 32, 128, 512]),
}
VECTORS = [10_000, 100_000, 1_000_000, 4_000_000]  # numbers that two workers add up
NETWORKS = ["128", "512-256-128", "1024-1024"]
PROCESSES = [1, 2, 4]
LINKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9}  # bytes a second
MESSAGE = 50e-6  # seconds that a message between two machines takes, taken as usual


def images(count: int, side: int) -> Dataset:
    """Black images on disk, of which only the batches that are read come into memory."""
    folder = tempfile.mkdtemp()
    shape = (count, side, side, 1)
    values = np.lib.format.open_memmap(f"{folder}/images.npy", "w+", np.uint8, shape)
    all_of_them = Examples(values)
    few = all_of_them.take(slice(100))
    return Dataset("images", all_of_them, few, few)


def step_seconds(strategy="none", **size) -> float:
    """The median time of a step of the training, after the graph is traced."""
    import keras

    from vae_keras import TrainConfig
    from vae_keras.training.devices import Devices
    from vae_keras.training.fitting import build, fit

    size = BASE | size
    dataset = images(size["count"], size["side"])
    devices = Devices(strategy)
    options = {name: size[name] for name in ("latent_dim", "units")}
    config = TrainConfig(batch_size=size["batch"], epochs=1, jit="off", **options)
    config = config.resolved(dataset)
    passes = -(-STEPS * size["batch"] // size["count"])
    config = config.replace(passes=passes)
    times = []

    def note(batch, logs):
        times.append((batch, time.perf_counter()))
        if batch >= STEPS:
            model.stop_training = True

    with devices.scope():
        model = build(config, dataset)
    noted = keras.callbacks.LambdaCallback(on_train_batch_end=note)
    fit(model, config, dataset, devices=devices, callbacks=[noted], verbose=0)
    pairs = itertools.pairwise(times[1:])  # the graph is traced in the first step
    return statistics.median((t - s) / (b - a) for (a, s), (b, t) in pairs)


def exchange_seconds(count: int) -> float:
    """The median time in which all workers add up vectors of `count` numbers."""
    import tensorflow as tf

    from vae_keras.training.devices import Devices

    devices, vector, times = Devices("multiworker"), tf.zeros(count), []
    for _ in range(30):
        start = time.perf_counter()
        devices._total(vector).numpy()
        times.append(time.perf_counter() - start)
    return statistics.median(times[5:])


def measured(what: str, workers=1, **arguments) -> dict:
    """Call a function of this file in `workers` processes at once: what the first one found."""
    addresses = []
    for _ in range(workers):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            addresses.append(f"127.0.0.1:{free.getsockname()[1]}")
    processes = []
    for index in range(workers):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        environment = {"TF_CONFIG": config} if workers > 1 else {}
        processes.append(started(__file__, what, environment, **arguments))
    found = [rows(process) for process in processes]
    return found[0][-1]


@click.group(invoke_without_command=True)
@click.pass_context
def main(context):
    """Measure everything, or one part."""
    if context.invoked_subcommand is None:
        context.invoke(growth)
        context.invoke(workers)


@main.command(hidden=True)
@click.argument("what")
@click.argument("arguments")
def measure(what, arguments):
    """Measure one thing in this process."""
    seconds = {"step": step_seconds, "exchange": exchange_seconds}[what](**json.loads(arguments))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak}))


@main.command()
def growth():
    """Measure the growth with data, images and codes."""
    lines = [
        "| what | of it | ms a step | µs an image | peak memory, MB |",
        "|---|---|---|---|---|",
    ]
    times = {}
    for what, (name, values) in GROWTH.items():
        found = [measured("step", **{name: value}) for value in progress(values, what)]
        times[what] = [1e6 * each["seconds"] / BATCH for each in found]
        for value, each in zip(values, found):
            lines.append(
                f"| {what} | {value:,} | {1e3 * each['seconds']:.2f} | "
                f"{1e6 * each['seconds'] / BATCH:.1f} | {each['megabytes']:,.0f} |"
            )
    draw(times)
    write_text(RESULTS / "growth.md", page("How time and memory grow", GROWTH_TEXT, lines))


def draw(times: dict[str, list[float]]):
    """Draw the time of an image against what grows, a panel for each."""
    figure, axes = panels(1, len(GROWTH), 4.2, 3.4)
    for (what, (_, values)), one in zip(GROWTH.items(), axes):
        one.loglog(values, times[what], "o-")
        one.set_xticks(values, [f"{value:,}" for value in values])
        one.minorticks_off()
        one.set(xlabel=what, ylabel="µs an image", ylim=(10, 10_000))
    save(figure, RESULTS / "growth.png")


GROWTH_TEXT = f"""`python benchmarks/scaling.py growth`.
Black images of 28×28 pixels in a memory map, the default network ({BASE["units"]}), batch {BATCH},
2-D code; one thing grows, the others stay. Median of {STEPS} steps after the graph was traced;
memory of the whole process, TensorFlow included, and the pages of the file around the images that
were read (of a million images all, 784 MB), which the system takes back when it needs them.

![Time of an image against the number of images, their side and the size of the code](growth.png)"""


def weights_of(units: str) -> tuple[int, int]:
    """The trained weights of a VAE with these hidden units, and in how many tensors they are."""
    from vae_keras import VAE
    from vae_keras.networks import network_named

    sizes = [int(width) for width in units.split("-")]
    tensors = VAE((28, 28, 1), network=network_named("dense", units=sizes)).trainable_variables
    return sum(math.prod(tensor.shape) for tensor in tensors), len(tensors)


@main.command()
def workers():
    """Measure steps of several workers, and the exchange of numbers between them."""
    vectors = progress(VECTORS, "exchange of two workers")
    pair = [measured("exchange", 2, count=count)["seconds"] for count in vectors]
    # The time of two workers is a constant and a time for each number, fitted by relative errors.
    weights = 1 / np.array(pair)
    design = np.stack([np.ones(len(VECTORS)), np.array(VECTORS)], axis=1) * weights[:, None]
    latency, each = np.linalg.lstsq(design, np.ones(len(VECTORS)), rcond=None)[0]
    lines = [
        "| hidden units | weights (tensors) | workers | ms a step | model | of it: examples | "
        "weights | exchange | model / measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    known = {}
    for units in progress(NETWORKS, "networks"):
        whole, quarter = (
            measured("step", units=units, batch=batch)["seconds"] for batch in (BATCH, BATCH // 4)
        )
        size_of = weights_of(units)
        fixed = max(0.0, (4 * quarter - whole) / 3)  # of a step, whatever its batch
        known[units] = size_of[0], (whole - fixed) / BATCH
        for size in PROCESSES:
            step = whole if size == 1 else measured(
                "step", size, units=units, strategy="multiworker"
            )["seconds"]  # fmt: skip
            lines.append(compared(units, size_of, size, step, whole - fixed, fixed, latency, each))
    text = WORKERS_TEXT.format(latency=1e3 * latency, bandwidth=4e-6 / each)
    lines += ["", OUTLOOK_TEXT, "", *outlook(known)]
    write_text(RESULTS / "scaling.md", page("What workers cost and give", text, lines))


WORKERS_TEXT = f"""`python benchmarks/scaling.py workers`.
Workers are processes on the cores of this machine, so they share what one process has: what is
measured is the cost of the exchange, not a gain. The batch of {BATCH} is divided among them. The
model knows a step of one process with {BATCH} and with {BATCH // 4} examples, which tells what a
step takes for its examples and what for its weights (every worker updates all of them); and that
two workers add up vectors of {VECTORS[0]:,} to {VECTORS[-1]:,} numbers in {{latency:.2f}} ms and
the time of {{bandwidth:,.0f}} MB/s. The gradient of each tensor is added up by itself. Four workers
handle twice the tensors and three times the numbers of two, on the same cores. (The form of the
model was chosen when the first measurements were known: a ring that adds up all weights at once
explained less than half of a step.)"""
OUTLOOK_TEXT = f"""## On machines of their own

A machine for each worker; they add up by a ring, with {1e6 * MESSAGE:.0f} µs for a message. The
time of an image is that measured here. With so many examples for each worker in a step, four fifths
of its time are spent computing. With fewer, more workers do not pay."""


def compared(units, weights, size, step, examples, fixed, latency, each) -> str:
    """A row: a step of `size` workers, and what the model makes of it, from times in seconds."""
    count, tensors = weights
    shared = 0.0 if size == 1 else shared_cost(size, count, tensors, latency, each)
    model = examples + size * fixed + shared
    parts = (step, model, examples, size * fixed, shared)
    cells = " | ".join(f"{1e3 * part:.1f}" for part in parts)
    return f"| {units} | {count:,} ({tensors}) | {size} | {cells} | {model / step:.2f} |"


def shared_cost(size: int, count: int, tensors: int, latency: float, each: float) -> float:
    """The time in which `size` workers on the same two cores add up `count` numbers in `tensors`.

    For two workers it is what was measured: `latency` for a tensor and `each` for a number. More
    workers do more on the same cores, in proportion to the messages and numbers that all handle.
    """
    return tensors * latency * size / 2 + each * count * (size - 1)


def cost(size: int, count: int, latency: float, each: float) -> float:
    """The time of adding up `count` numbers by a ring of `size` machines.

    Each sends 2 (size − 1)/size · count numbers in 2 (size − 1) messages (Patarasuk and Yuan 2009).
    """
    return latency * 2 * (size - 1) + each * 2 * (size - 1) / size * count


def outlook(counts: dict[str, tuple[int, float]]) -> list[str]:
    """What the model says of whole machines, for networks {units: (weights, seconds an image)}."""
    lines = [
        "| network | link | workers | examples for each in a step, for 80 % of the speed |",
        "|---|---|---|---|",
    ]
    for (units, (count, seconds)), (link, bandwidth) in itertools.product(
        counts.items(), LINKS.items()
    ):
        for size in (8, 64, 512):
            exchange = cost(size, count, MESSAGE, 4 / bandwidth)
            lines.append(f"| {units} | {link} | {size} | {4 * exchange / seconds:,.0f} |")
    return lines


if __name__ == "__main__":
    main()
