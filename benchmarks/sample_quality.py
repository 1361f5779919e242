"""Judges the samples of the models of images that ship.

    python benchmarks/sample_quality.py --data-dir DIR

DIR has mnist.npz; without it, models of MNIST are left out. For each data set a classifier is
trained, by whose features images are compared. The table goes to benchmarks/results/
sample_quality.md.
"""

import tempfile
from pathlib import Path

import click

from machine import RESULTS, page
from vae_keras import load_exported
from vae_keras.evaluation.sample_quality import quality_classifier, sample_quality
from vae_keras.files import write_text
from vae_keras.progress import progress
from vae_keras.studies.refit import refit
from vae_keras.studies.report_table import QUALITY_FIGURES, QUALITY_SETS
from vae_keras.training.stored import open_stored

SHIPPED = Path(__file__).parents[1] / "saved_models/pretrained"
REFITTED = {"refitted": "samples of a prior fitted to codes"}
TEXT = """`python benchmarks/sample_quality.py --data-dir DIR`; `python -m vae_keras evaluate MODEL
--samples-quality` gives those of one model.

Half of the test images are the reference. With it are compared as many others: the other half,
which says what a perfect model would have; the reconstructions of these; samples of the prior,
which is N(0, I) but for `mnist_flow` and `mnist_ladder`; and samples of the same model by `python
-m vae_keras refit MODEL`, whose prior is a mixture of Gaussians fitted to its training codes.
Samples of `mnist_cvae` have the labels of the other half. The number behind a model is that of the
images in each set. The features are those of a classifier that was trained on the same training
images, so only rows of one data set can be compared: `mnist_flow`, `mnist_grid` and `mnist_ladder`,
whose pixels are binarised, with each other only. Precision and density say whether samples look
like images, recall and coverage whether they are as varied. The Fréchet distance says both at once.
Even for test images it is above 0, the more so the fewer there are. Pixels of binarised data are
drawn from the probabilities that the model gives."""


def rows_of(name: str, found: dict) -> list[str]:
    """The rows of the table for one model."""
    return [
        f"| {name} | {what} | "
        + " | ".join(f"{found[images][figure]:.3f}" for figure in QUALITY_FIGURES)
        + " |"
        for images, what in (QUALITY_SETS | REFITTED).items()
    ]


def refitted_quality(stored, data_dir, dataset, classifier) -> dict[str, float]:
    """The figures of samples of a model whose prior is fitted to its codes."""
    with tempfile.TemporaryDirectory() as folder:
        export = refit(stored.folder, data_dir=data_dir, output=Path(folder) / "refitted")
        return sample_quality(load_exported(export), dataset, classifier)["samples"]


@click.command()
@click.option("--data-dir", help="folder with mnist.npz")
@click.argument("names", nargs=-1)
def main(data_dir, names):
    """Write a row for each set of images of each model; of NAMES alone, print the rows."""
    table = [f"| model | images | {' | '.join(QUALITY_FIGURES.values())} |", "|---" * 7 + "|"]
    loaded, judges = {}, []
    models = [open_stored(file.parent) for file in sorted(SHIPPED.glob("*/saved_model.pb"))]
    models = [one for one in models if one.kind.is_pictured and (not names or one.name in names)]
    for stored in progress(models, "models"):
        key = stored.config.dataset, stored.config.binarize
        if stored.config.dataset == "mnist" and not data_dir:
            continue
        if key not in loaded:
            dataset = stored.dataset(data_dir)
            loaded[key] = dataset, quality_classifier(dataset)
        found = sample_quality(stored.model, *loaded[key])
        found["refitted"] = refitted_quality(stored, data_dir, *loaded[key])
        name = f"{stored.name}, {found['compared_images']:,}"
        table += rows_of(name, found)
        judges.append(f"{stored.name} {found['classifier_accuracy']:.1%}")
        print(*rows_of(name, found), sep="\n", flush=True)
    right = f"The classifier is right in: {', '.join(judges)}."
    if names:
        print(right)
    else:
        text = f"{TEXT}\n\n{right}"
        write_text(RESULTS / "sample_quality.md", page("The quality of samples", text, table))


if __name__ == "__main__":
    main()
