"""A probe: a linear classifier on codes, which shows what they say about the labels."""

import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_keras.data.dataset import Dataset, Examples
from vae_keras.errors import UserError
from vae_keras.evaluation.pixels import fitted_pca, flat_values
from vae_keras.latent.codes import encode

MOST_PROBED_VALUES = 20_000 * 784  # pixels in memory at once: 20,000 images of MNIST's size


def probe(model, dataset: Dataset, sizes=(100, 1_000), seed=0) -> list[dict]:
    """Test accuracies of linear classifiers on a model's codes, on pixels and on PCA.

    PCA has as many components as the code has dimensions. The result has a row {"labels": n,
    "codes": accuracy, "pixels": accuracy, "pca": accuracy} for each of `sizes` below the number of
    training labels, and one for all labels. `seed` chooses the labels, in the proportions of the
    classes; the labels of a row are among those of the next one.

    Pixels of at most `most_in_memory` images are used. That number has a row of its own; in the
    rows with more labels, pixels are None. PCA is fitted to no more images, and no more are tested.
    Raises UserError if the model is conditional, or if there are no labels of at least two classes.
    """
    dataset.require_labels()
    check_unconditional(model)
    most = most_in_memory(dataset)
    train, test = stratified(dataset.train, seed), stratified(dataset.test, seed)
    few, test = train.take(slice(most)), test.take(slice(most))
    pca = fitted_pca(few, min(model.latent_dim, len(few), math.prod(dataset.example_shape)))
    features = {
        "codes": (encode(model, train), encode(model, test)),
        "pixels": (flat_values(few), flat_values(test)),
        "pca": (_projected(pca, train), _projected(pca, test)),
    }
    rows = []
    for count in sorted({min(n, len(train)) for n in (*sizes, most, len(train))}):
        first = train.take(slice(count))
        accuracies = {
            name: _accuracy(*both, first, test) if count <= len(both[0]) else None
            for name, both in features.items()
        }
        rows.append({"labels": count, **accuracies})
    return rows


def probe_accuracy(model, dataset: Dataset, labels=10_000, seed=0) -> float:
    """The test accuracy of a linear classifier on the codes of `labels` training images.

    A conditional model is given the label of each image that it encodes. Raises UserError if there
    are no labels of at least two classes.
    """
    dataset.require_labels()
    train = stratified(dataset.train, seed).take(slice(labels))
    return _accuracy(encode(model, train), encode(model, dataset.test), train, dataset.test)


def most_in_memory(dataset: Dataset) -> int:
    """The number of images that a probe has in memory at once."""
    return MOST_PROBED_VALUES // math.prod(dataset.example_shape)


def _accuracy(features, test_features, train, test) -> float:
    """The test accuracy of a logistic regression that was fitted to the first features."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100))
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        # More steps than max_iter would change little, so the warning is ignored.
        classifier.fit(features[: len(train)], train.own_labels)
    return float(classifier.score(test_features, test.own_labels))


def check_unconditional(model):
    """Raise UserError if the model takes labels: it needs those that a probe is to find."""
    if model.takes_labels:
        raise UserError(
            "a conditional model needs the labels that are to be found here: use another model"
        )


def stratified(examples: Examples, seed=0) -> Examples:
    """The examples of a split, ordered so that the first n have the proportions of the classes.

    That holds for any n; otherwise the order is random. Each class comes once before any comes
    twice.
    """
    labels, generator = examples.own_labels, np.random.default_rng(seed)
    assert labels is not None  # as `require_labels` has made sure
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        position[members] = np.arange(len(members)) / len(members)
    return examples.take(np.argsort(position, kind="stable"))


def _projected(pca, examples) -> np.ndarray:
    """The principal components of a split, computed batch by batch: [n, components]."""
    images = (batch["x"] for batch in examples.batches().as_numpy_iterator())
    return np.concatenate([pca.transform(x.reshape(len(x), -1)) for x in images])
