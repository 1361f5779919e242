"""Measures the endpoints of an exported model under load: how long they take, and how much memory.

    python benchmarks/serving.py [MODEL] [--calls N]

MODEL is the folder of a SavedModel. The table goes to benchmarks/results/serving.md.
"""

import time
from pathlib import Path

import click
import numpy as np
import tensorflow as tf

from machine import RESULTS, megabytes, page
from vae_keras.files import write_text
from vae_keras.progress import progress

ROOT = Path(__file__).parents[1]
SIZES = [1, 16, 128, 1024]
SECONDS = 3  # for each endpoint and size


def inputs(signature, size: int) -> dict:
    """Tensors that an endpoint takes, for `size` examples."""
    specs = signature.structured_input_signature[1]
    found = {
        name: tf.zeros([size if side is None else side for side in spec.shape], spec.dtype)
        for name, spec in specs.items()
    }
    return found | ({"n": tf.constant(size)} if "n" in specs else {})


def latencies(signature, size: int) -> np.ndarray:
    """How long calls take that follow one another, in seconds."""
    tensors, times, end = inputs(signature, size), [], time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 20:
        start = time.perf_counter()
        next(iter(signature(**tensors).values())).numpy()
        times.append(time.perf_counter() - start)
    return np.array(times[5:])


def kept(signature, calls: int) -> tuple[float, float]:
    """The memory after a tenth of the calls, and after all of them."""
    tensors, found = inputs(signature, 1), []
    for call in range(calls):
        signature(**tensors)
        if call + 1 in (calls // 10, calls):
            found.append(megabytes())
    return found[0], found[1]


@click.command()
@click.argument("model", default=ROOT / "saved_models/pretrained/mnist_vae_2d", type=Path)
@click.option("--calls", default=100_000, show_default=True, help="of each endpoint, for memory")
def main(model, calls):
    """Measure the endpoints of one model."""
    signatures = tf.saved_model.load(str(model)).signatures
    head = [f"{size:,}: median / p99, ms" for size in SIZES]
    lines = [
        f"| endpoint | {' | '.join(head)} | MB after {calls // 10:,} / {calls:,} calls |",
        "|---" * (len(SIZES) + 2) + "|",
    ]
    for name in progress([name for name in signatures if name != "serving_default"], "endpoints"):
        cells = []
        for size in SIZES:
            times = 1e3 * latencies(signatures[name], size)
            cells.append(f"{np.median(times):.2f} / {np.percentile(times, 99):.2f}")
        before, after = kept(signatures[name], calls)
        lines.append(f"| {name} | {' | '.join(cells)} | {before:.0f} / {after:.0f} |")
    text = (
        f"`python benchmarks/serving.py`: `{model.name}`, loaded by TensorFlow and called by one "
        f"client in Python, {SECONDS} s for each number of examples."
    )
    write_text(RESULTS / "serving.md", page("Endpoints under load", text, lines))


if __name__ == "__main__":
    main()
