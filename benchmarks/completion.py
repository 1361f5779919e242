"""Completes quadrants of binarised MNIST with a plain network and with a conditional VAE.

    python benchmarks/completion.py --data-dir DIR

It prints the negative conditional log-likelihood of the hidden quadrants in nats, which for the
CVAE is estimated by importance weighting, and draws completions. The images are binarised once
("static"), by a draw of this package and not by the fixed one of the literature.
"""

import time
from pathlib import Path

import click
import keras
import numpy as np

from vae_keras import TrainConfig, data, figures
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.models.completion import CompletionNetwork, CompletionVAE
from vae_keras.training import fitting


def fitted(rung, visible, dataset, config, **options):
    """Train a model of the class `rung`; return it with the seconds that its training took."""
    keras.utils.set_random_seed(config.seed)
    model = rung(dataset.example_shape, visible=visible, **options)
    model.compile(fitting.optimizer(config, fitting.steps_per_epoch(config, dataset)))
    start = time.perf_counter()
    fitting.fit(model, config, dataset, verbose=0)
    return model, time.perf_counter() - start


@click.command()
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--data-dir")
@click.option("--epochs", default=15, show_default=True)
@click.option("--samples", default=100, show_default=True, help="draws for importance weighting")
@click.option("--picture", type=Path, default=Path("completion.png"), show_default=True)
def main(dataset, data_dir, epochs, samples, picture):
    """Print the table, and draw digits completed from one quadrant."""
    config = TrainConfig(
        dataset=dataset,
        data_dir=data_dir,
        binarize="static",
        epochs=epochs,
        batch_size=256,
        learning_rate=1e-3,
        schedule="cosine",
    )
    dataset = data.load(config)
    config = config.resolved(dataset)
    print("| visible quadrants | network | CVAE | seconds |")
    print("|---|---|---|---|")
    for visible in (1, 2, 3):
        network, first = fitted(CompletionNetwork, visible, dataset, config, latent_dim=50)
        cvae, second = fitted(CompletionVAE, visible, dataset, config, latent_dim=20)
        plain = evaluate(network, dataset)["reconstruction_loss"]
        nll = likelihood_figures(cvae, dataset.test, samples)["nll"].mean()
        print(
            f"| {visible} | {plain:.1f} | {nll:.1f} | {first:.0f} + {second:.0f} |",
            flush=True,
        )
        if visible == 1:
            x = dataset.test.take(slice(10)).arrays()[0]
            rows = {"image": x, "visible": figures.with_hidden(x, cvae.loss_mask)}
            rows["network"] = x * (1 - cvae.loss_mask) + np.asarray(network(x)) * network.loss_mask
            rows |= {f"CVAE, draw {i}": cvae.complete(x, (0, i)) for i in range(1, 5)}
            figures.save(figures.image_rows(rows), picture)


if __name__ == "__main__":
    main()
