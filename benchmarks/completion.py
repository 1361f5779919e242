"""Quadrant completion of binarised MNIST: a plain network against a conditional VAE.

    python benchmarks/completion.py --data-dir DIR

Prints the negative conditional log-likelihood of the hidden quadrants in nats, for a CVAE by
importance weighting, and draws completions. The images are binarised once, each pixel white with
its grey value as probability (our own draw with a fixed seed, so "static", but not the set of the
literature). The published figures are quoted from memory.
"""

import dataclasses
import time
from pathlib import Path

import click
import keras
import numpy as np

from vae_keras import TrainConfig, data, figures
from vae_keras.data import Examples
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.models.completion import CompletionNetwork, CompletionVAE

PUBLISHED = {1: (100, 69), 2: (62, 46), 3: (26, 21)}  # Sohn 2015: plain network, CVAE
BATCH = 256


def binarised(dataset, seed=0):
    """The data set with every split's pixels drawn once: 0 or 1."""

    def drawn(examples):
        grey, labels = examples.arrays()
        noise = np.random.default_rng((seed, len(grey))).random(grey.shape, np.float32)
        return Examples(255 * (noise < grey).astype(np.uint8), labels)

    splits = ("train", "validation", "test")
    return dataclasses.replace(dataset, **{name: drawn(getattr(dataset, name)) for name in splits})


def trained(rung, visible, dataset, epochs, **options):
    """A model of the class `rung` and the seconds that its training took."""
    keras.utils.set_random_seed(0)
    model = rung(dataset.example_shape, visible=visible, **options)
    steps = -(-len(dataset.train) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, steps * epochs)
    model.compile(keras.optimizers.Adam(schedule))
    start = time.perf_counter()
    model.fit(
        dataset.train.shuffled_batches(BATCH, 0, 0, epochs),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
    )
    return model, time.perf_counter() - start


@click.command()
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--data-dir")
@click.option("--epochs", default=15, show_default=True)
@click.option("--samples", default=100, show_default=True, help="of the importance weighting")
@click.option("--picture", type=Path, default=Path("completion.png"), show_default=True)
def main(dataset, data_dir, epochs, samples, picture):
    """The table, and a picture of digits completed from one quadrant."""
    dataset = binarised(data.load(TrainConfig(dataset=dataset, data_dir=data_dir)))
    print("| visible quadrants | network | CVAE | published network | published CVAE | seconds |")
    print("|---|---|---|---|---|---|")
    for visible, (published_network, published_cvae) in PUBLISHED.items():
        network, first = trained(CompletionNetwork, visible, dataset, epochs, latent_dim=50)
        cvae, second = trained(CompletionVAE, visible, dataset, epochs, latent_dim=20)
        plain = evaluate(network, dataset)["reconstruction_loss"]
        nll = likelihood_figures(cvae, dataset.test, samples)["nll"].mean()
        print(
            f"| {visible} | {plain:.1f} | {nll:.1f} | {published_network} | {published_cvae} "
            f"| {first:.0f} + {second:.0f} |",
            flush=True,
        )
        if visible == 1:
            x = dataset.test.take(slice(10)).arrays()[0]
            rows = {"image": x, "visible": x * (1 - cvae.loss_mask)}
            rows["network"] = rows["visible"] + np.asarray(network(x)) * network.loss_mask
            rows |= {f"CVAE, draw {i}": cvae.complete(x, (0, i)) for i in range(1, 5)}
            figures.save(figures.image_rows(rows), picture)


if __name__ == "__main__":
    main()
