"""How good generated images are, by the features of a classifier trained on the data set itself.

Nothing is downloaded. The classifier is another one for each data set, so that figures of two data
sets, or of two ways of binarising one, cannot be compared. Those of two models of one data set can,
since the same seed trains the same classifier.
"""

import numpy as np
import scipy.linalg
from scipy.spatial.distance import cdist

from vae_keras.data.dataset import Dataset, Examples
from vae_keras.data.images.scaling import to_unit_range
from vae_keras.errors import UserError
from vae_keras.evaluation.classifier import Classifier, trained_classifier
from vae_keras.latent import features
from vae_keras.models.protocol import LatentModel

MOST_IMAGES = 5_000  # in each of the sets that are compared
NEIGHBOURS = 5  # that of Naeem et al. 2020, who compute all four figures of neighbours with it
SPLIT_SEED = 0  # the same halves for every model


def check_quality(dataset: Dataset):
    """Raise UserError if the images of a model of `dataset` cannot be judged.

    They can if the data are images, at least twelve of them for the test, with labels of two
    classes or more, or with yes-or-no attributes.
    """
    if not dataset.kind.is_pictured:
        raise UserError(
            f"the quality of samples is that of images, but {dataset.name} has "
            f"{dataset.kind.plural}"
        )
    fewest = 2 * (NEIGHBOURS + 1)
    if len(dataset.test) < fewest:
        raise UserError(
            f"data set {dataset.name!r} has {len(dataset.test)} test images, but the quality of "
            f"samples needs at least {fewest}"
        )
    _attributes(dataset)


def quality_classifier(dataset: Dataset, seed=0, steps: int | None = None) -> Classifier:
    """Train the classifier whose features `sample_quality` compares.

    It sees the yes-or-no attributes of the data set or, if there are none, tells the classes apart.
    `steps` are those of `trained_classifier`. Raises UserError as `check_quality` does.
    """
    check_quality(dataset)
    return trained_classifier(dataset, _attributes(dataset), seed, steps)


def sample_quality(model: LatentModel, dataset: Dataset, classifier: Classifier) -> dict:
    """Compare images of a model with test images by their features.

    One half of the test images, drawn at random, is the reference. With it are compared as many
    other images, since all figures depend on the number: `test_images`, the other half, which says
    what a perfect model would have; `reconstructions` of these; and `samples` of the prior. A model
    that takes labels is given those of the other half. Each has the figures of `figures_between`.
    `compared_images` is the number in each set, at most MOST_IMAGES, and `classifier_accuracy` the
    share of test images, or of their attributes, that the classifier gets right.

    Of binarised data a model gives probabilities. Pixels are then drawn from them.
    """
    count = min(len(dataset.test) // 2, MOST_IMAGES)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(dataset.test))
    reference, others = (
        dataset.test.take(rows) for rows in (order[:count], order[count : 2 * count])
    )
    real = _features(classifier, (batch["x"] for batch in reference.batches()))
    sets = {
        "test_images": (batch["x"] for batch in others.batches()),
        "reconstructions": _made(model, others, _rebuilt),
        "samples": _made(model, others, _generated),
    }
    return {
        "classifier_accuracy": float(np.mean(classifier.accuracy)),
        "compared_images": count,
        **{
            name: figures_between(real, _features(classifier, images))
            for name, images in sets.items()
        },
    }


def figures_between(real, samples) -> dict[str, float]:
    """All figures of how near `samples` come to `real`, features [n, d] of equally many images."""
    return {
        "frechet_distance": frechet_distance(real, samples),
        **neighbour_figures(real, samples),
    }


def frechet_distance(real, samples) -> float:
    """The squared Fréchet distance of the Gaussians that are fitted to features [n, d] of images.

    It is ‖m − m′‖² + Tr(S + S′ − 2 (S S′)^½) for means m and covariances S (Heusel et al. 2017), in
    squared units of the features. For two sets of draws of one Gaussian it is above 0, the more so
    the fewer they are, so only distances of equally many draws can be compared.
    """
    real, samples = (np.asarray(one, np.float64) for one in (real, samples))
    gap = real.mean(axis=0) - samples.mean(axis=0)
    of_real, of_samples = (np.atleast_2d(np.cov(one, rowvar=False)) for one in (real, samples))
    # S S′ has no negative eigenvalues. Rounding can give some, of which the root is imaginary.
    roots = np.sqrt(scipy.linalg.eigvals(of_real @ of_samples)).real
    return float(gap @ gap + np.trace(of_real + of_samples) - 2 * roots.sum())


def neighbour_figures(real, samples, neighbours=NEIGHBOURS) -> dict[str, float]:
    """Precision, recall, density and coverage of `samples` [m, d] among `real` [n, d] features.

    Around each point of a set is a ball that just reaches its `neighbours`-th nearest neighbour in
    that set. `precision` is the share of samples in a ball of a real image, and `recall` that of
    real images in a ball of a sample (Kynkäänniemi et al. 2019, equation 2). `density` is the mean
    number of real balls that a sample lies in, over `neighbours`; `coverage` is the share of real
    balls with a sample in them (Naeem et al. 2020, section 3). For many draws of one distribution
    their means are 1 and 1 − 2^−neighbours. `neighbours` is below n and m.
    """
    real, samples = (np.asarray(one, np.float64) for one in (real, samples))
    distances = cdist(samples, real)
    in_real = distances <= _radii(real, neighbours)
    in_samples = distances <= _radii(samples, neighbours)[:, None]
    return {
        "precision": float(in_real.any(axis=1).mean()),
        "recall": float(in_samples.any(axis=0).mean()),
        "density": float(in_real.sum(axis=1).mean() / neighbours),
        "coverage": float(in_real.any(axis=0).mean()),
    }


def _radii(points, neighbours: int) -> np.ndarray:
    """The distance of each of `points` [n, d] to its `neighbours`-th nearest neighbour: [n]."""
    return np.partition(cdist(points, points), neighbours)[:, neighbours]  # the 0-th is itself


def _attributes(dataset: Dataset) -> list[str]:
    """The yes-or-no attributes; none if the classes are to be told apart.

    Raises UserError if there are neither attributes nor classes.
    """
    try:
        return features.binary(dataset.train, dataset.attribute_names)
    except UserError:
        dataset.require_labels()
        return []


def _features(classifier: Classifier, batches) -> np.ndarray:
    return np.concatenate([classifier.features(images) for images in batches])


def _made(model: LatentModel, examples: Examples, make):
    """Yield what `make` gives for each batch of `examples`, binarised if they are."""
    for batch in examples.batches():
        key = (model.seed, int(batch["index"][0]))
        label = batch["label"] if model.takes_labels else None
        images = np.clip(make(model, batch, label, key), 0, 1)
        if examples.binarisation != "none":
            drawn = Examples(images, binarisation="dynamic")
            images = to_unit_range(drawn.read(slice(None), key))
        yield images


def _rebuilt(model: LatentModel, batch, label, key):
    """The mean reconstructions of a batch at their codes without noise."""
    return model.decode(model.code(model.prepare(batch)), label)


def _generated(model: LatentModel, batch, label, key):
    """As many samples of the prior as a batch has examples."""
    return model.generate(len(batch["x"]), key, label)
