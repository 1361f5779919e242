"""Prints the ladder as one table: every rung with its default recipe on one data set.

    python benchmarks/ladder.py --dataset mnist --data-dir DIR

The reconstruction has the same unit for all rungs: squared error, summed over pixels and averaged
over test images. The probe is a logistic regression on the codes of 10,000 training images. A
classifier of real images judges the images that the conditional model generates.
"""

import tempfile

import click
import numpy as np

from vae_keras import TrainConfig, data, train
from vae_keras.evaluation.classifier import trained_classifier
from vae_keras.evaluation.probe import probe_accuracy
from vae_keras.models import MODELS
from vae_keras.models.contractive import squared_jacobian


def squared_error(run) -> float:
    """The mean of Σ (x − x̂)² over test images."""
    test = run.dataset.test
    rebuilt = run.model.predict(test.batches(), verbose=0)
    return float(np.mean(np.sum((test.arrays()[0] - rebuilt) ** 2, axis=(1, 2, 3))))


def label_accuracy(run, count=10_000) -> tuple[float, float]:
    """The accuracy of a classifier on `count` generated images and on real test images."""
    classifier = trained_classifier(run.dataset)
    wanted = np.arange(count) % run.model.classes
    made = np.asarray(run.model.generate(count, (run.config.seed, 2), wanted))
    return np.mean(classifier.classes(made) == wanted), classifier.accuracy


def jacobian_norm(run) -> float:
    """The mean of ‖∂h/∂x‖²_F, the squared norm of the code's Jacobian, over 1,000 test images."""
    images, _ = run.dataset.test.take(slice(1_000)).arrays()
    norms = squared_jacobian(run.model, run.model.prepare(images))[1]
    return float(np.mean(norms))


@click.command()
@click.option("--dataset", default="digits", show_default=True)
@click.option("--data-dir")
@click.option("--seed", default=0, show_default=True)
@click.argument("models", nargs=-1)
def main(dataset, data_dir, seed, models):
    """Print a row for each of the rungs MODELS, or for all rungs."""
    loaded = data.load(TrainConfig(dataset=dataset, data_dir=data_dir))
    print("| rung | code | parameters | test reconstruction | probe | seconds | and |")
    print("|---|---|---|---|---|---|---|")
    for model in models or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            config = TrainConfig(model=model, dataset=dataset, seed=seed, output_dir=folder)
            run = train(config, loaded, verbose=0)
        more = {k.removeprefix("test_"): v for k, v in run.metrics.items() if k.startswith("test_")}
        more.pop("reconstruction_loss")
        if model in ("deep", "contractive"):
            more["squared_jacobian"] = jacobian_norm(run)
        if run.model.takes_labels:
            more["wanted_label_read"], more["classifier_on_real"] = label_accuracy(run)
        print(
            f"| {model} | {run.config.latent_dim} | {run.metrics['parameters']:,} "
            f"| {squared_error(run):.2f} | {probe_accuracy(run.model, run.dataset):.1%} "
            f"| {run.metrics['train_seconds']:.0f} "
            f"| {', '.join(f'{name} {value:.4g}' for name, value in more.items())} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
